import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { CurfewError, isRefusal } from '../domain/errors.ts';
import { roleOf, type RequestId, type TargetName } from '../domain/ids.ts';
import { dayMs, hourMs, minuteMs } from '../domain/time.ts';
import { textOf } from '../store/erasable-texts.ts';
import * as claims from '../store/claims.ts';
import * as checks from '../store/target-checks.ts';
import * as intents from '../store/intents.ts';
import { openStore, type Store } from '../store/pool.ts';
import * as projections from '../store/projections.ts';
import { ticketText } from '../targets/postgres/ticket.ts';
import { hashOfCode, makeCode } from '../service/codes.ts';
import {
  approved,
  claimed,
  click,
  code,
  minted,
  ok,
  opened,
  policyText,
  startCompany,
  ticketKey,
  verifier,
  workerEnds,
  workerGrants,
  type Company,
} from './support/company.ts';

let company: Company;
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());
beforeEach(() => company.restore());

const address = '192.0.2.7';
const claimOf = (requestId: RequestId) => claims.of(company.store.admin, requestId);
const press = (shown: string, made = verifier()) => company.use.claim({ code: shown, verifier: made, address });

test('a code is 128 bits in base32, forgiving to read, and the store has its hash alone', async () => {
  const { shown, hash } = makeCode(Buffer.from('00112233445566778899aabbccddeeff', 'hex'));
  expect(shown).toMatch(/^[0-9A-HJKMNP-TV-Z]{5}(-[0-9A-HJKMNP-TV-Z]{5}){3}-[0-9A-HJKMNP-TV-Z]{6}$/);
  expect(hashOfCode(shown)).toEqual(hash);
  expect(hashOfCode(` ${shown.toLowerCase().replaceAll('-', ' ')} `)).toEqual(hash);
  expect(hashOfCode(shown.replaceAll('0', 'O').replaceAll('1', 'l'))).toEqual(hash);
  for (const bad of [
    '',
    'x',
    shown.slice(1),
    `${shown}0`,
    shown.replace('-', 'U'),
    'Z'.repeat(26),
    '__proto__',
    '\0'.repeat(26),
  ]) {
    expect(hashOfCode(bad), bad).toBeUndefined();
  }
  const requestId = await approved(company);
  const { code: given, url } = await minted(company, requestId);
  expect(url).toBe(`http://127.0.0.1:9999/claim#${given}`);
  const dump = await company.store.admin.query<{ row: string }>('select c::text as row from curfew.claim_code c');
  expect(JSON.stringify(dump)).not.toContain(given);
});

test('a claim fixes the end, signs the ticket, and writes claim, audit entry and Update together', async () => {
  const requestId = await approved(company);
  const { code: shown } = await minted(company, requestId);
  expect(ok(await company.use.peek({ code: shown }))).toMatchObject({
    requestId,
    target: 'orders-prod',
    role: 'read',
    databases: ['orders'],
  });
  const made = verifier();
  company.now += 1_234;
  const answer = ok(await press(shown, made));
  const endAt = company.now + hourMs;
  expect(answer).toEqual({
    requestId,
    state: 'granting',
    outcome: null,
    role: roleOf(requestId),
    host: '127.0.0.1',
    port: 5432,
    databases: ['orders'],
    endAt,
    loginsStopAt: endAt,
  });
  const row = await claimOf(requestId);
  const text = ticketText({
    op: 'grant',
    grantId: requestId,
    personId: company.id('ada'),
    template: 'orders_read',
    endAt,
    verifier: made,
  });
  expect(row?.ticket).toEqual(createHmac('sha256', ticketKey).update(text).digest());
  expect(row).toMatchObject({ ticketKey: 'k1', endAt, verifier: made });
  expect((await company.audit(requestId)).map(({ kind }) => kind)).toEqual([
    'request.opened',
    'decision.made',
    'code.minted',
    'claim.accepted',
  ]);
  expect(company.temporal.view(requestId).state).toMatchObject({ kind: 'granting', credentialId: row?.credentialId });
  expect(await textOf(company.store.admin, 'claim', requestId)).toBe(address);
});

test('neither verifier, code, ticket nor address stands in the audit log, the outbox or what Temporal is told', async () => {
  const requestId = await approved(company);
  const { code: shown } = await minted(company, requestId);
  const made = verifier();
  ok(await press(shown, made));
  const rows = await company.store.admin.query('select payload from curfew.outbox');
  const told = JSON.stringify([await company.audit(requestId), rows, company.temporal.heard, company.temporal.starts]);
  for (const secret of [shown, made, made.split('$')[2] ?? made, address]) expect(told).not.toContain(secret);
});

