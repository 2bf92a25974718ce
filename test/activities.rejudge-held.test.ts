/** Whoever has moved keeps what the policy would give them now, and nothing else (I8, F38). */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { currentPolicy } from '../activities/current-policy.ts';
import { createRejudge } from '../activities/rejudge.ts';
import type { RequestId } from '../domain/ids.ts';
import { minuteMs } from '../domain/time.ts';
import type { OpenInput } from '../service/contract.ts';
import * as intents from '../store/intents.ts';
import { rejudgeMessages } from '../workers/worker/rejudging.ts';
import {
  approved,
  ask,
  claimed,
  ok,
  opened,
  policyText,
  startCompany,
  workerGrants,
  type Company,
  type Handle,
} from './support/company.ts';

let company: Company;
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());
beforeEach(async () => {
  await company.restore();
  // What earlier tests left open is not this one's.
  await company.store.admin.query(`update curfew.projection set state = 'closed' where state <> 'closed'`);
  await company.store.admin.query(`update curfew.moved set settled_at = now() where settled_at is null`);
});

const look = () =>
  createRejudge({
    store: company.store.as.curfew_worker,
    policyOf: currentPolicy(),
    clock: () => company.now,
    messages: rejudgeMessages,
  })();

async function held(handle: Handle = 'ada', change: Partial<OpenInput> = {}): Promise<RequestId> {
  const requestId = await approved(company, { person: company.id(handle), ...change });
  const { endAt } = await claimed(company, requestId, handle);
  await workerGrants(company, requestId, endAt);
  return requestId;
}
const endsOf = async (requestId: RequestId) =>
  (await intents.ofRequest(company.store.admin, requestId)).map(({ cause }) => cause);
const openMoves = () => company.store.admin.query('select from curfew.moved where settled_at is null');

test('a mover loses what no rule gives them any more, with the reason in its entry and to its Workflow', async () => {
  const requestId = await held();
  await company.change('ada', { groups: [{ name: 'responders' }] });
  expect(await look()).toMatchObject({ ended: 1 });
  expect(await endsOf(requestId)).toEqual(['moved']);
  expect((await company.audit(requestId)).at(-1)).toMatchObject({
    kind: 'end.asked',
    login: 'curfew_worker',
    body: { cause: 'moved', reasons: [expect.any(String)] },
  });
  const [message] = await company.store.admin.query<{ payload: { input: { cause: string } } }>(
    `select payload from curfew.outbox where kind = 'revoke' and payload ->> 'requestId' = $1`,
    [requestId],
  );
  expect(message?.payload.input.cause).toMatch(/^its holder has moved, and would not be given it now: /);
  expect(await look(), 'once').toMatchObject({ ended: 0 });
});

test('a mover keeps what the policy would give them as they are now', async () => {
  const requestId = await held();
  await company.change('ada', { groups: [{ name: 'engineers' }, { name: 'others' }], manager: company.id('olga') });
  expect(await openMoves()).not.toHaveLength(0);
  expect(await look()).toMatchObject({ ended: 0 });
  expect(await endsOf(requestId)).toEqual([]);
});

test('a stricter policy ends nothing that somebody holds who has not moved (I7)', async () => {
  const requestId = await held();
  await company.applyPolicy(policyText((text) => text.replace('need: 1', 'need: 2')));
  expect(await look()).toMatchObject({ ended: 0 });
  expect(await endsOf(requestId)).toEqual([]);
});

const twoRules = (text: string): string =>
  text.replace(
    '  - { name: read,',
    `  - { name: seniors, match: { target: orders-prod, role: read }, requesters: [group:seniors], limits: { max: 4h }, approvals: [{ name: owners, from: [group:owners], need: 1 }] }
  - { name: juniors, match: { target: orders-prod, role: read }, requesters: [group:juniors], limits: { max: 30m }, approvals: automatic }
  - { name: read,`,
  );

