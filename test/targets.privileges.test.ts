import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startPostgres, type Postgres } from './support/postgres.ts';
import {
  catalog,
  granted,
  installSample,
  makeSample,
  reaperPassword,
  sqlstateOf,
  workerPassword,
  type Prepared,
  type Sample,
} from './support/target.ts';

let postgres: Postgres;
let sample: Sample;
let holder: Prepared;
beforeAll(async () => {
  postgres = await startPostgres();
  await makeSample(postgres);
  await postgres.query('postgres', 'grant connect on database control to orders_read');
  sample = await installSample(postgres);
  holder = await granted(sample.worker);
});
afterAll(async () => {
  await sample?.close();
  await postgres?.stop();
});

const golden = new URL('golden/target-privileges.json', import.meta.url);

/** Everything that the catalogs say of Curfew's roles: attributes, memberships, settings, and rights on any object. */
async function privileges(): Promise<unknown> {
  const inControl = (text: string): Promise<object[]> => postgres.query('control', text);
  const roles = "('curfew_owner', 'curfew_quarantine', 'curfew_worker', 'curfew_reaper')";
  const rights = `select who, what, string_agg(privilege, ',' order by privilege) as privileges from (
      select x.grantee::regrole::text as who, 'function ' || p.oid::regprocedure as what, x.privilege_type as privilege from pg_proc p, aclexplode(p.proacl) x
      union all select x.grantee::regrole::text, 'relation ' || c.oid::regclass, x.privilege_type from pg_class c, aclexplode(c.relacl) x where x.grantee <> c.relowner
      union all select x.grantee::regrole::text, 'schema ' || n.nspname, x.privilege_type from pg_namespace n, aclexplode(n.nspacl) x
      union all select x.grantee::regrole::text, 'database ' || d.datname, x.privilege_type from pg_database d, aclexplode(d.datacl) x) a
    where who in ${roles} group by who, what order by who, what`;
  return {
    roles: await inControl(
      `select rolname, rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolinherit, rolconfig from pg_roles where rolname in ${roles} order by 1`,
    ),
    memberships: await inControl(
      `select m.member::regrole::text as member, m.roleid::regrole::text as of, m.admin_option as admin, m.inherit_option as inherit, m.set_option as set
         from pg_auth_members m where m.member::regrole::text in ${roles} and m.roleid::regrole::text !~ '^cfw_' order by 1, 2`,
    ),
    grantee: await inControl(
      `select r.rolcanlogin, r.rolsuper, r.rolcreaterole, r.rolcreatedb, r.rolreplication, r.rolbypassrls, r.rolconnlimit, m.roleid::regrole::text as of, m.admin_option as admin, m.inherit_option as inherit, m.set_option as set
         from pg_roles r join pg_auth_members m on m.member = r.oid where r.rolname = '${holder.role}'`,
    ),
    control: await inControl(rights),
    orders: await postgres.query('orders', rights),
    public: await inControl(
      `select p.oid::regprocedure::text as what from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x where p.pronamespace = 'curfew'::regnamespace and x.grantee = 0`,
    ),
  };
}

test('the rights in the catalogs equal the golden file', async () => {
  const found = `${JSON.stringify(await privileges(), null, 2)}\n`;
  // After an intended change: CURFEW_UPDATE_GOLDEN=1, and read the difference.
  if (process.env['CURFEW_UPDATE_GOLDEN'] === '1') writeFileSync(golden, found);
  expect(found).toBe(readFileSync(golden, 'utf8'));
});

