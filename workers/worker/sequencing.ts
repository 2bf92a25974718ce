import { setTimeout as pause } from 'node:timers/promises';
import type { Log } from '../../activities/failures.ts';
import { minuteMs, secondMs } from '../../domain/time.ts';
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
/** What waits is looked at as often. */
const looksEveryMs = 2 * secondMs;
/**
 * Behind a transaction that stays open each turn reads all that was written since it began, and has little to place: of
 * the store's time that takes a tenth, and no entry waits for longer than this.
 */
const restsFor = 10;
const longestRestMs = 10 * secondMs;
/** After that somebody has to know that entries have no places: nothing is lost, and nothing is proven. */
const patienceMs = minuteMs;

/**
 * Gives entries their places in the tree until the signal. Every worker runs it, and one of them is at it: whoever holds
 * the lock, which ends with its transaction, so that the next one goes on where a dead one stopped.
 */
export async function keepSequencing({ store, log, signal }: SequencingOptions): Promise<void> {
  const look = createLook(store);
  let failing = false;
  let lookedAt = -Infinity;
  while (!signal.aborted) {
    const begunAt = performance.now();
    let placed = 0;
    try {
      const done = await sequence(store, batch);
      failing = false;
      placed = done ? done.to - done.from : 0;
      if (placed >= batch) continue;
    } catch (err) {
      if (signal.aborted) return;
      if (!failing) log.warn({ err }, 'entries of the log get no places');
      failing = true;
    }
    // A store that does not answer takes no alarm either, and others tell of that.
    if (begunAt - lookedAt >= looksEveryMs) {
      await look().catch(() => undefined);
      lookedAt = begunAt;
    }
    await pause(restAfter(performance.now() - begunAt, placed), undefined, { signal }).catch(() => undefined);
  }
}

/** Where much is written, much is placed, and that is worth its time. */
const restAfter = (tookMs: number, placed: number): number =>
  placed >= batch / restsFor ? everyMs : Math.min(longestRestMs, Math.max(everyMs, restsFor * tookMs));

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
