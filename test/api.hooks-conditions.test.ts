import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Webhook } from 'standardwebhooks';
import { conditionHooks } from '../api/routes/hooks-conditions.ts';
import type { RequestId } from '../domain/ids.ts';
import { minuteMs, secondMs } from '../domain/time.ts';
import { conditionHook } from '../service/conditions.ts';
import * as intents from '../store/intents.ts';
import { approved, claimed, policyText, startCompany, workerGrants, type Company } from './support/company.ts';
import { serve, type TestApi } from './support/http.ts';

const secret = `whsec_${Buffer.alloc(24, 1).toString('base64')}`;
const stranger = `whsec_${Buffer.alloc(24, 3).toString('base64')}`;

let company: Company;
let api: TestApi;
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());
beforeEach(async () => {
  await company.restore();
  company.condition = 'holds';
  await company.applyPolicy(policyText((text) => text.replace('{ name: read,', '{ name: read, until: incident,')));
  api = await serve(company, [], { conditions: { secrets: [secret], hook: conditionHook(company.ctx) } });
});
afterEach(() => api.end());

let ids = 0;
type Send = { readonly id?: string; readonly at?: number; readonly by?: string; readonly signs?: string };

function deliver(body: unknown, { id = `msg_${(ids += 1)}`, at = Date.now(), by = secret, signs }: Send = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return api.post('/hooks/conditions', text, {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at / secondMs)),
    'webhook-signature': new Webhook(by).sign(id, new Date(at), signs ?? text),
  });
}

const closed = (key: string, type = 'incident.closed') => ({ type, data: { key } });

/** Somebody holds access until this incident is resolved. */
async function held(ticket: string): Promise<RequestId> {
  const requestId = await approved(company, { ticket });
  const claim = await claimed(company, requestId);
  await workerGrants(company, requestId, claim.endAt);
  return requestId;
}
const asked = async (requestId: RequestId) =>
  (await intents.ofRequest(company.store.admin, requestId)).map(({ cause, actor }) => [cause, actor]);

test('an incident that is closed ends what was granted until then, at once and nothing else', async () => {
  const [mine, another] = [await held('INC-12'), await held('INC-13')];
  const response = await deliver(closed('INC-12'));
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ ended: [mine] });
  expect(await asked(mine)).toEqual([['condition', 'curfew_api']]);
  expect(await asked(another)).toEqual([]);
  expect(company.temporal.view(mine).state).toMatchObject({
    kind: 'revoking',
    end: { outcome: 'revoked', cause: 'the incident was resolved' },
  });
  expect((await company.audit(mine)).filter(({ kind }) => kind === 'condition.ended')).toMatchObject([
    { login: 'curfew_api', body: { kind: 'incident', key: 'INC-12' } },
  ]);
});

test('with Temporal dead the revoke intent is there all the same', async () => {
  const mine = await held('INC-12');
  company.temporal.dead = true;
  expect((await deliver(closed('INC-12'))).status).toBe(200);
  expect(await asked(mine)).toEqual([['condition', 'curfew_api']]);
});

test('a grant that is just being made is ended too', async () => {
  const requestId = await approved(company, { ticket: 'INC-14' });
  await claimed(company, requestId);
  expect(await (await deliver(closed('INC-14'))).json()).toMatchObject({ ended: [requestId] });
  expect(await asked(requestId)).toEqual([['condition', 'curfew_api']]);
});

test('a delivery has one effect, and its repeats get the first answer (I10)', async () => {
  const mine = await held('INC-12');
  const first = await (await deliver(closed('INC-12'), { id: 'again' })).json();
  const later = await held('INC-12');
  expect(await (await deliver(closed('INC-12'), { id: 'again' })).json()).toEqual(first);
  expect(await asked(mine)).toHaveLength(1);
  expect(await asked(later)).toEqual([]);
  await deliver(closed('INC-12'));
  expect(await asked(mine)).toHaveLength(1);
  expect(await asked(later)).toHaveLength(1);
});

test('what is opened, or of another kind, ends nothing', async () => {
  const mine = await held('INC-12');
  expect(await (await deliver(closed('INC-12', 'incident.opened'))).json()).toMatchObject({ ended: [] });
  expect(await (await deliver(closed('INC-12', 'ticket.closed'))).json()).toMatchObject({ ended: [] });
  expect(await asked(mine)).toEqual([]);
});

test('a signature of another secret, of another body, or of another time holds for nothing, and is written down', async () => {
  const mine = await held('INC-12');
  const before = (await company.audit('conditions')).length;
  for (const send of [
    { by: stranger },
    { signs: JSON.stringify(closed('INC-13')) },
    { at: Date.now() - 6 * minuteMs },
    { at: Date.now() + 6 * minuteMs },
    { id: 'a.b' },
  ] satisfies Send[]) {
    expect((await deliver(closed('INC-12'), send)).status).toBe(401);
  }
  expect(await asked(mine)).toEqual([]);
  expect((await company.audit('conditions')).length - before).toBe(5);
});

test.each([
  ['is no JSON', '{'],
  ['is of no known type', { type: 'shift.closed', data: { key: 'x' } }],
  ['has no key', { type: 'incident.closed', data: {} }],
  ['has a key that is too long', closed('x'.repeat(201))],
])('a body that %s is refused', async (_what, body) => {
  const response = await deliver(body);
  expect(response.status).toBe(400);
  expect(response.headers.get('content-type')).toContain('application/problem+json');
});

test('a body that is too large is not read', async () => {
  expect((await deliver(closed('x'.repeat(70_000)))).status).toBe(413);
});

test('without a secret, or with an empty one, there is no hook', async () => {
  const hook = conditionHook(company.ctx);
  expect(() => conditionHooks([], hook)).toThrow();
  expect(() => conditionHooks([''], hook)).toThrow();
});
