import type { TemplateName } from '../domain/ids.ts';
import { stagesOf, type GrantablePlan, type Plan, type Selector, type Stage } from '../domain/plan.ts';
import type { Planned } from './plan.ts';
import { selectorKey } from './selectors.ts';

/** What was pinned in a request when it was opened. */
export type Pinned = {
  readonly plan: GrantablePlan;
  readonly template: TemplateName;
  readonly databases: readonly string[];
};

/**
 * A newer policy ends a request under way only where it is stricter: denied, more stages or people, fewer who may be
 * among them, shorter limits, or another thing that it would give. Anything else leaves what was approved as it is (I7).
 * @param now what the policy of this moment says of the same ask
 * @returns why it is stricter, for the requester and those who decided; empty if it is not
 */
export function stricter(pinned: Pinned, now: Planned): readonly string[] {
  const { plan, gives } = now;
  if (plan.verdict === 'denied' || !gives)
    return plan.verdict === 'denied' ? plan.reasons : ['The policy gives nothing now.'];
  if ((plan.verdict === 'break-glass') !== (pinned.plan.verdict === 'break-glass'))
    return ['The policy treats this otherwise now.'];
  const reasons: string[] = [];
  if (gives.template !== pinned.template) reasons.push('The policy now gives another template for this role.');
  if (pinned.databases.some((database) => !gives.databases.includes(database))) {
    reasons.push('The policy does not name all of these databases any more.');
  }
  return [...reasons, ...stricterLimits(pinned.plan, plan), ...stricterStages(stagesOf(pinned.plan), stagesOf(plan))];
}

function stricterLimits(pinned: GrantablePlan, now: Exclude<Plan, { verdict: 'denied' }>): readonly string[] {
  const names = {
    maxMs: 'time that it gives',
    decideWithinMs: 'time to decide',
    useWithinMs: 'time to claim',
  } as const;
  return (['maxMs', 'decideWithinMs', 'useWithinMs'] as const)
    .filter((limit) => now.limits[limit] < pinned.limits[limit])
    .map((limit) => `The policy has shortened the ${names[limit]}.`);
}

function stricterStages(pinned: readonly Stage[], now: readonly Stage[]): readonly string[] {
  if (now.length > pinned.length) return ['The policy now asks for more approvals.'];
  return now.flatMap((stage, index) => {
    const before = pinned[index];
    if (!before || stage.need > before.need) return ['The policy now asks for more people to approve.'];
    const may = new Set(stage.from.map(selectorKey));
    const fewer = before.from.some((selector: Selector) => !may.has(selectorKey(selector)));
    return fewer ? ['Some of those who could approve this may not any more.'] : [];
  });
}
