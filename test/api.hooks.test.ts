import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Webhook } from 'standardwebhooks';
import { hrHooks } from '../api/routes/hooks-hr.ts';
import { minuteMs, secondMs } from '../domain/time.ts';
import { hrUseCases } from '../service/deliver.ts';
import { settleDue } from '../service/due.ts';
import * as people from '../store/people.ts';
import { openStore } from '../store/pool.ts';
import { approved, claimed, startCompany, workerEnds, workerGrants, type Company } from './support/company.ts';
import { serve, type TestApi } from './support/http.ts';
import { addPerson } from './support/store-sample.ts';

const young = `whsec_${Buffer.alloc(24, 1).toString('base64')}`;
const old = `whsec_${Buffer.alloc(24, 2).toString('base64')}`;
const stranger = `whsec_${Buffer.alloc(24, 3).toString('base64')}`;

let company: Company;
let api: TestApi;
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());
beforeEach(async () => {
  await company.restore();
  api = await serve(company, [young, old]);
});
afterEach(() => api.end());

let ids = 0;
type Send = {
  readonly id?: string;
  readonly at?: number;
  readonly secret?: string;
  readonly signs?: string;
  readonly headers?: Record<string, string>;
};

function deliver(
  body: unknown,
  { id = `msg_${(ids += 1)}`, at = Date.now(), secret = young, signs, headers = {} }: Send = {},
): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return api.post('/hooks/hr/default', text, {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at / secondMs)),
    'webhook-signature': new Webhook(secret).sign(id, new Date(at), signs ?? text),
    ...headers,
  });
}

function ask(id: string, secret = young, path = id): Promise<Response> {
  const headers = {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(Date.now() / secondMs)),
    'webhook-signature': new Webhook(secret).sign(id, new Date(), ''),
  };
  return fetch(`${api.origin}/hooks/hr/default/${path}`, { headers });
}

const event = (type: string, handle: string, more: object = {}) => ({
  type,
  data: { handle, version: company.nextVersion(), ...more },
});
const stateOf = async (handle: string) =>
  (await company.store.admin.query<{ state: string }>('select state from curfew.person where handle = $1', [handle]))[0]
    ?.state;
const effects = async () =>
  (
    await company.store.admin.query<{ n: number }>(
      `select count(*) as n from audit.entry where kind = 'person.changed'`,
    )
  )[0]?.n ?? 0;

test('a signed event off-boards, answers what it did, and reports how it goes on', async () => {
  const requestId = await approved(company);
  const { endAt } = await claimed(company, requestId);
  await workerGrants(company, requestId, endAt);
  const response = await deliver(event('person.left', 'ada'), { id: 'msg_leave-1' });
  expect(response.status).toBe(200);
  const answer = (await response.json()) as { requests: string[]; report: string };
  expect(answer).toMatchObject({
    delivery: 'msg_leave-1',
    person: company.id('ada'),
    change: 'applied',
    state: 'left',
    report: '/hooks/hr/default/msg_leave-1',
  });
  expect(answer.requests).toContain(requestId);
  expect(await (await ask('msg_leave-1')).json()).toMatchObject({ safe: false, safeAfterMs: null });

  company.now += 700;
  await workerEnds(company, requestId);
  const { ends } = (await (await ask('msg_leave-1')).json()) as { ends: { requestId: string }[] };
  expect(ends.find((end) => end.requestId === requestId)).toMatchObject({
    state: 'closed',
    outcome: 'revoked',
    grantEndedAt: company.now,
  });
});

test('the report says after how long all was safe', async () => {
  const requestId = await approved(company, { person: company.id('eve') });
  await deliver(event('person.suspended', 'eve'), { id: 'msg_safe-1' });
  await company.store.admin.query(
    `update curfew.projection set state = 'closed', outcome = 'withdrawn',
       view = jsonb_set(view, '{state}', '{"kind": "closed", "outcome": "withdrawn", "cause": "x"}') where request_id = $1`,
    [requestId],
  );
  expect(await (await ask('msg_safe-1')).json(), 'the targets have not answered').toMatchObject({ safe: false });
  await company.store.as.curfew_reaper.query(
    `insert into curfew.revoke_outcome (intent_id, target, evidence)
     select id, name, '{}' from curfew.revoke_intent, unnest($1::text[]) as t (name) where target is null or target = name`,
    [company.ctx.targets.map(({ name }) => name)],
  );
  expect(await (await ask('msg_safe-1')).json()).toMatchObject({ safe: true, safeAfterMs: 0 });
});

