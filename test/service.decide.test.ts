import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { CurfewError, isRefusal } from '../domain/errors.ts';
import { hourMs, minuteMs } from '../domain/time.ts';
import { textOf } from '../store/erasable-texts.ts';
import * as decisions from '../store/decisions.ts';
import { openStore, type Store } from '../store/pool.ts';
import { click, code, ok, opened, startCompany, workerCloses, type Company, type Handle } from './support/company.ts';

let company: Company;
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());
beforeEach(() => company.restore());

const lastEntry = async (subject: string) => (await company.audit(subject)).at(-1);
const live = async (requestId: Parameters<typeof decisions.of>[1]) =>
  (await decisions.of(company.store.admin, requestId)).filter(({ voidedAt }) => voidedAt === undefined);

test('an approval is recorded, audited, told to the Workflow, and the view kept', async () => {
  const { requestId } = await opened(company);
  const result = ok(await click(company, requestId, 'olga'));
  expect(result).toMatchObject({ decided: 'recorded', confirmed: true, view: { state: { kind: 'approved' } } });
  expect(await lastEntry(requestId)).toMatchObject({
    kind: 'decision.made',
    actor: company.id('olga'),
    body: { verdict: 'approve', stage: 0 },
  });
  expect(ok(await company.use.status({ requestId })).view.state.kind).toBe('approved');
  expect((await live(requestId))[0]?.facts).toMatchObject({ person: { id: company.id('olga'), groups: ['owners'] } });
});

test('the same click again is the same decision: nothing is added, and the answer is the first one', async () => {
  const { requestId } = await opened(company, { role: 'write' });
  const all = await Promise.all(Array.from({ length: 8 }, () => click(company, requestId, 'olga')));
  expect(all.map((one) => ok(one).decided).toSorted()).toEqual([
    'recorded',
    ...Array.from({ length: 7 }, () => 'repeated'),
  ]);
  expect(await live(requestId)).toHaveLength(1);
  expect((await company.audit(requestId)).filter(({ kind }) => kind === 'decision.made')).toHaveLength(1);
  expect(company.temporal.view(requestId).state).toMatchObject({ kind: 'awaiting', stage: 0 });
});

test('two approvers at once fill two seats, and one of two at once fills one', async () => {
  const two = await opened(company, { role: 'write' });
  const both = await Promise.all([click(company, two.requestId, 'olga'), click(company, two.requestId, 'omar')]);
  expect(both.map((one) => ok(one).decided)).toEqual(['recorded', 'recorded']);
  expect(company.temporal.view(two.requestId).state.kind).toBe('approved');

  const one = await opened(company);
  const race = await Promise.all([click(company, one.requestId, 'olga'), click(company, one.requestId, 'omar')]);
  expect(race.map(code).toSorted()).toEqual(['NotPending', 'no refusal']);
  expect(await live(one.requestId)).toHaveLength(1);
});

test('of approve and deny at once, one wins, and the store and the Workflow agree which', async () => {
  for (let round = 0; round < 10; round += 1) {
    const { requestId } = await opened(company);
    const results = await Promise.all([
      click(company, requestId, 'olga'),
      click(company, requestId, 'omar', { verdict: 'deny', reason: 'not now' }),
    ]);
    expect(results.filter(isRefusal).map(({ code: refused }) => refused)).toEqual(['NotPending']);
    const [decision] = await live(requestId);
    const state = company.temporal.view(requestId).state;
    expect(state.kind).toBe(decision?.verdict === 'approve' ? 'approved' : 'closed');
  }
});

test('a denial needs a reason, keeps it in the erasable table alone, and is final', async () => {
  const { requestId } = await opened(company);
  expect(await click(company, requestId, 'olga', { verdict: 'deny' })).toMatchObject({
    code: 'InvalidInput',
    field: 'reason',
  });
  const long = 'x'.repeat(100_000);
  expect(code(await click(company, requestId, 'olga', { verdict: 'deny', reason: long }))).toBe('InvalidInput');
  ok(await click(company, requestId, 'olga', { verdict: 'deny', reason: 'canary-denial-5521' }));
  const [decision] = await live(requestId);
  if (!decision) throw new Error('no decision');
  expect(await textOf(company.store.admin, 'denial', decision.id)).toBe('canary-denial-5521');
  const entries = (await company.audit(requestId)).map(({ body }) => body);
  expect(JSON.stringify(entries)).not.toContain('canary-denial-5521');
  expect(await click(company, requestId, 'omar')).toMatchObject({
    code: 'NotPending',
    message: expect.stringContaining('denied') as string,
  });
  await workerCloses(company, requestId);
  expect(code(await click(company, requestId, 'omar'))).toBe('NotPending');
});

