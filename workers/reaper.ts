/**
 * The reaper: `node workers/reaper.ts`. Ends what is due or must end now on the clusters that its own environment
 * names, with a credential that can begin nothing. With Temporal, the store and the worker all dead it goes on, so
 * nothing here waits for the store before a target, and no error ends the process.
 */
import { createLog, type Log } from '../config/log.ts';
import { describeProblems } from '../config/field.ts';
import { readReaperConfig, type ReaperConfig } from '../config/reaper.ts';
import { hearIntents } from '../store/heard.ts';
import { beat } from '../store/heartbeats.ts';
import { openStore } from '../store/pool.ts';
import { openTarget } from '../targets/postgres/accessor.ts';
import { healthOf, serveHealth, type Health, type HealthServer } from './reaper/health.ts';
import { createBell, pace, pause } from './reaper/pace.ts';
import { createReports } from './reaper/reports.ts';
import { watchCluster } from './reaper/watch.ts';

export type Reaper = {
  readonly health: () => Health;
  /** The port of `/healthz` once it listens; undefined while it cannot. */
  readonly healthPort: () => number | undefined;
  /** Lets the rounds under way finish, at most `drainMs`; then closes every connection. */
  stop(): Promise<void>;
};

/** The store is only ever tried beside the targets, and shortly. */
const storeTimeoutMs = 2_000;
const tellEveryMs = 1_000;
const listenAgainMs = 5_000;

/** Starts every loop and returns at once; nothing here fails because something outside is dead. */
export function startReaper(config: ReaperConfig, log: Log, clock: () => number = Date.now): Reaper {
  const stopping = new AbortController();
  const { signal } = stopping;
  const store = openStore({
    url: config.storeUrl,
    applicationName: 'curfew-reaper',
    max: 2 + 2 * config.clusters.length,
    statementTimeoutMs: storeTimeoutMs,
  });
  const reports = createReports(store, clock);
  const targets = config.clusters.map((cluster) => ({
    names: cluster.targets,
    asked: createBell(),
    target: openTarget({
      name: cluster.name,
      controlDatabase: cluster.database,
      nodes: cluster.nodes,
      user: cluster.user,
      password: cluster.password,
      applicationName: 'curfew-reaper',
    }),
  }));
  const watches = targets.map(({ names, asked, target }) =>
    watchCluster({ target, names, store, reports, everyMs: config.everyMs, asked, signal, clock, log }),
  );
  const hearing = hearIntents({
    url: config.storeUrl,
    applicationName: 'curfew-reaper',
    onAsked: () => targets.forEach(({ asked }) => asked.ring()),
  });
  const health = (): Health =>
    healthOf(
      watches.map((watch) => watch.pulse()),
      clock(),
    );
  const telling = tellStore(log, signal, async () => {
    for (const { pulse, storeMark } of watches) {
      const { name, lastSuccessAt } = pulse();
      const body = { store: storeMark() ?? null };
      if (lastSuccessAt !== null) await beat(store, { name: `reaper/${name}`, at: lastSuccessAt, body });
    }
    await reports.flush();
  });
  const listening = listen(config, log, signal, health);

  return {
    health,
    healthPort: () => listening.server?.port,
    async stop() {
      stopping.abort();
      const drained = Promise.all([...watches.map((watch) => watch.stopped), telling, listening.stopped]);
      await Promise.race([drained, pause(config.drainMs)]);
      await listening.server?.close();
      await Promise.race([
        Promise.all([store.close(), hearing.close(), ...targets.map(({ target }) => target.close())]),
        pause(config.drainMs),
      ]);
    },
  };
}

/** One loop tells the store everything: signs of life, then what is waiting to be told. Silence is logged once. */
function tellStore(log: Log, signal: AbortSignal, tell: () => Promise<void>): Promise<void> {
  let silent = false;
  return pace(
    tellEveryMs,
    signal,
    async () => {
      await tell();
      if (silent) log.info('the store takes reports again');
      silent = false;
    },
    (err) => {
      if (!silent) log.warn({ err }, 'the store takes no reports; they are kept and told later');
      silent = true;
    },
  );
}

/** A taken port must not keep the reaper from its work: it is tried again until it is free. */
function listen(config: ReaperConfig, log: Log, signal: AbortSignal, health: () => Health) {
  const state: { server?: HealthServer; stopped: Promise<void> } = { stopped: Promise.resolve() };
  state.stopped = (async () => {
    while (!signal.aborted && !state.server) {
      try {
        state.server = await serveHealth(config.host, config.healthPort, health);
        log.info({ port: state.server.port }, '/healthz is there');
      } catch (err) {
        log.error({ err, port: config.healthPort }, '/healthz cannot be served; trying again');
        await pause(listenAgainMs, signal);
      }
    }
  })();
  return state;
}

if (import.meta.main) {
  const read = readReaperConfig(process.env);
  if (read.ok) {
    run(read.config);
  } else {
    process.stderr.write(`The reaper is not configured:\n${describeProblems(read.problems)}\n`);
    process.exitCode = 2;
  }
}

function run(config: ReaperConfig): void {
  const log = createLog('reaper', config.logLevel);
  process.on('uncaughtException', (err) => log.error({ err }, 'unexpected failure; going on'));
  process.on('unhandledRejection', (err) => log.error({ err }, 'unexpected failure; going on'));
  const reaper = startReaper(config, log);
  log.info({ clusters: config.clusters.map((cluster) => cluster.name) }, 'looking after these clusters');
  let stops = 0;
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      stops += 1;
      // A second signal does not wait for the drain.
      if (stops > 1) process.exit(1);
      void reaper.stop().then(() => process.exit(0));
    });
  }
}
