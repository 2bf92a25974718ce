import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ExtensionId, RequestId } from '../domain/ids.ts';
import type { ExtendAsk, Extended } from '../service/contract.ts';
import type { Refusal } from '../domain/errors.ts';
import { hourMs, minuteMs, secondMs } from '../domain/time.ts';
import * as extensions from '../store/extensions.ts';
import * as grants from '../store/grants.ts';
import { makeTicket } from '../targets/postgres/ticket.ts';
import {
  ask,
  claimed,
  click,
  closingSoon,
  code,
  ok,
  policyText,
  startCompany,
  ticketKey,
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
  await company.applyPolicy(policy());
});

/** `read` may be held for 8 h from its grant on, is given for at most 4 h at once, and once longer without asking. */
const policy = (change: (text: string) => string = (text) => text): string =>
  change(policyText((text) => text.replace('limits: { max: 4h,', 'limits: { max: 4h, extend: 1,')));

let keys = 0;
const extend = (requestId: RequestId, change: Partial<ExtendAsk> = {}): Promise<Extended | Refusal> =>
  company.use.extend({ requestId, person: company.id('ada'), key: `extend-${(keys += 1)}`, ...change });

/** Held by ada: asked, approved by olga, claimed, granted. */
async function held(durationMs = hourMs): Promise<{ readonly requestId: RequestId; readonly endAt: number }> {
  const { requestId } = ok(await company.use.open(ask(company, { durationMs })));
  ok(await click(company, requestId, 'olga'));
  const { endAt } = await claimed(company, requestId);
  await workerGrants(company, requestId, endAt);
  return { requestId, endAt };
}

/** What the worker does once it has moved the end on the target. */
async function workerExtends(requestId: RequestId, extensionId: ExtensionId, endAt: number): Promise<void> {
  company.temporal.happens(requestId, { kind: 'extended', id: extensionId, endAt });
  await company.store.as.curfew_worker.transaction(async (tx) => {
    await extensions.moveEnd(tx, requestId, endAt);
    await extensions.saveOutcome(tx, { extensionId, kind: 'extended', cause: null, evidence: {} });
  });
}

const used = async (requestId: RequestId): Promise<void> => {
  const made = ok(await extend(requestId, { byMs: 10 * minuteMs }));
  await workerExtends(requestId, made.extensionId, made.endAt);
};

test('what is held without a condition is not extended under a policy that binds it to one (I7, I18)', async () => {
  const { requestId } = await held();
  await company.applyPolicy(
    policy((text) => text.replace('limits: { max: 4h, extend', 'until: { shift: db }, limits: { max: 4h, extend')),
  );
  expect(code(await extend(requestId))).toBe('PolicyDenied');
});

const decideOn = async (extensionId: ExtensionId, handle: Handle, change: object = {}) => {
  const model = ok(await company.use.extensionModel({ extensionId, person: company.id(handle) }));
  const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: company.now };
  const said = { extensionId, person: company.id(handle), account, digest: model.digest, verdict: 'approve' } as const;
  return company.use.decideExtension({ ...said, ...change });
};
const outcomeOf = (id: ExtensionId) => extensions.outcomeOf(company.store.admin, id);

test('within the allowance it is given at once: the ticket is signed, the Workflow told, the end not moved yet', async () => {
  const { requestId, endAt } = await held();
  const made = ok(await extend(requestId));
  expect(made).toMatchObject({ kind: 'automatic', endAt: endAt + hourMs, confirmed: true });
  const { ticket } = (await extensions.ticketOf(company.store.admin, made.extensionId)) ?? {};
  const fields = { grantId: requestId, personId: company.id('ada'), template: 'orders_read', endAt: endAt + hourMs };
  expect(ticket).toEqual(makeTicket({ ...fields, op: 'extend', key: ticketKey }));
  expect(company.temporal.view(requestId).state).toMatchObject({
    kind: 'active',
    endAt,
    extension: { id: made.extensionId, kind: 'moving', endAt: endAt + hourMs },
  });
  expect((await company.audit(requestId)).at(-1)).toMatchObject({
    kind: 'extension.asked',
    body: { kind: 'automatic', number: 1, fromAt: endAt, endAt: endAt + hourMs },
  });
  expect(ok(await company.use.status({ requestId })).endAt, 'the target has not answered').toBe(endAt);
});

