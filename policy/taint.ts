/** Who may say whether something stays that rests on the approval of somebody who has left. */
import type { PersonFacts } from '../domain/person.ts';
import { stagesOf, type GrantablePlan, type Stage } from '../domain/plan.ts';
import { isRefusal } from '../domain/errors.ts';
import { hourMs } from '../domain/time.ts';
import { seatOf, type Human } from './eligibility.ts';
import { distinct } from './selectors.ts';

/** Where the stage says no time of its own. */
const answerWithinMs = hourMs;

/**
 * The stage in which the leaver sat, with those to whom it would have escalated: it is asked later than they were.
 * @returns undefined where the plan has no such stage
 */
export function stageToAnswer(plan: GrantablePlan, index: number): Stage | undefined {
  const stage = stagesOf(plan)[index];
  return stage && { ...stage, from: distinct([...stage.from, ...(stage.escalate?.to ?? [])]) };
}

/** How long those who are asked have, in milliseconds. */
export const toAnswerWithinMs = (stage: Stage | undefined): number => stage?.decideWithinMs ?? answerWithinMs;

/** Those of these people whose word would count: another human than all who have approved the same thing (I6). */
export const ableToAnswer = (
  stage: Stage,
  requester: Human,
  counted: readonly Human[],
  people: readonly PersonFacts[],
): readonly PersonFacts[] => people.filter((one) => !isRefusal(seatOf(one, stage, requester, counted)));
