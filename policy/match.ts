/** Which rule decides on what is asked: denials first, then conflicts, then the first rule in file order that holds. */
import type { RoleName, TargetName } from '../domain/ids.ts';
import { groupsOfHuman, type PersonFacts } from '../domain/person.ts';
import { inConflict } from './eligibility.ts';
import { hint } from './issue.ts';
import type { Asked } from './limits.ts';
import type {
  BreakGlassRule,
  CompiledCondition,
  ConditionFacts,
  ConditionResult,
  Forbidden,
  LoadedPolicy,
  NeverRule,
  RolePolicy,
  Rule,
  TargetPolicy,
} from './policy.ts';
import { describeSelectors, listed, namesPerson } from './selectors.ts';

/** What somebody asks for, as it was typed: names that the policy does not know are denied like anything else. */
export type Ask = Asked & {
  readonly kind: 'access' | 'break-glass';
  readonly target: TargetName;
  readonly role: RoleName;
};

export type Place = { readonly target: TargetPolicy; readonly role: RolePolicy };

/** @returns the role of the target, or why there is none to be asked for */
export function placeOf(policy: LoadedPolicy, ask: Pick<Ask, 'requester' | 'target' | 'role'>): Place | string {
  const { state } = ask.requester;
  if (state !== 'active') return `The directory says that you are ${state}: only active people may ask.`;
  const target = policy.targets.get(ask.target);
  if (!target) return `There is no such target${hint(ask.target, policy.targets.keys())}`.replace(/[^?]$/, '$&.');
  const role = target.roles.get(ask.role);
  return role
    ? { target, role }
    : `${target.name} has no such role; it has ${listed([...target.roles.keys()], 'and')}.`;
}

/** What conditions look at. */
export const conditionFacts = (
  { requester, role, durationMs, ticket, startAt }: Ask,
  target: TargetPolicy,
  now: number,
): ConditionFacts => ({ requester, target, request: { role, durationMs, ticket, startAt, now } });

/** A rule that denies, or a conflict, with the sentence for whoever asks. */
export type Denial = { readonly name: string; readonly reason: string };
const nothing: readonly Denial[] = [];

/** Everything that denies: a denial that holds or cannot be evaluated, and each conflict that the person is in. */
export function denials(policy: LoadedPolicy, ask: Ask, { role }: Place, facts: ConditionFacts): readonly Denial[] {
  if (role.deny.length === 0 && policy.conflicts.length === 0) return nothing;
  let found: Denial[] | undefined;
  for (const rule of role.deny) {
    const result = rule.condition.evaluate(facts);
    if (result !== false) (found ??= []).push({ name: rule.name, reason: denialReason(rule.name, result) });
  }
  for (const conflict of policy.conflicts) {
    const reason = conflictReason(conflict, ask.requester, ask.kind === 'access' ? 'request' : 'breakGlass');
    if (reason !== undefined) (found ??= []).push({ name: conflict.name, reason });
  }
  return found ?? nothing;
}

const denialReason = (name: string, result: Exclude<ConditionResult, false>): string =>
  result === true
    ? `The policy denies this: "${name}".`
    : `The policy's denial "${name}" could not be evaluated, so it denies: ${result.failed}.`;

/** Why a conflict of the policy forbids this person to do this; undefined where it does not. */
export function conflictReason(
  { name, groups, never }: NeverRule,
  person: Pick<PersonFacts, 'groups' | 'otherGroups'>,
  what: Forbidden,
): string | undefined {
  if (never !== 'both' && !never.includes(what)) return undefined;
  if (!inConflict({ name, groups, all: never === 'both' }, groupsOfHuman(person))) return undefined;
  const who = describeSelectors(
    groups.map((group) => ({ kind: 'group', group })),
    'and',
  );
  return never === 'both'
    ? `Nobody may be in ${who} at once, and you are: "${name}".`
    : `Whoever is in ${who.replaceAll(' and ', ' or ')} may not: "${name}".`;
}

/** The first rule in file order whose people and condition hold; an error in a condition holds nothing. */
export function ruleFor(ask: Ask, { role }: Place, facts: ConditionFacts): Rule | BreakGlassRule | undefined {
  const { requester } = ask;
  if (ask.kind === 'break-glass') return role.breakGlass.find((rule) => mayUse(rule, requester));
  for (const rule of role.rules) {
    if (rule.requesters !== null && !namesPerson(rule.requesters, requester)) continue;
    if (rule.condition === null || rule.condition.evaluate(facts) === true) return rule;
  }
  return undefined;
}

/** Is this rule for breaking glass for this person, and no conflict of theirs? */
export const mayUse = ({ who, never }: BreakGlassRule, person: PersonFacts): boolean =>
  namesPerson(who, person) && !never.some((conflict) => inConflict(conflict, groupsOfHuman(person)));

/** Why no rule decides, with the nearest one and what it lacks. */
export function noRule(ask: Ask, { target, role }: Place, facts: ConditionFacts): string {
  const what = `${role.name} on ${target.name}`;
  if (ask.kind === 'break-glass') return noBreakGlass(ask.requester, role, what);
  const nearest = nearestOf(role.rules, ask.requester, facts);
  if (!nearest) return `No rule gives ${what} to anybody.`;
  const lacking = listed(lacks(nearest, ask.requester, facts), 'and');
  return `No rule gives you ${what}. The nearest is "${nearest.name}", ${lacking}.`;
}

/** The rule that lacks the least, of equals the first in file order: counted, as words are needed of one rule only. */
function nearestOf(rules: readonly Rule[], requester: PersonFacts, facts: ConditionFacts): Rule | undefined {
  let [nearest, fewest]: [Rule | undefined, number] = [undefined, Infinity];
  for (const rule of rules) {
    let count = rule.requesters === null || namesPerson(rule.requesters, requester) ? 0 : 1;
    for (const { evaluate } of rule.condition?.clauses ?? []) if (evaluate(facts) !== true) count += 1;
    if (count < fewest) [nearest, fewest] = [rule, count];
  }
  return nearest;
}

/** What keeps a rule from deciding, in words that follow its name. */
export const lacks = (rule: Rule, requester: PersonFacts, facts: ConditionFacts): readonly string[] => [
  ...(rule.requesters === null || namesPerson(rule.requesters, requester)
    ? []
    : [`for ${describeSelectors(rule.requesters)}`]),
  ...clausesOf(rule.condition, facts).flatMap(({ text, result }) => {
    if (result === true) return [];
    return [result === false ? `where ${text}` : `where ${text} (not known: ${result.failed})`];
  }),
];

/** Each part of a condition with what it evaluates to; none where there is no condition. */
export const clausesOf = (
  condition: CompiledCondition | null,
  facts: ConditionFacts,
): readonly { readonly text: string; readonly result: ConditionResult }[] =>
  condition?.clauses.map(({ text, evaluate }) => ({ text, result: evaluate(facts) })) ?? [];

function noBreakGlass(requester: PersonFacts, role: RolePolicy, what: string): string {
  const forbidden = role.breakGlass
    .filter(({ who }) => namesPerson(who, requester))
    .flatMap(({ never }) => never.filter((conflict) => inConflict(conflict, groupsOfHuman(requester))));
  if (forbidden[0]) return `You may not break glass for ${what}: "${forbidden[0].name}".`;
  const [nearest] = role.breakGlass;
  const who = nearest ? `Only ${describeSelectors(nearest.who)} may` : 'Nobody may';
  return `${who} break glass for ${what}.`;
}