/** What neither login nor a holder may do in the control database. `own`: this login may call it, so it is not tried. */
const forbidden: readonly (readonly [string, string])[] = [
  ['read the ledger', 'select * from curfew.ledger'],
  ['read the ticket keys', 'select * from curfew.ticket_key'],
  ['write the ledger', 'delete from curfew.ledger'],
  ['raise a maximum', "update curfew.template set max_ttl = '31 days'"],
  ['shorten the graveyard', "update curfew.config set graveyard = '0'"],
  ['register a template', "select curfew.register_template('orders_write', '1 day')"],
  ['register a ticket key', "select curfew.register_ticket_key('mine', '\\x00')"],
  ['accept another store', 'select curfew.accept_store(0)'],
  ['retire a ticket key', "select curfew.retire_ticket_key('key-1')"],
  ['call the HMAC', "select curfew.hmac('', '', '')"],
  ['check tickets', "select curfew.check_ticket('grant', null, null, null, null, null, 'key-1', '')"],
  ['end without tombstone', "select * from curfew.end_locked('{}')"],
  ['end a backend', 'select curfew.end_pid(pg_backend_pid())'],
  [
    'signal a backend',
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'postgres' and backend_type is null limit 1",
  ],
  ['become the owner', 'set role curfew_owner'],
  ['become the quarantine', 'set role curfew_quarantine'],
  ['take the template', 'grant orders_read to current_user'],
  ['make a role', 'create role mine login'],
  ['change another role', 'alter role orders_read login'],
  ['change the owner', 'alter role curfew_owner superuser'],
  [
    'replace a function',
    'create or replace function curfew.role_of(uuid) returns name language sql as $$ select null::name $$',
  ],
  ['add to the schema', 'create table curfew.mine ()'],
  ['make a schema', 'create schema mine'],
  ['make a table', 'create table public.mine ()'],
  ['make a temporary table', 'create temp table mine ()'],
  ['read passwords', 'select rolpassword from pg_authid'],
  ['read a file', "select pg_read_file('/etc/passwd')"],
  ['run a program', "copy (select 1) to program 'true'"],
  ['change the server', "alter system set log_statement = 'none'"],
  ['silence the log', "set log_statement = 'none'"],
  ['load a library', "load 'dblink'"],
  [
    'add a trigger',
    'create trigger mine before insert on curfew.ledger execute function suppress_redundant_updates_trigger()',
  ],
];
const functions = [
  'grant',
  'extend',
  'revoke',
  'revoke_many',
  'kill',
  'kill_many',
  'verify',
  'verify_many',
  'drop_many',
  'to_drop',
  'open_work',
  'list_live',
  'live_of',
  'whoami',
  'reap',
  'reap_kill',
  'sweep',
  'mark_store',
] as const;
const ids = `array['${randomUUID()}']::uuid[]`;
const id = `'${randomUUID()}'::uuid`;
const calls: Record<(typeof functions)[number], string> = {
  grant: `select * from curfew.grant(${id}, ${id}, 'orders_read', '', now(), now(), '', '', '0', 0)`,
  extend: `select curfew.extend(${id}, now(), now(), '', '')`,
  revoke: `select * from curfew.revoke(${id})`,
  revoke_many: `select * from curfew.revoke_many(${ids})`,
  kill: `select * from curfew.kill(${id})`,
  kill_many: `select * from curfew.kill_many(${ids})`,
  verify: `select * from curfew.verify(${id})`,
  verify_many: `select * from curfew.verify_many(${ids})`,
  drop_many: `select * from curfew.drop_many(${ids})`,
  to_drop: 'select curfew.to_drop(1)',
  open_work: `select * from curfew.open_work(${ids})`,
  list_live: 'select * from curfew.list_live()',
  live_of: `select curfew.live_of(${id})`,
  whoami: 'select * from curfew.whoami()',
  reap: 'select * from curfew.reap(1)',
  reap_kill: 'select * from curfew.reap_kill(1)',
  sweep: 'select * from curfew.sweep(1)',
  mark_store: 'select curfew.mark_store(0)',
};
const logins = {
  curfew_worker: {
    may: functions.filter((name) => !name.startsWith('reap') && name !== 'sweep' && name !== 'mark_store'),
    password: () => workerPassword,
  },
  curfew_reaper: {
    may: ['reap', 'reap_kill', 'sweep', 'revoke_many', 'kill_many', 'verify_many', 'live_of', 'mark_store', 'whoami'],
    password: () => reaperPassword,
  },
  holder: { may: [] as string[], password: () => holder.password },
} as const;

describe.each(Object.entries(logins))('%s', (name, { may, password }) => {
  const as = <T>(database: string, work: (client: Client) => Promise<T>): Promise<T> =>
    postgres.as({ user: name === 'holder' ? holder.role : name, password: password(), database }, work);

  test.each(forbidden)('may not %s', async (_, text) => {
    const before = await catalog(postgres);
    await as('control', async (client) => expect(['42501', '42601']).toContain(await sqlstateOf(client.query(text))));
    expect(await catalog(postgres)).toBe(before);
  });

  test('may call its own functions and no other', async () => {
    await as('control', async (client) => {
      for (const called of functions) {
        const answer = await client.query(calls[called]).then(
          () => 'done',
          (error: { code: string }) => error.code,
        );
        if ((may as readonly string[]).includes(called)) expect([called, answer]).not.toEqual([called, '42501']);
        else expect([called, answer]).toEqual([called, '42501']);
      }
    });
  });

  test('may not touch the grantees’ data', async () => {
    const mine =
      name === 'holder' ? ['select * from sales.hidden', 'delete from sales.orders'] : ['select * from sales.orders'];
    if (name === 'curfew_reaper') {
      expect(await sqlstateOf(as('orders', async () => undefined))).toBe('42501');
      return;
    }
    await as('orders', async (client) => {
      for (const text of mine) expect(await sqlstateOf(client.query(text))).toBe('42501');
    });
  });
});

test('the holder may change its own password and settings, and nothing that would let it stay', async () => {
  await postgres.as({ user: holder.role, password: holder.password, database: 'orders' }, async (client) => {
    for (const text of [
      `alter role ${holder.role} valid until 'infinity'`,
      `alter role ${holder.role} connection limit -1`,
      `alter role ${holder.role} createrole`,
      `grant ${holder.role} to orders_write`,
      `grant orders_read to ${holder.role} with set true`,
    ]) {
      expect([text, await sqlstateOf(client.query(text))]).toEqual([text, '42501']);
    }
  });
});
