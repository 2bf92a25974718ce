import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCleaning, type Swept } from '../activities/cleaning.ts';
import { createLanding } from '../activities/landing.ts';
import type { RequestId } from '../domain/ids.ts';
import { roleOf } from '../domain/ids.ts';
import * as alarms from '../store/alarms.ts';
import { TargetError } from '../targets/postgres/failures.ts';
import { entriesOf } from '../store/audit.ts';
import { leftBehind, leftById } from '../store/cleaning.ts';
import { stored } from './support/cleaned.ts';
import { ordersProd, quiet, startGranting, type Claimed, type Granting } from './support/granting.ts';

let world: Granting;
beforeAll(async () => {
  world = await startGranting();
  for (const database of ['orders', 'models'])
    await world.postgres.query(database, 'create schema attic; grant usage, create on schema attic to orders_read');
});
afterAll(() => world.end());

const store = () => world.company.store.as.curfew_worker;
const graveyard = () => ({ target: world.cluster.target, targets: [ordersProd] });
const sweep = (
  more: Partial<Parameters<typeof createCleaning>[0]> = {},
  target = world.cluster.target,
): Promise<Swept> =>
  createCleaning({
    store: store(),
    clock: Date.now,
    log: quiet,
    left: (leftId) => ({ kind: 'left-behind', key: leftId, payload: { leftId } }),
    ...more,
  })({ ...graveyard(), target });

/** Granted, used, ended, and long enough in the graveyard. */
async function buried(use: (holder: Claimed) => Promise<unknown> = () => Promise.resolve()): Promise<RequestId> {
  return bury(await world.claimed(), use);
}

async function bury(it: Claimed, use: (holder: Claimed) => Promise<unknown>): Promise<RequestId> {
  await world.run(world.activities().grant, it);
  await use(it);
  const { endAt } = it;
  const end = { outcome: 'released', cause: 'done' } as const;
  const state = { kind: 'revoking', endAt, end, needs: [], approvals: [] } as never;
  await world.run(world.activities().revoke, { ...it, view: { ...it.view, version: it.view.version + 2, state } });
  await rest(it.requestId);
  return it.requestId;
}

const rest = (id: RequestId): Promise<unknown> =>
  world.postgres.query(
    'control',
    "update curfew.ledger set disabled_at = disabled_at - interval '1 hour', drop_tried_at = null where grant_id = $1",
    [id],
  );

const asHolder = (it: Claimed, database: string, text: string): Promise<unknown> =>
  world.postgres.as({ user: roleOf(it.requestId), password: it.password, database }, (client) => client.query(text));

const kindsOf = async (id: RequestId): Promise<readonly string[]> =>
  (await entriesOf(world.company.store.admin, id)).map(({ kind }) => kind).filter((kind) => kind.startsWith('role.'));
const roleIsThere = async (id: RequestId): Promise<boolean> => (await world.canLogin(id)) !== undefined;

test('a login stays forty minutes, and is dropped by the next look after them', async () => {
  const id = await buried();
  await world.postgres.query(
    'control',
    'update curfew.ledger set disabled_at = clock_timestamp() where grant_id = $1',
    [id],
  );
  expect(await sweep()).toEqual({ dropped: 0, kept: 0, waiting: 0 });
  expect(await roleIsThere(id)).toBe(true);
  await rest(id);
  expect(await sweep()).toEqual({ dropped: 1, kept: 0, waiting: 0 });
  expect(await roleIsThere(id)).toBe(false);
  expect(await kindsOf(id)).toEqual(['role.dropped']);
  expect(await sweep()).toEqual({ dropped: 0, kept: 0, waiting: 0 });
});

