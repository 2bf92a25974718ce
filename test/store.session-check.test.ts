/** What is kept of sessions is held against the signed log: whatever a superuser changes there shows, and is named. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { checkAll } from '../doctor/check-all.ts';
import type { PersonId, RequestId } from '../domain/ids.ts';
import { sessionChanges } from '../store/session-check.ts';
import type { SessionEvent } from '../store/session-fold.ts';
import { record } from '../store/session-log.ts';
import { placeOf } from '../store/session-places.ts';
import { addPerson, openRequest } from './support/store-sample.ts';
import { startStore, type TestStore } from './support/store.ts';

let store: TestStore;
let person: PersonId;
let id: RequestId;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store?.end());
beforeEach(async () => {
  person = await addPerson(store.as.curfew_directory, `holder-${randomUUID()}`);
  ({ id } = await openRequest(store.as.curfew_api, person));
});

const at = Date.now() - 3_600_000;
const told = (text: string, parameters: string | null = null): SessionEvent => ({
  kind: 'statement',
  via: 'statement',
  text,
  parameters,
  what: null,
  durationUs: 7,
  error: null,
});
const closed: SessionEvent = { kind: 'closed' };

const keep = async (name: string, events: readonly SessionEvent[], first = 1) => {
  const node = { cluster: `main-${id}`, node: 'primary', targets: ['orders-prod'] };
  const from = await placeOf(store.as.curfew_collector, node);
  const lines = events.map((event, index) => ({
    session: name,
    line: first + index,
    requestId: id,
    database: 'orders',
    at: at + (first + index) * 1_000,
    ends: event.kind === 'closed',
    event,
  }));
  const place = { file: 'a.json', head: Buffer.alloc(32), next: from.next + 1 };
  await record(store.as.curfew_collector, node, from, {
    place,
    askedAt: at,
    more: false,
    lost: false,
    connections: true,
    copiedUntil: null,
    lines,
  });
};
const three = [told('select 1'), told('select 2', '$1 = 7'), told('select 3')];
/** One that is over, and one that goes on. */
const keepBoth = async () => {
  await keep('1.a', [{ kind: 'opened', application: 'psql' }, ...three, closed]);
  await keep('2.b', [{ kind: 'opened', application: null }, ...three]);
};
const changes = async () => (await sessionChanges(store.as.curfew_auditor, { id, person })).map(said);
const said = ({ session, sentence }: { session: string; sentence: string }) => `${session}: ${sentence}`;
const first = `(select id from curfew.session where request_id = $1 and session = '1.a')`;
const hashed = `encode(sha256(salt || convert_to('a lie', 'UTF8')), 'hex')`;

describe('as a superuser', () => {
  test.each([
    [
      'rewrites a text',
      `update curfew.session_text set text = 'a lie' where session = ${first} and line = 2`,
      ['The text of its line 2 was changed.'],
    ],
    [
      'rewrites values',
      `update curfew.session_text set parameters = 'a lie' where session = ${first} and line = 3`,
      ['The text of its line 3 was changed.'],
    ],
    [
      'rewrites a text with its hash',
      `with t as (update curfew.session_text set text = 'a lie' where session = ${first} and line = 2 returning *)
       update curfew.session_statement x set text_hash = ${hashed} from t where x.session = t.session and x.line = t.line`,
      ['A statement in its lines 2 to 4 was changed.'],
    ],
    [
      'takes a text away',
      `delete from curfew.session_text where session = ${first} and line = 2`,
      ['The text of its line 2 is gone, and nobody was erased.'],
    ],
    [
      'has a failure not have happened',
      `update curfew.session_statement set error = '42501' where session = ${first} and line = 4`,
      ['A statement in its lines 2 to 4 was changed.'],
    ],
    [
      'takes a statement away',
      `delete from curfew.session_statement where session = ${first} and line = 3`,
      ['Of its lines 2 to 4 the log knows 3 statements, and 2 are there.'],
    ],
    [
      'takes all of them away',
      `delete from curfew.session_statement where session = ${first}`,
      ['Of its lines 2 to 4 the log knows 3 statements, and 0 are there.'],
    ],
    [
      'adds a statement',
      `insert into curfew.session_statement (session, line, at, via) select ${first}, 9, now(), 'statement'`,
      ['The log knows of no statement in its line 9.'],
    ],
    [
      'says that it was elsewhere',
      `update curfew.session set database = 'attic' where id = ${first}`,
      ['Its database, when it began, or what its client called itself was changed.'],
    ],
    [
      'says that it was earlier',
      `update curfew.session set opened_at = opened_at - interval '1 hour' where id = ${first}`,
      ['Its database, when it began, or what its client called itself was changed.'],
    ],
    [
      'gives the client another name',
      `update curfew.session_text set text = 'a lie' where session = ${first} and line = 0`,
      ['What its client called itself was changed.'],
    ],
    [
      'says that it was shorter',
      `update curfew.session set closed_at = closed_at - interval '1 second' where id = ${first}`,
      ['When or how it ended was changed.'],
    ],
    [
      'says that it never ended',
      `update curfew.session set closed_at = null, ended = null where id = ${first}`,
      ['That it ended was taken away.'],
    ],
    [
      'gives it to nobody',
      `update curfew.session set request_id = gen_random_uuid() where id = ${first}`,
      ['The log tells of this session, and it is not there.'],
    ],
  ])('somebody %s, it is named', async (_what, text, sentences) => {
    await keepBoth();
    expect(await changes()).toEqual([]);
    await store.admin.query(text, [id]);
    expect(await changes()).toEqual(sentences.map((sentence) => `1.a: ${sentence}`));
  });

  test('somebody takes a session away, or makes one up, it is named', async () => {
    await keepBoth();
    await store.admin.query(`delete from curfew.session_text where session = ${first}`, [id]);
    await store.admin.query(`delete from curfew.session_statement where session = ${first}`, [id]);
    await store.admin.query(`delete from curfew.session where id = ${first}`, [id]);
    await store.admin.query(
      `insert into curfew.session (cluster, node, session, request_id, database, opened_at) values ('main', 'primary', '3.c', $1, 'orders', now())`,
      [id],
    );
    expect(await changes()).toEqual([
      '1.a: The log tells of this session, and it is not there.',
      '3.c: The log knows of no such session.',
    ]);
  });
});

