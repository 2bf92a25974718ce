/** A PostgreSQL cluster as a supervised process, with its data kept in a folder. */
import { mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import { claimPort } from './ports.ts';
import { openTheWayTo, postgresBinaries, postgresUser, type PostgresVersion } from './postgres-binaries.ts';
import { configure, ensureDataFolder, loopbackScramOnly, releaseDeadLock, type DataFolder } from './postgres-folder.ts';
import { childrenOf, killIfAlive } from './process-table.ts';
import { startProcess, untilReady, type RunningProcess, type StopStep } from './processes.ts';
import { Trouble, codeOf } from './trouble.ts';

export type { PostgresVersion };

export type ClusterOptions = {
  /** As progress lines and errors call it, e.g. `store`. */
  readonly name: string;
  /** Made if it does not exist. As root it is owned by the user `postgres`, which must be able to reach it. */
  readonly dataDir: string;
  readonly port: number;
  /** Of the superuser `postgres`; fixed when the data folder is made. */
  readonly superuserPassword: string;
  /** 18 where absent. */
  readonly version?: PostgresVersion;
  /** Server settings on top of Curfew's, e.g. `{ fsync: 'off', max_connections: '50' }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The whole pg_hba.conf; SCRAM over loopback for everybody where absent. */
  readonly hba?: string;
  /** `<dataDir>.log` where absent. */
  readonly logFile?: string;
  readonly onUnexpectedExit?: (trouble: Trouble) => void;
};

export type Cluster = {
  readonly name: string;
  readonly version: PostgresVersion;
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly dataDir: string;
  readonly superuserPassword: string;
  /** As it was started with: a standby needs the same (`dev/standby.ts`). */
  readonly settings: Readonly<Record<string, string>>;
  readonly hba: string;
  readonly logFile: string;
  /** Connection string of the superuser, or of the given login; of the database `postgres` where none is named. */
  readonly url: (options?: {
    readonly database?: string;
    readonly user?: string;
    readonly password?: string;
  }) => string;
  /** The postmaster's; null while it is stopped. */
  readonly pid: () => number | null;
  readonly start: () => Promise<void>;
  /** Fast shutdown: sessions are ended, data is written. Immediate after 15 s. */
  readonly stop: () => Promise<void>;
  /**
   * `kill`: SIGKILL to the postmaster and every backend, as when the machine's memory runs out. `immediate`: the
   * server's own crash-like shutdown. Both leave recovery to the next start.
   */
  readonly crash: (how?: 'kill' | 'immediate') => Promise<void>;
  readonly restart: () => Promise<void>;
  /** SIGSTOP or SIGCONT to the postmaster: no new connections meanwhile. */
  readonly signal: (signal: 'SIGSTOP' | 'SIGCONT') => void;
};

const stopSteps: readonly StopStep[] = [
  { signal: 'SIGINT', withinMs: 15_000 },
  { signal: 'SIGQUIT', withinMs: 5_000 },
];
const readyWithinMs = 60_000;

/** @throws Trouble, with the mend, for a taken port, a folder in use, a folder of another version, a wrong password */
export const startCluster = async (options: ClusterOptions): Promise<Cluster> => {
  const version = options.version ?? 18;
  const dataDir = resolve(options.dataDir);
  const logFile = options.logFile ?? `${dataDir}.log`;
  const binaries = postgresBinaries(version);
  const user = await postgresUser();
  const folder: DataFolder = { dataDir, version, superuserPassword: options.superuserPassword, user };
  const { settings = {}, hba = loopbackScramOnly } = options;
  let running: RunningProcess | null = null;

  const url: Cluster['url'] = ({
    database = 'postgres',
    user: login = 'postgres',
    password = options.superuserPassword,
  } = {}) =>
    `postgres://${encodeURIComponent(login)}:${encodeURIComponent(password)}@127.0.0.1:${options.port}/${encodeURIComponent(database)}`;

  const launch = (): Promise<RunningProcess> =>
    startProcess({
      name: `PostgreSQL ${version} (${options.name})`,
      command: binaries.postgres,
      args: ['-D', dataDir],
      cwd: dataDir,
      // The user's own PG... variables must not reach the server.
      env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
      logFile,
      stop: stopSteps,
      ...(user === null ? {} : { user }),
      ...(options.onUnexpectedExit === undefined ? {} : { onUnexpectedExit: options.onUnexpectedExit }),
    });

  const start = async (): Promise<void> => {
    if (running?.alive() === true) return;
    openTheWayTo(binaries.postgres, user);
    mkdirSync(dirname(dataDir), { recursive: true });
    openTheWayTo(dataDir, user);
    await ensureDataFolder(folder, binaries);
    await releaseDeadLock(dataDir);
    await claimPort(options.port, `PostgreSQL (${options.name})`);
    configure(folder, options.port, settings, hba);
    running = await startOverOrphans(launch, () => answers(url()));
  };

  const stop = async (): Promise<void> => {
    await running?.stop();
    running = null;
  };

  const crash = async (how: 'kill' | 'immediate' = 'kill'): Promise<void> => {
    if (running === null) return;
    const backends = how === 'kill' ? await childrenOf(running.pid) : [];
    await running.kill(how === 'kill' ? 'SIGKILL' : 'SIGQUIT');
    for (const pid of backends) killIfAlive(pid);
    running = null;
  };

  await start();
  return {
    name: options.name,
    version,
    host: '127.0.0.1',
    port: options.port,
    dataDir,
    superuserPassword: options.superuserPassword,
    settings,
    hba,
    logFile,
    url,
    pid: () => (running?.alive() === true ? running.pid : null),
    start,
    stop,
    crash,
    restart: async () => {
      await stop();
      await start();
    },
    signal: (signal) => running?.signal(signal),
  };
};

/**
 * Backends of a killed postmaster hold its shared memory until they notice, and a server that starts meanwhile
 * refuses to; so a start that ends with that word is repeated for up to 10 s.
 */
const startOverOrphans = async (
  launch: () => Promise<RunningProcess>,
  answer: () => Promise<void>,
): Promise<RunningProcess> => {
  const giveUpAt = Date.now() + 10_000;
  for (;;) {
    const running = await launch();
    try {
      await untilReady(running, readyWithinMs, answer);
      return running;
    } catch (error) {
      const orphans = running.lastLines(3).includes('pre-existing shared memory block');
      await running.stop();
      if (!orphans || Date.now() > giveUpAt) throw error;
      await pause(200);
    }
  }
};

const answers = async (connectionString: string): Promise<void> => {
  const client = new Client({
    connectionString,
    connectionTimeoutMillis: 2_000,
    query_timeout: 2_000,
    application_name: 'curfew dev',
  });
  // A server that is shutting down ends idle connections; that is no error of this process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select 1');
  } catch (error) {
    if (codeOf(error) !== '28P01') throw error;
    throw new Trouble(
      'the data folder was made with another superuser password',
      'start over with: npm start -- --fresh',
      { cause: error },
    );
  } finally {
    await client.end().catch(() => undefined);
  }
};
