import { refuse, type Refusal } from '../domain/errors.ts';
import type { PersonFacts } from '../domain/person.ts';
import type { Conflict, ReviewRule, Stage } from '../domain/plan.ts';
import { inConflict, maySit } from './eligibility.ts';
import { conflictReason, mayUse } from './match.ts';
import type { BreakGlassRule, LoadedPolicy, NeverRule } from './policy.ts';
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

/** The rule under which this person may break glass for a role of a target, or undefined. */
export function mayBreakGlass(
  policy: LoadedPolicy,
  person: PersonFacts,
  target: string,
  role: string,
): BreakGlassRule | undefined {
  if (person.state !== 'active' || inAConflict(policy, person, 'breakGlass')) return undefined;
  return policy.targets
    .get(target)
    ?.roles.get(role)
    ?.breakGlass.find((rule) => mayUse(rule, person));
}

const no = (why: string): Refusal => refuse('NotAllowed', why);

/** May this person have a word on a new policy? @returns undefined, or why not */
export function mayChangePolicy(policy: LoadedPolicy, person: PersonFacts): Refusal | undefined {
  if (person.state !== 'active') return no(`The directory says that you are ${person.state}.`);
  if (person.kind === 'service') return no('A service account cannot decide on the policy.');
  if (!namesPerson(policy.powers.changePolicy, person))
    return no('The policy does not name you among those who change it.');
  for (const conflict of policy.conflicts) {
    const reason = conflictReason(conflict, person, 'changePolicy');
    if (reason !== undefined) return no(reason);
  }
  return undefined;
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

const inAConflict = (policy: LoadedPolicy, person: PersonFacts, what: 'breakGlass'): boolean =>
  policy.conflicts.some((conflict) => conflictReason(conflict, person, what) !== undefined);

/**
 * May this person review somebody's break-glass? By the rules of an approver's seat: active, named by the plan's
 * review rule, and neither the responder nor an alias nor put into the group by the responder (I6, I13).
 */
export const mayReview = (
  review: ReviewRule,
  person: PersonFacts,
  responder: Pick<PersonFacts, 'id' | 'aliases'>,
): Refusal | undefined => maySit(person, { name: 'review', need: 1, from: review.from }, responder);

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
