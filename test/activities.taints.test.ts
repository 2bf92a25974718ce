/** What people hold on the approval of somebody who has left: kept, asked about or ended, as the policy says. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { currentPolicy } from '../activities/current-policy.ts';
import { askedOf } from '../activities/taint-asked.ts';
import { createTaints } from '../activities/taints.ts';
import type { RequestId, TaintId } from '../domain/ids.ts';
import type { PersonState } from '../domain/person.ts';
import { hourMs } from '../domain/time.ts';
import * as intents from '../store/intents.ts';
import * as taints from '../store/taints.ts';
import { rejudgeMessages } from '../workers/worker/rejudging.ts';
import {
  approved,
  claimed,
  click,
  code,
  ok,
  opened,
  policyText,
  startCompany,
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
  // What earlier tests left open is not this one's.
  await company.store.admin.query(`update curfew.projection set state = 'closed' where state <> 'closed'`);
  await look();
});

const look = () =>
  createTaints({
    store: company.store.as.curfew_worker,
    policyOf: currentPolicy(),
    clock: () => company.now,
    messages: rejudgeMessages,
  })();
const withRule = (rule: string) =>
  company.applyPolicy(policyText((text) => `${text}leavers: { approvals: ${rule} }\n`));
let events = 0;
const says = async (handle: Handle, state: PersonState) =>
  ok(
    await company.use.leave({
      source: 'hr',
      event: `event-${(events += 1)}`,
      who: { handle },
      state,
      version: company.nextVersion(),
      actor: 'curfew_directory',
    }),
  );
/** Held by ada, approved by olga. */
async function held(): Promise<RequestId> {
  const requestId = await approved(company);
  const { endAt } = await claimed(company, requestId);
  await workerGrants(company, requestId, endAt);
  return requestId;
}
const of = async (requestId: RequestId) =>
  (await taints.list(company.store.admin, { openOnly: false, limit: 1_000 })).filter(
    (one) => one.requestId === requestId,
  );
const endsOf = async (requestId: RequestId) =>
  (await intents.ofRequest(company.store.admin, requestId)).map(({ cause }) => cause);
const answer = async (id: TaintId, handle: Handle, verdict: 'keep' | 'end') => {
  const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: company.now };
  return company.use.answerTaint({ taintId: id, person: company.id(handle), account, verdict });
};
async function asked(requestId: RequestId): Promise<TaintId> {
  const [taint] = await of(requestId);
  return taint?.id ?? expect.fail('nothing is tainted');
}

test('what a leaver had approved is listed at once, with an entry, and by default it stays', async () => {
  const requestId = await held();
  const left = await says('olga', 'left');
  expect(left.tainted).toEqual([requestId]);
  expect((await company.audit(requestId)).at(-1)).toMatchObject({
    kind: 'taint.found',
    login: 'curfew_directory',
    body: { person: company.id('olga'), cause: 'left' },
  });
  expect(await look()).toEqual({ asked: 0, settled: 1 });
  expect(await of(requestId)).toMatchObject([{ rule: 'keep', outcome: 'kept', person: company.id('olga') }]);
  expect(await endsOf(requestId)).toEqual([]);
  expect(await look(), 'once').toEqual({ asked: 0, settled: 0 });
});

test('what was denied, only waits, or has ended rests on nobody’s approval', async () => {
  const ended = await held();
  await workerEnds(company, ended);
  const waiting = await approved(company);
  expect((await says('olga', 'left')).tainted).toEqual([]);
  expect(await of(waiting)).toEqual([]);
});

test('where the policy says revoke it ends at once, and the Workflow is told why', async () => {
  await withRule('revoke');
  const requestId = await held();
  await says('olga', 'left');
  expect(await look()).toEqual({ asked: 0, settled: 1 });
  expect(await endsOf(requestId)).toEqual(['tainted']);
  expect(await of(requestId)).toMatchObject([{ rule: 'revoke', outcome: 'ended' }]);
  const [message] = await company.store.admin.query<{ payload: { input: { cause: string } } }>(
    `select payload from curfew.outbox where kind = 'revoke' and payload ->> 'requestId' = $1`,
    [requestId],
  );
  expect(message?.payload.input.cause).toBe('an approver of it has left');
});

