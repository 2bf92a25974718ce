/**
 * The embedded stack: two PostgreSQL clusters, Temporal, the sample company's Slack, the API, the worker and the reaper,
 * each a process of its own that is supervised here. `npm start` keeps one in `.curfew/`; the tour makes its own in a
 * temporary folder.
 */
import { join } from 'node:path';
import { Client, escapeIdentifier } from 'pg';
import { migrate } from '../../store/migrate.ts';
import { openStore } from '../../store/pool.ts';
import { requesterKey, targetKey } from '../../workflows/contract.ts';
import { checkSample, furnish } from '../company/databases.ts';
import { settle } from '../company/directory.ts';
import { claimPort } from '../ports.ts';
import { startCluster, type Cluster } from '../postgres.ts';
import { startProcess, startedThings, untilReady, type RunningProcess } from '../processes.ts';
import type { Progress } from '../progress.mjs';
import type { StateFolder } from '../state.ts';
import { findTemporal, startTemporal, type TemporalServer } from '../temporal.ts';
import type { Trouble } from '../trouble.ts';
import {
  apiEnvironment,
  namespace,
  reaperEnvironment,
  storeDatabase,
  storeUrl,
  superuserUrl,
  workerEnvironment,
  type Environment,
} from './environments.ts';
import { settingsOf, ticketKeyId, type StackSettings } from './settings.ts';

const root = join(import.meta.dirname, '..', '..');
const readyWithinMs = 60_000;

/** One of Curfew's own processes; `start` again after a `kill` or `stop`. */
export type Service = {
  readonly name: 'api' | 'worker' | 'reaper';
  readonly pid: () => number | null;
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
  readonly kill: (signal: NodeJS.Signals) => Promise<void>;
  readonly logFile: string;
};

export type Stack = {
  readonly settings: StackSettings;
  readonly state: StateFolder;
  readonly store: Cluster;
  readonly target: Cluster;
  readonly temporal: TemporalServer;
  readonly api: Service;
  readonly worker: Service;
  readonly reaper: Service;
  /** Ends everything, in the opposite order of its start; the state stays. */
  readonly stop: () => Promise<void>;
};

/** Where Slack comes from: something that listens on `ports.slack` before the API asks for it. */
export type SlackSource = (
  settings: StackSettings,
) => Promise<{ readonly name: string; readonly stop: () => Promise<unknown> }>;

export type StackOptions = {
  readonly state: StateFolder;
  readonly progress: Pick<Progress, 'step' | 'say'>;
  readonly slack: SlackSource | null;
  /** How long before the end a holder is told: `15m`, `0`. */
  readonly notice: string;
  /** Called when a part ends that nobody stopped. */
  readonly onUnexpectedExit: (trouble: Trouble) => void;
};

/** @throws Trouble, with the mend, when a part does not come up; everything that was started is stopped by then */
export async function startStack(options: StackOptions): Promise<Stack> {
  const things = startedThings();
  try {
    return await bringUp(options, things);
  } catch (error) {
    await things.stopAll().catch(() => undefined);
    throw error;
  }
}

async function bringUp(options: StackOptions, things: ReturnType<typeof startedThings>): Promise<Stack> {
  const { state, progress, onUnexpectedExit } = options;
  const settings = await settingsOf(state);
  const [store, target, temporal] = await allOrFirstFailure([
    progress.step('store: PostgreSQL 18, tables', () => startStore(settings, state, things, onUnexpectedExit)),
    progress.step('target: PostgreSQL 18, orders and models', () =>
      startTarget(settings, state, things, onUnexpectedExit),
    ),
    progress.step('Temporal', (say) => startWorkflowServer(settings, state, things, onUnexpectedExit, say)),
    progress.step('Slack', async () => {
      if (options.slack) things.add(await options.slack(settings));
    }),
  ]);
  await progress.step('people, policy, targets checked', () => introduce(settings));

  const environment = {
    notice: options.notice,
    slack: options.slack !== null,
    temporal: { address: temporal.address, namespace: temporal.namespace },
  };
  const serviceOf = (name: Service['name'], script: string, port: number, env: Environment): Service =>
    things.add(service({ name, script, port, env, logFile: state.file('logs', `${name}.log`), onUnexpectedExit }));
  const { ports } = settings;
  const worker = serviceOf('worker', 'workers/main.ts', ports.worker, workerEnvironment(settings, environment));
  const reaper = serviceOf('reaper', 'workers/reaper.ts', ports.reaper, reaperEnvironment(settings));
  const api = serviceOf('api', 'api/main.ts', ports.api, apiEnvironment(settings, environment));
  await allOrFirstFailure(
    [worker, reaper, api].map((each) => progress.step(each.name, () => each.start())) as [
      Promise<void>,
      ...Promise<void>[],
    ],
  );
  return { settings, state, store, target, temporal, api, worker, reaper, stop: () => things.stopAll() };
}