test('a mover whom another rule gives it for less time, or only with more people, loses it', async () => {
  await company.applyPolicy(
    policyText((text) => twoRules(text).replace('need: 1 }] }\n  - { name: write', 'need: 2 }] }\n  - { name: write')),
  );
  await company.change('ada', { groups: [{ name: 'seniors' }] });
  await company.change('eve', { groups: [{ name: 'seniors' }] });
  await company.change('nina', { groups: [{ name: 'seniors' }] });
  const long = await held();
  const more = await held('eve');
  const fine = await held('nina', { durationMs: 20 * minuteMs });
  await company.change('ada', { groups: [{ name: 'juniors' }] });
  await company.change('eve', { groups: [{ name: 'engineers' }] });
  await company.change('nina', { groups: [{ name: 'juniors' }] });
  expect(await look()).toMatchObject({ ended: 2 });
  expect([await endsOf(long), await endsOf(more), await endsOf(fine)]).toEqual([['moved'], ['moved'], []]);
});

const other = (text: string): string =>
  text.replace(
    '  - { name: read,',
    `  - { name: payments, match: { target: orders-prod, role: read }, requesters: [group:payments], limits: { max: 4h }, approvals: [{ name: controllers, from: [group:controllers, person:olga], need: 1 }] }
  - { name: read,`,
  );

test('another rule with other approvers is enough where those who approved are among them', async () => {
  await company.applyPolicy(policyText(other));
  const byOlga = await held();
  await company.change('ada', { groups: [{ name: 'payments' }] });
  expect(await look()).toMatchObject({ ended: 0 });
  expect(await endsOf(byOlga)).toEqual([]);
});

test('whoever turns out to be another account of an approver loses what that approval gave (I6)', async () => {
  const requestId = await held('eve');
  await company.change('eve', { aliases: [company.id('olga')] });
  expect(await look()).toMatchObject({ ended: 1 });
  expect(await endsOf(requestId)).toEqual(['moved']);
});

test('an approver who moved, is away, or an hour that went by ends nothing that is held', async () => {
  const requestId = await held();
  await company.change('olga', { groups: [] });
  company.now += 60 * minuteMs;
  expect(await look()).toMatchObject({ ended: 0 });
  expect(await endsOf(requestId)).toEqual([]);
});

test('what was claimed before the move and comes out after it is ended as well, until the move is settled', async () => {
  const requestId = await approved(company);
  const { endAt } = await claimed(company, requestId);
  await company.change('ada', { groups: [] });
  expect(await look()).toMatchObject({ ended: 1 });
  expect(await endsOf(requestId)).toEqual(['moved']);
  await workerGrants(company, requestId, endAt);
  company.now = Date.now() + 5 * minuteMs;
  await look();
  expect(await openMoves()).toEqual([]);
});

test('somebody who holds and asks for nothing leaves no mark, and what is asked for afterwards is no part of a move', async () => {
  await company.change('nina', { groups: [{ name: 'engineers' }] });
  expect(await openMoves()).toEqual([]);
  const first = await held();
  await company.change('ada', { kind: 'contractor' });
  expect(await openMoves()).toHaveLength(1);
  const { requestId } = await opened(company, { target: 'models-prod' });
  const [row] = await company.store.admin.query<{ requests: string[] }>(
    'select requests from curfew.moved where settled_at is null',
  );
  expect(row?.requests).toEqual([first]);
  expect(row?.requests).not.toContain(requestId);
  await company.change('ada', { kind: 'employee' });
  ok(await company.use.preview(ask(company)));
});

test('one that cannot be judged holds up no other mover, and no other move stays open because of it', async () => {
  const [strange, requestId] = [await held('ada'), await held('eve')];
  await company.store.admin.query(`update curfew.request set plan = 'null' where id = $1`, [strange]);
  await company.change('ada', { groups: [{ name: 'responders' }] });
  await company.change('eve', { groups: [] });
  await expect(look()).rejects.toThrow(strange);
  expect(await endsOf(requestId)).toEqual(['moved']);
  company.now += 5 * minuteMs;
  await expect(look()).rejects.toThrow(strange);
  const open = await company.store.admin.query<{ requests: readonly string[] }>(
    'select requests from curfew.moved where settled_at is null',
  );
  expect(open.every(({ requests }) => requests.includes(strange))).toBe(true);
  expect(open.length).toBeGreaterThan(0);
  await company.store.admin.query(`update curfew.projection set state = 'closed' where request_id = $1`, [strange]);
});