test('what the holder made is listed before it changes hands, told once, and its names can be erased (F28, I22)', async () => {
  const id = await buried(async (it) => {
    await asHolder(it, 'orders', 'create table attic.secret_plan (x int); create view attic.v as select 1 as one');
    await asHolder(it, 'models', 'create table attic.weights (x int)');
  });
  expect(await sweep()).toEqual({ dropped: 1, kept: 0, waiting: 0 });
  const left = await leftBehind(world.company.store.admin, { requestId: id, limit: 10 });
  expect(left.toSorted((a, b) => a.database.localeCompare(b.database))).toMatchObject([
    { target: ordersProd, database: 'models', total: 1, kinds: { table: 1 } },
    {
      database: 'orders',
      total: 2,
      names: [
        { kind: 'table', name: 'attic.secret_plan' },
        { kind: 'view', name: 'attic.v' },
      ],
    },
  ]);
  expect((await leftById(store(), left[0]?.id ?? ''))?.names).toEqual(left[0]?.names);
  expect(await kindsOf(id)).toEqual(['role.cleaned', 'role.cleaned', 'role.dropped']);
  expect((await stored(world, 'left-behind')).toSorted()).toEqual(left.map((one) => one.id).toSorted());
  const owner = `select distinct relowner::regrole::text as owner from pg_class where relnamespace = 'attic'::regnamespace`;
  expect(await world.postgres.query('orders', owner)).toEqual([{ owner: 'curfew_quarantine' }]);
  const entries = await entriesOf(world.company.store.admin, id);
  expect(JSON.stringify(entries)).not.toContain('secret_plan');
  await world.company.store.admin.query(`update curfew.personal set body = null where kind = 'left-behind'`);
  expect((await leftBehind(world.company.store.admin, { requestId: id, limit: 10 }))[0]?.names).toBeNull();
});

test('what an administrator must take is kept, alarmed once, and over when it is taken', async () => {
  const id = await buried((it) =>
    asHolder(it, 'orders', `create function attic.door() returns int language sql security definer as 'select 1'`),
  );
  expect(await sweep()).toEqual({ dropped: 0, kept: 1, waiting: 0 });
  expect(await kindsOf(id)).toEqual(['role.kept']);
  expect(await alarms.open(world.company.store.admin)).toMatchObject([{ code: 'role-kept', subject: id }]);
  expect(await sweep()).toEqual({ dropped: 0, kept: 0, waiting: 0 });
  await rest(id);
  expect(await sweep()).toEqual({ dropped: 0, kept: 1, waiting: 0 });
  expect(await kindsOf(id)).toEqual(['role.kept']);
  await world.postgres.query('orders', 'drop function attic.door()');
  await rest(id);
  expect(await sweep()).toMatchObject({ dropped: 1, kept: 0 });
  expect(await kindsOf(id)).toEqual(['role.kept', 'role.cleaned', 'role.dropped']);
  expect(await alarms.open(world.company.store.admin)).toEqual([]);
});