test('a delivery that comes five times has one effect, and each gets the first answer (I10)', async () => {
  const body = event('person.suspended', 'otto');
  const before = await effects();
  const all = await Promise.all(Array.from({ length: 5 }, () => deliver(body, { id: 'msg_five' })));
  const answers = await Promise.all(all.map((one) => one.json()));
  expect(all.map((one) => one.status)).toEqual([200, 200, 200, 200, 200]);
  expect(new Set(answers.map((one) => JSON.stringify(one))).size).toBe(1);
  expect(await effects()).toBe(before + 1);
  const later = await deliver(event('person.left', 'otto'), { id: 'msg_five' });
  expect(await later.json(), 'another body under its id').toEqual(answers[0]);
  expect(await stateOf('otto')).toBe('suspended');
});

test('the old secret holds beside the new one; a third does not', async () => {
  expect((await deliver(event('person.suspended', 'omar'), { secret: old })).status).toBe(200);
  expect((await deliver(event('person.active', 'omar'), { secret: young })).status).toBe(200);
  expect((await deliver(event('person.left', 'omar'), { secret: stranger })).status).toBe(401);
  expect(await stateOf('omar')).toBe('active');
});

test.each<[string, Send]>([
  ['signed over another body', { signs: '{}' }],
  ['six minutes old', { at: Date.now() - 6 * minuteMs }],
  ['from six minutes ahead', { at: Date.now() + 6 * minuteMs }],
  ['without a signature', { headers: { 'webhook-signature': '' } }],
  ['with garbage for a signature', { headers: { 'webhook-signature': 'v1' } }],
  ['with another version of signature', { headers: { 'webhook-signature': 'v1a,AAAA' } }],
  ['with a giant signature', { headers: { 'webhook-signature': `v1,${'A'.repeat(5_000)}` } }],
  ['whose stamp is no number', { headers: { 'webhook-timestamp': 'now' } }],
  ['whose stamp was changed', { headers: { 'webhook-timestamp': String(Math.floor(Date.now() / 1_000) - 5) } }],
  ['whose id was changed', { headers: { 'webhook-id': 'msg_other' } }],
  ['whose id has a dot', { id: 'msg.1.{}' }],
  ['without an id', { headers: { 'webhook-id': '' } }],
])('a delivery %s is refused, audited, and has no effect', async (_what, send) => {
  const before = await effects();
  const response = await deliver(event('person.left', 'nina'), send);
  expect(response.status).toBe(401);
  expect(await response.json()).toMatchObject({ code: 'BadSignature' });
  expect(await effects()).toBe(before);
  expect(await stateOf('nina')).toBe('active');
  const [last] = await company.store.admin.query<{ kind: string }>(
    'select kind from audit.entry order by id desc limit 1',
  );
  expect(last?.kind).toBe('delivery.refused');
});

const refusals = async () =>
  (
    await company.store.admin.query<{ n: number }>(
      `select count(*) as n from audit.entry where kind = 'delivery.refused'`,
    )
  )[0]?.n ?? 0;

test('forgeries cannot fill the log: thirty a minute are written down', async () => {
  const before = await refusals();
  for (let times = 0; times < 40; times += 1) await deliver({}, { secret: stranger });
  expect(await refusals()).toBe(before + 30);
});

test.each([
  ['no JSON', 'left!'],
  ['a list', '[]'],
  ['another type', { type: 'person.hired', data: { handle: 'nina' } }],
  ['a prototype as type', { type: '__proto__', data: { handle: 'nina' } }],
  ['nobody', { type: 'person.left', data: {} }],
  [
    'two ways to say who',
    { type: 'person.left', data: { handle: 'nina', id: '00000000-0000-4000-8000-000000000000' } },
  ],
  ['a handle with a zero byte', { type: 'person.left', data: { handle: 'ni\u0000na' } }],
  ['a handle of 100,000 characters', { type: 'person.left', data: { handle: 'n'.repeat(60_000) } }],
  ['a version that is no number', { type: 'person.left', data: { handle: 'nina', version: '9' } }],
  ['an endless version', '{"type":"person.left","data":{"handle":"nina","version":1e999}}'],
  ['an id that is none', { type: 'person.left', data: { id: 'nina' } }],
  ['a date that is none', { type: 'person.left', data: { handle: 'nina', effectiveAt: 'soon' } }],
])('an event with %s is a clear error without effect', async (_what, body) => {
  const response = await deliver(body);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({
    code: 'InvalidInput',
    detail: expect.stringContaining('not') as string,
  });
  expect(await stateOf('nina')).toBe('active');
});

test('too much, and what is not JSON by its own word, are turned away', async () => {
  expect((await deliver({ pad: 'x'.repeat(70_000) })).status).toBe(413);
  expect((await deliver(event('person.left', 'nina'), { headers: { 'content-type': 'text/plain' } })).status).toBe(415);
  expect((await deliver(event('person.left', 'nina'), { headers: { 'content-encoding': 'gzip' } })).status).toBe(415);
  expect(await stateOf('nina')).toBe('active');
});

