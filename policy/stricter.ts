import type { TemplateName } from '../domain/ids.ts';
import { stagesOf, type Conflict, type GrantablePlan, type Limits, type Stage } from '../domain/plan.ts';
import type { Planned } from './plan.ts';
import { selectorKey } from './selectors.ts';
import { covers } from './windows.ts';

/** What was pinned in a request when it was opened. */
export type Pinned = {
  readonly plan: GrantablePlan;
  readonly template: TemplateName;
  readonly databases: readonly string[];
};

/**
 * A newer policy ends a request under way only where it is stricter: denied, more stages or people, fewer who may be
 * among them, shorter limits, or another thing that it would give. Anything else leaves what was approved as it is (I7).
 *
 * NB. Compared is what the policies say, and not who is there or which hour it is: that an owner is away today, or that
 * somebody has another manager now, makes no policy stricter. Whether those who approved may still do so is `tally`'s.
 * @param now what the policy of this moment says of the same ask
 * @returns why it is stricter, for the requester and those who decided; empty if it is not
 */
export function stricter(pinned: Pinned, now: Planned): readonly string[] {
  const { plan, gives } = now.plan.verdict === 'denied' ? (now.inPrinciple ?? now) : now;
  if (plan.verdict === 'denied') return plan.reasons;
  if (!gives) return ['The policy gives nothing now.'];
  if ((plan.verdict === 'break-glass') !== (pinned.plan.verdict === 'break-glass'))
    return ['The policy treats this otherwise now.'];
  return [
    ...othersGiven(pinned, gives),
    ...stricterLimits(pinned.plan.limits, plan.limits),
    ...boundAnew(pinned.plan, plan),
    ...stricterIncident(pinned.plan, plan),
    ...stricterStages(stagesOf(pinned.plan), stagesOf(plan)),
  ];
}

/** Does the one plan take people whom the other did not: more of them, others, or fewer who may be among them? */
export const asksForMore = (pinned: GrantablePlan, now: GrantablePlan): boolean =>
  stricterStages(stagesOf(pinned), stagesOf(now)).length > 0;

/**
 * Of what somebody holds already: why the policy would not give it to them as they are now. Shorter waits are no reason,
 * for nothing waits any more; nor are fewer extensions.
 * @param now what the policy says of the same ask, by what is known of them today and as of the hour of the opening
 * @param enough would those who approved do under that plan as well?
 */
export function noLongerGiven(
  pinned: Pinned & { readonly durationMs: number },
  now: Planned,
  enough: (plan: GrantablePlan) => boolean,
): readonly string[] {
  const { plan, gives } = now.plan.verdict === 'denied' ? (now.inPrinciple ?? now) : now;
  if (plan.verdict === 'denied') return plan.reasons;
  if (!gives) return ['The policy gives nothing now.'];
  const people = morePeople(stagesOf(pinned.plan), stagesOf(plan));
  return [
    ...((plan.verdict === 'break-glass') === (pinned.plan.verdict === 'break-glass')
      ? []
      : ['The policy treats this otherwise now.']),
    ...othersGiven(pinned, gives),
    ...(plan.limits.maxMs < pinned.durationMs ? ['The policy now gives it for less time.'] : []),
    ...(people.length > 0 && !enough(plan) ? people : []),
  ];
}

function othersGiven(pinned: Pinned, gives: NonNullable<Planned['gives']>): readonly string[] {
  return [
    ...(gives.template === pinned.template ? [] : ['The policy now gives another template for this role.']),
    ...(pinned.databases.every((database) => gives.databases.includes(database))
      ? []
      : ['The policy does not name all of these databases any more.']),
  ];
}

function stricterLimits(pinned: Limits, now: Limits): readonly string[] {
  const names = {
    maxMs: 'time that it gives',
    decideWithinMs: 'time to decide',
    useWithinMs: 'time to claim',
  } as const;
  const reasons = (['maxMs', 'decideWithinMs', 'useWithinMs'] as const)
    .filter((limit) => now[limit] < pinned[limit])
    .map((limit) => `The policy has shortened the ${names[limit]}.`);
  if ((now.extensions ?? 0) < (pinned.extensions ?? 0)) reasons.push('The policy now allows fewer extensions.');
  if ((now.graceMs ?? 0) > (pinned.graceMs ?? 0)) reasons.push('The policy now stops logins earlier before the end.');
  if (now.windows && !(pinned.windows && covers(now.windows, pinned.windows)))
    reasons.push('The policy has narrowed the hours in which it is held.');
  return reasons;
}

const stricterIncident = (pinned: GrantablePlan, now: GrantablePlan): readonly string[] =>
  pinned.verdict === 'break-glass' && pinned.incident !== 'required' && 'incident' in now && now.incident === 'required'
    ? ['The policy now lets nobody break glass for an incident that is not known.']
    : [];

/** @returns why, where the one plan binds a grant to something to which the other did not */
export function boundAnew(pinned: GrantablePlan, now: GrantablePlan): readonly string[] {
  if (!now.until || (pinned.until?.kind === now.until.kind && pinned.until.key === now.until.key)) return [];
  return [`The policy now binds it to the ${now.until.kind}.`];
}

const stricterStages = (pinned: readonly Stage[], now: readonly Stage[]): readonly string[] =>
  comparedBy(stricterStage, pinned, now);
const morePeople = (pinned: readonly Stage[], now: readonly Stage[]): readonly string[] =>
  comparedBy(otherPeople, pinned, now);

function comparedBy(
  compare: (pinned: Stage, now: Stage) => readonly string[],
  pinned: readonly Stage[],
  now: readonly Stage[],
): readonly string[] {
  if (now.length > pinned.length) return ['The policy now asks for more approvals.'];
  const reasons = now.flatMap((stage, index) => {
    const before = pinned[index];
    return before ? compare(before, stage) : ['The policy now asks for more people to approve.'];
  });
  return [...new Set(reasons)];
}

/** By the rule's own words where people were put in their place, so that another manager is no other rule. */
const wordsOf = (stage: Stage): readonly string[] => stage.as ?? stage.from.map(selectorKey);

function stricterStage(pinned: Stage, now: Stage): readonly string[] {
  const shorter =
    now.decideWithinMs !== undefined && now.decideWithinMs < (pinned.decideWithinMs ?? Number.POSITIVE_INFINITY);
  if (now.need > pinned.need) return otherPeople(pinned, now);
  return [...otherPeople(pinned, now), ...(shorter ? ['The policy has shortened the time to decide.'] : [])];
}

function otherPeople(pinned: Stage, now: Stage): readonly string[] {
  if (now.need > pinned.need) return ['The policy now asks for more people to approve.'];
  const may = new Set(wordsOf(now));
  const fewer =
    wordsOf(pinned).some((word) => !may.has(word)) ||
    (now.outsidePair === true && pinned.outsidePair !== true) ||
    now.never?.some((conflict) => !pinned.never?.some((before) => forbids(before, conflict))) === true;
  return fewer ? ['Some of those who could approve this may not any more.'] : [];
}

const within = (groups: readonly string[], among: readonly string[]): boolean =>
  groups.every((group) => among.includes(group));

/** Did the one conflict forbid at least everybody whom the other forbids? */
function forbids(one: Conflict, other: Conflict): boolean {
  if (one.all) return other.all && within(one.groups, other.groups);
  return other.all ? other.groups.some((group) => one.groups.includes(group)) : within(other.groups, one.groups);
}
