/** Whether the sources of people that are to be asked are asked: somebody must hear of it when they are not. */
import * as alarms from '../../store/alarms.ts';
import type { Store } from '../../store/pool.ts';
import { all, answeredKeys, type SourcePull } from '../../store/source-pulls.ts';

/** By the worker, because a process that asks nobody cannot tell of that. Two intervals without an answer are too many. */
export function watchPulls({
  store,
  clock,
}: {
  readonly store: Store;
  readonly clock: () => number;
}): () => Promise<void> {
  return async () => {
    for (const key of await answeredKeys(store)) await alarms.resolve(store, key);
    for (const pull of await all(store)) {
      const key = `pull-late/${pull.source}`;
      if (isLate(pull, clock())) await alarms.raise(store, alarmOf(key, pull));
      else await alarms.resolve(store, key);
      if (pull.trouble === null) await alarms.resolve(store, `pull-refused/${pull.source}`);
    }
  };
}

const isLate = ({ succeededAt, since, everyMs }: SourcePull, now: number): boolean =>
  now - (succeededAt ?? since) > 2 * everyMs;

const alarmOf = (key: string, { source, trouble }: SourcePull): alarms.Alarm => ({
  key,
  code: 'pull-late',
  subject: `source/${source}`,
  detail: `The source of people ${source} has not been asked with success for two intervals (${trouble ?? 'nobody asks it'}): whoever left since then may not be known to have.`,
});
