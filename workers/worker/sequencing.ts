import { setTimeout as pause } from 'node:timers/promises';
import type { Log } from '../../activities/failures.ts';
import { minuteMs } from '../../domain/time.ts';
import * as alarms from '../../store/alarms.ts';
import { sequence } from '../../store/log.ts';
import type { Db } from '../../store/pool.ts';

export type SequencingOptions = {
  /** As curfew_worker. */
  readonly store: Db;
  readonly log: Log;
  readonly clock: () => number;
  /** Of the process's end. */
  readonly signal: AbortSignal;
};

/** A few times a second; at once again after a batch that was full. */
const everyMs = 250;
const batch = 5_000;
/** After that somebody has to know that entries have no places: nothing is lost, and nothing is proven. */
const patienceMs = minuteMs;

export const unsignedCode = 'log-unsigned';
const key = `${unsignedCode}/places`;

/**
 * Gives entries their places in the tree until the signal. Every worker runs it, and one of them is at it: whoever holds
 * the lock, which ends with its transaction, so that the next one goes on where a dead one stopped.
 */
export async function keepSequencing({ store, log, clock, signal }: SequencingOptions): Promise<void> {
  let workedAt = clock();
  let failing = false;
  // Also what another process, or this one before a restart, has raised.
  let isTold = true;
  while (!signal.aborted) {
    try {
      const done = await sequence(store, batch);
      if (isTold) await alarms.resolve(store, key);
      [workedAt, failing, isTold] = [clock(), false, false];
      if (done && done.to - done.from >= batch) continue;
    } catch (err) {
      if (signal.aborted) return;
      if (!failing) log.warn({ err }, 'entries of the log get no places');
      failing = true;
      if (clock() - workedAt >= patienceMs) isTold = (await tell(store)) || isTold;
    }
    await pause(everyMs, undefined, { signal }).catch(() => undefined);
  }
}

/** A store that does not answer takes no alarm either, and others tell of that. */
const tell = (store: Db): Promise<boolean> =>
  alarms
    .raise(store, {
      key,
      code: unsignedCode,
      subject: 'log',
      detail: 'Entries of the log have had no places for a minute: the worker’s log says why. Nothing is lost.',
    })
    .then(
      () => true,
      () => false,
    );