test('peek and a look at the status consume nothing', async () => {
  const requestId = await approved(company);
  const { code: shown } = await minted(company, requestId);
  for (let times = 0; times < 5; times += 1) {
    ok(await company.use.peek({ code: shown }));
    expect(code(await company.use.claimStatus({ code: shown }))).toBe('NotPending');
  }
  ok(await press(shown));
});

test('the same code with the same verifier gets the same answer again; with another one it is spent', async () => {
  const requestId = await approved(company);
  const { code: shown } = await minted(company, requestId);
  const made = verifier();
  const first = ok(await press(shown, made));
  company.now += 20 * minuteMs;
  expect(ok(await press(shown, made))).toEqual(first);
  expect(code(await press(shown))).toBe('CodeSpent');
  expect(code(await company.use.peek({ code: shown }))).toBe('CodeSpent');
  expect((await company.audit(requestId)).filter(({ kind }) => kind === 'claim.accepted')).toHaveLength(1);
});

test('of two claims at once with different verifiers one is accepted, and the other is told so', async () => {
  for (let round = 0; round < 10; round += 1) {
    const requestId = await approved(company);
    const { code: shown } = await minted(company, requestId);
    const [one, other] = [verifier(), verifier()];
    const results = await Promise.all([press(shown, one), press(shown, other), press(shown, one)]);
    const row = await claimOf(requestId);
    const winners = [one, other, one].filter((made) => made === row?.verifier);
    expect(results.filter((result) => !isRefusal(result))).toHaveLength(winners.length);
    expect(results.filter(isRefusal).every((refusal) => refusal.code === 'CodeSpent')).toBe(true);
  }
});

test('a new code replaces the old one; an expired one is told so; a wrong one is just unknown', async () => {
  const requestId = await approved(company);
  const { code: old } = await minted(company, requestId);
  const { code: young } = await minted(company, requestId);
  expect(await press(old)).toMatchObject({ code: 'CodeSpent', message: expect.stringContaining('newer') as string });
  company.now += 15 * minuteMs + 1;
  expect(await press(young)).toMatchObject({
    code: 'CodeSpent',
    message: expect.stringContaining('expired') as string,
  });
  const { shown } = makeCode();
  const unknown = await press(shown);
  expect(code(unknown)).toBe('UnknownCode');
  for (const bad of ['', '__proto__', 'x'.repeat(100_000), '<script>', `${young}0`])
    expect(await press(bad)).toEqual(unknown);
  expect(await claimOf(requestId)).toBeUndefined();
});

test('a code never outlives the use-by', async () => {
  const requestId = await approved(company);
  const useByAt = company.now + hourMs;
  company.now += 50 * minuteMs;
  expect((await minted(company, requestId)).expiresAt).toBe(useByAt);
  expect(company.temporal.view(requestId).useByAt).toBeGreaterThanOrEqual(useByAt);
});

test('only the requester gets a code, only while it is approved, and only once it was not claimed', async () => {
  const requestId = await approved(company);
  for (const other of ['eve', 'olga', 'ada-admin'] as const) {
    expect(code(await company.use.mintCode({ requestId, person: company.id(other) }))).toBe('NotAllowed');
  }
  expect((await company.audit(requestId)).at(-1)).toMatchObject({ kind: 'code.refused', body: { code: 'NotAllowed' } });
  await claimed(company, requestId);
  expect(code(await company.use.mintCode({ requestId, person: company.id('ada') }))).toBe('NotPending');
  const waiting = await opened(company);
  expect(code(await company.use.mintCode({ requestId: waiting.requestId, person: company.id('ada') }))).toBe(
    'NotPending',
  );
  expect(code(await company.use.mintCode({ requestId: 'x' as never, person: company.id('ada') }))).toBe(
    'UnknownRequest',
  );
});

test.each(['', 'md5abc', 'hunter2', 'x'.repeat(301), 'SCRAM-SHA-256$1:AAAA$BBBB:CCCC'])(
  'a verifier that the target would refuse is refused before anything is used up: %#',
  async (bad) => {
    const requestId = await approved(company);
    const { code: shown } = await minted(company, requestId);
    expect(await press(shown, bad)).toMatchObject({ code: 'InvalidInput', field: 'verifier' });
    ok(await press(shown));
  },
);

