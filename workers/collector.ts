/**
 * The collector: `node workers/collector.ts`. Reads the server logs of the clusters that its own environment names, with
 * a login that may do nothing else, and keeps what they say of holders' sessions. Nobody waits for it: where it is dead,
 * everything is granted and ended as before, and it reads later what was logged meanwhile.
 */
import { readCollectorConfig, type CollectorConfig } from '../config/collector.ts';
import { describeProblems } from '../config/field.ts';
import { createLog, type Log } from '../config/log.ts';
import { requireMigrated } from '../store/migrations.ts';
import { openStore } from '../store/pool.ts';
import { openLogReader } from '../targets/postgres/log/reader.ts';
import { followLog } from './collector/follow.ts';
import { healthOf, serveHealth, type Health, type HealthServer } from './reaper/health.ts';
import { pause } from './reaper/pace.ts';

export type Collector = {
  readonly health: () => Health;
  readonly healthPort: () => number | undefined;
  /** Lets what is being kept be kept, at most `drainMs`; then closes every connection. */
  stop(): Promise<void>;
};

/** A piece of a busy log is thousands of rows. */
const storeTimeoutMs = 15_000;

/** @throws the socket's error where the port of `/healthz` cannot be had; nothing else that is outside stops it */
export async function startCollector(
  config: CollectorConfig,
  log: Log,
  clock: () => number = Date.now,
): Promise<Collector> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const nodes = config.clusters.flatMap((cluster) => cluster.nodes.map((node) => ({ cluster, node })));
  const store = openStore({
    url: config.storeUrl,
    applicationName: 'curfew-collector',
    max: 1 + nodes.length,
    statementTimeoutMs: storeTimeoutMs,
  });
  await requireMigrated(store).catch((err: unknown) => log.error({ err }, 'the store is not as it should be'));
  const readers = nodes.map(({ cluster, node }) => {
    const { database, user, password } = cluster;
    const reader = openLogReader({ cluster: cluster.name, node, database, user, password });
    const following = followLog({
      reader,
      store,
      node: { cluster: cluster.name, node: node.name, targets: cluster.targets },
      nodes: cluster.nodes.map(({ name }) => name),
      keeping: config.statements,
      everyMs: config.everyMs,
      signal,
      clock,
      log,
    });
    return { reader, following };
  });
  const health = (): Health =>
    healthOf(
      readers.map(({ following }) => following.pulse()),
      clock(),
    );
  let server: HealthServer | undefined;
  const stop = async (): Promise<void> => {
    stopping.abort();
    await Promise.race([Promise.all(readers.map(({ following }) => following.stopped)), pause(config.drainMs)]);
    await server?.close();
    const closing = [store.close(), ...readers.map(({ reader }) => reader.close())];
    await Promise.race([Promise.all(closing), pause(config.drainMs)]);
  };
  try {
    server = await serveHealth(config.host, config.healthPort, health);
  } catch (error) {
    await stop();
    throw error;
  }
  return { health, healthPort: () => server?.port, stop };
}

if (import.meta.main) {
  const read = readCollectorConfig(process.env);
  if (read.ok) {
    await run(read.config);
  } else {
    process.stderr.write(`The collector is not configured:\n${describeProblems(read.problems)}\n`);
    process.exitCode = 2;
  }
}

async function run(config: CollectorConfig): Promise<void> {
  const log = createLog('collector', config.logLevel);
  const collector = await startCollector(config, log);
  log.info({ clusters: config.clusters.map(({ name }) => name), port: collector.healthPort() }, 'reading these logs');
  let stops = 0;
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      stops += 1;
      // A second signal does not wait for the drain.
      if (stops > 1) process.exit(1);
      void collector.stop().then(() => process.exit(0));
    });
  }
}