test('a database that lets nobody in keeps its own logins waiting, and no other login (I22)', async () => {
  const [first, second] = [await world.claimed(), await world.claimed()].toSorted((a, b) =>
    a.requestId < b.requestId ? -1 : 1,
  );
  if (!first || !second) expect.fail('two were claimed');
  const shut = await bury(first, (it) => asHolder(it, 'models', 'create table attic.shut_in (x int)'));
  const other = await bury(second, (it) => asHolder(it, 'orders', 'create table attic.other (x int)'));
  await world.postgres.query('control', 'alter database models allow_connections false');
  await world.postgres.query(
    'control',
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = 'models'`,
  );
  try {
    expect(await sweep()).toEqual({ dropped: 1, kept: 1, waiting: 0 });
    expect([await roleIsThere(shut), await roleIsThere(other)]).toEqual([true, false]);
  } finally {
    await world.postgres.query('control', 'alter database models allow_connections true');
  }
  await rest(shut);
  expect(await sweep()).toMatchObject({ dropped: 1 });
  expect(await kindsOf(shut)).toEqual(['role.kept', 'role.cleaned', 'role.dropped']);
  expect(await alarms.open(world.company.store.admin)).toEqual([]);
});

test('one that cannot be cleaned in time waits, holds up no other, and is an alarm after an hour', async () => {
  const [first, second] = [await world.claimed(), await world.claimed()].toSorted((a, b) =>
    a.requestId < b.requestId ? -1 : 1,
  );
  if (!first || !second) expect.fail('two were claimed');
  const slow = await bury(first, (it) => asHolder(it, 'orders', 'create table attic.slow (x int)'));
  const other = await bury(second, (it) => asHolder(it, 'orders', 'create table attic.quick (x int)'));
  const target = {
    ...world.cluster.target,
    clean: (id: string, database: string) =>
      id === slow
        ? Promise.reject(new TargetError('TargetUnavailable', 'orders-prod: clean: no answer in time'))
        : world.cluster.target.clean(id, database),
  };
  expect(await sweep({}, target)).toEqual({ dropped: 1, kept: 0, waiting: 1 });
  expect([await roleIsThere(slow), await roleIsThere(other)]).toEqual([true, false]);
  expect(await alarms.open(world.company.store.admin)).toEqual([]);
  expect(await sweep({ clock: () => Date.now() + 3_700_000 }, target)).toEqual({ dropped: 0, kept: 1, waiting: 0 });
  expect(await alarms.open(world.company.store.admin)).toMatchObject([{ code: 'role-kept', subject: slow }]);
  await rest(slow);
  expect(await sweep()).toMatchObject({ dropped: 1 });
  expect(await alarms.open(world.company.store.admin)).toEqual([]);
});

test('a worker that died between the drop and its record records it later, once (I11, I23)', async () => {
  const id = await buried();
  const broken = { ...store(), transaction: () => Promise.reject(new Error('gone')) } as never;
  await expect(sweep({ store: broken })).rejects.toThrow('gone');
  expect(await roleIsThere(id)).toBe(false);
  expect(await kindsOf(id)).toEqual([]);
  expect(await sweep()).toEqual({ dropped: 0, kept: 0, waiting: 0 });
  expect(await sweep({ clock: () => Date.now() + 121_000 })).toEqual({ dropped: 1, kept: 0, waiting: 0 });
  expect(await kindsOf(id)).toEqual(['role.dropped']);
  expect(await sweep({ clock: () => Date.now() + 121_000 })).toEqual({ dropped: 0, kept: 0, waiting: 0 });
});

const repaint = (requestId: RequestId, version: number) => ({
  kind: 'repaint',
  key: `repaint:${requestId}:${version}`,
  payload: { requestId, version },
});

const look = (atMs: number) => createLanding({ store: store(), clock: () => atMs, log: quiet, repaint })(graveyard());

test('open transactions are counted before the end, and what was told is painted again when they change', async () => {
  const it = await world.claimed();
  const { endAt } = await world.run(world.activities().grant, it);
  const counts = () =>
    world.company.store.admin.query<{ sessions: number; transactions: number; since: number | null }>(
      'select sessions, transactions, oldest_since as since from curfew.open_work where request_id = $1',
      [it.requestId],
    );
  await world.postgres.as({ user: roleOf(it.requestId), password: it.password, database: 'orders' }, async (client) => {
    await client.query('begin; select 1');
    expect(await look(endAt - 2 * 3_600_000)).toEqual({ counted: 0 });
    expect(await look(endAt - 600_000)).toEqual({ counted: 1 });
    // In createrole mode the owner may not see since when.
    expect(await counts()).toEqual([{ sessions: 1, transactions: 1, since: null }]);
    expect(await stored(world, 'repaint')).toEqual([]);
    await world.company.store.admin.query(
      `update curfew.projection set view = jsonb_set(view, '{noticed}', 'true') where request_id = $1`,
      [it.requestId],
    );
    await look(endAt - 540_000);
    expect(await stored(world, 'repaint')).toEqual([]);
    await client.query('commit');
    await look(endAt - 480_000);
    expect(await counts()).toMatchObject([{ transactions: 0 }]);
    expect(await stored(world, 'repaint')).toHaveLength(1);
  });
});
