/**
 * How far the approvals of a request are, as of an instant. The same arithmetic in the service (at the click), in the
 * Workflow (its timers and handlers) and inside the grant, over the same instants: none of them needs the others' word
 * for when a stage opened or to whom.
 */
import type { Selector, Stage } from './plan.ts';
import { stepsOf } from './plan.ts';
import { openStages, type Approval } from './request.ts';

/** A stage that waits for somebody. Instants in epoch ms; null: never. */
export type OpenStage = {
  readonly stage: number;
  /** When it opened: the request's opening, or the approval that completed the step before it. */
  readonly sinceAt: number;
  readonly remindAt: number | null;
  readonly escalateAt: number | null;
  readonly lapseAt: number | null;
};

/** @param approvals those that count, each with its instant */
export function openNow(
  stages: readonly Stage[],
  approvals: readonly Pick<Approval, 'stage' | 'at'>[],
  openedAt: number,
): readonly OpenStage[] {
  const steps = stepsOf(stages);
  const open = openStages({ needs: stages.map(({ need }) => need), steps }, approvals);
  const [first] = open;
  if (first === undefined) return [];
  const before = approvals.filter(({ stage }) => (steps[stage] ?? stage) < (steps[first] ?? first));
  const sinceAt = Math.max(openedAt, ...before.map(({ at }) => at ?? openedAt));
  const after = (spanMs: number | undefined): number | null => (spanMs === undefined ? null : sinceAt + spanMs);
  return open.map((stage) => ({
    stage,
    sinceAt,
    remindAt: after(stages[stage]?.remindAfterMs),
    escalateAt: after(stages[stage]?.escalate?.afterMs),
    lapseAt: after(stages[stage]?.decideWithinMs),
  }));
}

/** Who may fill a stage that opened at `sinceAt`, at the instant `now`: with those to whom it has escalated by then. */
export const fromNow = (
  { from, escalate }: Pick<Stage, 'from' | 'escalate'>,
  sinceAt: number,
  now: number,
): readonly Selector[] => (escalate && now >= sinceAt + escalate.afterMs ? [...from, ...escalate.to] : from);

/** The stages with everybody who may fill them at `now`. */
export function asOf(
  stages: readonly Stage[],
  approvals: readonly Pick<Approval, 'stage' | 'at'>[],
  openedAt: number,
  now: number,
): readonly Stage[] {
  const open = new Map(openNow(stages, approvals, openedAt).map((one) => [one.stage, one.sinceAt]));
  return stages.map((stage, index) => {
    const sinceAt = open.get(index);
    return sinceAt === undefined ? stage : { ...stage, from: fromNow(stage, sinceAt, now) };
  });
}

/** When the request lapses unless somebody decides: by its own time, or by that of a stage that waits, epoch ms. */
export const lapsesAt = (
  stages: readonly Stage[],
  approvals: readonly Pick<Approval, 'stage' | 'at'>[],
  openedAt: number,
  decideByAt: number,
): number => Math.min(decideByAt, ...openNow(stages, approvals, openedAt).flatMap(({ lapseAt }) => lapseAt ?? []));