test("fields of a vendor's own are passed over, and ids do as well as handles", async () => {
  const body = {
    id: 'evt',
    timestamp: 'x',
    type: 'person.suspended',
    data: { id: company.id('carl').toUpperCase(), version: company.nextVersion(), office: 'Oslo' },
  };
  expect(await (await deliver(body)).json()).toMatchObject({ person: company.id('carl'), state: 'suspended' });
});

test('without a version the stamp is the version', async () => {
  const body = { type: 'person.suspended', data: { handle: 'nina' } };
  expect(await (await deliver(body)).json()).toMatchObject({ change: 'applied' });
  const earlier = { type: 'person.active', data: { handle: 'nina' } };
  expect(await (await deliver(earlier, { at: Date.now() - 2 * minuteMs })).json()).toMatchObject({ change: 'older' });
  expect(await stateOf('nina')).toBe('suspended');
});

test('what takes effect later is kept until its day, its repeats get the first answer, and then it counts', async () => {
  const at = new Date(Date.now() + 60 * minuteMs);
  const body = event('person.left', 'ben', { effectiveAt: at.toISOString() });
  const answer = await (await deliver(body, { id: 'msg_later' })).json();
  expect(answer).toMatchObject({ person: company.id('ben'), change: 'later', effectiveAt: at.getTime() });
  expect(await (await deliver(body, { id: 'msg_later' })).json()).toEqual(answer);
  expect(await settleDue(company.ctx)).toBe(0);
  expect([await stateOf('ben'), await (await ask('msg_later')).json()]).toMatchObject(['active', { safe: false }]);
  company.now = at.getTime();
  expect(await settleDue(company.ctx)).toBe(1);
  expect([await stateOf('ben'), await settleDue(company.ctx)]).toEqual(['left', 0]);
});

test('somebody unknown is answered with a tombstone, not ignored', async () => {
  const response = await deliver({ type: 'person.left', data: { handle: 'quentin', version: 5 } });
  expect([response.status, await response.json()]).toMatchObject([
    200,
    { person: null, change: 'unknown', state: 'left' },
  ]);
  // Kept without a person or a handle, and told by what becomes of whoever gets that handle.
  expect(await stateOf('quentin')).toBeUndefined();
  const quentin = await addPerson(company.store.as.curfew_directory, 'quentin', { version: Date.now() });
  expect((await people.factsOf(company.store.admin, quentin))?.state).toBe('left');
});

test('a report is for whoever holds the secret, and of deliveries that were', async () => {
  await deliver(event('person.suspended', 'olga'), { id: 'msg_mine' });
  expect((await ask('msg_mine', stranger)).status).toBe(401);
  expect((await fetch(`${api.origin}/hooks/hr/default/msg_mine`)).status).toBe(401);
  expect((await ask('msg_other', young, 'msg_mine')).status).toBe(401);
  expect((await ask('msg_never')).status).toBe(404);
  expect((await ask('msg_mine', old)).status).toBe(200);
});

test('with the store out of reach HR is asked to send it again, and then it counts', async () => {
  await api.end();
  const nowhere = openStore({ url: 'postgres://a:b@127.0.0.1:1/none', applicationName: 'x', statementTimeoutMs: 300 });
  const useCases = hrUseCases({ ...company.ctx, directory: nowhere });
  api = await serve(company, [], { hr: { secrets: [young], useCases } });
  const body = event('person.suspended', 'eve');
  const response = await deliver(body, { id: 'msg_again' });
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
  await nowhere.close();
  await api.end();
  api = await serve(company, [young]);
  expect((await deliver(body, { id: 'msg_again' })).status).toBe(200);
  expect(await stateOf('eve')).toBe('suspended');
});

test('with Temporal dead a leaver is safe all the same', async () => {
  company.temporal.dead = true;
  expect((await deliver(event('person.left', 'ada'))).status).toBe(200);
  expect(await stateOf('ada')).toBe('left');
});

test('an empty secret is refused at the start, and no secret is no hook', async () => {
  const useCases = hrUseCases(company.ctx);
  for (const secrets of [[], [''], ['whsec_'], [young, '']]) expect(() => hrHooks(secrets, useCases)).toThrow();
  await api.end();
  api = await serve(company, []);
  expect((await deliver(event('person.left', 'ada'))).status).toBe(404);
});

test('neither names, bodies nor signatures stand in the log', async () => {
  await deliver(event('person.suspended', 'ada'), { id: 'msg_log' });
  const lines = api.logged.join('\n');
  for (const secret of ['"ada"', 'v1,', 'msg_log', young]) expect(lines).not.toContain(secret);
});