type Things = ReturnType<typeof startedThings>;

async function startStore(
  settings: StackSettings,
  state: StateFolder,
  things: Things,
  onUnexpectedExit: (trouble: Trouble) => void,
): Promise<Cluster> {
  const cluster = things.add(
    await startCluster({
      name: 'store',
      dataDir: state.file('store'),
      port: settings.ports.store,
      superuserPassword: settings.secrets.storeSuperuser,
      logFile: state.file('logs', 'store.log'),
      onUnexpectedExit,
    }),
  );
  await createDatabase(cluster.url(), storeDatabase);
  await migrate({ adminUrl: superuserUrl(settings, 'store', storeDatabase), passwords: settings.secrets.store });
  return cluster;
}

async function startTarget(
  settings: StackSettings,
  state: StateFolder,
  things: Things,
  onUnexpectedExit: (trouble: Trouble) => void,
): Promise<Cluster> {
  const cluster = things.add(
    await startCluster({
      name: 'target',
      dataDir: state.file('target'),
      port: settings.ports.target,
      superuserPassword: settings.secrets.targetSuperuser,
      logFile: state.file('logs', 'target.log'),
      onUnexpectedExit,
    }),
  );
  await furnish(administratorOf(settings), { ...settings.secrets, ticketKeyId });
  return cluster;
}

async function startWorkflowServer(
  settings: StackSettings,
  state: StateFolder,
  things: Things,
  onUnexpectedExit: (trouble: Trouble) => void,
  say: (detail: string) => void,
): Promise<TemporalServer> {
  const source = await findTemporal({ env: process.env, progress: say });
  return things.add(
    await startTemporal({
      source,
      port: settings.ports.temporal,
      namespace,
      searchAttributes: { [targetKey.name]: 'Keyword', [requesterKey.name]: 'Keyword' },
      dbFile: state.file('temporal', 'temporal.db'),
      logFile: state.file('logs', 'temporal.log'),
      onUnexpectedExit,
    }),
  );
}

/** The sample company's people and policy, once, and a fresh check of its targets, each time. */
async function introduce(settings: StackSettings): Promise<void> {
  const admin = openStore({ url: storeUrl(settings, 'curfew_admin'), applicationName: 'curfew dev', max: 1 });
  const directory = openStore({ url: storeUrl(settings, 'curfew_directory'), applicationName: 'curfew dev', max: 1 });
  try {
    await settle({ admin, directory });
    await checkSample(administratorOf(settings), admin);
  } finally {
    await Promise.all([admin.close(), directory.close()]);
  }
}

const administratorOf = ({ ports, secrets }: StackSettings) => ({
  host: '127.0.0.1',
  port: ports.target,
  user: 'postgres',
  password: secrets.targetSuperuser,
});

async function createDatabase(url: string, name: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name]);
    if (rowCount === 0) await client.query(`create database ${escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}

type ServiceSpec = {
  readonly name: Service['name'];
  readonly script: string;
  readonly port: number;
  readonly env: Environment;
  readonly logFile: string;
  readonly onUnexpectedExit: (trouble: Trouble) => void;
};

/** Ready is when its own health page says so. It gets the machine's bare environment and its own variables. */
function service(spec: ServiceSpec): Service {
  let running: RunningProcess | null = null;
  const start = async (): Promise<void> => {
    if (running?.alive()) return;
    await claimPort(spec.port, `the ${spec.name}`);
    running = await startProcess({
      name: spec.name,
      command: process.execPath,
      args: [join(root, spec.script)],
      cwd: root,
      env: { PATH: process.env['PATH'], TZ: 'UTC', ...spec.env },
      logFile: spec.logFile,
      stop: [{ signal: 'SIGTERM', withinMs: 10_000 }],
      onUnexpectedExit: spec.onUnexpectedExit,
    });
    await untilReady(running, readyWithinMs, () => healthy(spec.port));
  };
  return {
    name: spec.name,
    logFile: spec.logFile,
    pid: () => (running?.alive() ? running.pid : null),
    start,
    stop: async () => {
      await running?.stop();
      running = null;
    },
    kill: async (signal) => {
      await running?.kill(signal);
      running = null;
    },
  };
}

async function healthy(port: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(2_000) });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`/healthz says ${response.status}`);
}

/** Like Promise.all, but waits for the others before it fails, so that whatever they started is known and is stopped. */
async function allOrFirstFailure<const T extends readonly Promise<unknown>[]>(
  work: T,
): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  const settled = await Promise.allSettled(work);
  const failed = settled.find((one) => one.status === 'rejected');
  if (failed) throw failed.reason;
  return settled.map((one) => (one as PromiseFulfilledResult<unknown>).value) as { [K in keyof T]: Awaited<T[K]> };
}
