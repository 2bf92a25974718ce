import type { SlackCall } from './calls.ts';

/** Calls in the order in which they were answered, and whoever waits for one. */
export type CallLog = {
  /** Every call, oldest first; of one method where it is named. */
  readonly calls: (method?: string) => readonly SlackCall[];
  /** The first call for which `wanted` is true, among those already made and those to come. Rejects after the time. */
  readonly waitFor: (wanted: (call: SlackCall) => boolean, withinMs?: number) => Promise<SlackCall>;
  /** What the validator found, each with its call. */
  readonly problems: () => readonly string[];
  /** Told of each call from now on; returns what ends it. */
  readonly onCall: (listener: (call: SlackCall) => void) => () => void;
  /** Forgets every call so far. */
  readonly forget: () => void;
};

// A stack that runs for days must not fill its memory; no test makes so many.
const keptCalls = 20_000;

export const callLog = (): CallLog & { readonly add: (call: SlackCall) => void } => {
  const kept: SlackCall[] = [];
  const listeners = new Set<(call: SlackCall) => void>();
  const onCall: CallLog['onCall'] = (listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  return {
    add: (call) => {
      kept.push(call);
      if (kept.length > keptCalls) kept.shift();
      for (const listener of listeners) listener(call);
    },
    calls: (method) => (method === undefined ? [...kept] : kept.filter((call) => call.method === method)),
    problems: () =>
      kept.flatMap((call) => call.problems.map((problem) => `${call.method} (call ${call.seq}): ${problem}`)),
    onCall,
    forget: () => void kept.splice(0),
    waitFor: (wanted, withinMs = 30_000) => {
      const made = kept.find(wanted);
      if (made !== undefined) return Promise.resolve(made);
      return new Promise((resolve, reject) => {
        const stop = onCall((call) => {
          if (!wanted(call)) return;
          clearTimeout(timer);
          stop();
          resolve(call);
        });
        const timer = setTimeout(() => {
          stop();
          const last = kept.slice(-5).map(({ method }) => method);
          reject(new Error(`no such call to Slack within ${withinMs} ms; the last ones: ${last.join(', ') || 'none'}`));
        }, withinMs);
      });
    },
  };
};
