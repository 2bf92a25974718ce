import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { isRefusal, type Refusal } from '../domain/errors.ts';
import type { PersonId, PolicyHash, ProposalId } from '../domain/ids.ts';
import { policyHash } from '../policy/digest.ts';
import type { DecideProposal, ProposalDecided } from '../service/contract-governance.ts';
import { link } from '../store/operator-logins.ts';
import * as policies from '../store/policies.ts';
import { openStore, type Store } from '../store/pool.ts';
import { relayOnce } from '../temporal/relay.ts';
import { code, ok, policyText, startCompany, type Company, type Handle } from './support/company.ts';
import { fakeChannels } from './support/channels.ts';

/** Carl and otto may change it; nina is an auditor, whom a conflict keeps from it although a group would let her. */
const governed = (change: (text: string) => string = (text) => text): string =>
  policyText((text) =>
    change(
      `${text.replace('endAnyGrant: [group:controllers]', 'endAnyGrant: [group:controllers]\n  changePolicy: [group:controllers]')}conflicts:
  - { name: auditors only look, groups: [auditors], never: [changePolicy] }
`,
    ),
  );

let company: Company;
let colleague: Store;
beforeAll(async () => {
  company = await startCompany();
  await company.store.admin.query(`create role colleague login password 'only-in-this-test' in role curfew_admin`);
  const url = company.store.adminUrl.replace(/\/\/[^@]+@/, '//colleague:only-in-this-test@');
  colleague = openStore({ url, applicationName: 'curfew-test', max: 1, statementTimeoutMs: 30_000 });
});
afterAll(async () => {
  await colleague.close();
  await company.end();
});
beforeEach(async () => {
  await company.restore();
  await company.change('otto', { groups: [{ name: 'controllers' }] });
  await company.change('nina', { groups: [{ name: 'controllers' }, { name: 'auditors' }] });
  await company.applyPolicy(governed());
  await company.store.admin.query('delete from curfew.operator_login');
});

let count = 0;
/** Another policy than any before; it proposes as `curfew policy apply` does. */
async function propose(change: Partial<policies.NewPolicy> = {}): Promise<{ id: ProposalId; hash: PolicyHash }> {
  const text = change.text ?? `${governed()}# ${(count += 1)}\n`;
  const hash = change.hash ?? policyHash(text);
  const made = await company.store.as.curfew_admin.transaction((tx) =>
    policies.apply(tx, { hash, text, changes: ['engineers: nothing'], ...change }, 'curfew_admin'),
  );
  if (!made.proposal) throw new Error(`it was ${made.kind}`);
  return { id: made.proposal, hash };
}

const say = (
  { id, hash }: { id: ProposalId; hash: PolicyHash },
  handle: Handle,
  change: Partial<DecideProposal> = {},
): Promise<ProposalDecided | Refusal> => {
  const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: company.now };
  return company.use.decideProposal({
    proposalId: id,
    person: company.id(handle),
    account,
    hash,
    verdict: 'approve',
    ...change,
  });
};
const holds = async (): Promise<PolicyHash | undefined> => policies.currentHash(company.store.admin);
const behind = (handle: Handle): Promise<void> =>
  colleague.transaction((tx) => link(tx, 'curfew_admin', company.id(handle)));