test.each([
  ['the requester', 'ada', {}, 'SelfApproval'],
  ["the requester's other account", 'ada-admin', {}, 'SelfApproval'],
  ['somebody outside the group', 'eve', {}, 'ApproverNotEligible'],
  ['an access controller', 'carl', {}, 'ApproverNotEligible'],
  ["another request's digest", 'olga', { digest: 'f'.repeat(64) }, 'StaleView'],
  ['a digest that is none', 'olga', { digest: '__proto__' }, 'StaleView'],
] as const)('a decision by %s is refused, audited, and changes nothing', async (_who, handle, change, expected) => {
  const { requestId } = await opened(company);
  expect(code(await click(company, requestId, handle, change))).toBe(expected);
  expect(await live(requestId)).toEqual([]);
  expect(await lastEntry(requestId)).toMatchObject({
    kind: 'decision.refused',
    actor: company.id(handle),
    body: { code: expected },
  });
  expect(company.temporal.heard).not.toContain(`decide ${requestId}`);
});

test('a requester who owns the data cannot approve, whoever else did', async () => {
  const { requestId } = await opened(company, { person: company.id('ben'), role: 'write' });
  ok(await click(company, requestId, 'olga'));
  expect(code(await click(company, requestId, 'ben'))).toBe('SelfApproval');
});

test.each(['deleted', 'bot', 'restricted', 'stranger'] as const)(
  'an account that is %s decides nothing',
  async (flag) => {
    const { requestId } = await opened(company);
    const account = {
      deleted: false,
      bot: false,
      restricted: false,
      stranger: false,
      readAt: company.now,
      [flag]: true,
    };
    expect(code(await click(company, requestId, 'olga', { account }))).toBe('ApproverNotEligible');
  },
);

test('an account that was not looked at within the minute is not recorded', async () => {
  const { requestId } = await opened(company);
  const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: company.now - 61_000 };
  expect(code(await click(company, requestId, 'olga', { account }))).toBe('NotRecorded');
  expect(await live(requestId)).toEqual([]);
});

test('somebody who was suspended, or left the group, decides nothing from that moment on', async () => {
  const { requestId } = await opened(company);
  await company.change('otto', { state: 'suspended' });
  expect(code(await click(company, requestId, 'otto'))).toBe('ApproverNotEligible');
  await company.change('otto', { state: 'active', groups: [] });
  expect(code(await click(company, requestId, 'otto'))).toBe('ApproverNotEligible');
  await company.change('otto', { groups: [{ name: 'owners', by: company.id('ada') }] });
  expect(code(await click(company, requestId, 'otto')), 'put there by the requester').toBe('ApproverNotEligible');
  await company.change('otto', { groups: [{ name: 'owners' }] });
  ok(await click(company, requestId, 'otto'));
});

test('one person fills one seat, and cannot change their mind', async () => {
  const { requestId } = await opened(company, { role: 'write' });
  ok(await click(company, requestId, 'olga'));
  expect(code(await click(company, requestId, 'olga', { verdict: 'deny', reason: 'after all' }))).toBe('NotPending');
  expect(company.temporal.view(requestId).state).toMatchObject({ kind: 'awaiting' });
});

test('after the time to decide nobody decides', async () => {
  const { requestId } = await opened(company);
  company.now += hourMs + minuteMs;
  expect(code(await click(company, requestId, 'olga'))).toBe('NotPending');
});

test('nobody decides on a request that is being ended, or that is not there, or is no id', async () => {
  const { requestId } = await opened(company);
  ok(await company.use.withdraw({ requestId, person: company.id('ada') }));
  expect(code(await click(company, requestId, 'olga'))).toBe('NotPending');
  const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: company.now };
  const input = { person: company.id('olga'), account, digest: 'x', verdict: 'approve' } as const;
  for (const id of ['00000000-0000-4000-8000-000000000000', "'; drop table", '\0', 'x'.repeat(10_000)]) {
    expect(code(await company.use.decide({ ...input, requestId: id as never }))).toBe('UnknownRequest');
  }
});

test('an end that only the store knows of yet stops decisions all the same', async () => {
  const { requestId } = await opened(company);
  company.temporal.dead = true;
  ok(await company.use.withdraw({ requestId, person: company.id('ada') }));
  expect(code(await click(company, requestId, 'olga'))).toBe('NotPending');
  expect(await live(requestId)).toEqual([]);
});

test('with Temporal dead a decision is recorded and waits in the outbox; the next click confirms it', async () => {
  const { requestId } = await opened(company);
  company.temporal.dead = true;
  expect(ok(await click(company, requestId, 'olga'))).toMatchObject({ decided: 'recorded', confirmed: false });
  expect((await company.outbox()).at(-1)).toEqual({ kind: 'decide', done: false });
  expect(ok(await company.use.status({ requestId })).state, 'by the store alone').toBe('approved');
  expect(code(await click(company, requestId, 'omar')), 'one was enough').toBe('NotPending');
  company.temporal.dead = false;
  expect(ok(await click(company, requestId, 'olga'))).toMatchObject({ decided: 'repeated', confirmed: true });
  await expect
    .poll(async () => (await company.outbox()).at(-1), { timeout: 30_000 })
    .toEqual({ kind: 'decide', done: true });
});

