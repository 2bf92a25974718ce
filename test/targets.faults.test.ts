/** What a server, its host or its administrator may do to a grant on its way out, each on a real cluster of its own. */
import { Client } from 'pg';
import { afterEach, describe, expect, test } from 'vitest';
import { endGrants, type EndReceipt } from '../targets/postgres/end.ts';
import type { InstallOptions } from '../targets/postgres/install.ts';
import { startPostgres, until, type Postgres, type PostgresOptions } from './support/postgres.ts';
import {
  granted,
  installSample,
  makeSample,
  openWorker,
  sqlstateOf,
  type Prepared,
  type Sample,
} from './support/target.ts';

let postgres: Postgres;
let sample: Sample;
const open: Client[] = [];
const stopped: number[] = [];
afterEach(async () => {
  for (const pid of stopped.splice(0)) signal(pid, 'SIGCONT');
  for (const client of open.splice(0)) await client.end().catch(() => undefined);
  await sample?.close();
  await postgres?.stop();
});

async function start(more: PostgresOptions & { readonly mode?: InstallOptions['mode'] } = {}): Promise<void> {
  postgres = await startPostgres(more);
  await makeSample(postgres);
  await postgres.query(
    'postgres',
    `grant create, temporary on database orders, models, control to orders_write;
     grant connect on database models, control to orders_write`,
  );
  for (const database of ['orders', 'models'])
    await postgres.query(database, 'create schema attic; grant create, usage on schema attic to orders_write');
  sample = await installSample(postgres, { ...(more.mode && { mode: more.mode }) });
}

async function session(holder: Prepared, database = 'orders'): Promise<Client> {
  const login = { user: holder.role, password: holder.password, database, connectionTimeoutMillis: 5_000 };
  const client = new Client({ host: postgres.host, port: postgres.port, ...login });
  client.on('error', () => undefined);
  open.push(client);
  await client.connect();
  return client;
}

function signal(pid: number, name: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone already.
  }
}
const pidOf = async (client: Client): Promise<number> =>
  Number((await client.query('select pg_backend_pid() as pid')).rows[0]?.pid);
async function freeze(client: Client): Promise<number> {
  const pid = await pidOf(client);
  stopped.push(pid);
  signal(pid, 'SIGSTOP');
  return pid;
}

const end = async ({ call }: Prepared, withinMs = 5_000): Promise<EndReceipt> => {
  const [receipt] = await endGrants(sample.worker, [call.grantId], { deadlineAt: Date.now() + withinMs });
  if (!receipt) throw new Error('no receipt');
  return receipt;
};
/** Calls end while the server is away, or every pooled connection is dead: a worker asks again. */
const endAgain = (holder: Prepared): Promise<EndReceipt> =>
  until(
    async () => {
      const receipt = await end(holder, 2_000).catch(() => undefined);
      return receipt?.ended === true ? receipt : undefined;
    },
    'the end',
    15_000,
  );
const restIsOver = (): Promise<unknown> =>
  postgres.query('control', "update curfew.ledger set disabled_at = disabled_at - interval '1 hour'");
const dropped = async ({ call }: Prepared) => (await sample.worker.dropMany([call.grantId]))[0];

test('a server that crashes before the revoke commits, and right after, ends what it was asked to (F18)', async () => {
  await start();
  const [one, two] = [await granted(sample.worker), await granted(sample.worker)];
  await session(one);
  // Held up at the ledger row, so that the crash comes inside of it.
  const holdsUp = new Client({ ...postgres.admin, database: 'control' });
  holdsUp.on('error', () => undefined);
  await holdsUp.connect();
  open.push(holdsUp);
  await holdsUp.query('begin; lock table curfew.ledger in share mode');
  const revoke = sample.worker.revokeMany([one.call.grantId]).catch(() => 'lost');
  await until(
    async () => (await postgres.query('postgres', 'select from pg_locks where not granted')).length > 0,
    'the revoke waits',
  );
  await postgres.crash();
  expect(await revoke).toBe('lost');
  expect(await endAgain(one)).toMatchObject({ ended: true });
  await until(
    () =>
      sample.worker.revokeMany([two.call.grantId]).then(
        () => true,
        () => false,
      ),
    'the revoke',
  );
  await postgres.crash();
  expect(await postgres.query('postgres', `select rolcanlogin from pg_roles where rolname = '${two.role}'`)).toEqual([
    { rolcanlogin: false },
  ]);
  expect(await endAgain(two)).toMatchObject({ ended: true });
});

