import { heartbeat } from '@temporalio/activity';
import { minuteMs, secondMs } from '../domain/time.ts';
import { all, beat } from '../store/heartbeats.ts';
import type { Db } from '../store/pool.ts';
import type { ReconcileActivities, ReconcileTargetActivities } from '../workflows/activities.ts';
import { failing, toFailure, type Log } from './failures.ts';

/** `changed`: how many of them are new, or gone. */
export type Looked = { readonly found: number; readonly changed?: number };

/** One part of what the reconciler looks at: the requests, or one cluster. */
export type Part = {
  /** `requests`, or `cluster/<name>`. */
  readonly name: string;
  readonly look: () => Promise<Looked>;
};

export type ReconcileDeps = { readonly store: Db; readonly clock: () => number; readonly log: Log };

/** What the heartbeats of a part are called: of any look, and of those by the Schedule. */
export const lookedName = (part: string): string => `reconcile/${part}`;
export const scheduledName = (part: string): string => `reconcile/${part}/scheduled`;

/** Looks, and leaves a sign that it did; `by`: the Schedule, or a worker by itself while there is none. */
export async function lookAt(
  { store, clock }: ReconcileDeps,
  { name, look }: Part,
  by: 'schedule' | 'worker',
): Promise<Looked> {
  const at = clock();
  const looked = await look();
  const { found } = looked;
  const body = { by, found, tookMs: clock() - at };
  if (by === 'schedule') await beat(store, { name: scheduledName(name), at, body });
  await beat(store, { name: lookedName(name), at, body });
  return looked;
}

const beatMs = 5 * secondMs;

async function alive<T>(work: () => Promise<T>): Promise<T> {
  const beating = setInterval(() => heartbeat(), beatMs);
  try {
    return await work();
  } finally {
    clearInterval(beating);
  }
}

/**
 * @param part the requests
 * @param zones that this process knows of itself; those of others say so with their heartbeats
 */
export const createReconcile = (deps: ReconcileDeps, part: Part, zones: readonly string[]): ReconcileActivities => ({
  reconcileRequests: wrapped(deps, 'reconcileRequests', async () => {
    const { changed = 0 } = await lookAt(deps, part, 'schedule');
    return { changed, zones: [...new Set([...zones, ...(await servedZones(deps))])].toSorted() };
  }),
});

/** @param parts one for each cluster; one that fails keeps no other from its look */
export const createReconcileTargets = (deps: ReconcileDeps, parts: readonly Part[]): ReconcileTargetActivities => ({
  reconcileTargets: wrapped(deps, 'reconcileTargets', async () => {
    const looks = await Promise.allSettled(parts.map((part) => lookAt(deps, part, 'schedule')));
    let changed = 0;
    for (const one of looks) {
      if (one.status === 'rejected') throw one.reason;
      changed += one.value.changed ?? 0;
    }
    return { changed };
  }),
});

const wrapped = <Output>({ log }: ReconcileDeps, activity: string, work: () => Promise<Output>) => {
  const run = failing<object, Output>({ log, activity, as: toFailure }, () => alive(work));
  return () => run({});
};

/** Workers say which queues they serve; one that was silent for a minute serves none. */
export async function servedZones({
  store,
  clock,
}: Pick<ReconcileDeps, 'store' | 'clock'>): Promise<readonly string[]> {
  const beats = await all(store);
  return beats.flatMap(({ at, body }) => {
    const queues = (body as { readonly queues?: Readonly<Record<string, string>> } | null)?.queues ?? {};
    if (at + minuteMs < clock()) return [];
    return Object.keys(queues).flatMap((queue) => (queue.startsWith('target-') ? [queue.slice(7)] : []));
  });
}
