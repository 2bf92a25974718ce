import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits for a condition, looking every few milliseconds, and fails by name when it does not come true in time.
 * @param look the answer; undefined or false: not yet. What it throws counts as not yet too, and is told in the end
 */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  { withinMs = 30_000, everyMs = 20 }: { readonly withinMs?: number; readonly everyMs?: number } = {},
): Promise<T> {
  const deadline = performance.now() + withinMs;
  let thrown: unknown;
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      thrown = undefined;
    } catch (error) {
      thrown = error;
    }
    if (performance.now() >= deadline) throw new Error(`not within ${withinMs} ms: ${what}`, { cause: thrown });
    await sleep(everyMs);
  }
}

/** Waits until an instant of this machine's clock. For what is due at an instant and cannot be awaited otherwise. */
export async function until(at: number): Promise<void> {
  // NB. A timer may fire a millisecond before its time.
  while (Date.now() < at) await sleep(at - Date.now());
}
