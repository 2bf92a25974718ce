/** `curfew sessions`: what a holder did, beside who let them; and that nobody did anything. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PersonId } from '../domain/ids.ts';
import type { RequestRow } from '../store/requests.ts';
import type { SessionEvent } from '../store/session-fold.ts';
import { record } from '../store/session-log.ts';
import { placeOf } from '../store/session-places.ts';
import { plantDecision, plantPerson, plantRequest } from './support/planted.ts';
import { startStore, type TestStore } from './support/store.ts';
import { curfew } from './support/terminal.ts';

let store: TestStore;
let request: RequestRow;
let requester: PersonId;
beforeAll(async () => {
  store = await startStore();
  const [ada, ben] = [
    await plantPerson(store, { handle: 'ada', groups: [] }),
    await plantPerson(store, { handle: 'ben' }),
  ];
  requester = ada.id;
  request = await plantRequest(store, ada.id);
  await plantDecision(store, request, ben);
});
afterAll(() => store?.end());

const run = (words: readonly string[]) =>
  curfew(['sessions', ...words], { env: { CURFEW_AUDITOR_STORE_URL: store.url('curfew_auditor') } });
const at = Date.UTC(2026, 10, 21, 10);
const statement = (text: string | null, more: object = {}): SessionEvent => ({
  kind: 'statement',
  via: 'statement',
  text,
  parameters: null,
  what: null,
  durationUs: 1_234,
  error: null,
  ...more,
});
const keep = async (events: readonly SessionEvent[]) => {
  const node = { cluster: 'main', node: 'primary', targets: [request.target] };
  await record(store.as.curfew_collector, node, await placeOf(store.as.curfew_collector, node), {
    place: { file: 'a.json', head: Buffer.alloc(32), next: 1 },
    askedAt: at,
    more: false,
    lost: false,
    connections: true,
    copiedUntil: null,
    lines: events.map((event, index) => ({
      session: '1.a',
      line: index + 1,
      requestId: request.id,
      database: 'orders',
      at: at + index * 1_000,
      ends: event.kind === 'closed',
      event,
    })),
  });
};

test('an id that is none, and a request that is not there, are told apart', async () => {
  expect(await run(['x'])).toMatchObject({ code: 2, err: expect.stringContaining('whole id') });
  const none = await run(['00000000-0000-4000-8000-000000000000']);
  expect(none).toMatchObject({ code: 1, err: expect.stringContaining('no such request') });
});

test('a request without a grant, and a grant of which nothing is known, are said to be that', async () => {
  expect((await run([request.id])).out).toContain('Nothing was granted.');
  await store.admin.query(
    `insert into curfew.access_grant (request_id, target, person, template, role, granted_at, end_at)
     values ($1, $2, $3, 'orders_read', 'cfw_x', $4, $4)`,
    [request.id, request.target, requester, new Date(at)],
  );
  expect((await run([request.id])).out).toContain('No session of it is known');
  expect(JSON.parse((await run([request.id, '--json'])).out)).toMatchObject({
    usage: 'not known',
    sessions: [],
    logs: [],
  });
});

test('sessions stand beside who asked and who approved, and statements where they are asked for', async () => {
  await keep([
    { kind: 'opened', application: 'psql' },
    statement('select ? from orders'),
    statement('select $1', { via: 'execute', parameters: '$1 = ?', error: '22P02', durationUs: null }),
    statement(null, { via: 'error', error: '42601', durationUs: null }),
    statement(`select "\u001b[31m red"`, { what: 'READ SELECT' }),
    { kind: 'closed' },
  ]);
  const short = await run([request.id]);
  expect(short.code).toBe(0);
  expect(short.out).toMatch(/^ada asked for \S+ on orders-prod; approved by ben\.$/m);
  expect(short.out).toMatch(/^1\.a +primary +orders +2026-11-21T10:00:00\S* +2026-11-21T10:00:05\S* +4 +2$/m);
  expect(short.out).not.toContain('select');
  const long = (await run([request.id, '--statements'])).out;
  expect(long).toMatch(/1\.234 ms +- +select \? from orders$/m);
  expect(long).toMatch(/- +22P02 +select \$1 {2}\$1 = \?$/m);
  expect(long).toMatch(/- +42601 +\(not kept\)$/m);
  expect(long).not.toContain('\u001b');
  const json = JSON.parse((await run([request.id, '--statements', '--json'])).out) as { statements: object[] };
  expect(json).toMatchObject({
    who: 'ada',
    approvers: ['ben'],
    usage: 'used',
    sessions: [{ statements: 4, failed: 2, ended: 'seen' }],
  });
  expect(json.statements).toHaveLength(4);
});

test('what is not what the log has the hash of is named, with exit code 1; texts that were erased are said to be that', async () => {
  const lie = await store.admin.transaction(async (tx) => {
    await tx.query(`update curfew.session_text set text = 'select 1' where line = 2`);
    return tx.query<{ line: number }>(`delete from curfew.session_text where line = 3 returning line`);
  });
  expect(lie).toHaveLength(1);
  const told = await run([request.id]);
  expect(told.code).toBe(1);
  expect(told.out).toContain('This is NOT what the audit log has the hashes of:');
  expect(told.out).toContain('  1.a on primary: The text of its line 2 was changed.\n');
  expect(told.out).toContain('  1.a on primary: The text of its line 3 is gone, and nobody was erased.\n');
  const json = await run([request.id, '--json']);
  expect(json.code).toBe(1);
  expect(JSON.parse(json.out)).toMatchObject({ changes: [{ session: '1.a', node: 'primary' }, { session: '1.a' }] });

  await store.admin.query(`update curfew.person set state = 'left' where id = $1`, [requester]);
  await store.admin.query('update curfew.access_grant set ended_at = now() where request_id = $1', [request.id]);
  await store.as.curfew_directory.query('select curfew.erase_person($1)', [requester]);
  await store.as.curfew_directory.query(`select audit.append('person.erased', 'curfew_directory', $1, '{}')`, [
    requester,
  ]);
  const erased = await run([request.id, '--statements']);
  expect(erased).toMatchObject({ code: 0, out: expect.stringMatching(/1\.234 ms +- +\(erased\)$/m) });
});

test('an auditor finds the ids that it takes', async () => {
  const ran = await curfew(['requests', '--json'], { env: { CURFEW_AUDITOR_STORE_URL: store.url('curfew_auditor') } });
  expect(ran.code, ran.err).toBe(0);
  expect(JSON.parse(ran.out)).toContainEqual(expect.objectContaining({ id: request.id }));
});

test('an operator without an auditor’s login reads it as curfew_admin', async () => {
  const ran = await curfew(['sessions', request.id], {
    env: { CURFEW_ADMIN_STORE_URL: store.url('curfew_admin') },
  });
  expect(ran.code).toBe(0);
});

test('of a request on which nobody has decided yet it is not said that nobody had to', async () => {
  const waits = await plantRequest(store, requester);
  expect((await run([waits.id])).out).toContain('on orders-prod; nobody has approved it.\nNothing was granted.\n');
});

test('an id in capitals is the same id, wherever an auditor gives one', async () => {
  const env = {
    CURFEW_AUDITOR_STORE_URL: store.url('curfew_auditor'),
    CURFEW_ADMIN_STORE_URL: store.url('curfew_admin'),
  };
  const period = ['--from', '2020-01-01', '--to', '2099-01-01', '--json'];
  for (const [id, ...words] of [
    [request.id, 'sessions', '--json'],
    [request.id, 'history', '--json'],
    [request.id, 'status', '--json'],
    [request.id, 'report', 'objects', '--json', '--request'],
    [requester, 'report', 'refusals', ...period, '--person'],
    [requester, 'report', 'reciprocity', ...period, '--person'],
  ] as const) {
    const small = await curfew([...words, id], { env });
    const capital = await curfew([...words, id.toUpperCase()], { env });
    expect({ ...capital, out: capital.out.replaceAll(id.toUpperCase(), id) }, words.join(' ')).toEqual(small);
    expect(small, words.join(' ')).toMatchObject({ err: '' });
  }
});
