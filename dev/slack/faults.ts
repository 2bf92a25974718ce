import type { ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { send } from './exchange.ts';

/** What the recorder does with a call instead of answering it as Slack would. */
export type Fault = {
  /** Methods that meet it; every method where absent. */
  readonly methods?: readonly string[];
  /** How many calls meet it; every one, until it is lifted, where absent. */
  readonly times?: number;
} & (
  | { readonly kind: 'rate-limited'; readonly retryAfterSeconds: number }
  | { readonly kind: 'status'; readonly status: number }
  /** Slack's own way of saying no: 200 with `ok: false`. */
  | { readonly kind: 'refused'; readonly error: string }
  /** Answers nothing, and closes the connection after the time. */
  | { readonly kind: 'hang'; readonly forMs: number }
  /** Slack does what was asked, and the answer is lost on the way. */
  | { readonly kind: 'reply-lost' }
);

/** Faults in which the call never reaches Slack. */
export type BlockingFault = Exclude<Fault, { kind: 'reply-lost' }>;

export type FaultList = {
  /** Begins a fault; call what it returns to end it. The newest that fits is met. */
  readonly begin: (fault: Fault) => () => void;
  /** The fault that a call of this method meets now, counted; null for none. */
  readonly meet: (method: string) => Fault | null;
};

export const faultList = (): FaultList => {
  const faults: { readonly fault: Fault; left: number }[] = [];
  return {
    begin: (fault) => {
      const entry = { fault, left: fault.times ?? Number.POSITIVE_INFINITY };
      faults.push(entry);
      return () => {
        entry.left = 0;
      };
    },
    meet: (method) => {
      const met = faults.findLast(({ fault, left }) => left > 0 && (fault.methods ?? [method]).includes(method));
      if (met === undefined) return null;
      met.left -= 1;
      return met.fault;
    },
  };
};

export const answerWithFault = async (fault: BlockingFault, response: ServerResponse): Promise<void> => {
  if (fault.kind === 'hang') {
    await pause(fault.forMs, undefined, { ref: false });
    response.destroy();
  } else if (fault.kind === 'rate-limited') {
    send(
      response,
      { status: 429, body: { ok: false, error: 'ratelimited' } },
      { 'retry-after': String(fault.retryAfterSeconds) },
    );
  } else if (fault.kind === 'status') {
    send(response, { status: fault.status, body: { ok: false, error: 'internal_error' } });
  } else {
    send(response, { status: 200, body: { ok: false, error: fault.error } });
  }
};
