import type { Cluster } from '../../activities/clusters.ts';
import { openSource } from '../../conditions/open.ts';
import { createConditions, type Source } from '../../conditions/source.ts';
import type { Log } from '../../config/log.ts';
import type { WorkerConfig } from '../../config/worker.ts';
import type { Conditions } from '../../domain/condition.ts';
import type { TargetName } from '../../domain/ids.ts';
import { openStore, type Store } from '../../store/pool.ts';
import { createTemporal, type Temporal } from '../../temporal/connection.ts';
import { createHistories, type Histories } from '../../temporal/history-export.ts';
import { cachedBundle } from '../bundle-cache.ts';
import { bundleWorkflows, type WorkflowBundle } from '../bundle.ts';
import { closeClusters, openClusters } from './clusters.ts';
import { openReconciling, type Reconciling } from './reconciling.ts';
import { openSpeaking, type Speaking } from './speaking.ts';

/** What whoever starts the worker gives it. */
export type Given = {
  readonly config: WorkerConfig;
  readonly log: Log;
  readonly clock: () => number;
  /** Of the process's end. */
  readonly signal: AbortSignal;
};

/** What a worker's process has opened: its queues and its loops are made of that. */
export type Parts = Given & {
  readonly store: Store;
  /** For the log's tree alone. */
  readonly logStore: Store;
  readonly temporal: Temporal;
  readonly histories: Histories;
  /** Those that this process reaches, by their targets. */
  readonly clusters: ReadonlyMap<TargetName, Cluster>;
  readonly people: Speaking;
  readonly source: Source | undefined;
  readonly conditions: Conditions;
  readonly reconciling: Reconciling;
  /** The Workflows' script, while it is being made; absent where the process runs none. */
  readonly script?: Promise<WorkflowBundle>;
};

/** Connects to nothing yet: store, targets and Temporal may come later. */
export function openParts(given: Given): Parts {
  const { config, log, clock, signal } = given;
  const store = openStore({ url: config.storeUrl, applicationName: 'curfew-worker', max: 20 });
  // NB. Of its own: a batch of the log may take longer than anything that people wait for, and holds none of them up.
  const logStore = openStore({
    url: config.storeUrl,
    applicationName: 'curfew-worker-log',
    max: 2,
    statementTimeoutMs: 30_000,
  });
  const settings = { ...config.temporal, identity: config.identity };
  const clusters = openClusters(config);
  const people = openSpeaking(config, { store, clock, log }, signal);
  const source = openSource(config.conditions);
  const { slack } = people.showing;
  return {
    ...given,
    store,
    logStore,
    temporal: createTemporal(settings),
    histories: createHistories(settings),
    clusters,
    people,
    source,
    conditions: createConditions(store, clock, source),
    reconciling: openReconciling({ config, store, clusters, clock, log, ...(slack && { repaint: slack.repaint }) }),
    ...(config.serves !== 'targets' && { script: bundleFor(config) }),
  };
}

/** What cannot be closed goes with the process. */
export async function closeParts(parts: Parts): Promise<void> {
  const { store, logStore, temporal, histories, clusters, reconciling } = parts;
  await Promise.allSettled([
    temporal.close(),
    histories.close(),
    reconciling.close(),
    closeClusters(clusters),
    store.close(),
    logStore.close(),
  ]);
}

const bundleFor = ({ bundleCache }: WorkerConfig): Promise<WorkflowBundle> =>
  bundleCache === undefined ? bundleWorkflows() : cachedBundle(bundleCache);
