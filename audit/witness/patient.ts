import { setTimeout as pause } from 'node:timers/promises';
import type { Witness } from './witness.ts';

/**
 * A folder whose disk is on the network may not answer for ever: then each call would hang, and hold one of the few
 * threads that a process has for its files. So nobody waits for longer than this, and while a call hangs there is no other.
 * @param answerMs how long one call may take
 */
export function patiently(witness: Witness, answerMs: number): Witness {
  let isHanging = false;
  async function within<T>(work: () => Promise<T>): Promise<T> {
    if (isHanging) throw new Error('it still has not answered what it was asked before');
    isHanging = true;
    const working = work().finally(() => {
      isHanging = false;
    });
    const waiting = new AbortController();
    const late = pause(answerMs, undefined, { signal: waiting.signal }).then(() => {
      throw new Error(`it has not answered for ${answerMs} ms`);
    });
    try {
      return await Promise.race([working, late]);
    } finally {
      waiting.abort();
    }
  }
  return {
    name: witness.name,
    newest: () => within(() => witness.newest()),
    put: (note, checkpoint) => within(() => witness.put(note, checkpoint)),
  };
}