test('the same key is the same extension, however often and however many at once (I10)', async () => {
  const { requestId } = await held();
  const all = await Promise.all(Array.from({ length: 5 }, () => extend(requestId, { key: 'once' })));
  expect(new Set(all.map((one) => ok(one).extensionId)).size).toBe(1);
  expect(await extensions.ofRequest(company.store.admin, requestId)).toHaveLength(1);
  expect((await company.audit(requestId)).filter(({ kind }) => kind === 'extension.asked')).toHaveLength(1);
});

test('of two at once one is under way, and the other is refused', async () => {
  const { requestId } = await held();
  const all = await Promise.all([extend(requestId), extend(requestId)]);
  expect(all.map(code).toSorted()).toEqual(['NotPending', 'no refusal']);
});

test('it never lasts longer than the role may be held from its grant on', async () => {
  const { requestId } = await held(4 * hourMs);
  const grant = await grants.byId(company.store.admin, requestId);
  const made = ok(await extend(requestId, { byMs: 24 * hourMs }));
  expect(made.endAt).toBe((grant?.grantedAt ?? 0) + 8 * hourMs);
  await workerExtends(requestId, made.extensionId, made.endAt);
  expect(await extend(requestId, { reason: 'more' })).toMatchObject({ code: 'PolicyDenied', field: 'duration' });
});

test('whoever asked for minutes extends by no more than a request is given at once', async () => {
  const { requestId, endAt } = await held(minuteMs);
  expect(ok(await extend(requestId, { byMs: 7 * hourMs })).endAt).toBe(endAt + 4 * hourMs);
});

test('a rule for short requests extends nothing for long: what is added is judged as it would be if it were asked (I7)', async () => {
  const minutes = `rules:
  - name: minutes
    match: { target: orders-prod, role: read }
    if: request.duration <= 900
    limits: { max: 4h, extend: 1 }
    approvals: automatic`;
  await company.applyPolicy(policy((text) => text.replace('rules:', minutes)));
  const { requestId, plan } = ok(await company.use.open(ask(company, { durationMs: 10 * minuteMs })));
  expect(plan.verdict).toBe('automatic');
  const { endAt } = await claimed(company, requestId);
  await workerGrants(company, requestId, endAt);
  const made = ok(await extend(requestId, { byMs: 3 * hourMs, reason: 'not done yet' }));
  expect(made.kind, 'nobody has approved more than minutes').toBe('asked');
  expect(await extensions.ticketOf(company.store.admin, made.extensionId)).toBeUndefined();
});

test('it ends where the window of the policy closes', async () => {
  const { window, closesAt } = closingSoon(company.now);
  await company.applyPolicy(policy((text) => text.replace('extend: 1,', `extend: 1, windows: [${window}],`)));
  const { requestId, endAt } = await held(minuteMs);
  expect(endAt).toBeLessThan(closesAt);
  expect(ok(await extend(requestId, { byMs: 3 * hourMs })).endAt).toBe(closesAt);
});

test('only the holder extends, only while it is held, and nothing that is being ended', async () => {
  const { requestId, endAt } = await held();
  expect(code(await extend(requestId, { person: company.id('olga') }))).toBe('NotAllowed');
  expect(code(await extend('nothing' as RequestId))).toBe('UnknownRequest');
  const open = ok(await company.use.open(ask(company)));
  expect(code(await extend(open.requestId))).toBe('NotPending');
  company.now = endAt;
  expect(code(await extend(requestId))).toBe('NotPending');
  company.now = endAt - minuteMs;
  ok(await company.use.release({ requestId, person: company.id('ada') }));
  expect(code(await extend(requestId)), 'a revoke is final').toBe('NotPending');
  expect((await company.audit(requestId)).at(-1)).toMatchObject({ kind: 'extension.refused' });
  expect(await extensions.ofRequest(company.store.admin, requestId)).toEqual([]);
});

test.each([
  ['is suspended', () => company.change('ada', { state: 'suspended' }), 'NotAllowed'],
  ['may not ask any more', () => company.change('ada', { groups: [] }), 'PolicyDenied'],
  [
    'would get something else',
    () => company.applyPolicy(policy((text) => text.replace('orders_read', 'x'))),
    'PolicyDenied',
  ],
] as const)('a holder who %s extends nothing (I8)', async (_what, happens, expected) => {
  const { requestId } = await held();
  await happens();
  expect(code(await extend(requestId))).toBe(expected);
});

