import { isRefusal, type Refusal } from '../domain/errors.ts';
import type { PersonId } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import type { RolePolicy } from '../policy/policy.ts';
import { namesPerson } from '../policy/selectors.ts';
import { answering } from './answering.ts';
import type { Context } from './context.ts';
import type { RoleOption, TargetOption } from './contract.ts';
import { activePerson } from './planning.ts';

/** What the policy lets this person ask for, by target; only targets that this process serves. */
export const options = (
  ctx: Context,
  { person }: { readonly person: PersonId },
): Promise<readonly TargetOption[] | Refusal> =>
  answering(ctx, 'options', async () => {
    const facts = await activePerson(ctx.store, person);
    if (isRefusal(facts)) return facts;
    const policy = await ctx.policy();
    return ctx.targets.flatMap(({ name }): readonly TargetOption[] => {
      const roles = [...(policy.targets.get(name)?.roles.values() ?? [])];
      const asks = roles.flatMap((role) => optionOf(role, accessMs(role, facts)));
      const breaks = roles.flatMap((role) => optionOf(role, breakGlassMs(role, facts)));
      return asks.length + breaks.length === 0 ? [] : [{ target: name, roles: asks, breakGlass: breaks }];
    });
  });

/** The first rule that is meant for this person decides, as in the plan. */
const accessMs = ({ rules }: RolePolicy, person: PersonFacts): number | undefined =>
  rules.find(({ requesters }) => requesters === null || namesPerson(requesters, person))?.limits.maxMs;

const breakGlassMs = ({ breakGlass }: RolePolicy, person: PersonFacts): number | undefined =>
  breakGlass.find(({ who }) => namesPerson(who, person))?.limits.maxMs;

const optionOf = ({ name, note }: RolePolicy, maxMs: number | undefined): readonly RoleOption[] =>
  maxMs === undefined ? [] : [{ role: name, note, maxMs }];
