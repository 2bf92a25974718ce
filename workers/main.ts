/**
 * The Temporal worker: `node workers/main.ts`. Serves the main queue (Workflows, the store, Slack) and the queue of each
 * zone whose clusters its environment names, and runs the outbox relay. One process does all by default; beside a
 * database that must not be reached from elsewhere, one with `CURFEW_SERVES=targets` holds that credential alone.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { leftOf } from '../activities/channels.ts';
import type { Cluster } from '../activities/clusters.ts';
import { createMainActivities, createTargetActivities } from '../activities/index.ts';
import { currentPolicy } from '../activities/current-policy.ts';
import { createTaints } from '../activities/taints.ts';
import { createRejudge } from '../activities/rejudge.ts';
import { openSource } from '../conditions/open.ts';
import { createConditions } from '../conditions/source.ts';
import { describeProblems } from '../config/field.ts';
import { createLog, type Log } from '../config/log.ts';
import { readWorkerConfig, type WorkerConfig } from '../config/worker.ts';
import type { TargetName } from '../domain/ids.ts';
import { announcementChannels } from '../store/announcements.ts';
import { beat } from '../store/heartbeats.ts';
import { backlog } from '../store/outbox.ts';
import { openStore } from '../store/pool.ts';
import { createTemporal } from '../temporal/connection.ts';
import { createHistories } from '../temporal/history-export.ts';
import { toRow } from '../temporal/messages.ts';
import { runRelay } from '../temporal/relay.ts';
import { cachedBundle } from './bundle-cache.ts';
import { bundleWorkflows, type WorkflowBundle } from './bundle.ts';
import { createTelling, keepTelling } from './worker/alarm-telling.ts';
import { watchAnnouncements } from './worker/announcement-watch.ts';
import { closeClusters, openClusters } from './worker/clusters.ts';
import { keepAsking, watchConditions } from './worker/condition-watch.ts';
import { keepExporting } from './worker/exporting.ts';
import { healthOf, serveHealth, type Health } from './worker/health.ts';
import { keepLog } from './worker/log-keeping.ts';
import { createMetrics, type Metrics } from './worker/metrics.ts';
import { installRuntime, openQueues, type Queues, type Served } from './worker/queues.ts';
import { watchPulls } from './worker/pull-watch.ts';
import { watchTokens } from './worker/token-watch.ts';
import { keepWatching, watchReapers } from './worker/reaper-watch.ts';
import { watchSessions } from './worker/session-watch.ts';
import { openSpeaking, spokenThrough } from './worker/speaking.ts';
import { openReconciling } from './worker/reconciling.ts';
import { keepFollowingTaints, keepRejudging, rejudgeMessages } from './worker/rejudging.ts';

export type WorkerProcess = {
  readonly health: () => Health;
  readonly healthPort: number;
  /** Resolves after `stop`; rejects when a queue's worker died, or the Workflows could not be bundled. */
  readonly stopped: Promise<void>;
  /** Takes nothing new, lets work under way finish for at most `drainMs`, then closes every connection. */
  stop(): Promise<void>;
};

const beatMs = 5_000;
const connectAgainMs = 1_000;

/**
 * Waits for Temporal where it is not there yet; the store and the targets may come later.
 * @throws where the health port is taken
 */
