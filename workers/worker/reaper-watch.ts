import { minuteMs } from '../../domain/time.ts';
import { raise, resolve } from '../../store/alarms.ts';
import { all } from '../../store/heartbeats.ts';
import type { Db } from '../../store/pool.ts';
import { again } from './again.ts';

export type ReaperWatchOptions = {
  /** As the worker's login. */
  readonly store: Db;
  /** Names of the clusters that a reaper must look after. */
  readonly clusters: readonly string[];
  readonly clock: () => number;
};

/** A reaper beats every second or so; one that is silent for this long has an alarm well within the minute. */
export const silentMs = minuteMs / 2;
const lookEveryMs = 5_000;

const keyOf = (cluster: string): string => `reaper/${cluster}/silent`;

/**
 * Nobody hears a reaper that is dead, so the worker listens for its sign of life: a cluster without one alarms, and the
 * alarm is resolved when there is one again. Until then ends are kept by the Workflows' timers and VALID UNTIL.
 * @returns one look at all clusters; it throws `NotRecorded` when the store does not answer
 */
export function watchReapers({ store, clusters, clock }: ReaperWatchOptions): () => Promise<void> {
  const startedAt = clock();
  const heard = new Map<string, boolean>();
  return async () => {
    const beats = new Map((await all(store)).map(({ name, at }) => [name, at]));
    for (const cluster of clusters) {
      const lastAt = beats.get(`reaper/${cluster}`);
      const alive = clock() - (lastAt ?? startedAt) <= silentMs;
      if (heard.get(cluster) === alive) continue;
      if (alive && lastAt !== undefined) await resolve(store, keyOf(cluster));
      if (!alive) {
        const detail = 'No reaper has looked after this cluster for half a minute; start one, or look at its /healthz.';
        await raise(store, { key: keyOf(cluster), code: 'reaper-silent', subject: cluster, detail });
      }
      if (!alive || lastAt !== undefined) heard.set(cluster, alive);
    }
  };
}

/** Looks every few seconds until the signal. A look that fails is the store's trouble, which others tell of. */
export const keepWatching = (look: () => Promise<void>, signal: AbortSignal): Promise<void> =>
  again(lookEveryMs, look, signal);