/** Each is what could have changed between the approval and the press; the code stays good where nothing was claimed. */
const since: readonly [string, (requestId: RequestId) => Promise<unknown>, string][] = [
  ['an approver left the group', () => company.change('olga', { groups: [] }), 'ApproverNotEligible'],
  ['an approver was suspended', () => company.change('olga', { state: 'suspended' }), 'ApproverNotEligible'],
  [
    'the requester turned out to be the approver',
    () => company.change('olga', { aliases: [company.id('ada')] }),
    'ApproverNotEligible',
  ],
  ['the requester was suspended', () => company.change('ada', { state: 'suspended' }), 'NotAllowed'],
  [
    'the policy asks for two now',
    () => company.applyPolicy(policyText((text) => text.replace('need: 1', 'need: 2'))),
    'PolicyDenied',
  ],
  [
    'the policy gives it to nobody now',
    () => company.applyPolicy(policyText((text) => text.replaceAll('group:engineers', 'group:none'))),
    'PolicyDenied',
  ],
  [
    'the policy gives less time',
    () => company.applyPolicy(policyText((text) => text.replace('max: 4h', 'max: 2h'))),
    'PolicyDenied',
  ],
  [
    'the policy gives another template',
    () => company.applyPolicy(policyText((text) => text.replace('orders_read', 'orders_all'))),
    'PolicyDenied',
  ],
  ['the policy is not understood', () => company.applyPolicy('version: 99\n'), 'PolicyDenied'],
  ['the target failed its check', () => company.checkTargets(false), 'TargetNotReady'],
  ['its use-by is over', async () => void (company.now += hourMs + minuteMs), 'NotPending'],
  [
    'the requester withdrew it',
    (requestId) => company.use.withdraw({ requestId, person: company.id('ada') }),
    'NotPending',
  ],
  ['an owner ended it', (requestId) => company.use.revoke({ requestId, person: company.id('omar') }), 'NotPending'],
  [
    'the requester left',
    () =>
      company.use.leave({
        source: 'hr',
        event: 'e1',
        who: { handle: 'ada' },
        state: 'left',
        version: company.nextVersion(),
        actor: 'curfew_directory',
      }),
    'NotPending',
  ],
];

test.each(since)('after %s nothing is granted, though it was approved', async (_what, happens, expected) => {
  const requestId = await approved(company);
  const { code: shown } = await minted(company, requestId);
  await happens(requestId);
  // The code outlives the clock's jump here, so that what is judged is the request.
  await company.store.admin.query(
    `update curfew.claim_code set expires_at = now() + interval '1 day' where used_at is null`,
  );
  expect(code(await press(shown))).toBe(expected);
  expect(await claimOf(requestId)).toBeUndefined();
  expect((await company.audit(requestId)).at(-1)).toMatchObject({ kind: 'claim.refused', body: { code: expected } });
});

test('a check that is a week old, or was never made, grants nothing', async () => {
  const requestId = await approved(company);
  const { code: shown } = await minted(company, requestId);
  const latest = await checks.latest(company.store.admin, 'orders-prod' as TargetName);
  company.now = latest?.checkedAt ?? 0;
  await company.store.admin.query(`update curfew.target_check set checked_at = checked_at - interval '7 days'`);
  expect(code(await press(shown))).toBe('TargetNotReady');
});

/** What the worker's login may write, and a thief of it would. */
async function forge(requestId: RequestId, useByAt: number): Promise<void> {
  const view = await projections.viewOf(company.store.admin, requestId);
  if (!view) throw new Error('no view');
  const state = { kind: 'approved', needs: [1], approvals: [] } as const;
  const forged = { ...view, version: view.version + 1, state, useByAt };
  expect(await projections.save(company.store.as.curfew_worker, requestId, forged, company.now)).toBe(true);
}

test.each([
  ['approved', {}],
  ['automatic', { target: 'models-prod' }],
  ['break-glass', { kind: 'break-glass', ticket: 'INC-12', role: 'write' }],
] as const)('no view makes the use-by of what was %s later than it was', async (_what, change) => {
  const { requestId, plan } = await opened(company, change);
  if (plan.verdict === 'approvals') ok(await click(company, requestId, 'olga'));
  const { code: early } = await minted(company, requestId);
  company.temporal.happens(requestId, { kind: 'lapsed', cause: 'nobody claimed it in time' });
  company.now += plan.limits.useWithinMs;
  await forge(requestId, company.now + dayMs);
  expect(code(await company.use.mintCode({ requestId, person: company.id('ada') }))).toBe('NotPending');
  await company.store.admin.query(
    `update curfew.claim_code set expires_at = now() + interval '9 days' where used_at is null`,
  );
  expect(code(await press(early))).toBe('NotPending');
  expect(await claimOf(requestId)).toBeUndefined();
});

test('the ticket of a claim that its Workflow refuses is buried at once, and once', async () => {
  const requestId = await approved(company);
  const { code: shown } = await minted(company, requestId);
  company.temporal.happens(requestId, { kind: 'cancelled' });
  const made = verifier();
  expect(code(await press(shown, made))).toBe('NotPending');
  expect(await claimOf(requestId), 'signed').toBeDefined();
  const asked = () => intents.ofRequest(company.store.admin, requestId);
  const scope = { kind: 'grant', requestId, target: 'orders-prod' };
  expect(await asked()).toMatchObject([{ scope, cause: 'revoked', actor: 'curfew_api' }]);
  expect((await company.outbox()).at(-1)).toEqual({ kind: 'claim', done: true });
  await press(shown, made);
  expect(await asked()).toHaveLength(1);
  expect((await company.audit(requestId)).filter(({ kind }) => kind === 'end.asked')).toHaveLength(1);
});

