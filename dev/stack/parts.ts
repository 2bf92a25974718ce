/** The servers of the embedded stack, each brought to where Curfew's own processes can work with it. */
import { Client, escapeIdentifier } from 'pg';
import { migrate } from '../../store/migrate.ts';
import { openStore } from '../../store/pool.ts';
import { requesterKey, targetKey } from '../../workflows/contract.ts';
import { checkSample, furnish } from '../company/databases.ts';
import { settle } from '../company/directory.ts';
import { startCluster, type Cluster } from '../postgres.ts';
import type { startedThings } from '../processes.ts';
import { startStandby, type Standby } from '../standby.ts';
import { startOver, type StateFolder } from '../state.ts';
import { startTemporal, type TemporalServer, type TemporalSource } from '../temporal.ts';
import { Trouble, messageOf } from '../trouble.ts';
import { namespace, standbyName, storeDatabase, storeUrl, superuserUrl } from './environments.ts';
import { ticketKeyId, type StackSettings } from './settings.ts';

/** What every part is given: where its ports, secrets and files are, and who stops it. */
export type Site = {
  readonly settings: StackSettings;
  readonly state: StateFolder;
  readonly things: ReturnType<typeof startedThings>;
  readonly onUnexpectedExit: (trouble: Trouble) => void;
};

export async function startStore(site: Site): Promise<Cluster> {
  const { settings } = site;
  const cluster = await startOwnCluster(site, 'store', settings.secrets.storeSuperuser);
  await createDatabase(cluster.url(), storeDatabase);
  await fitting(site, 'store', () =>
    migrate({ adminUrl: superuserUrl(settings, 'store', storeDatabase), passwords: settings.secrets.store }),
  );
  return cluster;
}

export type TargetSite = {
  readonly mode: 'createrole' | 'superuser';
  /** Of the server, on top of Curfew's. */
  readonly settings: Readonly<Record<string, string>>;
  /** Its log tells of sessions and statements unless this is false. */
  readonly logsSessions?: false;
};

export async function startTarget(site: Site, given: TargetSite = sampleTarget): Promise<Cluster> {
  const { mode, settings: own, logsSessions = true } = given;
  const { settings } = site;
  const cluster = await startOwnCluster(site, 'target', settings.secrets.targetSuperuser, {
    ...(logsSessions ? sessionLogging : {}),
    ...own,
  });
  await fitting(site, 'target', () =>
    furnish(administratorOf(settings), { ...settings.secrets, ticketKeyId }, { mode, logsSessions }),
  );
  return cluster;
}

/** The target's second node, as it was when it was first asked for and all that came since; the target is down meanwhile. */
export async function startTargetStandby(
  { settings, state, things, onUnexpectedExit }: Site,
  target: Cluster,
): Promise<Standby> {
  const standby = await startStandby(target, {
    name: standbyName,
    dataDir: state.file('target-standby'),
    port: settings.ports.standby,
    logFile: state.file('logs', 'target-standby.log'),
    onUnexpectedExit,
  });
  things.add(standby.cluster);
  await standby.replayed();
  return standby;
}

/** What session evidence is made of; which statements are logged is each database's own setting. */
const sessionLogging = {
  logging_collector: 'on',
  log_destination: 'jsonlog',
  log_filename: 'postgresql-%Y-%m-%d_%H%M%S.log',
  log_rotation_age: '1d',
  log_connections: 'on',
  log_disconnections: 'on',
} as const;

const sampleTarget: TargetSite = { mode: 'createrole', settings: {} };

/** What another version kept may not fit the tables and functions of this one; then only a fresh start helps. */
async function fitting({ state }: Site, name: 'store' | 'target', work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (state.isNew) throw error;
    const what = `what ${state.file(name)} keeps does not fit this version of Curfew: ${messageOf(error)}`;
    throw new Trouble(what, startOver, { cause: error });
  }
}

async function startOwnCluster(
  { settings, state, things, onUnexpectedExit }: Site,
  name: 'store' | 'target',
  superuserPassword: string,
  own: TargetSite['settings'] = {},
): Promise<Cluster> {
  return things.add(
    await startCluster({
      name,
      dataDir: state.file(name),
      port: settings.ports[name],
      superuserPassword,
      settings: own,
      logFile: state.file('logs', `${name}.log`),
      onUnexpectedExit,
    }),
  );
}

export async function startWorkflowServer(
  { settings, state, things, onUnexpectedExit }: Site,
  source: TemporalSource,
): Promise<TemporalServer> {
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
export async function introduce(settings: StackSettings): ReturnType<typeof settle> {
  const admin = openStore({ url: storeUrl(settings, 'curfew_admin'), applicationName: 'curfew dev', max: 1 });
  const directory = openStore({ url: storeUrl(settings, 'curfew_directory'), applicationName: 'curfew dev', max: 1 });
  try {
    const settled = await settle({ admin, directory });
    await checkSample(administratorOf(settings), admin);
    return settled;
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