test.each([
  ['over', 'PolicyDenied'],
  ['unknown', 'NotRecorded'],
] as const)(
  'what is bound to a ticket of which it is known that it is %s is not extended (I18)',
  async (known, expected) => {
    await company.applyPolicy(
      policy((text) =>
        text.replace(
          'role: read }, requesters: [group:engineers], limits: { max: 4h, extend',
          'role: read }, until: ticket, requesters: [group:engineers], limits: { max: 4h, extend',
        ),
      ),
    );
    const { requestId } = ok(await company.use.open(ask(company, { ticket: 'PAY-7' })));
    ok(await click(company, requestId, 'olga'));
    const { endAt } = await claimed(company, requestId);
    await workerGrants(company, requestId, endAt);
    company.condition = known;
    expect(code(await extend(requestId))).toBe(expected);
  },
);

test('beyond the allowance it is asked, with a reason; an approver of the request may approve it, the holder never', async () => {
  const { requestId } = await held();
  await used(requestId);
  expect(await extend(requestId)).toMatchObject({ code: 'InvalidInput', field: 'reason' });
  const made = ok(await extend(requestId, { reason: 'canary-reason-771' }));
  expect(made.kind).toBe('asked');
  expect(await extensions.ticketOf(company.store.admin, made.extensionId)).toBeUndefined();
  expect(company.temporal.view(requestId).state).toMatchObject({ extension: { kind: 'asked' } });
  expect(JSON.stringify((await company.audit(requestId)).map(({ body }) => body))).not.toContain('canary-reason-771');
  const model = ok(await company.use.extensionModel({ extensionId: made.extensionId, person: company.id('olga') }));
  expect(model).toMatchObject({ reason: 'canary-reason-771', endAt: made.endAt, open: [0], you: null });

  expect(code(await decideOn(made.extensionId, 'ada'))).toBe('SelfApproval');
  expect(code(await decideOn(made.extensionId, 'ada-admin'))).toBe('SelfApproval');
  expect(code(await decideOn(made.extensionId, 'eve'))).toBe('ApproverNotEligible');
  expect(code(await decideOn(made.extensionId, 'olga', { digest: 'f'.repeat(64) }))).toBe('StaleView');
  expect(ok(await decideOn(made.extensionId, 'olga'))).toEqual({ decided: 'recorded', settled: true, confirmed: true });
  expect(company.temporal.view(requestId).state).toMatchObject({ extension: { kind: 'moving', endAt: made.endAt } });
  expect(await extensions.ticketOf(company.store.admin, made.extensionId)).toBeDefined();
  expect(ok(await decideOn(made.extensionId, 'olga'))).toMatchObject({ decided: 'repeated', settled: true });
  expect(code(await decideOn(made.extensionId, 'omar'))).toBe('NotPending');
});

test('a denial needs a reason, ends the extension and leaves the end where it was', async () => {
  const { requestId, endAt } = await held();
  await used(requestId);
  const { extensionId } = ok(await extend(requestId, { reason: 'longer' }));
  expect(await decideOn(extensionId, 'olga', { verdict: 'deny' })).toMatchObject({
    code: 'InvalidInput',
    field: 'reason',
  });
  ok(await decideOn(extensionId, 'olga', { verdict: 'deny', reason: 'enough' }));
  expect(await outcomeOf(extensionId)).toMatchObject({ kind: 'denied' });
  expect(company.temporal.view(requestId).state).toMatchObject({ kind: 'active', endAt: endAt + 10 * minuteMs });
  expect(company.temporal.view(requestId).state).not.toHaveProperty('extension');
  expect(code(await decideOn(extensionId, 'omar'))).toBe('NotPending');
  expect(ok(await extend(requestId, { reason: 'please' })).kind, 'one may ask again').toBe('asked');
});

test('of two seats one person fills one, and who may not approve any more does not count (I6, I8)', async () => {
  await company.applyPolicy(policy((text) => text.replace('need: 1', 'need: 2')));
  const { requestId } = ok(await company.use.open(ask(company)));
  ok(await click(company, requestId, 'olga'));
  ok(await click(company, requestId, 'omar'));
  const { endAt } = await claimed(company, requestId);
  await workerGrants(company, requestId, endAt);
  await used(requestId);
  const { extensionId } = ok(await extend(requestId, { reason: 'longer' }));
  expect(ok(await decideOn(extensionId, 'olga'))).toMatchObject({ settled: false });
  await company.change('olga', { groups: [] });
  expect(ok(await decideOn(extensionId, 'omar'))).toMatchObject({ settled: false });
  expect(await extensions.ticketOf(company.store.admin, extensionId)).toBeUndefined();
  expect(ok(await decideOn(extensionId, 'otto'))).toMatchObject({ settled: true });
});

