import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { endGrants } from '../targets/postgres/end.ts';
import type { InstallOptions } from '../targets/postgres/install.ts';
import { startPostgres, until, type Postgres } from './support/postgres.ts';
import {
  asHolder,
  extension,
  granted,
  installOptions,
  installSample,
  makeSample,
  sqlstateOf,
  type Prepared,
  type Sample,
} from './support/target.ts';
import { installTarget } from '../targets/postgres/install.ts';

describe.each(['createrole', 'superuser'] as const)('in %s mode', (mode: NonNullable<InstallOptions['mode']>) => {
  let postgres: Postgres;
  let sample: Sample;
  const open: Client[] = [];
  beforeAll(async () => {
    postgres = await startPostgres();
    await makeSample(postgres);
    sample = await installSample(postgres, { mode });
  });
  afterEach(async () => {
    for (const client of open.splice(0)) await client.end().catch(() => undefined);
  });
  afterAll(async () => {
    await sample?.close();
    await postgres?.stop();
  });

  async function session(holder: Prepared): Promise<Client> {
    const login = { user: holder.role, password: holder.password, database: 'orders' };
    const client = new Client({ host: postgres.host, port: postgres.port, ...login });
    client.on('error', () => undefined);
    open.push(client);
    await client.connect();
    return client;
  }
  const liveOf = async ({ call }: Prepared) =>
    (await sample.worker.listLive()).find((row) => row.grantId === call.grantId);
  const repairs = async ({ call }: Prepared): Promise<number> =>
    (await sample.reaper.reap(100)).filter((row) => row.grantId === call.grantId).length;

  test('with every process dead, logins stop a grace before the end, and sessions go on until the end (I3)', async () => {
    const holder = await granted(sample.worker, { endAt: Date.now() + 6_000, graceMs: 3_000 });
    const { endAt } = holder.call;
    const client = await session(holder);
    expect(await liveOf(holder)).toMatchObject({ endAt, graceMs: 3_000, validUntilAt: endAt - 3_000, canLogin: true });
    await until(() => Date.now() > endAt - 2_980, 'the grace has begun');
    expect(await sqlstateOf(asHolder(postgres, holder, async () => undefined))).toBe('28P01');
    // The reaper sees nothing wrong in an end that is earlier than the ledger's.
    expect(await repairs(holder)).toBe(0);
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await until(() => Date.now() > endAt + 5, 'the end');
    expect(await sample.reaper.reap(100)).toMatchObject([{ cause: 'due', outcome: 'disabled' }]);
    expect(await sample.reaper.reapKill(1_000)).toMatchObject({ ended: 1, sessionsLeft: 0 });
    expect(await sample.worker.verifyMany('primary', [holder.call.grantId])).toMatchObject([{ ended: true }]);
  });

  test('an extension keeps the grace, and moves both', async () => {
    const holder = await granted(sample.worker, { graceMs: 300_000 });
    const later = holder.call.endAt + 600_000;
    await sample.worker.extend(extension(holder.call, later));
    expect(await liveOf(holder)).toMatchObject({ endAt: later, graceMs: 300_000, validUntilAt: later - 300_000 });
    expect(await repairs(holder)).toBe(0);
    expect(await sample.worker.grant(holder.call)).toMatchObject({ created: false, endAt: later });
  });

  test.each([
    ['at its end', 0],
    ['a second after logins should stop', -299_000],
    ['before they should', -301_000],
  ])('a login that somebody had run out %s disagrees with the ledger, and is ended (I19, F31)', async (_, byMs) => {
    const holder = await granted(sample.worker, { graceMs: 300_000 });
    const at = new Date(holder.call.endAt + byMs).toISOString();
    await postgres.query('postgres', `alter role ${holder.role} valid until '${at}'`);
    expect(await repairs(holder)).toBe(1);
    expect(await liveOf(holder)).toMatchObject({ state: 'revoked', canLogin: false });
  });

  test('open transactions are counted, and since when where the target may say', async () => {
    const [busy, idle, never] = [
      await granted(sample.worker),
      await granted(sample.worker),
      await granted(sample.worker),
    ];
    const clients = [await session(busy), await session(busy), await session(busy)];
    await session(idle);
    await clients[0]?.query('begin; select 1');
    await clients[1]?.query('begin isolation level repeatable read; select * from sales.orders limit 1');
    await until(async () => {
      const [row] = await sample.worker.openWork('primary', [busy.call.grantId]);
      return row?.openTransactions === 2 && (mode === 'createrole' || Number(row.oldestMs) >= 50);
    }, 'two are open');
    const rows = await sample.worker.openWork(
      'primary',
      [busy, idle, never].map(({ call }) => call.grantId),
    );
    const oldestMs = mode === 'superuser' ? expect.any(Number) : null;
    expect(rows.toSorted((a, b) => b.sessions - a.sessions)).toEqual([
      { grantId: busy.call.grantId, sessions: 3, openTransactions: 2, oldestMs },
      { grantId: idle.call.grantId, sessions: 1, openTransactions: 0, oldestMs: null },
      { grantId: never.call.grantId, sessions: 0, openTransactions: 0, oldestMs: null },
    ]);
    if (mode === 'superuser') expect(rows.find((row) => row.sessions === 3)?.oldestMs).toBeLessThan(60_000);
  });

  test('how far the store is only ever grows, except by an administrator', async () => {
    expect(await sample.reaper.markStore(5)).toBe(5);
    expect(await sample.reaper.markStore(3)).toBe(5);
    expect(await Promise.all([9, 7, 8].map((index) => sample.reaper.markStore(index)))).toContain(9);
    expect(await sample.reaper.markStore(0)).toBe(9);
    expect(await sqlstateOf(sample.reaper.markStore(-1))).toBe('CF008');
    await postgres.query('control', 'select curfew.accept_store(0)');
    expect(await sample.reaper.markStore(0)).toBe(0);
  });

  test('an installation from before there was a grace is brought up by installing again, with its grants live', async () => {
    const holder = await granted(sample.worker);
    const client = await session(holder);
    await postgres.query(
      'control',
      `drop function curfew.grant(uuid, uuid, text, text, timestamptz, timestamptz, text, bytea, interval, bigint);
       drop function curfew.to_drop(int); drop function curfew.open_work(uuid[]); drop function curfew.mark_store(bigint);
       drop table curfew.mark; alter table curfew.ledger drop column grace, drop column drop_tried_at;
       create function curfew.grant(uuid, uuid, text, text, timestamptz, timestamptz, text, bytea) returns int language sql as 'select 1'`,
    );
    await installTarget(postgres.admin, installOptions({ mode }));
    const signatures = await postgres.query<{ pronargs: number }>(
      'control',
      "select pronargs from pg_proc where pronamespace = 'curfew'::regnamespace and proname = 'grant'",
    );
    expect(signatures).toEqual([{ pronargs: 10 }]);
    expect(await liveOf(holder)).toMatchObject({ state: 'active', graceMs: 0, validUntilAt: holder.call.endAt });
    expect(await repairs(holder)).toBe(0);
    expect(await sample.worker.grant(holder.call)).toMatchObject({ created: false });
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    expect(await endGrants(sample.worker, [holder.call.grantId], { deadlineAt: Date.now() + 5_000 })).toMatchObject([
      { ended: true },
    ]);
  });
});