export async function startWorker(
  config: WorkerConfig,
  log: Log,
  clock: () => number = Date.now,
): Promise<WorkerProcess> {
  installRuntime(log, config.temporalMetricsPort);
  const stopping = new AbortController();
  const { signal } = stopping;
  const metrics = createMetrics(config.temporalMetricsPort);
  const store = openStore({ url: config.storeUrl, applicationName: 'curfew-worker', max: 20 });
  // NB. Of its own: a batch of the log may take longer than anything that people wait for, and holds none of them up.
  const logStore = openStore({
    url: config.storeUrl,
    applicationName: 'curfew-worker-log',
    max: 2,
    statementTimeoutMs: 30_000,
  });
  const temporal = createTemporal({ ...config.temporal, identity: config.identity });
  const clusters = openClusters(config);
  const people = openSpeaking(config, { store, clock, log }, signal);
  const source = openSource(config.conditions);
  const conditions = createConditions(store, clock, source);
  const zones = config.serves === 'workflows' ? [] : [...new Set(config.clusters.map(({ zone }) => zone))];
  const clusterOf = (target: TargetName): Cluster | undefined => clusters.get(target);
  const { slack } = people.showing;
  const reconciling = openReconciling({
    config,
    store,
    clusters,
    clock,
    log,
    ...(slack && { repaint: slack.repaint }),
  });
  const mainActivities = createMainActivities({
    store,
    clock,
    log,
    requests: temporal,
    ...people.showing,
    notice: (input, report) => toRow({ kind: 'left', payload: leftOf(input, report) }),
  });
  const script = config.serves === 'targets' ? undefined : bundleFor(config);
  const histories = createHistories({ ...config.temporal, identity: config.identity });
  const served = async (): Promise<Served> => ({
    ...(script && {
      main: { activities: { ...mainActivities, ...reconciling.requests }, workflowBundle: await script },
    }),
    zones: new Map(
      zones.map((zone) => [
        zone,
        {
          ...createTargetActivities({ store, clock, log, clusterOf, conditions, toldBy: (id) => `revoke:${id}` }),
          ...reconciling.targets(zone),
        },
      ]),
    ),
  });

  let queues: Queues | undefined;
  let storeAnsweredAt: number | null = null;
  const health = (): Health => healthOf(queues?.states() ?? {}, storeAnsweredAt, clock());
  const server = await serveHealth({ host: config.host, port: config.healthPort }, health, metrics);
  const opened = served()
    .then((ready) => openWhenThere(config, ready, metrics, log, signal))
    .then((there) => (queues = there));
  const relayed =
    config.serves === 'targets'
      ? Promise.resolve()
      : runRelay({
          store,
          temporal,
          channels: people.channels,
          clock,
          log,
          signal,
        });
  const reapers = watchReapers({ store, clusters: config.clusters.map(({ name }) => name), clock });
  const watched = Promise.all([
    keepWatching(reapers, signal),
    keepWatching(watchSessions({ store, clusters: config.clusters.map(({ name }) => name), clock }), signal),
  ]);
  const pulled = config.serves === 'targets' ? Promise.resolve() : keepWatching(watchPulls({ store, clock }), signal);
  const tokens = config.serves === 'targets' ? Promise.resolve() : keepWatching(watchTokens({ store, clock }), signal);
  const kinds = spokenThrough(config);
  if (config.serves !== 'targets' && kinds.length < announcementChannels.length)
    log.warn({ kinds }, 'break-glass is announced through fewer than two kinds of channel: set up Slack and a webhook');
  const announced =
    config.serves === 'targets'
      ? Promise.resolve()
      : keepWatching(watchAnnouncements({ store, channels: kinds }), signal);
  const told =
    config.serves === 'targets'
      ? Promise.resolve()
      : keepTelling(
          createTelling({
            store,
            log,
            channels: people.alarms,
          }),
          signal,
        );
  const asked =
    config.serves === 'targets'
      ? Promise.resolve()
      : keepAsking(watchConditions({ store, conditions, trouble: () => source?.trouble?.(), clock }), signal);
  const judging = { store, policyOf: currentPolicy(), clock, messages: rejudgeMessages };
  const rejudged =
    config.serves === 'targets'
      ? Promise.resolve()
      : Promise.all([
          keepRejudging(createRejudge(judging), log, signal),
          keepFollowingTaints(createTaints(judging), log, signal),
        ]);
  const sequenced =
    config.serves === 'targets' ? Promise.resolve() : keepLog({ ...config.audit, store: logStore, clock, log, signal });
  const exported = script?.then(
    ({ code }) => keepExporting({ store, histories, clock, log, script: code }, signal),
    // What could not be bundled is told where it is served.
    () => undefined,
  );
  const reconciled = reconciling.keep(signal);
  const beaten = keepBeating(signal, async () => {
    await beat(store, {
      name: config.identity,
      at: clock(),
      body: { queues: queues?.states() ?? {}, channels: kinds },
    });
    storeAnsweredAt = clock();
    metrics.outboxWaiting.set((await backlog(store)).count);
  });

  const stopped = opened.then((there) => there?.stopped);
  // Whoever does not wait for it sees it in /healthz.
  stopped.catch(() => undefined);

  return {
    health,
    healthPort: server.port,
    stopped,
    async stop() {
      stopping.abort();
      queues?.drain();
      const drained = Promise.allSettled([
        opened,
        queues?.stopped,
        relayed,
        beaten,
        watched,
        pulled,
        tokens,
        announced,
        told,
        asked,
        rejudged,
        exported,
        sequenced,
        reconciled,
      ]);
      // The SDK gives up at the drain's end itself; a second more, and the process goes without it.
      await Promise.race([drained, pause(config.drainMs + 1_000, undefined, { ref: false })]);
      await Promise.allSettled([
        server.close(),
        temporal.close(),
        histories.close(),
        reconciling.close(),
        queues?.close(),
        closeClusters(clusters),
        store.close(),
        logStore.close(),
      ]);
    },
  };
}

const bundleFor = ({ bundleCache }: WorkerConfig): Promise<WorkflowBundle> =>
  bundleCache === undefined ? bundleWorkflows() : cachedBundle(bundleCache);

/** A server that is not there yet is waited for: processes start in any order, and after a power cut all at once. */
async function openWhenThere(
  config: WorkerConfig,
  served: Served,
  metrics: Metrics,
  log: Log,
  signal: AbortSignal,
): Promise<Queues | undefined> {
  for (let tried = 0; !signal.aborted; tried += 1) {
    try {
      const queues = await openQueues(config, served, metrics);
      log.info({ queues: Object.keys(queues.states()) }, 'serving these task queues');
      if (signal.aborted) queues.drain();
      return queues;
    } catch (err) {
      if (tried % 30 === 0)
        log.warn({ err, address: config.temporal.address }, 'Temporal is not there yet; trying again');
      await pause(connectAgainMs, undefined, { signal }).catch(() => undefined);
    }
  }
  return undefined;
}

async function keepBeating(signal: AbortSignal, once: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    // The store being away shows in /healthz.
    await once().catch(() => undefined);
    await pause(beatMs, undefined, { signal }).catch(() => undefined);
  }
}

if (import.meta.main) {
  const read = readWorkerConfig(process.env);
  if (read.ok) await run(read.config);
  else {
    process.stderr.write(`The worker is not configured:\n${describeProblems(read.problems)}\n`);
    process.exitCode = 2;
  }
}

async function run(config: WorkerConfig): Promise<void> {
  const log = createLog('worker', config.logLevel);
  const worker = await startWorker(config, log);
  log.info({ port: worker.healthPort }, '/healthz and /metrics are there');
  let stops = 0;
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      stops += 1;
      // A second signal does not wait for the drain.
      if (stops > 1) process.exit(1);
      log.info({ signal: name }, 'draining');
      void worker.stop().then(() => process.exit(0));
    });
  }
  await worker.stopped.catch((err: unknown) => {
    // While draining that only says that something was still under way at the end of the drain.
    if (stops > 0) return;
    log.fatal({ err }, 'a worker died; whoever supervises this process starts it again');
    process.exit(1);
  });
}