test('where a refused ticket could not be buried, the message stays for the relay', async () => {
  const requestId = await approved(company);
  const { code: shown } = await minted(company, requestId);
  company.temporal.happens(requestId, { kind: 'cancelled' });
  let transactions = 0;
  const store: Store = {
    ...company.ctx.store,
    transaction: (work) => {
      transactions += 1;
      if (transactions > 1) return Promise.reject(new CurfewError('NotRecorded', 'the store is gone'));
      return company.ctx.store.transaction(work);
    },
  };
  expect(code(await company.with({ store }).claim({ code: shown, verifier: verifier(), address }))).toBe('NotPending');
  expect((await company.outbox()).at(-1)).toEqual({ kind: 'claim', done: false });
});

test('without a ticket key, or without the target, this process signs nothing', async () => {
  const requestId = await approved(company);
  const { code: shown } = await minted(company, requestId);
  const input = { code: shown, verifier: verifier(), address };
  const noKey = company.with({ tickets: { ...company.ctx.tickets, make: () => undefined } });
  expect(code(await noKey.claim(input))).toBe('TargetNotReady');
  expect(code(await company.with({ targets: [] }).claim(input))).toBe('UnknownTarget');
  ok(await company.use.claim(input));
});

test('a request whose row was changed by hand is not what was approved', async () => {
  const requestId = await approved(company);
  const { code: shown } = await minted(company, requestId);
  await company.store.admin.query(`update curfew.request set duration_ms = duration_ms * 2 where id = $1`, [requestId]);
  expect(code(await press(shown))).toBe('StaleView');
});

test('of a claim and an end at once, the end holds: refused, or with an intent that the reaper sees', async () => {
  for (let round = 0; round < 10; round += 1) {
    const requestId = await approved(company);
    const { code: shown } = await minted(company, requestId);
    const [claim] = await Promise.all([press(shown), company.use.revoke({ requestId, person: company.id('omar') })]);
    const asked = await company.store.admin.query('select 1 from curfew.revoke_intent where request_id = $1', [
      requestId,
    ]);
    expect(asked).toHaveLength(1);
    const state = company.temporal.view(requestId).state;
    if (isRefusal(claim)) expect(state).toMatchObject({ kind: 'closed', outcome: 'withdrawn' });
    else expect(state).toMatchObject({ kind: 'granting', ending: { outcome: 'revoked' } });
  }
});

test('with Temporal dead a claim is recorded and answered, and its Update waits in the outbox', async () => {
  const requestId = await approved(company);
  const { code: shown } = await minted(company, requestId);
  company.temporal.dead = true;
  expect(ok(await press(shown)).state).toBe('granting');
  expect((await company.outbox()).at(-1)).toEqual({ kind: 'claim', done: false });
});

test('an approval that Temporal has not confirmed yet cannot be claimed before it is', async () => {
  const { requestId } = await opened(company);
  company.temporal.dead = true;
  ok(await click(company, requestId, 'olga'));
  expect(code(await company.use.mintCode({ requestId, person: company.id('ada') }))).toBe('NotPending');
  company.temporal.dead = false;
  ok(await click(company, requestId, 'olga'));
  await minted(company, requestId);
});

test('with the store out of reach a claim is not recorded, and the code is as good as before', async () => {
  const requestId = await approved(company);
  const { code: shown } = await minted(company, requestId);
  const nowhere = openStore({ url: 'postgres://a:b@127.0.0.1:1/none', applicationName: 'x', statementTimeoutMs: 300 });
  const use = company.with({ store: nowhere });
  expect(code(await use.claim({ code: shown, verifier: verifier(), address }))).toBe('NotRecorded');
  expect(code(await use.peek({ code: shown }))).toBe('NotRecorded');
  await nowhere.close();
  ok(await press(shown));
});

test('the status follows the login: granting, active, ended', async () => {
  const requestId = await approved(company);
  const { code: shown, endAt } = await claimed(company, requestId);
  expect(ok(await company.use.claimStatus({ code: shown })).state).toBe('granting');
  await workerGrants(company, requestId, endAt);
  expect(ok(await company.use.claimStatus({ code: shown }))).toMatchObject({ state: 'active', endAt, outcome: null });
  await workerEnds(company, requestId);
  expect(ok(await company.use.claimStatus({ code: shown }))).toMatchObject({ state: 'ended', outcome: 'expired' });
  expect(code(await company.use.claimStatus({ code: makeCode().shown }))).toBe('UnknownCode');
});
