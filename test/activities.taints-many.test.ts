/** Two approvals of leavers stay two people's word, and many that wait hold up none that is to end (I6, F38). */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { currentPolicy } from '../activities/current-policy.ts';
import { askedOf } from '../activities/taint-asked.ts';
import { createTaints } from '../activities/taints.ts';
import type { RequestId, TaintId } from '../domain/ids.ts';
import type { PersonState } from '../domain/person.ts';
import * as intents from '../store/intents.ts';
import * as taints from '../store/taints.ts';
import { rejudgeMessages } from '../workers/worker/rejudging.ts';
import {
  claimed,
  click,
  code,
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
beforeEach(() => company.restore());

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
      event: `many-${(events += 1)}`,
      who: { handle },
      state,
      version: company.nextVersion(),
      actor: 'curfew_directory',
    }),
  );
async function held(role: 'read' | 'write', ...approvers: readonly Handle[]): Promise<RequestId> {
  const { requestId } = await opened(company, { role });
  for (const handle of approvers) ok(await click(company, requestId, handle));
  const { endAt } = await claimed(company, requestId);
  await workerGrants(company, requestId, endAt);
  return requestId;
}
const of = async (requestId: RequestId) =>
  (await taints.list(company.store.admin, { openOnly: false, limit: 1_000 })).filter(
    (one) => one.requestId === requestId,
  );
const answer = (id: TaintId, handle: Handle, verdict: 'keep' | 'end') => {
  const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: company.now };
  return company.use.answerTaint({ taintId: id, person: company.id(handle), account, verdict });
};

test('where both of two approvers leave, nobody keeps it in the place of both (I6)', async () => {
  await withRule('ask');
  const requestId = await held('write', 'olga', 'omar');
  await says('olga', 'left');
  await says('omar', 'left');
  expect(await look()).toEqual({ asked: 2, settled: 0 });
  const [first, second] = await of(requestId);
  if (!first || !second) expect.fail('both are tainted');
  ok(await answer(first.id, 'otto', 'keep'));
  expect(code(await answer(second.id, 'otto', 'keep')), 'before it is settled').toBe('ApproverNotEligible');
  await look();
  expect(code(await answer(second.id, 'otto', 'keep')), 'and after').toBe('ApproverNotEligible');
  const shown = await askedOf(company.store.as.curfew_worker, second.id);
  expect(shown.kind === 'open' && shown.people).toEqual([company.id('ben')]);
});

test('hundreds that wait for an answer hold up none that the policy ends', async () => {
  await withRule('revoke');
  const waiting = await held('read', 'otto');
  await says('otto', 'suspended');
  await company.store.admin.query(
    `insert into curfew.taint (request_id, decision_id, stage, person, cause, event, found_at)
     select $1, 'waits-' || n, 0, $2, 'suspended', 'waits', clock_timestamp() - interval '1 hour' from generate_series(1, 600) n`,
    [waiting, company.id('otto')],
  );
  const requestId = await held('read', 'olga');
  await says('olga', 'left');
  await look();
  expect((await intents.ofRequest(company.store.admin, requestId)).map(({ cause }) => cause)).toEqual(['tainted']);
});
