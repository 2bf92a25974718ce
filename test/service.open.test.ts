import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { isRefusal } from '../domain/errors.ts';
import type { RequestId } from '../domain/ids.ts';
import { dayMs, hourMs, minuteMs } from '../domain/time.ts';
import { openStore } from '../store/pool.ts';
import * as requests from '../store/requests.ts';
import {
  ask,
  claimed,
  code,
  ok,
  opened,
  startCompany,
  workerCloses,
  workerEnds,
  workerGrants,
  type Company,
  policyText,
} from './support/company.ts';

let company: Company;
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());
beforeEach(() => company.restore());

const rows = async (): Promise<number> =>
  (await company.store.admin.query<{ n: number }>('select count(*) as n from curfew.request'))[0]?.n ?? -1;

test('a request is judged, recorded with its audit entry, and started', async () => {
  const { requestId, plan, repeated, confirmed } = await opened(company, { ticket: 'PAY-113', reason: '  why  ' });
  expect({ repeated, confirmed, verdict: plan.verdict }).toEqual({
    repeated: false,
    confirmed: true,
    verdict: 'approvals',
  });
  expect((await company.audit(requestId)).map(({ kind }) => kind)).toEqual(['request.opened']);
  expect(company.temporal.starts.at(-1)).toMatchObject({
    requestId,
    target: 'orders-prod',
    zone: 'default',
    slack: false,
  });
  const row = await requests.byId(company.store.admin, requestId);
  expect(row).toMatchObject({ ticket: 'PAY-113', template: 'orders_read', databases: ['orders'], role: 'read' });
  expect((await requests.reason(company.store.admin, requestId))?.text).toBe('why');
  const status = ok(await company.use.status({ requestId }));
  expect(status).toMatchObject({ state: 'awaiting', view: { version: 0, useByAt: null }, endAt: null });
});

test('a request whose logins stop before the end is told of it a minute before they do, whatever the notice', async () => {
  const usual = company.temporal.starts.length;
  await opened(company);
  const [before] = company.temporal.starts.slice(usual);
  for (const [grace, noticeMs] of [
    ['10m', before?.noticeMs],
    ['1h', 61 * 60_000],
  ] as const) {
    await company.applyPolicy(
      policyText((text) => text.replace('limits: { max: 4h,', `limits: { max: 4h, grace: ${grace},`)),
    );
    await opened(company);
    expect(company.temporal.starts.at(-1)).toMatchObject({
      noticeMs,
      plan: { limits: { graceMs: grace === '1h' ? 3_600_000 : 600_000 } },
    });
  }
  await company.applyPolicy(policyText());
});

test('neither the reason nor a name stands in the audit log or in what Temporal is told', async () => {
  const { requestId } = await opened(company, { reason: 'canary-reason-7781' });
  const told = JSON.stringify([company.temporal.starts, (await company.audit(requestId)).map(({ body }) => body)]);
  expect(told).not.toContain('canary-reason-7781');
  expect(told).not.toContain('Name of');
});

test('asking again with one key opens nothing new, and starts it once more', async () => {
  const input = ask(company);
  const first = ok(await company.use.open(input));
  const before = await rows();
  const again = ok(await company.use.open({ ...input, reason: 'another', role: 'write' }));
  expect(again).toEqual({ ...first, repeated: true });
  expect(await rows()).toBe(before);
  expect(company.temporal.starts.filter((start) => start.requestId === first.requestId)).toHaveLength(1);
});

test('asking again gets the first answer although the policy would say no by now', async () => {
  const input = ask(company);
  const first = ok(await company.use.open(input));
  await company.change('ada', { groups: [] });
  expect(ok(await company.use.open(input))).toEqual({ ...first, repeated: true });
});

test('ten at once with one key open one request', async () => {
  const input = ask(company);
  const before = await rows();
  const all = await Promise.all(Array.from({ length: 10 }, () => company.use.open(input)));
  expect(new Set(all.map((one) => ok(one).requestId)).size).toBe(1);
  expect(all.filter((one) => !ok(one).repeated)).toHaveLength(1);
  expect(await rows()).toBe(before + 1);
});

test('one key of two people is two requests', async () => {
  const input = ask(company);
  const mine = ok(await company.use.open(input));
  const theirs = ok(await company.use.open({ ...input, person: company.id('eve') }));
  expect(theirs.requestId).not.toBe(mine.requestId);
});

test('with Temporal dead it is recorded, and its start waits in the outbox', async () => {
  company.temporal.dead = true;
  const { requestId, confirmed } = await opened(company);
  expect(confirmed).toBe(false);
  expect((await company.outbox()).at(-1)).toEqual({ kind: 'start', done: false });
  expect((await company.audit(requestId)).map(({ kind }) => kind)).toEqual(['request.opened']);
});

