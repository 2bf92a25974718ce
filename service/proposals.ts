/**
 * A new policy takes two people: whoever proposes it, and another who may change the policy and approves exactly its
 * hash. Judged as a request with one step is judged, by the policy that holds; the store counts once more before it
 * takes the new one (`curfew.adopt_policy`).
 */
import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import { policyDecided, policyRefused } from '../domain/events/policy.ts';
import { knownAs } from '../domain/events/entry.ts';
import { isUuid, type Digest, type PersonId, type ProposalId } from '../domain/ids.ts';
import { sameHuman, type PersonFacts } from '../domain/person.ts';
import type { Stage } from '../domain/plan.ts';
import { unifiedDiff } from '../policy/diff.ts';
import { maySit, type Human } from '../policy/eligibility.ts';
import { parsePolicy } from '../policy/parse.ts';
import type { LoadedPolicy } from '../policy/policy.ts';
import { changeStage, inOwnName, judgeChange, nobody } from '../policy/powers.ts';
import { append } from '../store/audit.ts';
import { factsOfMany } from '../store/people.ts';
import * as policies from '../store/policies.ts';
import type { Db } from '../store/pool.ts';
import * as proposals from '../store/proposals.ts';
import type { Proposal } from '../store/proposals.ts';
import { answering, refused } from './answering.ts';
import type { Context } from './context.ts';
import type { DecideProposal, ProposalDecided, ProposalModel } from './contract-governance.ts';
import { lastUnderstood } from './policy-in-force.ts';

/**
 * @param person who looks: `you` says whether their approval would count
 * @returns `UnknownRequest` where there is no such proposal
 */
export const proposalModel = (
  ctx: Context,
  { proposalId, person }: { readonly proposalId: ProposalId; readonly person: PersonId },
): Promise<ProposalModel | Refusal> =>
  answering(ctx, 'proposalModel', async () => {
    const proposal = await known(ctx.store, proposalId);
    if (isRefusal(proposal)) return proposal;
    const policy = await whoChanges(ctx);
    const seats = await seatsOf(ctx.store, policy, proposal, person);
    return {
      proposalId: proposal.id,
      hash: proposal.hash,
      base: proposal.base?.hash ?? null,
      proposedBy: proposal.proposedBy,
      proposer: proposal.proposer,
      proposedAt: proposal.proposedAt,
      diff: unifiedDiff(proposal.base?.text ?? '', proposal.text),
      changes: proposal.changes,
      approvals: seats.counted.map(({ id }) => id),
      need: proposal.need,
      state: proposal.state,
      you: isRefusal(seats.person) ? seats.person : wouldCount(proposal, seats.person, seats),
    };
  });

/**
 * One person's word on a proposed policy. The last approval that it takes makes it hold, in the same transaction; a
 * denial ends it. The same word again changes nothing.
 * @returns `SelfApproval`, `StaleView` (another hash than the proposal's), `ApproverNotEligible`, `NotPending`,
 *   `UnknownRequest`, `UnknownPerson`, `PolicyDenied` (a text that does not lint), `NotRecorded`: all audited but the last
 */
export const decideProposal = (ctx: Context, input: DecideProposal): Promise<ProposalDecided | Refusal> =>
  answering(ctx, 'decideProposal', async () => {
    const policy = await whoChanges(ctx);
    return ctx.store.transaction(async (tx) => {
      await proposals.takePolicyTurn(tx);
      const result = await record(ctx, tx, policy, input);
      if (!isRefusal(result)) return result;
      const { person, proposalId, verdict } = input;
      return refused(tx, (code) => policyRefused(person, proposalId, { verdict, code }), result);
    });
  });

async function known(db: Db, id: string): Promise<Proposal | Refusal> {
  const proposal = isUuid(id) ? await proposals.byId(db, id as ProposalId) : undefined;
  return proposal ?? refuse('UnknownRequest', 'There is no such proposal.');
}

/** NB. A policy that this version does not understand may be replaced by those who could replace the last that it does. */
async function whoChanges(ctx: Context): Promise<LoadedPolicy | undefined> {
  return ctx.policy().catch(() => lastUnderstood(ctx.store).catch(() => undefined));
}

type Seats = {
  readonly person: PersonFacts | Refusal;
  readonly proposer: Human;
  readonly stage: Stage | undefined;
  /** Whose approval counts now, oldest first. */
  readonly counted: readonly PersonFacts[];
};

