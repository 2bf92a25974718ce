/** Whether the targets' logs are read: a collector that is dead, or far behind, cannot tell of that itself. */
import { formatInstant, minuteMs } from '../../domain/time.ts';
import * as alarms from '../../store/alarms.ts';
import type { Db } from '../../store/pool.ts';
import { coverage, type Coverage } from '../../store/sessions.ts';

export type SessionWatchOptions = {
  /** As the worker's login. */
  readonly store: Db;
  /** Names of the clusters that this worker looks after. */
  readonly clusters: readonly string[];
  readonly clock: () => number;
};

const code = 'sessions-unread';
/** A collector writes down every ten seconds that it has read a log to its end. */
const unreadMs = 5 * minuteMs;

/** Of each node of which a collector was told: where none ever was, no session evidence is wanted. @returns one look */
export function watchSessions({ store, clusters, clock }: SessionWatchOptions): () => Promise<void> {
  return async () => {
    const own = (await coverage(store)).filter(({ cluster }) => clusters.includes(cluster));
    const unread = own.filter(({ readTo, namedAt }) => clock() - (readTo ?? namedAt) > unreadMs);
    const keys = new Set(unread.map(keyOf));
    for (const alarm of await alarms.open(store)) {
      if (alarm.code === code && clusters.includes(alarm.subject) && !keys.has(alarm.key))
        await alarms.resolve(store, alarm.key);
    }
    for (const one of unread) await alarms.raise(store, alarmOf(one));
  };
}

const keyOf = ({ cluster, node }: Coverage): string => `${code}/${cluster}/${node}`;

const alarmOf = (one: Coverage): alarms.Alarm => ({
  key: keyOf(one),
  code,
  subject: one.cluster,
  detail: `The log of the node ${one.node} ${one.readTo === null ? 'was never read to its end' : `was last read to its end at ${formatInstant(one.readTo)}`}: what holders do there is not known. Look at the collector's /healthz; the target may forget old log files. Where nobody is to read it any more, operations.md (Alarms) says how to say so.`,
});
