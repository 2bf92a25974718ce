import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Does `work` again and again until the signal, a round every `everyMs` at the latest, the next one at once when a round
 * took longer. A round that throws is told to `onError` and changes nothing: the next one comes (I17).
 */
export async function pace(
  everyMs: number,
  signal: AbortSignal,
  work: () => Promise<void>,
  onError: (error: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    const startedAt = performance.now();
    try {
      await work();
    } catch (error) {
      onError(error);
    }
    await pause(Math.max(0, everyMs - (performance.now() - startedAt)), signal);
  }
}

/** Waits, at most until the signal. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await sleep(ms, undefined, signal ? { signal } : {}).catch(() => undefined);
}