test('where the policy says ask, another who may approve it keeps it, and only such a one', async () => {
  await withRule('ask');
  const requestId = await held();
  await says('olga', 'left');
  expect(await look()).toEqual({ asked: 1, settled: 0 });
  const id = await asked(requestId);
  expect(code(await answer(id, 'ada', 'keep')), 'the holder').toBe('SelfApproval');
  expect(code(await answer(id, 'ada-admin', 'keep')), 'an account of the holder').toBe('SelfApproval');
  expect(code(await answer(id, 'eve', 'keep')), 'who may not approve it').toBe('ApproverNotEligible');
  expect(code(await answer(id, 'olga', 'keep')), 'who has left').toBe('ApproverNotEligible');
  expect(ok(await answer(id, 'omar', 'keep'))).toMatchObject({ verdict: 'keep' });
  expect(ok(await answer(id, 'omar', 'keep')), 'again').toMatchObject({ verdict: 'keep' });
  expect(code(await answer(id, 'otto', 'end')), 'the first word holds').toBe('NotPending');
  expect(await look()).toEqual({ asked: 0, settled: 1 });
  expect(await of(requestId)).toMatchObject([{ outcome: 'kept', answer: { person: company.id('omar') } }]);
  company.now += 2 * hourMs;
  await look();
  expect(await endsOf(requestId)).toEqual([]);
});

test('whoever approved the same thing beside the leaver is not the one who keeps it (I6)', async () => {
  await withRule('ask');
  const { requestId } = await opened(company, { role: 'write' });
  ok(await click(company, requestId, 'olga'));
  ok(await click(company, requestId, 'omar'));
  const { endAt } = await claimed(company, requestId);
  await workerGrants(company, requestId, endAt);
  await says('olga', 'left');
  await look();
  const id = await asked(requestId);
  expect(code(await answer(id, 'omar', 'keep'))).toBe('ApproverNotEligible');
  const shown = await askedOf(company.store.as.curfew_worker, id);
  const able = ['ben', 'otto'].map((handle) => company.id(handle as Handle)).toSorted();
  expect(shown.kind === 'open' && [...shown.people].toSorted()).toEqual(able);
});

test('"End now" ends it in the transaction of the click', async () => {
  await withRule('ask');
  const requestId = await held();
  await says('olga', 'left');
  await look();
  ok(await answer(await asked(requestId), 'omar', 'end'));
  expect(await endsOf(requestId)).toEqual(['tainted']);
  await look();
  expect(await of(requestId)).toMatchObject([{ outcome: 'ended' }]);
});

test('what nobody answers in time ends, whatever process has died in between', async () => {
  await withRule('ask');
  const requestId = await held();
  await says('olga', 'left');
  await look();
  company.now += hourMs - 1_000;
  await look();
  expect(await endsOf(requestId)).toEqual([]);
  company.now += 1_000;
  expect(await look()).toEqual({ asked: 0, settled: 1 });
  expect(await endsOf(requestId)).toEqual(['tainted']);
  expect(await of(requestId)).toMatchObject([{ outcome: 'unanswered' }]);
  expect(code(await answer(await asked(requestId), 'omar', 'keep')), 'too late').toBe('NotPending');
});

test('a suspension lists and does no more, and when they are back nothing is left of it', async () => {
  await withRule('revoke');
  const requestId = await held();
  await says('olga', 'suspended');
  expect(await look()).toEqual({ asked: 0, settled: 0 });
  expect(await of(requestId)).toMatchObject([{ cause: 'suspended', rule: null, outcome: null }]);
  await says('olga', 'active');
  await look();
  expect(await of(requestId)).toMatchObject([{ outcome: 'lifted' }]);
  await says('olga', 'suspended');
  await says('olga', 'left');
  await look();
  const last = (await of(requestId)).map(({ cause, outcome }) => `${cause} ${outcome}`).toSorted();
  expect(last).toEqual(['left ended', 'suspended lifted', 'suspended over']);
});

