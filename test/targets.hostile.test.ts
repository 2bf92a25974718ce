import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { acceptStore } from '../targets/postgres/accept-store.ts';
import { makeTicket } from '../targets/postgres/ticket.ts';
import { makeVerifier } from '../targets/postgres/verifier.ts';
import { startPostgres, type Postgres } from './support/postgres.ts';
import {
  catalog,
  granted,
  installSample,
  makeSample,
  prepareGrant,
  reaperPassword,
  sqlstateOf,
  ticketKey,
  workerPassword,
  type Sample,
} from './support/target.ts';

let postgres: Postgres;
let sample: Sample;
beforeAll(async () => {
  postgres = await startPostgres();
  await makeSample(postgres);
  sample = await installSample(postgres);
});
afterAll(async () => {
  await sample?.close();
  await postgres?.stop();
});

const asWorker = <T>(work: (client: Client) => Promise<T>): Promise<T> =>
  postgres.as({ user: 'curfew_worker', password: workerPassword, database: 'control' }, work);

const grantText = 'select * from curfew.grant($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)';
const soon = (ms = 600_000): string => new Date(Date.now() + ms).toISOString();

/** The ten arguments as they go over the wire, right in everything, with a ticket that fits. */
function wire(more: Parameters<typeof prepareGrant>[0] = {}): unknown[] {
  const { call } = prepareGrant(more);
  return [
    call.grantId,
    call.personId,
    call.template,
    call.verifier,
    new Date(call.endAt).toISOString(),
    soon(30_000),
    call.keyId,
    call.ticket,
    `${call.graceMs} ms`,
    call.storeIndex,
  ];
}
const changed = (at: number, value: unknown): unknown[] => wire().with(at, value);

/** Each of these is refused with its SQLSTATE, and leaves every role, membership and ledger row as it was. */
async function refused(cases: readonly (readonly [string, readonly unknown[], string])[]): Promise<void> {
  const before = await catalog(postgres);
  await asWorker(async (client) => {
    for (const [what, values, sqlstate] of cases) {
      expect([what, await sqlstateOf(client.query(grantText, [...values]))]).toEqual([what, sqlstate]);
    }
  });
  expect(await catalog(postgres)).toBe(before);
}

