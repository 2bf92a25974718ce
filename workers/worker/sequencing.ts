import { setTimeout as pause } from 'node:timers/promises';
import type { Log } from '../../activities/failures.ts';
import { minuteMs } from '../../domain/time.ts';
import * as alarms from '../../store/alarms.ts';
import { sequence, waiting } from '../../store/log.ts';
import type { Db } from '../../store/pool.ts';

export type SequencingOptions = {
  /** As curfew_worker. */
  readonly store: Db;
  readonly log: Log;
  /** Of the process's end. */
  readonly signal: AbortSignal;
};

/** A few times a second; at once again after a batch that was full. */
const everyMs = 250;
const batch = 5_000;
/** Every so many times, what waits is looked at. */
const looksEvery = 8;
/** After that somebody has to know that entries have no places: nothing is lost, and nothing is proven. */
const patienceMs = minuteMs;

export const unsignedCode = 'log-unsigned';
const key = `${unsignedCode}/places`;

/**
 * Gives entries their places in the tree until the signal. Every worker runs it, and one of them is at it: whoever holds
 * the lock, which ends with its transaction, so that the next one goes on where a dead one stopped.
 */
export async function keepSequencing({ store, log, signal }: SequencingOptions): Promise<void> {
  const look = createLook(store);
  let failing = false;
  for (let turn = 0; !signal.aborted; turn += 1) {
    try {
      const done = await sequence(store, batch);
      failing = false;
      if (done && done.to - done.from >= batch) continue;
    } catch (err) {
      if (signal.aborted) return;
      if (!failing) log.warn({ err }, 'entries of the log get no places');
      failing = true;
    }
    // A store that does not answer takes no alarm either, and others tell of that.
    if (turn % looksEvery === 0) await look().catch(() => undefined);
    await pause(everyMs, undefined, { signal }).catch(() => undefined);
  }
}

/**
 * Tells where the oldest entry without a place stays the same and is old by the store's clock, whatever sequencing
 * answers: who else is at it may be somebody who only holds the lock. One that a long transaction has just committed is
 * old as well, and gone by the next look.
 */
function createLook(store: Db): () => Promise<void> {
  let before: number | null = null;
  // Also what another process, or this one before a restart, has raised.
  let isTold = true;
  return async () => {
    const { oldestAt, waitedMs } = await waiting(store);
    const stuck = oldestAt !== null && oldestAt === before && (waitedMs ?? 0) >= patienceMs;
    before = oldestAt;
    if (stuck) {
      const detail =
        'Entries of the log have had no places for a minute: the worker’s log says why, or somebody holds the lock. Nothing is lost.';
      await alarms.raise(store, { key, code: unsignedCode, subject: 'log', detail });
      isTold = true;
    } else if (isTold && (waitedMs ?? 0) < patienceMs) {
      await alarms.resolve(store, key);
      isTold = false;
    }
  };
}
