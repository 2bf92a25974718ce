import { createCleaning } from '../../activities/cleaning.ts';
import type { Cluster } from '../../activities/clusters.ts';
import { currentPolicy } from '../../activities/current-policy.ts';
import { createLanding } from '../../activities/landing.ts';
import type { Repaint } from '../../activities/orphans.ts';
import { createReconcileRequests } from '../../activities/reconcile-requests.ts';
import { createReconcileTarget, type Reconciled } from '../../activities/reconcile-targets.ts';
import {
  createReconcile,
  createReconcileTargets,
  lookAt,
  lookedName,
  scheduledName,
  type Looked,
  type Part,
  type ReconcileDeps,
} from '../../activities/reconcile.ts';
import type { Log } from '../../config/log.ts';
import type { WorkerConfig } from '../../config/worker.ts';
import type { TargetName } from '../../domain/ids.ts';
import { minuteMs, secondMs } from '../../domain/time.ts';
import * as alarms from '../../store/alarms.ts';
import { all } from '../../store/heartbeats.ts';
import type { Store } from '../../store/pool.ts';
import { openCatalogs } from '../../targets/postgres/catalogs.ts';
import { createInspection, type Inspection } from '../../temporal/inspection.ts';
import { toRow } from '../../temporal/messages.ts';
import type { ReconcileActivities, ReconcileTargetActivities } from '../../workflows/activities.ts';
import { again } from './again.ts';

export type ReconcilingOptions = {
  readonly config: WorkerConfig;
  readonly store: Store;
  /** Those that this process reaches, by their targets. */
  readonly clusters: ReadonlyMap<TargetName, Cluster>;
  readonly clock: () => number;
  readonly log: Log;
  readonly repaint?: Repaint;
};

export type Reconciling = {
  /** For the main queue. */
  readonly requests: ReconcileActivities;
  /** For the queue of a zone. */
  readonly targets: (zone: string) => ReconcileTargetActivities;
  /** Sees to it until the signal that there is a Schedule and that somebody looks; never throws. */
  readonly keep: (signal: AbortSignal) => Promise<void>;
  close(): Promise<void>;
};

const roundMs = 5 * secondMs;

/** What this process looks at, and how: by the Schedule, and by itself where that is silent. */
export function openReconciling(options: ReconcilingOptions): Reconciling {
  const { config, store, clock, log } = options;
  const deps = { store, clock, log };
  const inspection = createInspection({ ...config.temporal, identity: config.identity });
  const requests = requestsPart(options, inspection);
  const { zones, close: closeClusters } = clusterParts(options);
  const parts = [...(config.serves === 'targets' ? [] : [requests]), ...[...zones.values()].flat()];
  const schedule = config.serves === 'targets' ? undefined : (anew: boolean) => inspection.ensureSchedule(anew);
  return {
    requests: createReconcile(deps, requests, [...zones.keys()]),
    targets: (zone) => createReconcileTargets(deps, zones.get(zone) ?? []),
    keep: (signal) => again(roundMs, watchReconciling({ ...deps, parts, schedule }), signal),
    close: async () => {
      await Promise.allSettled([inspection.close(), closeClusters()]);
    },
  };
}

function requestsPart({ config, store, clock, log, repaint }: ReconcilingOptions, workflows: Inspection): Part {
  const targets = config.clusters.flatMap((cluster) => cluster.targets);
  const look = createReconcileRequests({ store, workflows, targets, clock, log, ...(repaint && { repaint }) });
  return { name: 'requests', look };
}

type TellWorkflow = Parameters<typeof createReconcileTarget>[0]['revoke'];
const revoke: TellWorkflow = ({ requestId, ...input }) => toRow({ kind: 'revoke', payload: { requestId, input } });

function clusterParts({ config, store, clusters, clock, log, repaint }: ReconcilingOptions) {
  const look = createReconcileTarget({
    store,
    policyOf: currentPolicy(),
    clock,
    log,
    revoke,
    ...(repaint && { repaint }),
  });
  const land = createLanding({ store, clock, log, ...(repaint && { repaint }) });
  const clean = createCleaning({
    store,
    clock,
    log,
    left: (leftId) => toRow({ kind: 'left-behind', payload: { leftId } }),
  });
  /** Each by itself: what one of them cannot do now keeps nobody from the others. */
  const rounds = async (cluster: Reconciled): Promise<Looked> => {
    const [looked, ...others] = await Promise.allSettled([look(cluster), land(cluster), clean(cluster)]);
    for (const one of others)
      if (one.status === 'rejected')
        log.warn({ err: one.reason, target: cluster.target.name }, 'not counted, or not cleaned');
    if (looked.status === 'rejected') throw looked.reason;
    return looked.value;
  };
  const opened = config.clusters.flatMap(({ name, zone, targets, database, nodes, user, password }) => {
    const cluster = targets.map((target) => clusters.get(target)).find((one) => one !== undefined);
    if (!cluster) return [];
    const settings = { name, controlDatabase: database, nodes, user, password, applicationName: 'curfew-reconciler' };
    const catalogs = openCatalogs(settings);
    const part: Part = { name: `cluster/${name}`, look: () => rounds({ ...cluster, targets, catalogs }) };
    return [{ zone, part, catalogs }];
  });
  const zones = new Map(
    [...Map.groupBy(opened, ({ zone }) => zone)].map(([zone, of]) => [zone, of.map(({ part }) => part)]),
  );
  return { zones, close: () => Promise.all(opened.map(({ catalogs }) => catalogs.close())) };
}

/** The Schedule looks every minute: one that has not for this long is an alarm, and this process looks by itself. */
const silentMs = 3 * minuteMs;

export type WatchOptions = ReconcileDeps & {
  readonly parts: readonly Part[];
  /** Makes the Schedule; absent where that is another process's. */
  readonly schedule?: ((anew: boolean) => Promise<unknown>) | undefined;
};

const keyOf = (part: string): string => `reconcile/${part}/silent`;

/**
 * Temporal that is down, or a Schedule that somebody paused or deleted, must not blind the reconciler (F10, F11).
 * @returns one round; it throws where the store does not answer
 */
export function watchReconciling({ parts, schedule, ...deps }: WatchOptions): () => Promise<void> {
  const { store, clock, log } = deps;
  const startedAt = clock();
  let madeAt: number | undefined;
  return async () => {
    const beats = new Map((await all(store)).map(({ name, at }) => [name, at]));
    const isLate = (at = 0): boolean => clock() - at > silentMs;
    const silent = isLate(startedAt) ? parts.filter(({ name }) => isLate(beats.get(scheduledName(name)))) : [];
    for (const { name } of parts) {
      if (silent.some((part) => part.name === name)) {
        const detail = 'No Schedule has compared store and targets for three minutes; a worker does it by itself.';
        await alarms.raise(store, { key: keyOf(name), code: 'reconcile-silent', subject: name, detail });
      } else if (!isLate(beats.get(scheduledName(name)))) await alarms.resolve(store, keyOf(name));
    }
    for (const part of silent) {
      if (clock() - (beats.get(lookedName(part.name)) ?? 0) < minuteMs) continue;
      await lookAt(deps, part, 'worker').catch((err: unknown) => log.warn({ err, part: part.name }, 'a look failed'));
    }
    // Again and again, for a server may have lost everything.
    if (schedule && clock() - (madeAt ?? 0) >= minuteMs / 4) {
      await schedule(madeAt === undefined).then(
        () => (madeAt = clock()),
        (err: unknown) => log.warn({ err }, 'the Schedule of the reconciler could not be made yet'),
      );
    }
  };
}
