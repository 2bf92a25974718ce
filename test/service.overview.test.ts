import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { dayMs, hourMs, minuteMs } from '../domain/time.ts';
import { isRefusal } from '../domain/errors.ts';
import { hashOfCode } from '../service/codes.ts';
import {
  approved,
  claimed,
  click,
  code,
  ok,
  opened,
  policyText,
  startCompany,
  verifier,
  workerCloses,
  workerEnds,
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
  for (const handle of ['ada', 'olga', 'omar', 'nina'] as const) {
    ok(await company.use.back({ person: company.id(handle) }));
  }
});

const account = () => ({ deleted: false, bot: false, restricted: false, stranger: false, readAt: company.now });
const overviewOf = async (handle: Handle) => ok(await company.use.overview({ person: company.id(handle) }));
const waitingFor = async (handle: Handle) => (await overviewOf(handle)).waiting.map(({ requestId }) => requestId);
const lastEntry = async (handle: Handle) => (await company.audit(company.id(handle))).at(-1);

test('Home shows what somebody holds, what they asked for, and what became of the last ones', async () => {
  const held = await approved(company);
  const { endAt } = await claimed(company, held);
  await workerGrants(company, held, endAt);
  const { requestId: open } = await opened(company);
  const { requestId: gone } = await opened(company);
  ok(await company.use.withdraw({ requestId: gone, person: company.id('ada') }));
  await workerCloses(company, gone);
  const home = await overviewOf('ada');
  expect(home.grants.find(({ requestId }) => requestId === held)).toMatchObject({ state: 'active', endAt });
  expect(home.requests.find(({ requestId }) => requestId === open)).toMatchObject({ state: 'awaiting', endAt: null });
  expect(home.recent[0]).toMatchObject({ requestId: gone, state: 'closed' });
  expect(home.recent.length).toBeLessThanOrEqual(5);
  expect([...home.grants, ...home.requests].map(({ requestId }) => requestId)).not.toContain(gone);
});

test('what waits for somebody is what they could decide now: neither what is theirs, nor what they decided', async () => {
  const { requestId } = await opened(company, { role: 'write' });
  expect(await waitingFor('olga')).toContain(requestId);
  for (const handle of ['ada', 'ada-admin', 'eve', 'carl'] as const)
    expect(await waitingFor(handle)).not.toContain(requestId);
  ok(await click(company, requestId, 'olga'));
  expect(await waitingFor('olga')).not.toContain(requestId);
  expect(await waitingFor('omar')).toContain(requestId);
  ok(await company.use.withdraw({ requestId, person: company.id('ada') }));
  expect(await waitingFor('omar')).not.toContain(requestId);
});

test('a later stage waits for nobody yet, and one that has escalated for more people', async () => {
  const stages =
    '[{ name: owners, from: [group:owners], need: 1, escalateAfter: 30m, to: [group:responders] }, { name: controllers, from: [group:controllers], need: 1 }]';
  await company.applyPolicy(
    policyText((text) =>
      text.replace('approvals: [{ name: owners, from: [group:owners], need: 2 }]', `approvals: ${stages}`),
    ),
  );
  const { requestId } = await opened(company, { role: 'write', person: company.id('eve') });
  expect(await waitingFor('carl')).not.toContain(requestId);
  expect(await waitingFor('ada')).not.toContain(requestId);
  company.now += 30 * minuteMs;
  expect(await waitingFor('ada')).toContain(requestId);
  ok(await click(company, requestId, 'olga'));
  expect(await waitingFor('carl')).toContain(requestId);
});

test('an extension that is asked waits for the same people, and for nobody once it is decided', async () => {
  const requestId = await approved(company);
  const { endAt } = await claimed(company, requestId);
  await workerGrants(company, requestId, endAt);
  const asked = ok(await company.use.extend({ requestId, person: company.id('ada'), reason: 'more', key: 'home' }));
  expect(asked.kind).toBe('asked');
  expect(await waitingFor('omar')).toContain(requestId);
  expect(await waitingFor('eve')).not.toContain(requestId);
  const { extensionId } = asked;
  const { digest } = ok(await company.use.extensionModel({ extensionId, person: company.id('omar') }));
  const said = { extensionId, person: company.id('omar'), account: account(), digest, verdict: 'approve' } as const;
  ok(await company.use.decideExtension(said));
  expect(await waitingFor('olga')).not.toContain(requestId);
});

