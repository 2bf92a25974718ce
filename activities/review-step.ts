/**
 * What is done about a break-glass that nobody reviews: those who may are reminded, then more people are asked, and a
 * day after the end at the latest it is review debt, which everybody is told of each day. Whether somebody is in debt
 * hangs on none of this: that is judged by the end itself (`store/reviews.ts`).
 */
import { reviewEscalated, reviewOwed, reviewReminded } from '../domain/events/review.ts';
import type { ReviewRule } from '../domain/plan.ts';
import { dayMs } from '../domain/time.ts';
import * as alarms from '../store/alarms.ts';
import { append } from '../store/audit.ts';
import { enqueue } from '../store/outbox.ts';
import * as reviews from '../store/reviews.ts';
import type { ReviewCase, ReviewStep } from '../store/reviews.ts';
import type { Db } from '../store/pool.ts';
import type { BoundedActivities } from '../workflows/activities.ts';
import { failing, toRetry } from './failures.ts';
import type { TellDeps } from './tell.ts';

/** Told for a month; the debt stays. */
const mostDays = 30;

/** A step, and when it is due; epoch ms. */
export type Due = { readonly step: ReviewStep; readonly at: number };

/** Pure: everything that is done as long as nobody reviews it, in order. */
export function stepsOf({ remindAfterMs, escalate, withinMs }: ReviewRule, overAt: number): readonly Due[] {
  const owedAt = overAt + Math.min(withinMs, dayMs);
  const steps: Due[] = [];
  if (remindAfterMs !== undefined) steps.push({ step: 'reminded', at: overAt + remindAfterMs });
  if (escalate) steps.push({ step: 'escalated', at: overAt + escalate.afterMs });
  steps.push({ step: 'owed', at: owedAt });
  for (let day = 2; day <= mostDays; day += 1) steps.push({ step: `owed-${day}`, at: owedAt + (day - 1) * dayMs });
  return steps.toSorted((one, other) => one.at - other.at);
}

export const createReviewStep = (
  deps: Pick<TellDeps, 'store' | 'clock' | 'log' | 'slack'>,
): Pick<BoundedActivities, 'reviewStep'> => ({
  reviewStep: failing({ log: deps.log, activity: 'review', as: toRetry }, async ({ requestId }) => {
    const { store, clock } = deps;
    const found = await reviews.caseOf(store, requestId);
    if (!found || found.reviewed) return { nextAt: null };
    const now = clock();
    const steps = stepsOf(found.review, found.overAt);
    const due = steps.filter(({ step, at }) => at <= now && !found.steps.includes(step));
    if (due.length > 0) await store.transaction((tx) => take(deps, tx, found, due));
    return { nextAt: steps.find(({ at }) => at > now)?.at ?? null };
  }),
});

async function take(
  { slack, log }: Pick<TellDeps, 'slack' | 'log'>,
  tx: Db,
  { requestId, overAt }: ReviewCase,
  due: readonly Due[],
): Promise<void> {
  for (const { step, at } of due) {
    if (!(await reviews.takeStep(tx, requestId, step))) continue;
    await append(tx, entryOf(step)('curfew_worker', requestId, { step, overAt }));
    log.warn({ requestId, step }, 'a break-glass waits for its review');
    if (slack) await enqueue(tx, slack.repaint(requestId, at));
    if (step !== 'owed') continue;
    const detail =
      'Nobody has reviewed this break-glass in time: until somebody does, its holder can neither break glass nor approve.';
    await alarms.raise(tx, { key: reviews.owedKey(requestId), code: reviews.owedCode, subject: requestId, detail });
  }
}

function entryOf(step: ReviewStep) {
  if (step === 'reminded') return reviewReminded;
  return step === 'escalated' ? reviewEscalated : reviewOwed;
}
