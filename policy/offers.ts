import type { RoleName, TargetName } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import type { BreakGlassRule, LoadedPolicy, RolePolicy, Rule, TargetPolicy } from './policy.ts';
import { namesPerson } from './selectors.ts';

/** What a form may offer: roles that some rule gives this person, with the longest time that it gives. */
export type Offer = {
  readonly target: TargetName;
  readonly roles: readonly RoleOffer[];
  readonly breakGlass: readonly RoleOffer[];
};
export type RoleOffer = { readonly role: RoleName; readonly note: string; readonly maxMs: number };

/**
 * What this person may ask for, in the file's order; targets with nothing to ask for are left out. Whether there are
 * enough people to decide is `planFor`'s to say, once something is asked for.
 */
export function offersFor(policy: LoadedPolicy, person: PersonFacts): readonly Offer[] {
  if (person.state !== 'active') return [];
  return [...policy.targets.values()]
    .map((target) => ({
      target: target.name,
      roles: offered(target, ({ rules }) =>
        rules.find(({ requesters }) => requesters === null || namesPerson(requesters, person)),
      ),
      breakGlass: offered(target, ({ breakGlass }) => breakGlass.find(({ who }) => namesPerson(who, person))),
    }))
    .filter(({ roles, breakGlass }) => roles.length + breakGlass.length > 0);
}

const offered = (
  target: TargetPolicy,
  ruleOf: (role: RolePolicy) => Rule | BreakGlassRule | undefined,
): readonly RoleOffer[] =>
  [...target.roles.values()].flatMap((role) => {
    const rule = ruleOf(role);
    return rule ? [{ role: role.name, note: role.note, maxMs: rule.limits.maxMs }] : [];
  });