test('away is said by oneself, replaces what was said before, and is over when one is back', async () => {
  const person = company.id('olga');
  const until = (ms: number) => ({ person, fromAt: company.now, untilAt: company.now + ms });
  expect(
    ok(await company.use.away({ ...until(dayMs), delegate: company.id('nina'), account: account() })),
  ).toMatchObject({
    delegate: company.id('nina'),
  });
  expect(await lastEntry('olga')).toMatchObject({ kind: 'absence.made', actor: person });
  ok(await company.use.away(until(2 * dayMs)));
  expect((await overviewOf('olga')).away).toMatchObject({ untilAt: company.now + 2 * dayMs, delegate: null });
  expect(ok(await company.use.back({ person })).was).toMatchObject({ untilAt: company.now + 2 * dayMs });
  expect(await lastEntry('olga')).toMatchObject({ kind: 'absence.ended', actor: person });
  expect((await overviewOf('olga')).away).toBeNull();
  expect(ok(await company.use.back({ person })).was).toBeNull();
});

test('an account that may not decide names nobody who does instead, and may say that its person is away', async () => {
  const person = company.id('olga');
  const away = { person, fromAt: company.now, untilAt: company.now + dayMs };
  const naming = { ...away, delegate: company.id('nina') };
  const accounts = [
    { ...account(), fresh: true },
    { ...account(), restricted: true },
    { ...account(), stranger: true },
  ];
  for (const one of accounts) {
    expect(await company.use.away({ ...naming, account: one })).toMatchObject({ code: 'ApproverNotEligible' });
  }
  const old = { ...account(), readAt: company.now - 2 * minuteMs };
  expect(await company.use.away({ ...naming, account: old })).toMatchObject({ code: 'NotRecorded' });
  expect(await company.use.away(naming)).toMatchObject({ code: 'NotAllowed' });
  expect((await overviewOf('olga')).away).toBeNull();
  expect(ok(await company.use.away(away))).toMatchObject({ delegate: null });
});

test('of two absences said at once one holds', async () => {
  const person = company.id('omar');
  const all = [1, 2, 3, 4].map((days) =>
    company.use.away({ person, fromAt: company.now, untilAt: company.now + days * dayMs }),
  );
  expect((await Promise.all(all)).filter(isRefusal)).toEqual([]);
  const rows = await company.store.admin.query('select from curfew.absence where person = $1 and ended_at is null', [
    person,
  ]);
  expect(rows).toHaveLength(1);
});

test.each([
  ['an end before its beginning', { untilAt: -hourMs }, 'until'],
  ['an end that is no time', { untilAt: Number.NaN }, 'until'],
  ['more than 90 days', { untilAt: 91 * dayMs }, 'until'],
  ['a beginning in a year', { fromAt: 365 * dayMs, untilAt: 366 * dayMs }, 'until'],
  ['oneself as delegate', { delegate: 'ada' }, 'delegate'],
  ["one's other account as delegate", { delegate: 'ada-admin' }, 'delegate'],
  ['a delegate who has gone', { delegate: 'otto' }, 'delegate'],
] as const)('%s is no absence', async (_what, change, field) => {
  await company.change('otto', { state: 'suspended' });
  const { fromAt = 0, untilAt = dayMs } = change as { readonly fromAt?: number; readonly untilAt?: number };
  const delegate = 'delegate' in change ? { delegate: company.id(change.delegate), account: account() } : {};
  const asked = {
    person: company.id('ada'),
    fromAt: company.now + fromAt,
    untilAt: company.now + untilAt,
    ...delegate,
  };
  expect(await company.use.away(asked)).toMatchObject({ code: 'InvalidInput', field });
  expect((await overviewOf('ada')).away).toBeNull();
});

test('a personal code says whose it is for ten minutes; a new one replaces it, and only its hash is kept (I12)', async () => {
  const person = company.id('nina');
  const first = ok(await company.use.personalCode({ person, account: account() }));
  expect(first.expiresAt).toBe(company.now + 10 * minuteMs);
  expect(ok(await company.use.personOfCode({ code: first.code.toLowerCase() }))).toEqual({ person });
  const second = ok(await company.use.personalCode({ person, account: account() }));
  expect(code(await company.use.personOfCode({ code: first.code }))).toBe('UnknownCode');
  expect(ok(await company.use.personOfCode({ code: second.code }))).toEqual({ person });
  const kept = await company.store.admin.query<{ row: string }>(`select p::text as row from curfew.personal_code p`);
  expect(JSON.stringify(kept)).not.toContain(second.code);
  expect(JSON.stringify(kept)).toContain(hashOfCode(second.code)?.toString('hex'));
  company.now += 10 * minuteMs;
  expect(code(await company.use.personOfCode({ code: second.code }))).toBe('UnknownCode');
});

