import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { logins, type Login } from '../domain/events.ts';
import { privilegesOf } from './support/catalog-privileges.ts';
import { startStore, type TestStore } from './support/store.ts';

const golden = new URL('golden/store-privileges.json', import.meta.url);
let store: TestStore;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.end());

/** To change it on purpose: CURFEW_WRITE_GOLDEN=1, and read the difference before committing it. */
test('the catalogs grant what the golden file says, and nothing to PUBLIC', async () => {
  const found = await privilegesOf(store.admin);
  if (process.env['CURFEW_WRITE_GOLDEN'] === '1') await writeFile(golden, `${JSON.stringify(found, null, 2)}\n`);
  expect(found).toEqual(JSON.parse(await readFile(golden, 'utf8')));
  expect(found['PUBLIC']).toEqual({ 'schema public': 'USAGE' });
});

test('everything belongs to an owner that cannot log in and of which no login is a member', async () => {
  const strangers = await store.admin.query(
    `select c.oid::regclass::text from pg_class c join pg_roles r on r.oid = c.relowner
     where c.relnamespace in ('curfew'::regnamespace, 'audit'::regnamespace, 'migration'::regnamespace)
       and r.rolname <> 'curfew_store'`,
  );
  expect(strangers).toEqual([]);
  expect(await store.admin.query(`select rolcanlogin from pg_roles where rolname = 'curfew_store'`)).toEqual([
    { rolcanlogin: false },
  ]);
  const members = `select m.member::regrole::text as member from pg_auth_members m where m.roleid = 'curfew_store'::regrole`;
  expect(await store.admin.query(members)).toEqual([]);
});

const history = [
  'request',
  'decision',
  'decision_void',
  'claim',
  'receipt',
  'revoke_intent',
  'revoke_outcome',
  'review',
  'policy_proposal',
  'policy_decision',
  'extension',
  'extension_decision',
  'extension_ticket',
  'extension_outcome',
  'taint_answer',
  'history',
  'bundle',
];
const mayInsert: Readonly<Record<string, readonly Login[]>> = {
  request: ['curfew_api'],
  decision: ['curfew_api'],
  decision_void: ['curfew_api', 'curfew_directory', 'curfew_worker'],
  claim: ['curfew_api'],
  claim_code: ['curfew_api'],
  taint_answer: ['curfew_api'],
  access_grant: ['curfew_worker'],
  receipt: ['curfew_worker'],
  revoke_intent: ['curfew_api', 'curfew_directory', 'curfew_worker'],
  revoke_outcome: ['curfew_worker', 'curfew_reaper'],
  review: ['curfew_api'],
  // NB. Nobody: `curfew.adopt_policy` is the only way.
  policy_version: [],
  policy_proposal: ['curfew_admin'],
  policy_decision: ['curfew_api'],
  operator_login: ['curfew_admin'],
  absence: ['curfew_api', 'curfew_directory'],
  on_call_shift: ['curfew_directory'],
  extension: ['curfew_api'],
  extension_decision: ['curfew_api'],
  extension_ticket: ['curfew_api'],
  extension_outcome: ['curfew_api', 'curfew_worker'],
  personal_code: ['curfew_api'],
  link_code: ['curfew_directory', 'curfew_admin'],
  slack_notice: ['curfew_api', 'curfew_worker'],
  slack_home: ['curfew_api', 'curfew_worker'],
  history: ['curfew_worker'],
  bundle: ['curfew_worker'],
  history_mark: ['curfew_worker'],
  target_check: ['curfew_admin'],
  person: ['curfew_directory'],
  person_word: ['curfew_directory'],
  person_group: ['curfew_directory'],
  person_alias: ['curfew_directory'],
  person_due: ['curfew_directory'],
  source_listing: ['curfew_directory'],
  source_pull: ['curfew_directory'],
  outbox: ['curfew_api', 'curfew_directory', 'curfew_worker'],
  slack_message: ['curfew_worker'],
  heartbeat: ['curfew_worker', 'curfew_reaper'],
  session_cursor: ['curfew_collector'],
  session: ['curfew_collector'],
  session_statement: ['curfew_collector'],
  session_text: ['curfew_collector'],
};

