import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, type QueryResultRow } from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../dev/ports.ts';
import { startCluster, type Cluster, type ClusterOptions } from '../dev/postgres.ts';
import { Trouble } from '../dev/trouble.ts';
import { eventually } from './support/eventually.ts';
import { isRunning, scratchFolder } from './support/folder.ts';

const optionsIn = async (folder: string): Promise<ClusterOptions> => ({
  name: 'sample',
  dataDir: join(folder, 'a folder', 'data'),
  port: await freePort(),
  superuserPassword: `it's a pass/word`,
  settings: { fsync: 'off' },
});

const start = async (options: ClusterOptions): Promise<Cluster> => {
  const cluster = await startCluster(options);
  onTestFinished(cluster.stop);
  return cluster;
};

const query = async (connectionString: string, text: string): Promise<readonly QueryResultRow[]> => {
  const client = new Client({ connectionString, connectionTimeoutMillis: 5_000, query_timeout: 5_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<QueryResultRow>(text)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
};

test('a cluster keeps its data over stop, restart, a killed postmaster and a crash', async () => {
  const cluster = await start(await optionsIn(scratchFolder()));
  await query(cluster.url(), 'create table kept (n int); insert into kept values (1)');
  const pids = [cluster.pid()];
  await cluster.restart();
  pids.push(cluster.pid());
  // A backend at work does not notice the postmaster's death by itself.
  const busy = query(cluster.url(), `do 'begin loop end loop; end'`).catch((error: unknown) => error);
  await eventually(
    'it is busy',
    async () => (await query(cluster.url(), `select from pg_stat_activity where query like 'do %'`))[0],
  );
  await cluster.crash('kill');
  expect(await busy).toBeInstanceOf(Error);
  expect(cluster.pid()).toBeNull();
  await cluster.start();
  await cluster.crash('immediate');
  await cluster.start();
  await cluster.stop();
  await cluster.start();
  expect(await query(cluster.url(), 'select n from kept')).toEqual([{ n: 1 }]);
  expect(new Set(pids).size).toBe(2);
  expect(pids.some((pid) => pid !== null && isRunning(pid))).toBe(false);
});

test('it listens on loopback only, takes SCRAM only and can prepare no transaction', async () => {
  const cluster = await start(await optionsIn(scratchFolder()));
  const [facts] = await query(
    cluster.url(),
    `select current_setting('listen_addresses') listen, current_setting('unix_socket_directories') sockets,
            current_setting('max_prepared_transactions') prepared, current_setting('server_version_num')::int / 10000 as major,
            (select array_agg(distinct auth_method) from pg_hba_file_rules) methods,
            (select rolpassword like 'SCRAM-SHA-256$%' from pg_authid where rolname = 'postgres') scram`,
  );
  expect(facts).toEqual({
    listen: '127.0.0.1',
    sockets: '',
    prepared: '0',
    major: 18,
    methods: ['scram-sha-256'],
    scram: true,
  });
  await expect(query(cluster.url({ password: 'guessed' }), 'select 1')).rejects.toMatchObject({ code: '28P01' });
  expect(statSync(cluster.dataDir).mode & 0o077).toBe(0);
});

test('settings and pg_hba.conf are the caller’s', async () => {
  const hba = 'host all all 127.0.0.1/32 scram-sha-256\nhost all "+closed" 127.0.0.1/32 reject\n';
  const cluster = await start({
    ...(await optionsIn(scratchFolder())),
    settings: { application_name: `o'clock`, fsync: 'off' },
    hba,
  });
  expect(await query(cluster.url(), 'select count(*)::int n from pg_hba_file_rules')).toEqual([{ n: 2 }]);
  await cluster.restart();
  expect(await query(cluster.url(), `select reset_val v from pg_settings where name = 'application_name'`)).toEqual([
    { v: `o'clock` },
  ]);
});

test('a lock file of a dead server, or of a stranger that has its process id now, is taken over', async () => {
  const cluster = await start(await optionsIn(scratchFolder()));
  const lockFile = join(cluster.dataDir, 'postmaster.pid');
  const pid = String(cluster.pid());
  const lines = readFileSync(lockFile, 'utf8');
  await cluster.stop();
  // Of the server's own user: PostgreSQL itself passes over a process that it may not signal.
  const owner = statSync(cluster.dataDir);
  const stranger = spawn('sleep', ['60'], { stdio: 'ignore', uid: owner.uid, gid: owner.gid });
  onTestFinished(() => void stranger.kill());
  for (const stale of [pid, String(stranger.pid)]) {
    writeFileSync(lockFile, lines.replace(pid, stale), { mode: 0o600 });
    chownSync(lockFile, owner.uid, owner.gid);
    await cluster.start();
    expect(await query(cluster.url(), 'select 1 one')).toEqual([{ one: 1 }]);
    await cluster.stop();
  }
});

test('a server of another run in the folder is a trouble that names its process', async () => {
  const options = await optionsIn(scratchFolder());
  const cluster = await start(options);
  const second = startCluster({ ...options, port: await freePort() });
  await expect(second).rejects.toThrow(Trouble);
  await expect(second).rejects.toThrow(new RegExp(`process ${cluster.pid()}[^]*kill -INT ${cluster.pid()}`));
  expect(await query(cluster.url(), 'select 1 one')).toEqual([{ one: 1 }]);
});

test('a taken port, another password, another version and a folder that is none are troubles with a mend', async () => {
  const folder = scratchFolder();
  const options = await optionsIn(folder);
  const taken = createServer().listen(options.port, '127.0.0.1');
  await once(taken, 'listening');
  await expect(startCluster(options)).rejects.toThrow(new RegExp(`port ${options.port}[^]*Mend: end that program`));
  await new Promise((closed) => taken.close(closed));
  await (await start(options)).stop();
  await expect(startCluster({ ...options, superuserPassword: 'another' })).rejects.toThrow(
    /another superuser password[^]*--fresh/,
  );
  await expect(startCluster({ ...options, version: 17 })).rejects.toThrow(/made by PostgreSQL 18, not 17[^]*--fresh/);
  const empty = join(folder, 'empty');
  mkdirSync(empty);
  await expect(startCluster({ ...options, dataDir: empty })).rejects.toThrow(/no PostgreSQL data folder[^]*--fresh/);
  expect(existsSync(join(options.dataDir, 'postmaster.pid'))).toBe(false);
});

test('what an interrupted start left half made is made again', async () => {
  const options = await optionsIn(scratchFolder());
  mkdirSync(`${options.dataDir}.new/base`, { recursive: true });
  writeFileSync(`${options.dataDir}.new/PG_VERSION`, '18');
  const cluster = await start(options);
  expect(await query(cluster.url(), 'select 1 one')).toEqual([{ one: 1 }]);
  expect(existsSync(`${options.dataDir}.new`)).toBe(false);
  expect(existsSync(`${options.dataDir}.password`)).toBe(false);
});

test('a parent that dies without a word leaves no server', async () => {
  const folder = scratchFolder();
  const options = await optionsIn(folder);
  const script = join(folder, 'parent.ts');
  const source = join(import.meta.dirname, '../dev/postgres.ts');
  const code = `import { startCluster } from ${JSON.stringify(source)};
    const cluster = await startCluster(${JSON.stringify(options)});
    console.log(cluster.pid());
    setInterval(() => {}, 1000);`;
  writeFileSync(script, code);
  const parent = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void parent.kill('SIGKILL'));
  const [chunk] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(chunk.toString());
  expect(isRunning(pid)).toBe(true);
  parent.kill('SIGKILL');
  await eventually('the server is gone', () => !isRunning(pid));
  expect(execFileSync('ps', ['-A', '-o', 'args='], { encoding: 'utf8' })).not.toContain(options.dataDir);
});
