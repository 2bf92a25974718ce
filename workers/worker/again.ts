import { setTimeout as pause } from 'node:timers/promises';

/**
 * Does `work` until the signal, with a rest of `everyMs` after each round. A round that throws changes nothing: the next
 * one comes.
 * @param onFailing hears of the first of several failures in a row, and of none after the signal; absent: others tell of it
 */
export async function again(
  everyMs: number,
  work: () => Promise<unknown>,
  signal: AbortSignal,
  onFailing?: (err: unknown) => void,
): Promise<void> {
  let failing = false;
  while (!signal.aborted) {
    try {
      await work();
      failing = false;
    } catch (err) {
      if (!failing && !signal.aborted) onFailing?.(err);
      failing = true;
    }
    await pause(everyMs, undefined, { signal }).catch(() => undefined);
  }
}
