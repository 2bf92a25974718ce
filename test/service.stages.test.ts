import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Decided } from '../service/contract.ts';
import type { Refusal } from '../domain/errors.ts';
import type { RequestId } from '../domain/ids.ts';
import { hourMs, minuteMs } from '../domain/time.ts';
import * as decisions from '../store/decisions.ts';
import { click, code, ok, opened, policyText, startCompany, type Company, type Handle } from './support/company.ts';

let company: Company;
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());
beforeEach(() => company.restore());

/** `write` on orders-prod with these stages. */
const withStages = (stages: string): Promise<void> =>
  company.applyPolicy(
    policyText((text) =>
      text.replace('approvals: [{ name: owners, from: [group:owners], need: 2 }]', `approvals: ${stages}`),
    ),
  );
const write = async (): Promise<RequestId> => (await opened(company, { role: 'write' })).requestId;
const live = async (requestId: RequestId) =>
  (await decisions.of(company.store.admin, requestId)).filter(({ voidedAt }) => voidedAt === undefined);
const stateOf = async (requestId: RequestId) => ok(await company.use.status({ requestId })).view.state;

test('stages in order open one after the other, and each takes its own people', async () => {
  await withStages(
    '[{ name: controllers, from: [group:controllers], need: 1 }, { name: owners, from: [group:owners], need: 1 }]',
  );
  const requestId = await write();
  expect(code(await click(company, requestId, 'olga'))).toBe('ApproverNotEligible');
  ok(await click(company, requestId, 'carl'));
  expect(await stateOf(requestId)).toMatchObject({ kind: 'awaiting', stage: 1, approvals: [{ stage: 0 }] });
  ok(await click(company, requestId, 'olga'));
  expect(await stateOf(requestId)).toMatchObject({ kind: 'approved', approvals: [{ stage: 0 }, { stage: 1 }] });
  expect((await live(requestId)).map(({ stage }) => stage)).toEqual([0, 1]);
  expect(company.temporal.view(requestId).state).toEqual(await stateOf(requestId));
});

test('stages that are open together are filled in any order, each click where its person may sit', async () => {
  await withStages(
    '[{ name: controllers, from: [group:controllers], need: 1 }, { name: owners, from: [group:owners], need: 1, together: true }]',
  );
  const requestId = await write();
  ok(await click(company, requestId, 'olga'));
  expect(await stateOf(requestId)).toMatchObject({
    kind: 'awaiting',
    stage: 0,
    steps: [0, 0],
    approvals: [{ stage: 1 }],
  });
  ok(await click(company, requestId, 'carl'));
  expect(company.temporal.view(requestId).state.kind).toBe('approved');
});

test('one person fills one seat of the whole request, not one a stage (I6)', async () => {
  await withStages('[{ name: first, from: [group:owners], need: 1 }, { name: second, from: [group:owners], need: 1 }]');
  const requestId = await write();
  ok(await click(company, requestId, 'olga'));
  expect(code(await click(company, requestId, 'olga', { digest: 'f'.repeat(64) }))).toBe('StaleView');
  expect(ok(await click(company, requestId, 'olga'))).toMatchObject({ decided: 'repeated' });
  expect(await live(requestId)).toHaveLength(1);
  expect(await stateOf(requestId)).toMatchObject({ kind: 'awaiting', stage: 1 });
});

test('whoever is needed for a later stage is not spent on an earlier one that others can fill', async () => {
  await company.change('carl', { groups: [{ name: 'controllers' }, { name: 'owners' }] });
  await withStages(
    '[{ name: owners, from: [group:owners], need: 1 }, { name: controllers, from: [group:controllers], need: 1 }]',
  );
  const requestId = await write();
  expect(await click(company, requestId, 'carl')).toMatchObject({
    code: 'ApproverNotEligible',
    message: expect.stringContaining('"controllers"') as string,
  });
  ok(await click(company, requestId, 'olga'));
  ok(await click(company, requestId, 'carl'));
  expect(await stateOf(requestId)).toMatchObject({ kind: 'approved' });
});

test('where stages are open together, the click goes where nobody else can sit', async () => {
  await company.change('carl', { groups: [{ name: 'controllers' }, { name: 'owners' }] });
  await withStages(
    '[{ name: owners, from: [group:owners], need: 1 }, { name: controllers, from: [group:controllers], need: 1, together: true }]',
  );
  const requestId = await write();
  ok(await click(company, requestId, 'carl'));
  expect(await live(requestId)).toMatchObject([{ stage: 1 }]);
});