describe('grant refuses, and changes nothing', () => {
  test('a template whose name is a trick, is too long, or is somebody else’s role', async () => {
    const names = [
      'orders_read; drop role postgres',
      'orders_read" to postgres --',
      "orders_read' or '1'='1",
      '%I',
      '%1$s',
      '$$',
      '',
      ' orders_read',
      'ORDERS_READ',
      'orders_reаd', // a Cyrillic а
      'orders_read\u200b',
      'ordérs_read',
      'orders_read|x',
      `orders_read${'x'.repeat(100)}`,
      'x'.repeat(100_000),
      'pg_read_all_data',
      'pg_execute_server_program',
      'pg_signal_backend',
      'postgres',
      'curfew_owner',
      'curfew_worker',
      'curfew_quarantine',
      'public',
      'none',
      'current_user',
    ];
    await refused(names.map((template) => [template.slice(0, 40), wire({ template }), 'CF004'] as const));
  });

  test('what PostgreSQL would take for a clear password, or would hash for seconds', async () => {
    const good = makeVerifier('a-password-of-length');
    const verifiers = [
      'hunter2',
      '',
      good.replace('4096', '4095'),
      good.replace('4096', '9999999'),
      `${good}'; drop table x`,
      `${good}\n`,
    ];
    await refused(verifiers.map((verifier) => [verifier, wire({ verifier }), 'CF002'] as const));
  });

  test('an end that is past, infinite or beyond the maximum, whatever ticket comes with it', async () => {
    await refused([
      ['past', wire({ endAt: Date.now() - 1 }), 'CF005'],
      ['1970', wire({ endAt: 0 }), 'CF005'],
      ['beyond the maximum', wire({ endAt: Date.now() + 8 * 3_600_000 + 60_000 }), 'CF005'],
      ['year 9999', wire({ endAt: Date.UTC(9999, 0) }), 'CF005'],
      ['infinity', changed(4, 'infinity'), 'CF013'],
      ['-infinity', changed(4, '-infinity'), 'CF013'],
      ['not an instant', changed(4, "now'::text"), '22007'],
      ['out of range', changed(4, '294277-01-01'), '22008'],
    ]);
  });

  test('an attempt that comes after its deadline', async () => {
    await refused([
      ['a moment ago', changed(5, new Date(Date.now() - 1).toISOString()), 'CF003'],
      ['-infinity', changed(5, '-infinity'), 'CF003'],
    ]);
  });

  test('a grace that is none, or that leaves no time to log in', async () => {
    await refused([
      ['negative', changed(8, '-1 ms'), 'CF005'],
      ['negative in parts', changed(8, '1 day -25 hours'), 'CF005'],
      ['over an hour', changed(8, '3600001 ms'), 'CF005'],
      ['a month', changed(8, '1 month'), 'CF005'],
      ['the whole time', wire({ endAt: Date.now() + 600_000, graceMs: 600_000 }), 'CF005'],
      ['no span', changed(8, 'soon'), '22007'],
    ]);
  });

  test('whoever judged by a store that is behind what the target has seen of it', async () => {
    await sample.reaper.markStore(42);
    await refused([
      ['one entry behind', wire({ storeIndex: 41 }), 'CF015'],
      ['an empty store', wire({ storeIndex: 0 }), 'CF015'],
      ['negative', changed(9, -1), 'CF015'],
      ['no number', changed(9, 'x'), '22P02'],
    ]);
    expect(await sample.reaper.markStore(7)).toBe(42);
    expect((await sample.worker.grant(prepareGrant({ storeIndex: 42 }).call)).created).toBe(true);
    await acceptStore(postgres.admin, 'control', 0);
    expect((await sample.worker.grant(prepareGrant().call)).created).toBe(true);
  });

  test('every null', async () => {
    await refused([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((at) => [`argument ${at}`, changed(at, null), 'CF008'] as const));
  });

  test('ids that are none', async () => {
    await refused([
      ['grant', changed(0, "'; select 1"), '22P02'],
      ['person', changed(1, 'nobody'), '22P02'],
      ['zeros in the text', changed(3, 'a\0b'), '22021'],
    ]);
  });

  test('a ticket that was made for anything else', async () => {
    const { call } = prepareGrant();
    const right = {
      key: ticketKey,
      op: 'grant' as const,
      grantId: call.grantId,
      personId: call.personId,
      template: call.template,
      verifier: call.verifier,
      endAt: call.endAt,
    };
    const end = new Date(call.endAt).toISOString();
    const base = [call.grantId, call.personId, call.template, call.verifier, end, soon(30_000), 'key-1'];
    const { verifier: _, ...extendFields } = right;
    const wrong: readonly (readonly [string, Uint8Array])[] = [
      ['another grant', makeTicket({ ...right, grantId: randomUUID() })],
      ['another person', makeTicket({ ...right, personId: randomUUID() })],
      ['another template', makeTicket({ ...right, template: 'orders_write' })],
      ['another verifier', makeTicket({ ...right, verifier: makeVerifier('another-password-here') })],
      ['a millisecond later', makeTicket({ ...right, endAt: right.endAt + 1 })],
      ['another operation', makeTicket({ ...extendFields, op: 'extend' })],
      ['another key', makeTicket({ ...right, key: Buffer.alloc(32, 1) })],
      ['empty', Buffer.alloc(0)],
      ['cut', makeTicket(right).subarray(0, 31)],
      ['long', Buffer.concat([makeTicket(right), Buffer.alloc(1)])],
    ];
    await refused([
      ...wrong.map(([what, ticket]) => [what, [...base, ticket, '0 s', 0], 'CF013'] as const),
      ['another key id', [...base.with(6, 'key-2'), makeTicket(right), '0 s', 0], 'CF013'],
      ['a key id that is a trick', [...base.with(6, "key-1' or true --"), makeTicket(right), '0 s', 0], 'CF013'],
    ]);
    expect((await sample.worker.grant(call)).created).toBe(true);
  });

  test('a replay with anything changed, and the grant stays what it was', async () => {
    const { call } = await granted(sample.worker);
    const again = (more: Parameters<typeof prepareGrant>[0]): unknown[] =>
      wire({ ...call, ticket: undefined, ...more } as typeof call);
    await refused([
      ['template', again({ template: 'orders_write' }), 'CF006'],
      ['person', again({ personId: randomUUID() }), 'CF006'],
      ['verifier', again({ verifier: makeVerifier('another-password-here') }), 'CF006'],
      ['end', again({ endAt: call.endAt + 1_000 }), 'CF006'],
      ['grace', again({ graceMs: 1_000 }), 'CF006'],
    ]);
    expect(await sample.worker.grant(call)).toMatchObject({ created: false, endAt: call.endAt });
  });

  test('a role that exists and the ledger does not know, even one with the right name', async () => {
    const { call, role } = prepareGrant();
    await postgres.query('postgres', `create role ${role} login superuser`);
    expect(await sqlstateOf(sample.worker.grant(call))).toBe('CF010');
    await postgres.query('postgres', `drop role ${role}`);
  });

  test('the reaper’s login, and the holder’s', async () => {
    const reaper = { user: 'curfew_reaper', password: reaperPassword, database: 'control' };
    expect(await sqlstateOf(postgres.as(reaper, (client) => client.query(grantText, wire())))).toBe('42501');
  });
});

describe('whatever the caller has set', () => {
  const settings: readonly (readonly [string, string])[] = [
    ['TimeZone', "set timezone = 'Pacific/Kiritimati'"],
    ['DateStyle', "set datestyle = 'SQL, DMY'"],
    // India's IST, which by its abbreviation alone could be Israel's.
    ['TimeZone and DateStyle', "set timezone = 'Asia/Kolkata'; set datestyle = 'SQL, DMY'"],
    ['IntervalStyle', "set intervalstyle = 'sql_standard'"],
    ['search_path', 'set search_path = pg_temp, public'],
    ['createrole_self_grant', "set createrole_self_grant = 'set, inherit'"],
    ['standard_conforming_strings', 'set standard_conforming_strings = off'],
    ['plpgsql.extra_errors', "set plpgsql.extra_errors = 'all'"],
    ['transform_null_equals', 'set transform_null_equals = on'],
    ['bytea_output', "set bytea_output = 'escape'"],
    ['quote_all_identifiers', 'set quote_all_identifiers = on'],
    ['plpgsql.variable_conflict', "set plpgsql.variable_conflict = 'use_variable'"],
  ];

  test.each(settings)('%s moves nothing', async (_, setting) => {
    const { call, role } = prepareGrant();
    await asWorker(async (client) => {
      await client.query(setting);
      const values = [
        call.grantId,
        call.personId,
        call.template,
        call.verifier,
        new Date(call.endAt).toISOString(),
        soon(30_000),
        'key-1',
        call.ticket,
        '0 s',
        0,
      ];
      await client.query(grantText, values);
    });
    const [row] = await postgres.query<{ until: Date; super: boolean; members: number }>(
      'postgres',
      `select rolvaliduntil as until, rolsuper as super,
         (select count(*)::int from pg_auth_members m where m.roleid = r.oid and (m.set_option or m.inherit_option)) as members
         from pg_roles r where rolname = $1`,
      [role],
    );
    expect([row?.until.getTime(), row?.super, row?.members]).toEqual([call.endAt, false, 0]);
  });

  test('standard_conforming_strings does not make a stranger of a role whose name only looks like a grant’s', async () => {
    await postgres.query('postgres', 'create role cfwadmin login');
    const reaper = { user: 'curfew_reaper', password: reaperPassword, database: 'control' };
    await postgres.as(reaper, async (client) => {
      await client.query('set standard_conforming_strings = off');
      expect((await client.query('select role from curfew.reap(100)')).rows).toEqual([]);
    });
    await postgres.query('postgres', 'drop role cfwadmin');
  });

  test.each(['repeatable read', 'serializable'])('isolation %s is refused by every call that writes', async (level) => {
    const before = await catalog(postgres);
    await asWorker(async (client) => {
      await client.query(`set default_transaction_isolation = '${level}'`);
      expect(await sqlstateOf(client.query(grantText, wire()))).toBe('CF012');
      expect(await sqlstateOf(client.query('select * from curfew.revoke_many($1)', [[randomUUID()]]))).toBe('CF012');
      expect(await sqlstateOf(client.query('select * from curfew.drop_many($1)', [[randomUUID()]]))).toBe('CF012');
    });
    expect(await catalog(postgres)).toBe(before);
  });

  test('temporary objects that shadow the catalog’s are not looked at', async () => {
    // NB. The worker has no TEMP right; even a caller that has it must not lead the owner astray.
    await postgres.query('control', 'grant temporary on database control to curfew_worker');
    const { call } = prepareGrant();
    await asWorker(async (client) => {
      await client.query(`create temp table pg_roles (oid oid, rolname name, rolcanlogin bool, rolvaliduntil timestamptz);
        create temp table pg_auth_members (roleid oid, member oid, grantor oid);
        create temp table ledger (grant_id uuid); create temp table template (role name, max_ttl interval, connection_limit int, enabled bool);
        insert into template values ('postgres', '1 day', 3, true);
        create function pg_temp.sha256(bytea) returns bytea language sql as $$ select '\\x00'::bytea $$;
        create function pg_temp.clock_timestamp() returns timestamptz language sql as $$ select 'epoch'::timestamptz $$;
        set search_path = pg_temp, pg_catalog`);
      expect(await sqlstateOf(client.query(grantText, wire({ template: 'postgres' })))).toBe('CF004');
      const values = [
        call.grantId,
        call.personId,
        call.template,
        call.verifier,
        new Date(call.endAt).toISOString(),
        soon(30_000),
        'key-1',
        call.ticket,
        '0 s',
        0,
      ];
      await client.query(grantText, values);
      await client.query('select * from curfew.revoke_many($1)', [[call.grantId]]);
      expect(
        (await client.query('select can_login, ended from curfew.verify_many($1)', [[call.grantId]])).rows,
      ).toEqual([{ can_login: false, ended: true }]);
    });
    await postgres.query('control', 'revoke temporary on database control from curfew_worker');
  });
});

describe('the calls that take many ids', () => {
  const many = ['revoke_many', 'kill_many', 'verify_many', 'drop_many'] as const;

  test.each(many)('%s refuses 1,001 ids and a null among them, and takes 1,000, none and duplicates', async (name) => {
    await asWorker(async (client) => {
      const call = (ids: unknown): Promise<unknown> => client.query(`select * from curfew.${name}($1)`, [ids]);
      expect(await sqlstateOf(call(Array.from({ length: 1_001 }, () => randomUUID())))).toBe('CF008');
      expect(await sqlstateOf(call([randomUUID(), null]))).toBe('CF008');
      expect(await sqlstateOf(call(null))).toBe('CF008');
      expect(await sqlstateOf(call(["x'); drop table curfew.ledger; --"]))).toBe('22P02');
      const id = randomUUID();
      expect(await call([])).toMatchObject({ rows: [] });
      expect(((await call([id, id, id])) as { rows: unknown[] }).rows.length).toBeLessThanOrEqual(1);
    });
  });

  test('an unknown id is tombstoned, so that its grant can never happen (CF001)', async () => {
    const { call } = prepareGrant();
    expect(await sample.worker.revokeMany([call.grantId])).toEqual([
      { grantId: call.grantId, outcome: 'absent', memberships: 0 },
    ]);
    expect(await sqlstateOf(sample.worker.grant(call))).toBe('CF001');
  });

  test('kill and verify refuse to run in the transaction of the revoke, behind a savepoint too (CF007)', async () => {
    const { call } = await granted(sample.worker);
    for (const name of ['kill_many', 'verify_many']) {
      for (const savepoint of ['', 'savepoint here']) {
        await asWorker(async (client) => {
          await client.query(`begin; ${savepoint}`);
          await client.query('select * from curfew.revoke_many($1)', [[call.grantId]]);
          expect(await sqlstateOf(client.query(`select * from curfew.${name}($1)`, [[call.grantId]]))).toBe('CF007');
          await client.query('rollback');
        });
      }
    }
  });

  test.each([0, -1, 1_001, null])('reap refuses a limit of %s', async (limit) => {
    const reaper = { user: 'curfew_reaper', password: reaperPassword, database: 'control' };
    expect(
      await sqlstateOf(postgres.as(reaper, (client) => client.query('select * from curfew.reap($1)', [limit]))),
    ).toBe('CF008');
  });
});