test('a rehire brings back nothing: what was ended stays ended, what is asked is asked on', async () => {
  await withRule('ask');
  const requestId = await held();
  await says('olga', 'left');
  await look();
  await says('olga', 'active');
  await look();
  expect(await of(requestId)).toMatchObject([{ outcome: null }]);
  expect(code(await answer(await asked(requestId), 'olga', 'keep')), 'groups are gone as well').toBe(
    'ApproverNotEligible',
  );
});

test('whoever kept it and leaves as well leaves it to others again', async () => {
  await withRule('ask');
  const requestId = await held();
  await says('olga', 'left');
  await look();
  ok(await answer(await asked(requestId), 'omar', 'keep'));
  await look();
  expect((await says('omar', 'left')).tainted).toEqual([requestId]);
  expect(await look()).toEqual({ asked: 1, settled: 0 });
});

test('a grant that was on its way when its approver left ends, whatever the policy says (I8, F38)', async () => {
  const requestId = await approved(company);
  const { endAt } = await claimed(company, requestId);
  await says('olga', 'left');
  expect(await of(requestId)).toHaveLength(1);
  expect(await look(), 'it may never be granted').toEqual({ asked: 0, settled: 0 });
  await workerGrants(company, requestId, endAt);
  expect(await look()).toEqual({ asked: 0, settled: 1 });
  expect(await endsOf(requestId)).toEqual(['tainted']);
  expect(await of(requestId)).toMatchObject([{ outcome: 'ended' }]);
});

/** Whoever is away, and decides nothing meanwhile: `delegate` does. */
async function inThePlaceOf(handle: Handle, delegate: Handle): Promise<void> {
  const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: company.now };
  const span = { fromAt: company.now - 1_000, untilAt: company.now + hourMs };
  ok(await company.use.away({ person: company.id(handle), delegate: company.id(delegate), account, ...span }));
}
async function heldBy(approver: Handle): Promise<RequestId> {
  const { requestId } = await opened(company);
  ok(await click(company, requestId, approver));
  const { endAt } = await claimed(company, requestId);
  await workerGrants(company, requestId, endAt);
  return requestId;
}

test('what a delegate approved in the place of a leaver rests on the leaver too (F38)', async () => {
  await withRule('revoke');
  await inThePlaceOf('olga', 'nina');
  const requestId = await heldBy('nina');
  ok(await company.use.back({ person: company.id('olga') }));
  expect((await says('olga', 'left')).tainted, 'the delegation is over, what it gave is not').toEqual([requestId]);
  expect(await look()).toEqual({ asked: 0, settled: 1 });
  expect(await of(requestId)).toMatchObject([{ person: company.id('olga'), outcome: 'ended' }]);
  expect(await endsOf(requestId)).toEqual(['tainted']);
});

test('what a delegate may approve by themselves rests on them alone, whoever they stand in for', async () => {
  await withRule('revoke');
  await inThePlaceOf('olga', 'omar');
  const own = await heldBy('omar');
  await inThePlaceOf('carl', 'nina');
  await inThePlaceOf('otto', 'nina');
  const others = await heldBy('nina');
  expect((await says('olga', 'left')).tainted, 'an owner anyway').toEqual([]);
  expect((await says('carl', 'left')).tainted, 'who has no seat there').toEqual([]);
  expect((await says('otto', 'left')).tainted).toEqual([others]);
  expect(await of(own)).toEqual([]);
});

test('a delegate’s word does not count any more once the one whom they stand in for has left (I8)', async () => {
  await inThePlaceOf('olga', 'nina');
  const { requestId } = await opened(company);
  ok(await click(company, requestId, 'nina'));
  const { endAt } = await claimed(company, requestId);
  expect((await says('olga', 'left')).voided).toBe(1);
  await workerGrants(company, requestId, endAt);
  await look();
  expect(await endsOf(requestId), 'it was on its way').toEqual(['tainted']);
});
