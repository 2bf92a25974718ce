import { activityInfo } from '@temporalio/activity';
import { secondMs } from '../domain/time.ts';

/** More than the clocks of worker and target may differ (2 s): beyond that no grant is made at all. */
const marginMs = 3 * secondMs;

/**
 * The instant after which this attempt must have no effect: Temporal has given it up by then and may run another one.
 * The target checks it by its own clock, so an attempt that was frozen and wakes up late is refused (F3).
 * @param startedAt when the attempt began here, epoch ms
 */
export const attemptDeadlineAt = (startedAt: number): number =>
  startedAt + activityInfo().startToCloseTimeoutMs - marginMs;
