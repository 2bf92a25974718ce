import type { PersonFacts } from './person.ts';
import type { Condition, GrantablePlan } from './plan.ts';

/** What is known of the incident, the ticket or the shift that a grant is bound to. */
export type ConditionState = 'holds' | 'over' | 'unknown';

/**
 * Asks whoever knows of it, now. `requester`: a shift is somebody's.
 * @returns `unknown` where nobody answers in time: then nothing is granted, and what is held is kept until its end (I18)
 */
export type Conditions = (condition: Condition, requester: PersonFacts) => Promise<ConditionState>;

/**
 * What the plan makes of it: where the policy says so, a break-glass goes on although nobody knows its incident, because
 * an incident must not burn for want of a tracker. One that is known to be over ends it all the same.
 */
export const asPlanned = (plan: GrantablePlan, state: ConditionState): ConditionState =>
  plan.verdict === 'break-glass' && plan.incident === 'flagged' && state === 'unknown' ? 'holds' : state;
