import { condition } from '@temporalio/workflow';

/**
 * Waits until `done()`, or until the instant `at()` has passed; both are asked again after every event.
 *
 * One timer is pending at a time. A deadline that moves later keeps it and costs another one only if it fires; a
 * deadline that moves earlier replaces it at once. Timers fire up to a second late, never early.
 */
export async function until(done: () => boolean, at: () => number): Promise<void> {
  while (!done() && Date.now() < at()) {
    const armedFor = at();
    await condition(() => done() || at() < armedFor, armedFor - Date.now());
  }
}
