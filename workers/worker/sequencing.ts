import { setTimeout as pause } from 'node:timers/promises';
import type { Log } from '../../activities/failures.ts';
import { minuteMs } from '../../domain/time.ts';
import { sequence, waiting } from '../../store/log.ts';
import type { Db } from '../../store/pool.ts';
import { unsignedAlarm } from './log-alarm.ts';

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
  const tell = unsignedAlarm(store, 'places');
  let before: number | null = null;
  return async () => {
    const { oldestAt, waitedMs } = await waiting(store);
    const isOld = oldestAt !== null && (waitedMs ?? 0) >= patienceMs;
    const isSame = oldestAt === before;
    before = oldestAt;
    if (!isOld) await tell(undefined);
    else if (isSame) await tell(stuck);
  };
}

const stuck =
  'Entries of the log have had no places for a minute: the worker’s log says why, or somebody holds the lock. Nothing is lost.';
