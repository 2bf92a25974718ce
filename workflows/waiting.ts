/**
 * What people are told of a request that waits, and when: a reminder, more people who may decide, the scheduled start.
 * Pure. Who may decide goes by the instants of `domain/progress` alone, whoever was told of it or not.
 */
import type { OpenStage } from '../domain/progress.ts';
import type { RequestView } from '../domain/view.ts';

export type Told = Pick<RequestView, 'started' | 'reminded' | 'escalated'>;

/** `startAt`: of a request that was approved before its start; else null. */
export type Waiting = { readonly open: readonly OpenStage[]; readonly startAt: number | null };

/** When the next thing is to be told, epoch ms; infinity: nothing is. */
export const nextTellingAt = ({ open, startAt }: Waiting, { started, reminded, escalated }: Told): number =>
  Math.min(
    started === true ? never : (startAt ?? never),
    ...open.flatMap(({ stage, remindAt, escalateAt }) => [
      reminded?.includes(stage) === true ? never : (remindAt ?? never),
      escalated?.includes(stage) === true ? never : (escalateAt ?? never),
    ]),
  );

const never = Number.POSITIVE_INFINITY;

/** What has been told once everything that came by `now` is. A stage that opened anew is spoken of anew, in its time. */
export function toldBy({ open, startAt }: Waiting, told: Told, now: number): Told {
  const stages = (before: readonly number[] = [], at: 'remindAt' | 'escalateAt'): readonly number[] => {
    const kept = before.filter((stage) => !open.some((one) => one.stage === stage));
    const due = open.filter((one) => (one[at] ?? never) <= now).map(({ stage }) => stage);
    return [...kept, ...due].toSorted((a, b) => a - b);
  };
  const reminded = stages(told.reminded, 'remindAt');
  const escalated = stages(told.escalated, 'escalateAt');
  return {
    ...(told.started === true || (startAt ?? never) <= now ? { started: true } : {}),
    ...(reminded.length > 0 ? { reminded } : {}),
    ...(escalated.length > 0 ? { escalated } : {}),
  };
}