test.each(logins)('%s can change, delete or truncate no history', async (login) => {
  for (const table of history) {
    for (const text of [
      `update curfew.${table} set ${await firstColumn(table)} = null`,
      `delete from curfew.${table}`,
      `truncate curfew.${table} cascade`,
      `alter table curfew.${table} disable trigger all`,
      `drop table curfew.${table}`,
    ]) {
      await expect(store.as[login].query(text), text).rejects.toMatchObject({ sqlstate: '42501' });
    }
  }
});

test.each(Object.entries(mayInsert))('into %s only %j insert', async (table, allowed) => {
  for (const login of logins) {
    const attempt = store.as[login].query(`insert into curfew.${table} default values`);
    const sqlstate = allowed.includes(login) ? expect.stringMatching(/^(23502|428C9)$/) : '42501';
    await expect(attempt, login).rejects.toMatchObject({ sqlstate });
  }
});

const firstColumn = async (table: string): Promise<string> => {
  const [row] = await store.admin.query<{ name: string }>(
    `select attname as name from pg_attribute where attrelid = $1::regclass and attnum > 0 order by attnum limit 1`,
    [`curfew.${table}`],
  );
  return row?.name ?? expect.fail(table);
};

test.each([
  ['curfew_auditor', 'select verifier from curfew.claim'],
  ['curfew_auditor', 'select ticket from curfew.claim'],
  ['curfew_auditor', 'select * from curfew.claim'],
  ['curfew_auditor', 'select hash from curfew.claim_code'],
  ['curfew_auditor', 'select * from curfew.outbox'],
  ['curfew_auditor', 'select * from pg_catalog.pg_authid'],
  ['curfew_admin', 'select verifier from curfew.claim'],
  ['curfew_admin', 'select * from curfew.claim_code'],
  ['curfew_directory', 'select * from curfew.claim'],
  ['curfew_directory', 'select * from curfew.claim_code'],
  ['curfew_collector', 'select * from curfew.personal'],
  ['curfew_collector', 'select * from curfew.request'],
  ['curfew_collector', 'select * from audit.entry'],
  ['curfew_collector', "update curfew.session_statement set text_hash = repeat('0', 64)"],
  ['curfew_collector', 'update curfew.session set request_id = gen_random_uuid()'],
  ['curfew_collector', 'delete from curfew.session_text'],
  ['curfew_worker', 'select * from curfew.session_statement'],
  ['curfew_api', 'select * from curfew.session_text'],
  ['curfew_reaper', 'select * from curfew.claim'],
  ['curfew_reaper', 'select * from curfew.personal'],
  ['curfew_reaper', 'select * from curfew.request'],
  ['curfew_worker', 'select * from curfew.claim_code'],
  ['curfew_worker', 'select * from audit.entry'],
  ['curfew_api', 'select * from audit.entry'],
  ['curfew_api', 'update curfew.person set state = state'],
  ['curfew_api', 'update curfew.projection set request_id = request_id'],
  ['curfew_api', 'update curfew.claim_code set request_id = request_id'],
  ['curfew_api', 'update curfew.claim_code set expires_at = now()'],
  ['curfew_api', 'delete from curfew.personal'],
  [
    'curfew_api',
    `insert into curfew.personal (kind, id, person, slack_team, slack_user, salt) values ('link', 'x', gen_random_uuid(), 'T', 'U', '')`,
  ],
  ['curfew_api', 'update curfew.access_grant set ended_at = now()'],
  ['curfew_api', 'update curfew.access_grant set end_at = now()'],
  ['curfew_directory', 'update curfew.personal set approves_from = null'],
  ['curfew_api', 'update curfew.personal set approves_from = null'],
  ['curfew_directory', `select * from curfew.link_by_code('', 'T1', 'U1')`],
  ['curfew_admin', `select curfew.settle_link('x', 'T1', 'U1', 'approve')`],
  ['curfew_worker', `select curfew.adopt_policy(gen_random_uuid())`],
  ['curfew_directory', `select curfew.adopt_policy(gen_random_uuid())`],
  ['curfew_worker', 'update curfew.absence set ended_at = now()'],
  ['curfew_api', 'update curfew.absence set until_at = now()'],
  ['curfew_api', 'update curfew.personal_code set expires_at = now()'],
  ['curfew_api', 'delete from curfew.on_call_shift'],
  ['curfew_api', 'delete from curfew.operator_login'],
  ['curfew_admin', 'select * from curfew.personal_code'],
  ['curfew_auditor', 'select * from curfew.personal_code'],
  ['curfew_admin', 'select hash from curfew.link_code'],
  ['curfew_auditor', 'select ticket from curfew.extension_ticket'],
  ['curfew_directory', 'select ticket from curfew.extension_ticket'],
  ['curfew_reaper', 'select * from curfew.extension'],
  ['curfew_directory', 'update curfew.person set linked = false'],
  ['curfew_worker', 'update curfew.outbox set payload = payload'],
  ['curfew_worker', 'update curfew.person set state = state'],
  ['curfew_reaper', 'update curfew.access_grant set ended_at = now()'],
  ['curfew_admin', 'update curfew.policy_version set text = text'],
  ['curfew_admin', 'delete from curfew.policy_version'],
  ['curfew_directory', 'update curfew.person set handle = handle'],
  ['curfew_directory', 'update curfew.personal set body = body'],
  ['curfew_admin', `update curfew.person set state = 'active'`],
] satisfies [Login, string][])('%s cannot %s', async (login, text) => {
  await expect(store.as[login].query(text)).rejects.toMatchObject({ sqlstate: '42501' });
});

