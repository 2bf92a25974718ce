import { isRefusal, type Refusal } from '../domain/errors.ts';
import type { Digest, PersonId, PolicyHash } from '../domain/ids.ts';
import { sameHuman, type PersonFacts } from '../domain/person.ts';
import type { Conflict, ReviewRule, Selector, Stage } from '../domain/plan.ts';
import { inConflict, judge, maySit, type Click, type Human } from './eligibility.ts';
import type { LoadedPolicy, NeverRule } from './policy.ts';
import { namesPerson } from './selectors.ts';

/**
 * May this person end a grant on this target that is not theirs? The owners of the target, and whom `endAnyGrant`
 * names. Holders and counted approvers may as well; that is the request's to say, not the policy's.
 * A target that has left the policy is nobody's: then `endAnyGrant` decides alone.
 */
export function mayEnd(policy: LoadedPolicy, person: PersonFacts, target: string): boolean {
  const owners = policy.targets.get(target)?.owners ?? [];
  return person.state === 'active' && (namesPerson(owners, person) || namesPerson(policy.powers.endAnyGrant, person));
}

/** May this person read everything: requests, policy, reports? Reading takes nothing away, so no conflict forbids it. */
export const mayReadEverything = (policy: LoadedPolicy, person: PersonFacts): boolean =>
  person.state === 'active' && namesPerson(policy.powers.readEverything, person);

/**
 * The conflicts by which nobody may be in all of these groups: an import refuses such a person.
 * @param groups of all accounts of one human together, for separation of duty takes them as one person
 */
export const conflictsOf = (policy: Pick<LoadedPolicy, 'conflicts'>, groups: readonly string[]): readonly NeverRule[] =>
  policy.conflicts.filter((rule) => rule.never === 'both' && inConflict({ ...rule, all: true }, groups));

/**
 * May this person review somebody's break-glass? By the rules of an approver's seat: active, named by the plan's
 * review rule, without review debt of their own, and neither the responder nor an alias nor put into the group by the
 * responder (I6, I13).
 * @param overMs how long it has been over: after `escalate.afterMs` more people may
 */
export const mayReview = (
  review: ReviewRule,
  person: PersonFacts,
  responder: Pick<PersonFacts, 'id' | 'aliases'>,
  overMs: number,
): Refusal | undefined => maySit(person, { name: 'review', need: 1, from: reviewersOf(review, overMs) }, responder);

/** Whom a review rule names, so long after the end. */
export const reviewersOf = ({ from, escalate }: ReviewRule, overMs: number): readonly Selector[] =>
  escalate && overMs >= escalate.afterMs ? [...from, ...escalate.to] : from;

/**
 * The seats that a new policy takes beside its proposer: judged as a request's are, so that conflicts, people whom the
 * proposer put into a group, and other accounts of theirs count here as they do there.
 */
export const changeStage = ({ powers, conflicts }: LoadedPolicy, need: number): Stage => ({
  name: 'policy',
  need,
  from: powers.changePolicy,
  never: conflicts.flatMap(({ name, groups, never }): Conflict[] =>
    never === 'both' || never.includes('changePolicy') ? [{ name, groups, all: never === 'both' }] : [],
  ),
});

/** A proposer whom nobody can name: nobody has this id. */
export const nobody: Human = { id: '00000000-0000-0000-0000-000000000000' as PersonId, aliases: [] };

/** NB. Nobody changes the policy in somebody else's place; but whoever stands in for the proposer may not either. */
export const inOwnName = (person: PersonFacts, proposer: Human): PersonFacts => ({
  ...person,
  standsInFor: (person.standsInFor ?? []).filter((one) => sameHuman(one, proposer)),
});

/**
 * One person's word on a proposed policy. A denial takes nothing away from anybody, so whoever proposed it may take it
 * back by one.
 * @param click `digest` is the hash of what they were shown
 * @param counted whose approval counts already
 * @returns why it does not count, judged by the policy that holds
 */
export function judgeChange(
  { stage, proposer, hash }: { readonly stage: Stage; readonly proposer: Human; readonly hash: PolicyHash },
  { facts, ...click }: Omit<Click, 'stage'>,
  counted: readonly Human[],
): Refusal | undefined {
  const requester = click.verdict === 'deny' ? nobody : proposer;
  const own = { ...facts, person: inOwnName(facts.person, requester) };
  const asked = { requester, digest: hash as string as Digest, stages: [stage] };
  const seat = judge(asked, { ...click, stage: 0, facts: own }, counted);
  return isRefusal(seat) ? seat : undefined;
}
