import type { RoleName, TargetName } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import { conflictReason, mayUse } from './match.ts';
import type { CompiledCondition, ConditionFacts, LoadedPolicy, RolePolicy, TargetPolicy } from './policy.ts';
import { namesPerson } from './selectors.ts';

/** What a form may offer: roles that some rule gives this person, with the longest time that it gives. */
export type Offer = {
  readonly target: TargetName;
  readonly roles: readonly RoleOffer[];
  readonly breakGlass: readonly RoleOffer[];
};
export type RoleOffer = { readonly role: RoleName; readonly note: string; readonly maxMs: number };

/**
 * What this person may ask for, in the file's order; targets with nothing to ask for are left out. A condition counts
 * as far as it looks at the person and the target; what depends on the request, on the hour, or on whether there are
 * enough people to decide, is `planFor`'s to say, once something is asked for.
 */
export function offersFor(policy: LoadedPolicy, person: PersonFacts): readonly Offer[] {
  if (person.state !== 'active') return [];
  const may = (what: 'request' | 'breakGlass'): boolean =>
    !policy.conflicts.some((conflict) => conflictReason(conflict, person, what) !== undefined);
  const [mayRequest, mayBreak] = [may('request'), may('breakGlass')];
  return [...policy.targets.values()]
    .map((target) => ({
      target: target.name,
      roles: mayRequest ? offered(target, person, longestRule) : [],
      breakGlass: mayBreak ? offered(target, person, longestBreakGlass) : [],
    }))
    .filter(({ roles, breakGlass }) => roles.length + breakGlass.length > 0);
}

type Longest = (role: RolePolicy, person: PersonFacts, facts: ConditionFacts) => number | undefined;

const offered = (target: TargetPolicy, person: PersonFacts, longest: Longest): readonly RoleOffer[] =>
  [...target.roles.values()].flatMap((role) => {
    const facts: ConditionFacts = {
      requester: person,
      target,
      request: { role: role.name, durationMs: 0, ticket: null, startAt: null, now: 0 },
    };
    const denied = role.deny.some(({ condition }) => allEarly(condition) && condition.evaluate(facts) !== false);
    const maxMs = denied ? undefined : longest(role, person, facts);
    return maxMs === undefined ? [] : [{ role: role.name, note: role.note, maxMs }];
  });

/** Of the rules that can still decide, up to the first one that surely does: what the most generous one gives. */
function longestRule(role: RolePolicy, person: PersonFacts, facts: ConditionFacts): number | undefined {
  let longest: number | undefined;
  for (const { requesters, condition, limits } of role.rules) {
    if (requesters !== null && !namesPerson(requesters, person)) continue;
    if (condition?.clauses.some(({ early, evaluate }) => early === true && evaluate(facts) !== true)) continue;
    longest = Math.max(longest ?? 0, limits.maxMs);
    if (!condition || allEarly(condition)) break;
  }
  return longest;
}

const longestBreakGlass: Longest = (role, person) => role.breakGlass.find((rule) => mayUse(rule, person))?.limits.maxMs;

const allEarly = ({ clauses }: CompiledCondition): boolean => clauses.every(({ early }) => early === true);