test('with the store out of reach nothing is recorded and the answer says so', async () => {
  const nowhere = openStore({ url: 'postgres://a:b@127.0.0.1:1/none', applicationName: 'x', statementTimeoutMs: 300 });
  expect(code(await company.with({ store: nowhere }).open(ask(company)))).toBe('NotRecorded');
  await nowhere.close();
});

test.each([
  ['a target that is not there', { target: 'nothing' }, 'UnknownTarget', 'target'],
  ['a prototype key as target', { target: '__proto__' }, 'UnknownTarget', 'target'],
  ['a prototype key as role', { role: 'constructor' }, 'UnknownTarget', 'role'],
  ['a role that is not there', { role: 'admin' }, 'UnknownTarget', 'role'],
  ['no time', { durationMs: 0 }, 'InvalidInput', 'duration'],
  ['negative time', { durationMs: -hourMs }, 'InvalidInput', 'duration'],
  ['no number', { durationMs: Number.NaN }, 'InvalidInput', 'duration'],
  ['endless time', { durationMs: Number.POSITIVE_INFINITY }, 'InvalidInput', 'duration'],
  ['a month', { durationMs: 30 * dayMs }, 'InvalidInput', 'duration'],
  ['more than the rule gives', { durationMs: 5 * hourMs }, 'PolicyDenied', undefined],
  ['no reason', { reason: ' \n ' }, 'InvalidInput', 'reason'],
  ['a reason of 100,000 characters', { reason: 'x'.repeat(100_000) }, 'InvalidInput', 'reason'],
  ['a ticket with a space', { ticket: 'a b' }, 'InvalidInput', 'ticket'],
  ['a ticket with markup', { ticket: '<!channel>' }, 'InvalidInput', 'ticket'],
] as const)('%s is refused, audited, and opens nothing', async (_what, change, expected, field) => {
  const before = await rows();
  const refusal = await company.use.open(ask(company, change));
  expect(refusal).toMatchObject({ kind: 'refusal', code: expected, ...(field === undefined ? {} : { field }) });
  expect(await rows()).toBe(before);
  const entries = await company.store.admin.query<{ kind: string; body: Buffer }>(
    'select kind, body from audit.entry order by id desc limit 1',
  );
  expect(entries[0]?.kind).toBe('request.refused');
  expect(JSON.parse(entries[0]?.body.toString() ?? '')).toMatchObject({ code: expected });
});

test('markup, control characters and broken surrogates in a reason are kept harmless, not refused', async () => {
  const { requestId } = await opened(company, { reason: '<!channel> \u0000 \u001b[31m \ud800 *bold*' });
  const kept = (await requests.reason(company.store.admin, requestId))?.text ?? '';
  expect(kept).toContain('<!channel>');
  expect(kept).not.toContain('\u0000');
  expect(kept.isWellFormed()).toBe(true);
});

test('whoever is unknown, suspended, or matched by no rule cannot ask', async () => {
  const stranger = '00000000-0000-4000-8000-000000000000' as ReturnType<Company['id']>;
  expect(code(await company.use.open(ask(company, { person: stranger })))).toBe('UnknownPerson');
  expect(code(await company.use.open(ask(company, { person: company.id('nina') })))).toBe('PolicyDenied');
  await company.change('eve', { state: 'suspended' });
  expect(code(await company.use.open(ask(company, { person: company.id('eve') })))).toBe('NotAllowed');
  await company.change('eve', { state: 'active' });
});

test('without a policy, or with one that is not understood, nothing is opened', async () => {
  await company.applyPolicy('version: 99\n');
  expect(code(await company.use.open(ask(company)))).toBe('PolicyDenied');
});

test('an automatic plan is approved from the start', async () => {
  const { requestId } = await opened(company, { target: 'models-prod' });
  expect(ok(await company.use.status({ requestId })).state).toBe('approved');
});

test('preview says what opening would, and names who could decide; it writes nothing', async () => {
  const before = await rows();
  const { plan, seats } = ok(await company.use.preview(ask(company)));
  expect(plan.verdict).toBe('approvals');
  // Not ada, and not ada-admin, who is ada.
  expect(seats[0]?.toSorted()).toEqual(
    ['ben', 'olga', 'omar', 'otto'].map((one) => company.id(one as 'ben')).toSorted(),
  );
  expect(ok(await company.use.preview(ask(company, { durationMs: 7 * hourMs }))).plan.verdict).toBe('denied');
  expect(code(await company.use.preview(ask(company, { target: 'x' })))).toBe('UnknownTarget');
  expect(await rows()).toBe(before);
});

