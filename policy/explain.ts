/** A plan as one line of plain words, for the form's live preview and the command line. No markup, no names of people. */
import type { Limits, Plan, Stage } from '../domain/plan.ts';
import { formatSpan } from '../domain/time.ts';
import { describeSelectors, listed } from './selectors.ts';

/** `needs 1 of the data owners; at most 4 h; starts when you claim it`, or every reason why not. */
export function explainPlan(plan: Plan): string {
  if (plan.verdict === 'denied') return `not possible: ${plan.reasons.join(' ')}`;
  const limits = explainLimits(plan.limits);
  if (plan.verdict === 'automatic') return `needs nobody's approval; ${limits}`;
  if (plan.verdict === 'approvals') return `needs ${listed(plan.stages.map(explainStage), 'and then')}; ${limits}`;
  const { from, withinMs } = plan.review;
  const review = `reviewed by ${describeSelectors(from)} within ${formatSpan(withinMs)} of its end`;
  return `needs nobody's approval; announced at once; ${limits}; ${review}`;
}

/** `2 of the owners of payments data`. */
export const explainStage = (stage: Stage): string =>
  `${stage.need} of ${/^the /i.test(stage.name) ? '' : 'the '}${stage.name}`;

/** `at most 4 h; starts when you claim it`: the time counts from the claim, not from the approval. */
export const explainLimits = (limits: Limits): string =>
  `at most ${formatSpan(limits.maxMs)}; starts when you claim it`;
