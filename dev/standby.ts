/**
 * Copies of a cluster: a streaming replica that people may read from, and yesterday's base backup. The packages of
 * PostgreSQL ship no pg_basebackup, so a copy is one of the folder of a stopped cluster.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, cp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client, escapeIdentifier, escapeLiteral, type QueryResultRow } from 'pg';
import { freePort } from './ports.ts';
import { postgresUser } from './postgres-binaries.ts';
import { startCluster, type Cluster } from './postgres.ts';
import type { Trouble } from './trouble.ts';

const run = promisify(execFile);

export type StandbyOptions = {
  /** As progress lines and errors call it; also its replication slot's. Lower-case letters, digits and `_`. */
  readonly name: string;
  /** `<the primary's folder>-<name>` where absent. One that is there already is started as it is. */
  readonly dataDir?: string;
  /** A free one where absent. */
  readonly port?: number;
  readonly logFile?: string;
  readonly onUnexpectedExit?: (trouble: Trouble) => void;
};

export type Standby = {
  readonly cluster: Cluster;
  /** Nothing comes from the primary any more: a promotion would lose it. */
  readonly disconnect: () => Promise<void>;
  readonly reconnect: () => Promise<void>;
  /** What the primary writes is received from then on, and not seen here; a promotion replays it. */
  readonly pauseReplay: () => Promise<void>;
  readonly resumeReplay: () => Promise<void>;
  /** Waits until what the primary wrote up to then, or up to that place of its log, is seen here. At most 30 s. */
  readonly replayed: (lsn?: string) => Promise<void>;
  /** Makes it a primary of its own, on a new timeline, with what it has replayed. */
  readonly promote: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

const withinMs = 30_000;

/** Stops the primary for the copy, unless there is one from an earlier run, and starts both. */
export async function startStandby(primary: Cluster, options: StandbyOptions): Promise<Standby> {
  const { name } = options;
  const dataDir = options.dataDir ?? `${primary.dataDir}-${name}`;
  const login = `${name}_stream`;
  const password = randomBytes(24).toString('hex');
  await ask(primary, introduction(name, login, password));
  if (!existsSync(dataDir)) await copyOf(primary, dataDir, (copy) => writeFile(join(copy, 'standby.signal'), ''));
  const cluster = await startCluster({
    name,
    dataDir,
    port: options.port ?? (await freePort()),
    superuserPassword: primary.superuserPassword,
    version: primary.version,
    settings: {
      ...primary.settings,
      primary_conninfo: `host=${primary.host} port=${primary.port} user=${login} password=${password} application_name=${name}`,
      primary_slot_name: name,
      wal_retrieve_retry_interval: '200ms',
    },
    hba: primary.hba,
    ...(options.logFile === undefined ? {} : { logFile: options.logFile }),
    ...(options.onUnexpectedExit === undefined ? {} : { onUnexpectedExit: options.onUnexpectedExit }),
  });
  const holds = async (what: string, text: string): Promise<void> => {
    const giveUpAt = Date.now() + withinMs;
    while ((await ask<{ holds: boolean }>(cluster, `select coalesce(${text}, false) as holds`))[0]?.holds !== true) {
      if (Date.now() > giveUpAt) throw new Error(`${name}: not within ${withinMs} ms: ${what}`);
      await pause(20);
    }
  };
  const replayed: Standby['replayed'] = async (lsn) => {
    const [written] =
      lsn === undefined ? await ask<{ lsn: string }>(primary, 'select pg_current_wal_lsn() as lsn') : [];
    const place = escapeLiteral(lsn ?? written?.lsn ?? '');
    await holds(`replayed ${place}`, `pg_last_wal_replay_lsn() >= ${place}::pg_lsn`);
  };
  const stream = async (setting: string): Promise<void> => {
    await ask(cluster, `alter system ${setting}`);
    await ask(cluster, 'select pg_reload_conf()');
  };
  return {
    cluster,
    disconnect: async () => {
      await stream(`set primary_conninfo = ''`);
      await holds('nothing is received', 'not exists (select from pg_stat_wal_receiver)');
    },
    reconnect: () => stream('reset primary_conninfo'),
    pauseReplay: async () => {
      await ask(cluster, 'select pg_wal_replay_pause()');
      await holds('replay is paused', `pg_get_wal_replay_pause_state() = 'paused'`);
    },
    resumeReplay: async () => void (await ask(cluster, 'select pg_wal_replay_resume()')),
    replayed,
    promote: async () => {
      await ask(cluster, 'select pg_promote(true, 30)');
      await holds('it is a primary', 'not pg_is_in_recovery()');
    },
    stop: () => cluster.stop(),
  };
}

/** A login that may replicate and nothing else, and a slot, so that a standby that was away finds what it missed. */
const introduction = (name: string, login: string, password: string): string => `
  do $$ begin
    if to_regrole(${escapeLiteral(login)}) is null then create role ${escapeIdentifier(login)} login replication; end if;
    if not exists (select from pg_replication_slots where slot_name = ${escapeLiteral(name)}) then
      perform pg_create_physical_replication_slot(${escapeLiteral(name)}, true);
    end if;
  end $$;
  alter role ${escapeIdentifier(login)} password ${escapeLiteral(password)}`;

export type Backup = {
  /** Puts the cluster back to what it was then, in its place and on its port. */
  readonly restore: () => Promise<void>;
};

/** A base backup: the folder as it is now. The cluster is down meanwhile. */
export async function takeBackup(cluster: Cluster): Promise<Backup> {
  const kept = `${cluster.dataDir}-backup`;
  await copyOf(cluster, kept);
  return {
    restore: async () => {
      await cluster.stop();
      await rm(cluster.dataDir, { recursive: true, force: true });
      await copyFolder(kept, cluster.dataDir);
      await cluster.start();
    },
  };
}

type Prepare = (folder: string) => Promise<unknown>;

async function copyOf(cluster: Cluster, to: string, prepare?: Prepare): Promise<void> {
  await cluster.stop();
  try {
    await copyFolder(cluster.dataDir, to, prepare);
  } finally {
    await cluster.start();
  }
}

/** Moved into place when it is whole. @param prepare is given it before */
async function copyFolder(from: string, to: string, prepare?: Prepare): Promise<void> {
  const making = `${to}.new`;
  for (const folder of [making, to]) await rm(folder, { recursive: true, force: true });
  await cp(from, making, { recursive: true, verbatimSymlinks: true });
  await prepare?.(making);
  await chmod(making, 0o700);
  const user = await postgresUser();
  if (user !== null) await run('chown', ['-R', `${user.uid}:${user.gid}`, making]);
  await rename(making, to);
}

async function ask<Row extends QueryResultRow>(cluster: Cluster, text: string): Promise<readonly Row[]> {
  const client = new Client({
    connectionString: cluster.url(),
    connectionTimeoutMillis: 5_000,
    query_timeout: 40_000,
    application_name: 'curfew dev',
  });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}