test('a server that restarts while a kill waits for a session is killed on, until the session is gone (F19)', async () => {
  await start();
  const holder = await granted(sample.worker);
  await freeze(await session(holder));
  const waiting = end(holder, 20_000).catch((error: unknown) => error);
  await until(
    async () => (await sample.reaper.verifyMany('primary', [holder.call.grantId]))[0]?.canLogin === false,
    'it is disabled',
  );
  // The session that ignores its signal is killed with the server.
  await postgres.crash();
  await waiting;
  expect(await endAgain(holder)).toMatchObject({ ended: true, nodes: [{ facts: { sessions: 0, canLogin: false } }] });
});

test('a backend that is killed -9 leaves temporary tables, which keep nothing from being cleaned and dropped (F20, P15)', async () => {
  await start();
  const holder = await granted(sample.worker, { template: 'orders_write' });
  const client = await session(holder);
  await client.query('create temp table mine (x int); create table attic.kept (x int)');
  signal(await pidOf(client), 'SIGKILL');
  expect(await endAgain(holder)).toMatchObject({ ended: true });
  await restIsOver();
  expect(await dropped(holder)).toMatchObject({ outcome: 'deps', detail: 'orders' });
  expect(await sample.worker.ownedBy(holder.call.grantId, 'orders')).toEqual([{ kind: 'table', name: 'attic.kept' }]);
  expect(await sample.worker.clean(holder.call.grantId, 'orders')).toMatchObject({ outcome: 'clean' });
  expect(await dropped(holder)).toMatchObject({ outcome: 'dropped' });
});

test('a session that does not answer its signal is never called ended, and is as soon as it is gone (F21, I16)', async () => {
  await start();
  const holder = await granted(sample.worker);
  const pid = await freeze(await session(holder));
  const receipt = await end(holder, 4_000);
  expect(receipt).toMatchObject({
    outcome: 'disabled',
    ended: false,
    nodes: [{ ended: false, facts: { sessions: 1 } }],
  });
  expect(await sample.reaper.reapKill(100)).toMatchObject({ sessionsLeft: 1 });
  signal(pid, 'SIGCONT');
  expect(await end(holder)).toMatchObject({ ended: true });
});

describe.each(['createrole', 'superuser'] as const)('in %s mode', (mode) => {
  test('what a grantee owns in three databases passes nothing on, and holds up no drop but where told (F28, I22)', async () => {
    await start({ mode });
    const holder = await granted(sample.worker, { template: 'orders_write' });
    const next = await granted(sample.worker);
    await postgres.query('postgres', 'create database third');
    await postgres.query(
      'postgres',
      'revoke all on database third from public; grant connect, create on database third to orders_write',
    );
    await postgres.query('third', 'create schema attic; grant create, usage on schema attic to orders_write');
    await sample.close();
    sample = await installSample(postgres, { mode, databases: ['orders', 'models', 'third'] });
    for (const database of ['orders', 'models', 'third']) {
      await postgres.query(
        database,
        'create foreign data wrapper nowhere; create server away foreign data wrapper nowhere; grant usage on foreign server away to orders_write',
      );
      const client = await session(holder, database);
      await client.query(
        `create table attic.t (secret text); create view attic.v as select * from attic.t;
         select lo_create(0); create user mapping for current_user server away options (password 'x');
         alter default privileges in schema attic grant select on tables to public`,
      );
      await client.end();
    }
    await (
      await session(holder)
    ).query(
      `create function attic.door() returns setof sales.orders language sql security definer as 'select * from sales.orders'`,
    );
    await end(holder);
    await restIsOver();
    const deps = await dropped(holder);
    expect([deps?.outcome, deps?.detail?.split(',').toSorted()]).toEqual(['deps', ['models', 'orders', 'third']]);
    const owned = await sample.worker.ownedBy(holder.call.grantId, 'orders');
    expect(owned.map(({ kind }) => kind).toSorted()).toEqual([
      'default acl',
      'function',
      'large object',
      'table',
      'user mapping',
      'view',
    ]);
    for (const database of ['models', 'third'])
      expect(await sample.worker.clean(holder.call.grantId, database)).toEqual({ outcome: 'clean', detail: null });
    expect(await sample.worker.clean(holder.call.grantId, 'orders')).toMatchObject({
      outcome: mode === 'superuser' ? 'clean' : 'kept',
    });
    const client = await session(next);
    await postgres.query('orders', 'grant usage on schema attic to public');
    expect(await sqlstateOf(client.query('select * from attic.door() where total > 1'))).toBe('42501');
    expect(await sqlstateOf(client.query('select * from attic.v'))).toBe('42501');
    if (mode === 'createrole') {
      expect(await dropped(holder)).toMatchObject({ outcome: 'deps', detail: 'orders' });
      await postgres.query('orders', 'drop function attic.door()');
      expect(await sample.worker.clean(holder.call.grantId, 'orders')).toMatchObject({ outcome: 'clean' });
    }
    expect(await dropped(holder)).toMatchObject({ outcome: 'dropped' });
  });
});

