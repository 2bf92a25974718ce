import { refuse, type Refusal } from '../domain/errors.ts';
import type { PersonId, RoleName, TargetName } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import { stagesOf, type Plan } from '../domain/plan.ts';
import { explainPlan } from '../policy/explain.ts';
import { ableToSit, deciders, planFor, type Ask as PolicyAsk, type Planned } from '../policy/plan.ts';
import type { LoadedPolicy } from '../policy/policy.ts';
import { factsOf, factsOfMany, peopleMatching } from '../store/people.ts';
import type { Db } from '../store/pool.ts';
import type { RequestRow } from '../store/requests.ts';
import type { Context, TargetPlace } from './context.ts';
import type { Ask, Preview } from './contract.ts';
import { answering } from './answering.ts';
import { readDuration } from './texts.ts';
import { isRefusal } from '../domain/errors.ts';

/** The plan of this moment, with everybody whom it could ask. The same for preview, opening and claim. */
export async function planNow(
  db: Db,
  policy: LoadedPolicy,
  ask: PolicyAsk,
  now: number,
): Promise<Planned & { readonly people: readonly PersonFacts[] }> {
  const people = await factsOfMany(db, await peopleMatching(db, deciders(policy, ask)));
  return { ...planFor(policy, ask, people, now), people };
}

/** What the policy of this moment says of what was asked then: `stricter` compares the two. */
export function plannedAgain(
  db: Db,
  policy: LoadedPolicy,
  row: RequestRow,
  requester: PersonFacts,
  now: number,
): Promise<Planned> {
  const { kind, target, role, durationMs, ticket, startAt } = row;
  return planNow(db, policy, { kind, requester, target, role, durationMs, ticket, startAt }, now);
}

/**
 * Somebody who may ask at all: known, and active in the directory at this moment.
 * @returns their facts, or `UnknownPerson` / `NotAllowed`
 */
export async function activePerson(db: Db, person: PersonId): Promise<PersonFacts | Refusal> {
  const facts = await factsOf(db, person);
  if (!facts) return unknownPerson;
  if (facts.state === 'active') return facts;
  return refuse('NotAllowed', `The directory says that you are ${facts.state}: only active people may do this.`);
}

export const unknownPerson = refuse(
  'UnknownPerson',
  'Curfew does not know you yet: ask an administrator to import you.',
);

export type Place = { readonly place: TargetPlace; readonly target: TargetName; readonly role: RoleName };

/** What was typed, as something that both the policy and this process know; `UnknownTarget` otherwise. */
export function placeOf(ctx: Context, policy: LoadedPolicy, typed: Pick<Ask, 'target' | 'role'>): Place | Refusal {
  const known = policy.targets.get(typed.target);
  const place = ctx.targets.find(({ name }) => name === typed.target);
  if (!known || !place) {
    const names = ctx.targets.map(({ name }) => name).filter((name) => policy.targets.has(name));
    return refuse('UnknownTarget', `There is no such target. Known: ${names.join(', ') || 'none'}.`, 'target');
  }
  const role = known.roles.get(typed.role);
  if (!role) {
    const roles = [...known.roles.keys()].join(', ');
    return refuse('UnknownTarget', `${known.name} has no such role. It has: ${roles}.`, 'role');
  }
  return { place, target: known.name, role: role.name };
}

/** What the policy would say, and who could decide: writes nothing, so it may be asked at every keystroke. */
export const preview = (ctx: Context, input: Ask): Promise<Preview | Refusal> =>
  answering(ctx, 'preview', async () => {
    const durationMs = readDuration(input.durationMs);
    if (isRefusal(durationMs)) return durationMs;
    const policy = await ctx.policy();
    const place = placeOf(ctx, policy, input);
    if (isRefusal(place)) return place;
    const requester = await activePerson(ctx.store, input.person);
    if (isRefusal(requester)) return requester;
    const { target, role } = place;
    const { plan, people } = await planNow(
      ctx.store,
      policy,
      {
        kind: input.kind,
        requester,
        target,
        role,
        durationMs,
        ticket: input.ticket ?? null,
        startAt: input.startAt ?? null,
      },
      ctx.clock(),
    );
    return { plan, seats: seatsOf(plan, requester, people), says: explainPlan(plan) };
  });

const seatsOf = (plan: Plan, requester: PersonFacts, people: readonly PersonFacts[]): Preview['seats'] =>
  plan.verdict === 'denied'
    ? []
    : stagesOf(plan).map((stage) => ableToSit(stage, requester, people).map((person) => person.id));