test('options are what the policy gives this person', async () => {
  const forAda = ok(await company.use.options({ person: company.id('ada') }));
  expect(
    forAda.map(({ target, roles, breakGlass }) => [target, roles.map((r) => r.role), breakGlass.map((r) => r.role)]),
  ).toEqual([
    ['orders-prod', ['read', 'write'], ['read', 'write']],
    ['models-prod', ['read'], ['read']],
  ]);
  expect(ok(await company.use.options({ person: company.id('nina') }))).toEqual([]);
});

const withdrawn = async (requestId: RequestId): Promise<void> => {
  ok(await company.use.withdraw({ requestId, person: company.id('ada') }));
  await workerCloses(company, requestId);
};

const incident = { kind: 'break-glass', role: 'write', ticket: 'inc-12', durationMs: 30 * minuteMs } as const;

test('a break-glass is announced in the transaction that opens it, and needs no approval', async () => {
  const { requestId, plan } = await opened(company, incident);
  expect(plan.verdict).toBe('break-glass');
  expect((await company.audit(requestId)).map(({ kind }) => kind)).toEqual(['request.opened', 'breakglass.announced']);
  await expect
    .poll(async () => (await company.outbox()).slice(-3), { timeout: 30_000 })
    .toEqual([
      { kind: 'announce', done: false },
      { kind: 'announce-webhook', done: false },
      { kind: 'start', done: true },
    ]);
  expect((await requests.byId(company.store.admin, requestId))?.ticket).toBe('INC-12');
  await withdrawn(requestId);
});

test('break-glass is refused without an incident, above its ceiling, and to others', async () => {
  for (const ticket of ['', 'checkout down', 'INC', 'INC-', '-1']) {
    expect(code(await company.use.open(ask(company, { ...incident, ticket })))).toBe('InvalidInput');
  }
  expect(code(await company.use.open(ask(company, { ...incident, durationMs: 61 * minuteMs })))).toBe('PolicyDenied');
  expect(code(await company.use.open(ask(company, { ...incident, person: company.id('eve') })))).toBe('PolicyDenied');
});

test('nobody has three break-glass requests open', async () => {
  const one = await opened(company, incident);
  const two = await opened(company, incident);
  expect(code(await company.use.open(ask(company, incident)))).toBe('NotAllowed');
  for (const { requestId } of [one, two]) {
    await withdrawn(requestId);
  }
});

test('nobody has three break-glass requests open by asking for five at once, nor under another account', async () => {
  const keys = ['at once 1', 'at once 2', 'at once 3', 'at once 4', 'at once 5'];
  const all = await Promise.all(keys.map((key) => company.use.open(ask(company, { ...incident, key }))));
  expect(all.map(code).toSorted()).toEqual(['NotAllowed', 'NotAllowed', 'NotAllowed', 'no refusal', 'no refusal']);
  await company.change('ada-admin', { groups: [{ name: 'responders' }], aliases: [company.id('ada')] });
  const other = { ...incident, person: company.id('ada-admin') };
  expect(code(await company.use.open(ask(company, other)))).toBe('NotAllowed');
  for (const [index, one] of all.entries()) {
    if (isRefusal(one)) continue;
    const again = await company.use.open(ask(company, { ...incident, key: keys[index] ?? '' }));
    expect(again, 'the same key').toMatchObject({ requestId: one.requestId, repeated: true });
    await withdrawn(one.requestId);
  }
});

test('one break-glass asked for five times at once is one, and no refusal', async () => {
  const change = { ...incident, key: 'one key' };
  const all = await Promise.all(Array.from({ length: 5 }, () => company.use.open(ask(company, change))));
  expect(all.filter((one) => !ok(one).repeated)).toHaveLength(1);
  for (const { requestId } of all.map((one) => ok(one)).slice(0, 1)) await withdrawn(requestId);
});

test('a break-glass that nobody reviewed in time bars the next one, until it is reviewed', async () => {
  const requestId: RequestId = (await opened(company, incident)).requestId;
  const { endAt } = await claimed(company, requestId);
  await workerGrants(company, requestId, endAt);
  await workerEnds(company, requestId);
  company.now += 23 * hourMs;
  const early = await opened(company, incident);
  await withdrawn(early.requestId);
  company.now += 2 * hourMs;
  expect(code(await company.use.open(ask(company, incident)))).toBe('NotAllowed');
  await company.change('ada-admin', { groups: [{ name: 'responders' }], aliases: [company.id('ada')] });
  const other = { ...incident, person: company.id('ada-admin') };
  expect(code(await company.use.open(ask(company, other))), 'nor under another account').toBe('NotAllowed');
  const note = 'the checkout was down';
  ok(await company.use.review({ requestId, person: company.id('carl'), verdict: 'justified', note }));
  const next = await opened(company, incident);
  await withdrawn(next.requestId);
});