test('no code is for guests, for somebody who is gone, or found by guessing', async () => {
  const person = company.id('nina');
  const guest = { ...account(), restricted: true };
  expect(code(await company.use.personalCode({ person, account: guest }))).toBe('NotAllowed');
  const { code: shown } = ok(await company.use.personalCode({ person, account: account() }));
  await company.change('nina', { state: 'suspended' });
  expect(code(await company.use.personOfCode({ code: shown }))).toBe('NotAllowed');
  expect(code(await company.use.personalCode({ person, account: account() }))).toBe('NotAllowed');
  for (const guess of ['', '__proto__', 'x'.repeat(100_000), '00000-00000-00000-00000-000000']) {
    expect(code(await company.use.personOfCode({ code: guess }))).toBe('UnknownCode');
  }
});

test('Review shows what a template adds to what the requester can do there already', async () => {
  const { requestId } = await opened(company, { role: 'write', person: company.id('eve') });
  const seen = async () => ok(await company.use.reviewModel({ requestId, person: company.id('olga') })).adds;
  expect(await seen()).toEqual(['orders: sales.orders: UPDATE']);
  const held = await opened(company, { role: 'write', person: company.id('eve') });
  ok(await click(company, held.requestId, 'olga'));
  ok(await click(company, held.requestId, 'omar'));
  const { code: shown } = ok(await company.use.mintCode({ requestId: held.requestId, person: company.id('eve') }));
  const { endAt } = ok(await company.use.claim({ code: shown, verifier: verifier(), address: '192.0.2.7' }));
  await workerGrants(company, held.requestId, endAt);
  expect(await seen(), 'the same template is held').toEqual([]);
  company.now = endAt;
  expect(await seen(), 'and is over').toEqual(['orders: sales.orders: UPDATE']);
});

test('Review names whoever mostly approves the requester and is mostly approved by them, and nobody else', async () => {
  await company.change('omar', { groups: [{ name: 'engineers' }, { name: 'owners' }] });
  const reciprocalOf = async (requester: Handle) => {
    const { requestId } = await opened(company, { person: company.id(requester) });
    return ok(await company.use.reviewModel({ requestId, person: company.id('olga') })).reciprocal;
  };
  expect(await reciprocalOf('ben')).toEqual([]);
  for (let round = 0; round < 3; round += 1) {
    for (const [requester, approver] of [
      ['ben', 'omar'],
      ['omar', 'ben'],
    ] as const) {
      const { requestId } = await opened(company, { person: company.id(requester) });
      ok(await click(company, requestId, approver));
    }
  }
  expect(await reciprocalOf('ben')).toEqual([company.id('omar')]);
  expect(await reciprocalOf('eve')).toEqual([]);
  await company.change('omar', { groups: [{ name: 'engineers' }] });
  expect(await reciprocalOf('ben'), 'who could not decide here').toEqual([]);
});

test('a break-glass waits for the review of those who may give it, of more people later, until somebody has (I13)', async () => {
  await company.applyPolicy(
    policyText((text) =>
      text.replace(
        'from: [owner, group:controllers], within: 24h',
        'from: [owner], within: 8h, escalateAfter: 4h, to: [group:controllers]',
      ),
    ),
  );
  const glass = { kind: 'break-glass', role: 'write', ticket: 'INC-12', durationMs: 30 * minuteMs } as const;
  const { requestId } = await opened(company, glass);
  const { endAt } = await claimed(company, requestId);
  await workerGrants(company, requestId, endAt);
  const toReview = async (handle: Handle) =>
    (await overviewOf(handle)).toReview.find((one) => one.requestId === requestId);
  expect(await toReview('olga'), 'it is not over yet').toBeUndefined();
  const overAt = company.now;
  await workerEnds(company, requestId);
  expect(await toReview('olga')).toEqual({
    requestId,
    requester: company.id('ada'),
    target: 'orders-prod',
    role: 'write',
    incident: 'INC-12',
    overAt,
    owed: false,
  });
  for (const handle of ['ada', 'ada-admin', 'eve', 'carl'] as const) {
    expect(await toReview(handle), handle).toBeUndefined();
  }
  company.now = overAt + 4 * hourMs;
  expect(await toReview('carl'), 'it has escalated').toMatchObject({ owed: false });
  company.now = overAt + 8 * hourMs;
  expect(await toReview('carl')).toMatchObject({ owed: true });
  const said = { verdict: 'justified', note: 'the checkout was down', account: account() } as const;
  ok(await company.use.review({ requestId, person: company.id('carl'), ...said }));
  expect(await toReview('olga')).toBeUndefined();
});
