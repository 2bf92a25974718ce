import type { PersonFacts } from './person.ts';
import type { Condition } from './plan.ts';

/** What is known of the incident, the ticket or the shift that a grant is bound to. */
export type ConditionState = 'holds' | 'over' | 'unknown';

/**
 * Asks whoever knows of it, now. `requester`: a shift is somebody's.
 * @returns `unknown` where nobody answers in time: then nothing is granted, and what is held is kept until its end (I18)
 */
export type Conditions = (condition: Condition, requester: PersonFacts) => Promise<ConditionState>;
