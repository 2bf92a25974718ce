import type { PersonFacts } from '../domain/person.ts';
import type { Stage } from '../domain/plan.ts';
import { planHash } from './digest.ts';
import { ableToSit, givenToWhomever, planFor, type Ask } from './plan.ts';
import type { LoadedPolicy } from './policy.ts';

/**
 * Just enough of these people for `planFor` to give the same plan again: what a record of the plan keeps of them, so
 * that anybody can judge it once more without the directory. Nobody where the plan asks nobody, and nobody where it was
 * short of people anyway.
 *
 * NB. Not a part of `planFor`, which every preview and every check calls: this is asked once, of what is written down.
 * @param people to whom `planFor` gave the plan
 * @param now epoch ms, as `planFor` had it
 */
export function seatedFor(
  policy: LoadedPolicy,
  ask: Ask,
  people: readonly PersonFacts[],
  now: number,
): readonly PersonFacts[] {
  const said = (some: readonly PersonFacts[]): string => {
    const planned = planFor(policy, ask, some, now);
    const given = givenToWhomever(planned);
    return `${planned.plan.verdict === 'denied'} ${given ? planHash(given.plan) : ''}`;
  };
  const whole = said(people);
  if (said([]) === whole) return [];
  const stages = seatsOf(policy, ask, people, now);
  const total = stages.reduce((sum, { need }) => sum + need, 0);
  let enough: readonly PersonFacts[] = [
    ...new Set(stages.flatMap((stage) => ableToSit(stage, ask.requester, people, total))),
  ];
  // Accounts that only a third one joins into one human may look like two without it; then nobody is left out.
  if (said(enough) !== whole) return people;
  for (const one of enough.length > total ? enough.toReversed() : []) {
    const without = enough.filter((other) => other !== one);
    if (said(without) === whole) enough = without;
  }
  return enough;
}

/** The seats of the plan as it was made; the review of a break-glass is one, which the target's owners may fill too. */
function seatsOf(policy: LoadedPolicy, ask: Ask, people: readonly PersonFacts[], now: number): readonly Stage[] {
  const { plan } = planFor(policy, ask, people, now);
  if (plan.verdict === 'approvals') return plan.stages;
  const owners = policy.targets.get(ask.target)?.owners ?? [];
  return plan.verdict === 'break-glass' ? [{ name: 'review', need: 1, from: [...plan.review.from, ...owners] }] : [];
}
