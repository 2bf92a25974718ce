import { setTimeout as sleep } from 'node:timers/promises';

/** Ends a loop's pause before its time. A ring while the loop works is heard in its next pause. */
export type Bell = {
  ring(): void;
  /** Waits, at most until the signal or a ring; of several rings one is heard. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
};

export function createBell(): Bell {
  let rung = new AbortController();
  return {
    ring: () => rung.abort(),
    async wait(ms, signal) {
      await pause(ms, AbortSignal.any([signal, rung.signal]));
      if (rung.signal.aborted) rung = new AbortController();
    },
  };
}

/** Between two rounds of a loop with a bell, however often somebody rings. */
const shortestMs = 20;

/**
 * Does `work` again and again until the signal, a round every `everyMs` at the latest, the next one at once when a round
 * took longer, or when the bell rings. A round that throws is told to `onError` and changes nothing: the next one comes (I17).
 */
export async function pace(
  everyMs: number,
  signal: AbortSignal,
  work: () => Promise<void>,
  onError: (error: unknown) => void,
  bell?: Bell,
): Promise<void> {
  while (!signal.aborted) {
    const startedAt = performance.now();
    try {
      await work();
    } catch (error) {
      onError(error);
    }
    const restMs = Math.max(0, everyMs - (performance.now() - startedAt));
    await pause(bell ? Math.min(shortestMs, restMs) : restMs, signal);
    if (bell && restMs > shortestMs) await bell.wait(restMs - shortestMs, signal);
  }
}

/** Waits, at most until the signal. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await sleep(ms, undefined, signal ? { signal } : {}).catch(() => undefined);
}