test('somebody’s lock on a grantee’s table holds up its cleaning alone, and no revoke (F30)', async () => {
  await start();
  const holder = await granted(sample.worker, { template: 'orders_write' });
  const other = await granted(sample.worker, { template: 'orders_write' });
  await session(other);
  await (await session(holder)).query('create table attic.t (x int)');
  await end(holder);
  await restIsOver();
  const locks = new Client({ ...postgres.admin, database: 'orders' });
  await locks.connect();
  open.push(locks);
  await locks.query('begin; lock table attic.t in access share mode');
  const cleaning = sample.worker.clean(holder.call.grantId, 'orders');
  await until(
    async () => (await postgres.query('postgres', 'select from pg_locks where not granted')).length > 0,
    'the cleaning waits',
  );
  const startedAt = performance.now();
  expect(await end(other)).toMatchObject({ ended: true });
  expect(await granted(sample.worker, { template: 'orders_write' })).toBeDefined();
  // Either would wait for it for five seconds.
  expect(performance.now() - startedAt).toBeLessThan(4_000);
  expect(await cleaning).toEqual({ outcome: 'failed', detail: '55P03' });
  expect(await dropped(holder)).toMatchObject({ outcome: 'deps' });
  await locks.query('rollback');
  expect(await sample.worker.clean(holder.call.grantId, 'orders')).toMatchObject({ outcome: 'clean' });
  expect(await dropped(holder)).toMatchObject({ outcome: 'dropped' });
});

test('grantees that take every connection do not keep the reaper out: a few are reserved for it (F32)', async () => {
  await start({ config: { max_connections: '14', superuser_reserved_connections: '3', reserved_connections: '2' } });
  await sample.close();
  sample = await installSample(postgres);
  const holders: Prepared[] = [];
  for (let n = 0; n < 4; n += 1) holders.push(await granted(sample.worker, { endAt: Date.now() + 8_000 }));
  const refusals: string[] = [];
  for (let n = 0; n < 12 && refusals.length === 0; n += 1) {
    const holder = holders[n % holders.length];
    if (holder) await session(holder).catch((error: { code: string }) => refusals.push(error.code));
  }
  expect(refusals).toEqual(['53300']);
  // Whoever comes anew is not let in, but for the reaper.
  const late = openWorker(postgres);
  expect(await sqlstateOf(late.whoami('primary'))).toBe('53300');
  await late.close();
  expect(await sample.reaper.whoami('primary')).toMatchObject({ inRecovery: false });
  await until(() => Date.now() > (holders.at(-1)?.call.endAt ?? 0), 'the end', 10_000);
  expect((await sample.reaper.reap(100)).map(({ outcome }) => outcome)).toEqual(Array(4).fill('disabled'));
  expect(await sample.reaper.reapKill(2_000)).toMatchObject({ sessionsLeft: 0 });
});