test('with a proposer whom nobody can name, two who may change the policy make it hold', async () => {
  const proposal = await propose();
  const model = ok(await company.use.proposalModel({ proposalId: proposal.id, person: company.id('carl') }));
  expect(model).toMatchObject({
    hash: proposal.hash,
    need: 2,
    approvals: [],
    state: 'open',
    you: null,
    proposer: null,
  });
  expect(model.diff).toMatch(/^@@ .* @@\n(?: .*\n)*\+# \d+\n$/);
  expect(ok(await say(proposal, 'carl'))).toEqual({ state: 'open', need: 2, approvals: 1 });
  expect(ok(await say(proposal, 'carl'))).toEqual({ state: 'open', need: 2, approvals: 1 });
  expect(await holds()).not.toBe(proposal.hash);
  expect(ok(await say(proposal, 'otto'))).toEqual({ state: 'adopted', need: 2, approvals: 2 });
  expect(await holds()).toBe(proposal.hash);
  expect((await company.ctx.policy()).hash).toBe(proposal.hash);
  const entries = await company.audit(proposal.id);
  expect(entries.map(({ kind, actor }) => [kind, actor])).toEqual([
    ['policy.decided', company.id('carl')],
    ['policy.decided', company.id('otto')],
  ]);
  expect((await company.audit(proposal.hash)).map(({ kind }) => kind)).toEqual(['policy.proposed', 'policy.applied']);
});

test('with a linked login one other person is enough, and the proposer is nobody else (I6)', async () => {
  await behind('carl');
  const proposal = await propose();
  expect(code(await say(proposal, 'carl'))).toBe('SelfApproval');
  expect(ok(await company.use.proposalModel({ proposalId: proposal.id, person: company.id('carl') })).you?.code).toBe(
    'SelfApproval',
  );
  expect(ok(await say(proposal, 'otto'))).toEqual({ state: 'adopted', need: 1, approvals: 1 });
  expect((await company.audit(proposal.id)).map(({ kind }) => kind)).toEqual(['policy.refused', 'policy.decided']);
});

test('another account of the proposer, and whoever the proposer put into the group, are refused (I6)', async () => {
  await behind('ada');
  await company.change('ada-admin', { groups: [{ name: 'controllers' }] });
  await company.change('eve', { groups: [{ name: 'controllers', by: company.id('ada') }] });
  const proposal = await propose();
  expect(code(await say(proposal, 'ada-admin'))).toBe('SelfApproval');
  expect(code(await say(proposal, 'eve'))).toBe('ApproverNotEligible');
});

test('nobody who may not change the policy, whom a conflict keeps from it, or who has left is counted', async () => {
  const proposal = await propose();
  for (const handle of ['olga', 'nina'] as const) expect(code(await say(proposal, handle))).toBe('ApproverNotEligible');
  await company.change('otto', { state: 'suspended' });
  expect(code(await say(proposal, 'otto'))).toBe('ApproverNotEligible');
  expect(ok(await say(proposal, 'carl'))).toMatchObject({ approvals: 1 });
});

test('somebody who approved and may not any more counts no more (I8)', async () => {
  const proposal = await propose();
  ok(await say(proposal, 'carl'));
  await company.change('carl', { groups: [] });
  expect(ok(await say(proposal, 'otto'))).toEqual({ state: 'open', need: 2, approvals: 1 });
  expect(await holds()).not.toBe(proposal.hash);
});

test('an approval of another hash, of an old look at the account, or from a guest is refused (I7)', async () => {
  const proposal = await propose();
  const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: company.now };
  const other = policyHash('another text');
  expect(code(await say(proposal, 'carl', { hash: other }))).toBe('StaleView');
  expect(code(await say(proposal, 'carl', { account: { ...account, readAt: company.now - 61_000 } }))).toBe(
    'NotRecorded',
  );
  expect(code(await say(proposal, 'carl', { account: { ...account, restricted: true } }))).toBe('ApproverNotEligible');
  expect(code(await say(proposal, 'carl', { account: { ...account, fresh: true } }))).toBe('ApproverNotEligible');
  expect(code(await say({ ...proposal, id: '00000000-0000-4000-8000-000000000000' as ProposalId }, 'carl'))).toBe(
    'UnknownRequest',
  );
});

test('a denial ends it, also the proposer’s own, and nothing after it counts', async () => {
  await behind('carl');
  const proposal = await propose();
  expect(ok(await say(proposal, 'carl', { verdict: 'deny' }))).toMatchObject({ state: 'denied' });
  expect(code(await say(proposal, 'otto'))).toBe('NotPending');
  expect(await holds()).not.toBe(proposal.hash);
});

test('whoever decides later on a superseded proposal is told so', async () => {
  const [first, second] = [await propose(), await propose()];
  for (const handle of ['carl', 'otto'] as const) ok(await say(first, handle));
  const late = await say(second, 'carl');
  expect(isRefusal(late) && late.message).toContain('Another policy has come in between');
});

test('a text that does not lint, or is not what its row says of it, is approved by nobody', async () => {
  const broken = await propose({ text: 'version: 1\ntargets: [\n' });
  expect(code(await say(broken, 'carl'))).toBe('PolicyDenied');
  const lying = await propose({ onePerson: true });
  expect(code(await say(lying, 'carl'))).toBe('PolicyDenied');
  expect(ok(await say(lying, 'carl', { verdict: 'deny' }))).toMatchObject({ state: 'denied' });
});

test('where the policy that holds is not understood, those whom the last one named may replace it', async () => {
  const broken = 'version: 1\nnonsense: true\n';
  await company.applyPolicy(broken);
  await expect(company.ctx.policy()).rejects.toMatchObject({ code: 'PolicyDenied' });
  const proposal = await propose();
  ok(await say(proposal, 'carl'));
  expect(ok(await say(proposal, 'otto'))).toMatchObject({ state: 'adopted' });
});

test('each step is told once: proposed, approved, adopted, and the others superseded', async () => {
  const told: string[] = [];
  const channels = { ...fakeChannels(), proposal: async ({ step }: { step: string }) => void told.push(step) };
  const { temporal, ctx, store } = company;
  const relay = () =>
    relayOnce({
      store: store.as.curfew_worker,
      temporal,
      channels,
      clock: Date.now,
      log: ctx.log,
      signal: new AbortController().signal,
    });
  while ((await relay()) > 0);
  told.length = 0;
  const [proposal] = [await propose(), await propose()];
  await relay();
  await relay();
  expect(told).toEqual(['open-0', 'open-0']);
  ok(await say(proposal, 'carl'));
  ok(await say(proposal, 'otto'));
  await relay();
  await relay();
  expect(told.toSorted()).toEqual(['adopted', 'open-0', 'open-0', 'open-1', 'superseded']);
});

test('an unknown person is told so', async () => {
  const proposal = await propose();
  const nobody = '11111111-1111-4111-8111-111111111111' as PersonId;
  expect(code(await say(proposal, 'carl', { person: nobody }))).toBe('UnknownPerson');
});