test('a word is not refused for a stage that nobody can fill anyway', async () => {
  await withStages(
    '[{ name: owners, from: [group:owners], need: 1 }, { name: controllers, from: [group:controllers], need: 1 }]',
  );
  const requestId = await write();
  await company.change('carl', { state: 'suspended' });
  ok(await click(company, requestId, 'olga'));
  expect(await stateOf(requestId)).toMatchObject({ kind: 'awaiting', stage: 1 });
});

test('a stage escalates to more people after its time, and not before', async () => {
  await withStages('[{ name: owners, from: [group:owners], need: 1, escalateAfter: 30m, to: [group:controllers] }]');
  const requestId = await write();
  expect(code(await click(company, requestId, 'carl'))).toBe('ApproverNotEligible');
  company.now += 30 * minuteMs;
  ok(await click(company, requestId, 'carl'));
  expect(company.temporal.view(requestId).state.kind).toBe('approved');
});

test('after the time of a stage nobody decides, though the request itself would have some left', async () => {
  await withStages('[{ name: owners, from: [group:owners], need: 1, decideWithin: 10m }]');
  const requestId = await write();
  company.now += 10 * minuteMs;
  expect(await click(company, requestId, 'olga')).toMatchObject({
    code: 'NotPending',
    message: 'The time to decide is over.',
  });
});

test('a denial may come from any stage that is open, by whoever may sit there, and ends it', async () => {
  await withStages(
    '[{ name: controllers, from: [group:controllers], need: 1 }, { name: owners, from: [group:owners], need: 1, together: true }]',
  );
  const requestId = await write();
  expect(code(await click(company, requestId, 'eve', { verdict: 'deny', reason: 'no' }))).toBe('ApproverNotEligible');
  ok(await click(company, requestId, 'olga', { verdict: 'deny', reason: 'not now' }));
  expect(company.temporal.view(requestId).state).toMatchObject({ kind: 'closed', outcome: 'denied' });
});

const account = () => ({ deleted: false, bot: false, restricted: false, stranger: false, readAt: company.now });
const away = (handle: Handle, delegate?: Handle, forMs = hourMs) =>
  company.use.away({
    person: company.id(handle),
    fromAt: company.now,
    untilAt: company.now + forMs,
    ...(delegate ? { delegate: company.id(delegate), account: account() } : {}),
  });
const standIn = (requestId: RequestId, handle: Handle): Promise<Decided | Refusal> => click(company, requestId, handle);

test('a delegate stands in for whoever is away, and both of them have sat (I6)', async () => {
  const requestId = await write();
  ok(await away('olga', 'nina'));
  ok(await standIn(requestId, 'nina'));
  expect(await stateOf(requestId)).toMatchObject({
    kind: 'awaiting',
    approvals: [{ person: company.id('nina'), standsInFor: company.id('olga') }],
  });
  const model = ok(await company.use.reviewModel({ requestId, person: company.id('omar') }));
  expect([...model.standsInFor]).toEqual([[company.id('nina'), company.id('olga')]]);
  const seen = ok(await company.use.reviewModel({ requestId, person: company.id('olga') }));
  expect(seen.you).toMatchObject({ code: 'ApproverNotEligible' });
  expect(code(await click(company, requestId, 'olga')), 'in whose place somebody decided').toBe('ApproverNotEligible');
  ok(await click(company, requestId, 'omar'));
  expect(company.temporal.view(requestId).state).toEqual(await stateOf(requestId));
  expect(await stateOf(requestId)).toMatchObject({ kind: 'approved' });
});

test('nobody decides by a delegation from whoever asks, nor by one that is over', async () => {
  const own = (await opened(company, { person: company.id('ben'), role: 'write' })).requestId;
  ok(await away('ben', 'nina'));
  expect(code(await standIn(own, 'nina'))).toBe('SelfApproval');
  const other = await write();
  ok(await away('olga', 'nina'));
  ok(await company.use.back({ person: company.id('olga') }));
  ok(await company.use.back({ person: company.id('ben') }));
  expect(code(await standIn(other, 'nina'))).toBe('ApproverNotEligible');
});