test('the checker names it as well (I11), and says nothing of what is as it was', async () => {
  const found = async () =>
    (await checkAll({ store: store.as.curfew_auditor, targets: [], now: Date.now() })).flatMap(
      ({ invariant, code, subject, detail }) =>
        subject === id && code === 'session-changed' ? [`${invariant} ${detail}`] : [],
    );
  await keepBoth();
  expect(await found()).toEqual([]);
  await store.admin.query(`update curfew.session_text set text = 'a lie' where session = ${first} and line = 2`, [id]);
  expect(await found()).toEqual(['I11 Session 1.a on primary: The text of its line 2 was changed.']);
  for (const table of ['session_text', 'session_statement'])
    await store.admin.query(
      `delete from curfew.${table} where session in (select id from curfew.session where request_id = $1)`,
      [id],
    );
  await store.admin.query('delete from curfew.session where request_id = $1', [id]);
  expect(await found()).toEqual([
    'I11 Session 1.a on primary: The log tells of this session, and it is not there.',
    'I11 Session 2.b on primary: The log tells of this session, and it is not there.',
  ]);
});

test('what was erased with its person is not missing', async () => {
  await keepBoth();
  await store.admin.query(`update curfew.person set state = 'left' where id = $1`, [person]);
  await store.as.curfew_directory.query('select curfew.erase_person($1)', [person]);
  expect(await changes()).toHaveLength(7);
  await store.as.curfew_directory.query(`select audit.append('person.erased', 'curfew_directory', $1, '{}')`, [person]);
  expect(await changes()).toEqual([]);
});

test('what the log said long ago is not held against what is kept, once that was retired', async () => {
  await keepBoth();
  await store.admin.query('alter table audit.entry disable trigger all');
  await store.admin.query(`delete from audit.entry where subject = $1 and kind like 'session.%'`, [id]);
  await store.admin.query(`delete from curfew.session_text where session = ${first}`, [id]);
  expect(await changes()).toContain('1.a: The log knows of no such session.');
  const retired = (subject: string) =>
    store.as.curfew_admin.query(`select audit.append('log.retired', 'curfew_admin', $1, $2)`, [
      subject,
      Buffer.from(JSON.stringify({ before: new Date(at + 60_000).toISOString() })),
    ]);
  await retired('x');
  expect(await changes()).toContain('1.a: The log knows of no such session.');
  await retired('log');
  expect(await changes()).toEqual([]);
});

test('a session goes on, is over, goes on once more: nothing of that is a change', async () => {
  await keepBoth();
  await keep('1.a', [told('select 4'), told('select 5')], 6);
  expect(await changes()).toEqual([]);
  await keep('1.a', [closed], 8);
  await keep('2.b', [closed], 5);
  expect(await changes()).toEqual([]);
});

test('of a text no part counts as its salt: whoever drops the rule of its length and moves it there is named', async () => {
  await keepBoth();
  const { rule } =
    (
      await store.admin.query<{ rule: string }>(
        `select conname as rule from pg_constraint where conrelid = 'curfew.session_text'::regclass
       and pg_get_constraintdef(oid) like '%length(salt)%'`,
      )
    )[0] ?? expect.fail('no such rule');
  await store.admin.query(`alter table curfew.session_text drop constraint "${rule}"`);
  await store.admin.query(
    `update curfew.session_text set salt = salt || convert_to(left(text, 3), 'UTF8'), text = substr(text, 4)
     where session = ${first} and line in (0, 2)`,
    [id],
  );
  expect(await changes()).toEqual([
    '1.a: What its client called itself was changed.',
    '1.a: The text of its line 2 was changed.',
  ]);
});