async function seatsOf(db: Db, policy: LoadedPolicy | undefined, proposal: Proposal, person: PersonId): Promise<Seats> {
  const approvers = proposal.decisions.filter(({ verdict }) => verdict === 'approve').map((one) => one.person);
  const ids = [person, ...approvers, ...(proposal.proposer === null ? [] : [proposal.proposer])];
  const facts = new Map((await factsOfMany(db, [...new Set(ids)])).map((one) => [one.id, one]));
  const proposer = (proposal.proposer === null ? undefined : facts.get(proposal.proposer)) ?? nobody;
  const stage = policy && changeStage(policy, proposal.need);
  const counted: PersonFacts[] = [];
  for (const id of approvers) {
    const one = facts.get(id);
    const again = one && counted.some((other) => sameHuman(other, one));
    if (one && stage && !again && maySit(inOwnName(one, proposer), stage, proposer) === undefined) counted.push(one);
  }
  return {
    person: facts.get(person) ?? refuse('UnknownPerson', 'Curfew does not know you yet: ask an administrator.'),
    proposer,
    stage,
    counted,
  };
}

function wouldCount(proposal: Proposal, person: PersonFacts, { stage, proposer }: Seats): Refusal | null {
  if (!stage) return unreadable;
  const no = maySit(inOwnName(person, proposer), stage, proposer);
  return no ?? over(proposal) ?? null;
}

const unreadable = refuse('PolicyDenied', 'No policy holds that says who may change it: tell an administrator.');

function over({ state }: Proposal): Refusal | undefined {
  switch (state) {
    case 'open':
      return undefined;
    case 'adopted':
      return refuse('NotPending', 'This policy was approved already.');
    case 'denied':
      return refuse('NotPending', 'This policy was denied.');
    case 'superseded':
      return refuse('NotPending', 'Another policy has come in between: this one has to be proposed again.');
  }
}

async function record(
  ctx: Context,
  tx: Db,
  policy: LoadedPolicy | undefined,
  input: DecideProposal,
): Promise<ProposalDecided | Refusal> {
  const proposal = await known(tx, input.proposalId);
  if (isRefusal(proposal)) return proposal;
  const seats = await seatsOf(tx, policy, proposal, input.person);
  const { person, stage } = seats;
  if (isRefusal(person)) return person;
  if (!stage) return unreadable;
  const earlier = proposal.decisions.find((one) => one.person === person.id);
  if (earlier && earlier.verdict === input.verdict && input.hash === proposal.hash) {
    return answerOf(proposal, seats.counted.length);
  }
  const madeAt = ctx.clock();
  const { verdict, hash, account } = input;
  const click = { verdict, digest: hash as Digest, facts: { person, account }, madeAt };
  const no = judgeChange({ stage, proposer: seats.proposer, hash: proposal.hash }, click, seats.counted);
  if (no) return no;
  if (earlier) return refuse('NotPending', 'You decided on this policy already, and otherwise.');
  const wrong = over(proposal) ?? (input.verdict === 'approve' ? textProblem(proposal) : undefined);
  if (wrong) return wrong;
  const facts = { person, account: input.account };
  const decision = { proposal: proposal.id, person: person.id, hash: proposal.hash, verdict: input.verdict };
  await proposals.insertDecision(tx, { ...decision, facts, madeAt });
  const proposer = proposal.proposer === null ? null : knownAs(seats.proposer);
  const said = { proposal: proposal.id, hash: proposal.hash, verdict: input.verdict, madeAt, facts, proposer };
  await append(tx, policyDecided(person.id, proposal.id, said));
  const counted = seats.counted.length + (input.verdict === 'approve' ? 1 : 0);
  const enough = input.verdict === 'approve' && counted >= proposal.need;
  if (enough) await policies.adopt(tx, proposal.id, person.id);
  await proposals.enqueueSteps(tx);
  const now = await known(tx, proposal.id);
  return isRefusal(now) ? now : answerOf(now, counted);
}

const answerOf = ({ state, need }: Proposal, approvals: number): ProposalDecided => ({ state, need, approvals });

/** What was put into the store past the command line may be anything; what is approved must be what its text says. */
function textProblem({ text, hash, onePerson }: Proposal): Refusal | undefined {
  const parsed = parsePolicy(text);
  const same = parsed.ok && parsed.policy.hash === hash && parsed.policy.onePersonChanges === onePerson;
  return same
    ? undefined
    : refuse(
        'PolicyDenied',
        'This text is no policy that can be taken: it has to be proposed again by curfew policy apply.',
      );
}