test.each(logins)('%s can make nothing of its own: no table, schema, role or extension', async (login) => {
  for (const text of [
    'create temp table t ()',
    'create table public.t ()',
    'create table curfew.t ()',
    'create schema s',
    'create role r',
    'set role curfew_store',
    'set session authorization curfew_store',
    'create extension dblink',
    `copy audit.entry to program 'true'`,
  ]) {
    await expect(store.as[login].query(text), text).rejects.toMatchObject({ name: 'StoreError' });
  }
});

test.each([
  ['decision_void', 'voided_at', 'curfew_api'],
  ['revoke_intent', 'asked_at', 'curfew_api'],
  ['revoke_outcome', 'ended_at', 'curfew_reaper'],
  ['revoke_outcome', 'written_by', 'curfew_reaper'],
  ['policy_proposal', 'proposed_by', 'curfew_admin'],
  ['operator_login', 'linked_by', 'curfew_admin'],
  ['link_code', 'made_by', 'curfew_directory'],
  ['extension_outcome', 'written_by', 'curfew_worker'],
  ['absence', 'made_at', 'curfew_api'],
  ['target_check', 'checked_by', 'curfew_admin'],
  ['target_check', 'checked_at', 'curfew_admin'],
  ['alarm', 'raised_by', 'curfew_worker'],
  ['delivery', 'answer', 'curfew_api'],
] satisfies [string, string, Login][])(
  'who wrote a row of %s, and when, is not the writer’s to say: %s',
  async (table, column, login) => {
    const lie = store.as[login].query(`insert into curfew.${table} (${column}) values (default)`);
    await expect(lie).rejects.toMatchObject({ sqlstate: '42501' });
  },
);

test('the auditor reads everything else', async () => {
  for (const table of [
    'request',
    'decision',
    'receipt',
    'review',
    'personal',
    'policy_version',
    'alarm',
    'extension',
    'absence',
  ]) {
    await store.as.curfew_auditor.query(`select * from curfew.${table}`);
  }
  await store.as.curfew_auditor.query('select request_id, end_at from curfew.claim');
});