test('what somebody approved who has been gone since counts no more, also once they are back (I9)', async () => {
  await company.applyPolicy(policy((text) => text.replace('need: 1', 'need: 2')));
  const { requestId } = ok(await company.use.open(ask(company)));
  ok(await click(company, requestId, 'olga'));
  ok(await click(company, requestId, 'omar'));
  const { endAt } = await claimed(company, requestId);
  await workerGrants(company, requestId, endAt);
  await used(requestId);
  const { extensionId } = ok(await extend(requestId, { reason: 'longer' }));
  ok(await decideOn(extensionId, 'olga'));
  const word = { source: 'hr', who: { handle: 'olga' }, actor: 'curfew_directory' } as const;
  const version = Date.now();
  ok(await company.use.leave({ ...word, event: `gone-${version}`, state: 'suspended', version }));
  ok(await company.use.leave({ ...word, event: `back-${version}`, state: 'active', version: version + 1 }));
  expect(ok(await decideOn(extensionId, 'omar'))).toMatchObject({ settled: false });
  expect(await extensions.ticketOf(company.store.admin, extensionId)).toBeUndefined();
  expect(ok(await decideOn(extensionId, 'otto'))).toMatchObject({ settled: true });
});

test.each([
  [
    'the policy has become stricter',
    () => company.applyPolicy(policy((text) => text.replace('need: 1', 'need: 2'))),
    'PolicyDenied',
  ],
  ['the holder was suspended', () => company.change('ada', { state: 'suspended' }), 'NotAllowed'],
  [
    'the end was asked for',
    async (requestId: RequestId) => void ok(await company.use.revoke({ requestId, person: company.id('carl') })),
    'NotPending',
  ],
] as const)('nothing is signed where meanwhile %s (I4, I7, I8)', async (_what, happens, expected) => {
  const { requestId } = await held();
  await used(requestId);
  const { extensionId } = ok(await extend(requestId, { reason: 'longer' }));
  await happens(requestId);
  expect(code(await decideOn(extensionId, 'olga'))).toBe(expected);
  expect(await extensions.ticketOf(company.store.admin, extensionId)).toBeUndefined();
});

test('an automatic plan whose allowance is used up asks nobody, because nobody would decide', async () => {
  await company.applyPolicy(
    policy((text) =>
      text.replace(
        'requesters: [group:engineers], approvals: automatic',
        'requesters: [group:engineers], limits: { max: 1h, extend: 1 }, approvals: automatic',
      ),
    ),
  );
  const { requestId } = ok(await company.use.open(ask(company, { target: 'models-prod', durationMs: 10 * minuteMs })));
  const { endAt } = await claimed(company, requestId);
  await workerGrants(company, requestId, endAt);
  await used(requestId);
  expect(code(await extend(requestId, { reason: 'more' }))).toBe('PolicyDenied');
});

test('with Temporal dead it is recorded and waits; a Workflow that says no has moved nothing', async () => {
  const { requestId } = await held();
  company.temporal.dead = true;
  const made = ok(await extend(requestId, { key: 'dead' }));
  expect(made.confirmed).toBe(false);
  company.temporal.dead = false;
  company.temporal.happens(requestId, { kind: 'expired' });
  expect(code(await extend(requestId, { key: 'dead' }))).toBe('NotPending');
  expect(await outcomeOf(made.extensionId)).toMatchObject({ kind: 'failed' });
  const failed = (await company.audit(requestId)).filter(({ kind }) => kind === 'extension.failed');
  expect(failed, 'one entry, in the transaction of the outcome (I11)').toHaveLength(1);
});

test('less than a second more is nothing, and more than a week is refused', async () => {
  const { requestId } = await held();
  for (const byMs of [0, -1, secondMs / 2, Number.NaN, 8 * 24 * hourMs]) {
    expect(await extend(requestId, { byMs })).toMatchObject({ code: 'InvalidInput', field: 'duration' });
  }
});