test('where the answer is lost on the way the same click gets it later', async () => {
  const { requestId } = await opened(company);
  company.temporal.mute = true;
  expect(ok(await click(company, requestId, 'olga')).confirmed).toBe(false);
  company.temporal.mute = false;
  expect(ok(await click(company, requestId, 'olga'))).toMatchObject({ decided: 'repeated', confirmed: true });
  expect(company.temporal.view(requestId).version).toBe(2);
});

test("the Workflow's own no is final: told, audited, and not sent again", async () => {
  const { requestId } = await opened(company);
  company.temporal.happens(requestId, { kind: 'lapsed', cause: 'nobody decided in time' });
  expect(code(await click(company, requestId, 'olga'))).toBe('NotPending');
  expect(await lastEntry(requestId)).toMatchObject({ kind: 'decision.refused' });
  await expect
    .poll(async () => (await company.outbox()).at(-1), { timeout: 30_000 })
    .toEqual({ kind: 'decide', done: true });
});

test('a decision that the Workflow refuses never counts, and its seat is free for somebody else', async () => {
  const { requestId } = await opened(company);
  company.temporal.refusal = new CurfewError('ApproverNotEligible', 'no');
  expect(code(await click(company, requestId, 'olga'))).toBe('ApproverNotEligible');
  company.temporal.refusal = undefined;
  expect(await live(requestId)).toEqual([]);
  expect((await company.audit(requestId)).map(({ kind }) => kind).slice(-3)).toEqual([
    'decision.made',
    'decision.voided',
    'decision.refused',
  ]);
  expect(ok(await click(company, requestId, 'omar'))).toMatchObject({ view: { state: { kind: 'approved' } } });
});

test('where a refused decision could not be taken back, the message stays for the relay', async () => {
  const { requestId } = await opened(company);
  company.temporal.refusal = new CurfewError('ApproverNotEligible', 'no');
  let transactions = 0;
  const store: Store = {
    ...company.ctx.store,
    transaction: (work) => {
      transactions += 1;
      if (transactions > 1) return Promise.reject(new CurfewError('NotRecorded', 'the store is gone'));
      return company.ctx.store.transaction(work);
    },
  };
  const { digest } = ok(await company.use.reviewModel({ requestId, person: company.id('olga') }));
  const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: company.now };
  const input = { requestId, person: company.id('olga'), account, digest, verdict: 'approve' } as const;
  expect(code(await company.with({ store }).decide(input))).toBe('ApproverNotEligible');
  expect((await company.outbox()).at(-1)).toEqual({ kind: 'decide', done: false });
});

test('with the store out of reach the click is not recorded', async () => {
  const { requestId } = await opened(company);
  const { digest } = ok(await company.use.reviewModel({ requestId, person: company.id('olga') }));
  const nowhere = openStore({ url: 'postgres://a:b@127.0.0.1:1/none', applicationName: 'x', statementTimeoutMs: 300 });
  const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: company.now };
  const input = { requestId, person: company.id('olga'), account, digest, verdict: 'approve' } as const;
  expect(code(await company.with({ store: nowhere }).decide(input))).toBe('NotRecorded');
  await nowhere.close();
});

test('whoever decided and became void may decide again, as another decision', async () => {
  const { requestId } = await opened(company, { role: 'write' });
  ok(await click(company, requestId, 'omar'));
  const worker = company.store.as.curfew_worker;
  await worker.transaction((tx) => decisions.voidAllOf(tx, company.id('omar'), 'left', 'curfew_worker'));
  await company.temporal.voidDecisions(requestId, { personId: company.id('omar') });
  expect(await live(requestId)).toEqual([]);
  expect(ok(await click(company, requestId, 'omar')).decided).toBe('recorded');
  expect(await live(requestId)).toHaveLength(1);
});

test('Review shows the request from the store, the privileges of the last check, and whether you may', async () => {
  const { requestId } = await opened(company, { reason: 'a slow query', ticket: 'PAY-1' });
  const look = async (handle: Handle) => ok(await company.use.reviewModel({ requestId, person: company.id(handle) }));
  expect(await look('olga')).toMatchObject({
    requester: company.id('ada'),
    reason: 'a slow query',
    ticket: 'PAY-1',
    template: 'orders_read',
    privileges: { lines: ['orders: sales.orders: SELECT'] },
    you: null,
  });
  expect((await look('ada')).you?.code).toBe('SelfApproval');
  expect((await look('eve')).you?.code).toBe('ApproverNotEligible');
  expect(code(await company.use.reviewModel({ requestId: 'nope' as never, person: company.id('olga') }))).toBe(
    'UnknownRequest',
  );
  ok(await click(company, requestId, 'olga'));
  expect((await look('omar')).you?.code).toBe('NotPending');
  expect((await look('omar')).decisions).toMatchObject([{ person: company.id('olga'), verdict: 'approve' }]);
});
