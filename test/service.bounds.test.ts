import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { RequestId } from '../domain/ids.ts';
import { dayMs, hourMs, minuteMs } from '../domain/time.ts';
import * as claims from '../store/claims.ts';
import * as decisions from '../store/decisions.ts';
import * as onCall from '../store/on-call.ts';
import {
  approved,
  ask,
  claimed,
  click,
  closingSoon,
  code,
  minted,
  ok,
  policyText,
  startCompany,
  verifier,
  type Company,
} from './support/company.ts';

let company: Company;
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());
beforeEach(() => company.restore());

const press = (shown: string) => company.use.claim({ code: shown, verifier: verifier(), address: '192.0.2.7' });
const claimOf = (requestId: RequestId) => claims.of(company.store.admin, requestId);
const readWith = (what: string): Promise<void> =>
  company.applyPolicy(
    policyText((text) => text.replace('{ name: read, match: { target: orders-prod, role: read },', `$& ${what},`)),
  );

test('what starts later is approved now, and claimed from its start on until its time to claim is over', async () => {
  const startAt = company.now + 3 * hourMs;
  const requestId = await approved(company, { startAt });
  expect(ok(await company.use.reviewModel({ requestId, person: company.id('olga') })).startAt).toBe(startAt);
  const early = await company.use.mintCode({ requestId, person: company.id('ada') });
  expect(early).toMatchObject({
    code: 'NotPending',
    message: expect.stringContaining(new Date(startAt).toISOString()) as string,
  });
  company.now = startAt;
  expect(ok(await company.use.mintCode({ requestId, person: company.id('ada') })).expiresAt).toBe(
    startAt + 15 * minuteMs,
  );
  company.now = startAt + hourMs;
  expect(code(await company.use.mintCode({ requestId, person: company.id('ada') }))).toBe('NotPending');
});

test.each([
  ['a start that has gone by', { startAt: -hourMs }, 'start'],
  ['a start in two months', { startAt: 60 * dayMs }, 'start'],
  ['a duration above what the rule gives', { durationMs: 5 * hourMs }, 'duration'],
] as const)('%s is refused under its own field', async (_what, change, field) => {
  const at = 'startAt' in change ? { startAt: company.now + change.startAt } : change;
  expect(await company.use.open(ask(company, at))).toMatchObject({ code: 'PolicyDenied', field });
});

test('what is bound to a ticket is refused without one, under its field', async () => {
  await readWith('until: ticket');
  expect(await company.use.open(ask(company))).toMatchObject({ code: 'PolicyDenied', field: 'ticket' });
});

test('what is bound to a shift ends with the shift, of whichever account (I2)', async () => {
  await readWith('until: { shift: orders }');
  const [fromAt, untilAt] = [company.now - hourMs, company.now + 10 * minuteMs];
  const shift = { schedule: 'orders', person: company.id('ada'), fromAt, untilAt };
  await company.store.as.curfew_directory.transaction((tx) => onCall.replace(tx, 'calendar', [shift]));
  const requestId = await approved(company);
  expect((await claimed(company, requestId)).endAt, 'and not an hour from now').toBe(untilAt);
});

test('a grant ends where the window closes, and outside of it nothing is claimed', async () => {
  const { window, closesAt } = closingSoon(company.now);
  await company.applyPolicy(
    policyText((text) => text.replace('limits: { max: 4h,', `limits: { max: 4h, windows: [${window}],`)),
  );
  const requestId = await approved(company);
  expect((await claimed(company, requestId)).endAt, 'and not an hour from now').toBe(closesAt);

  const late = await approved(company);
  company.now = closesAt - minuteMs;
  const { code: shown } = await minted(company, late);
  company.now = closesAt;
  expect(await press(shown)).toMatchObject({
    code: 'NotPending',
    message: expect.stringContaining('opens') as string,
  });
  expect(await claimOf(late)).toBeUndefined();
});

test.each([
  ['over', 'PolicyDenied'],
  ['unknown', 'NotRecorded'],
] as const)('nothing is claimed for a ticket that is %s (I18)', async (known, expected) => {
  await readWith('until: ticket');
  const requestId = await approved(company, { ticket: 'PAY-7' });
  const { code: shown } = await minted(company, requestId);
  company.condition = known;
  expect(code(await press(shown))).toBe(expected);
  expect(await claimOf(requestId)).toBeUndefined();
  company.condition = 'holds';
  ok(await press(shown));
});

test('a claimed code answers the same again, though the ticket is over by then (I10)', async () => {
  await readWith('until: ticket');
  const requestId = await approved(company, { ticket: 'PAY-7' });
  const { code: shown } = await minted(company, requestId);
  const made = verifier();
  const first = ok(await company.use.claim({ code: shown, verifier: made, address: '192.0.2.7' }));
  company.condition = 'over';
  expect(ok(await company.use.claim({ code: shown, verifier: made, address: '192.0.2.7' })).endAt).toBe(first.endAt);
});

test('where an approver may not approve any more, their stage waits for somebody else again (I8)', async () => {
  const requestId = await approved(company);
  const { code: shown } = await minted(company, requestId);
  await company.change('olga', { groups: [] });
  expect(await press(shown)).toMatchObject({
    code: 'ApproverNotEligible',
    message: expect.stringContaining('waits for another approval') as string,
  });
  expect((await decisions.of(company.store.admin, requestId)).map(({ voidedAt }) => voidedAt)).toEqual([
    expect.any(Number) as number,
  ]);
  expect(company.temporal.view(requestId).state.kind).toBe('awaiting');
  expect((await company.audit(requestId)).map(({ kind }) => kind)).toContain('decision.voided');
  ok(await click(company, requestId, 'omar'));
  ok(await press(shown));
});
