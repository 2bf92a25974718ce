import { proxyActivities, type ActivityInterfaceFor } from '@temporalio/workflow';
import type {
  BoundedActivities,
  GrantActivities,
  LeaveActivities,
  ReconcileActivities,
  ReconcileTargetActivities,
  RevokeActivities,
  SettlingActivities,
  TogetherActivities,
} from './activities.ts';
import { targetQueue } from './contract.ts';

/** Short attempts, and a bound over all of them: for what may be late or lost without harm. */
export const bounded: ActivityInterfaceFor<BoundedActivities> = proxyActivities<BoundedActivities>({
  startToCloseTimeout: '30s',
  scheduleToCloseTimeout: '90s',
  retry: { initialInterval: '500ms', maximumInterval: '10s' },
});

/** The same activity where its effect must not be lost: until it is done. */
export const untilRecorded: ActivityInterfaceFor<BoundedActivities> = proxyActivities<BoundedActivities>({
  startToCloseTimeout: '30s',
  retry: { initialInterval: '500ms', maximumInterval: '30s' },
});

/**
 * The attempt knows its deadline and hands it to the target, so that one which wakes up late cannot grant (F3). The
 * bound over all attempts is what a person waits in front of the claim page.
 */
export const granting = (zone: string): ActivityInterfaceFor<GrantActivities> =>
  proxyActivities<GrantActivities>({
    taskQueue: targetQueue(zone),
    startToCloseTimeout: '10s',
    scheduleToCloseTimeout: '60s',
    retry: { initialInterval: '500ms', maximumInterval: '5s' },
  });

/**
 * Not for longer than the grant has left, and a moment: what the target has not moved by then, it ends by itself.
 * @param leftMs until the end that is to be moved
 */
export const extending = (zone: string, leftMs: number): ActivityInterfaceFor<GrantActivities> =>
  proxyActivities<GrantActivities>({
    taskQueue: targetQueue(zone),
    startToCloseTimeout: '10s',
    scheduleToCloseTimeout: Math.min(Math.max(leftMs, 0) + 10_000, 60_000),
    retry: { initialInterval: '500ms', maximumInterval: '5s' },
  });

/**
 * One attempt, so that people are told soon when it does not work; and then without end (I17). Heartbeats tell of a
 * worker that died in the middle.
 */
export const revokingOnce = (zone: string): ActivityInterfaceFor<RevokeActivities> =>
  proxyActivities<RevokeActivities>({
    taskQueue: targetQueue(zone),
    startToCloseTimeout: '30s',
    heartbeatTimeout: '10s',
    retry: { maximumAttempts: 1 },
  });

export const revokingUntilDone = (zone: string): ActivityInterfaceFor<RevokeActivities> =>
  proxyActivities<RevokeActivities>({
    taskQueue: targetQueue(zone),
    startToCloseTimeout: '30s',
    heartbeatTimeout: '10s',
    retry: { initialInterval: '1s', maximumInterval: '30s' },
  });

/** Waits for another process, or for the evidence of many grants, so it says with heartbeats that it lives. */
export const patient: ActivityInterfaceFor<SettlingActivities & LeaveActivities> = proxyActivities<
  SettlingActivities & LeaveActivities
>({
  startToCloseTimeout: '10m',
  heartbeatTimeout: '20s',
  retry: { initialInterval: '1s', maximumInterval: '30s' },
});

/** Once: the next minute looks again, or each Workflow does by itself. A zone that nobody serves is not waited for. */
const look = {
  scheduleToStartTimeout: '20s',
  startToCloseTimeout: '5m',
  heartbeatTimeout: '30s',
  retry: { maximumAttempts: 1 },
} as const;
export const looking: ActivityInterfaceFor<ReconcileActivities> = proxyActivities<ReconcileActivities>(look);
export const onceIn = (zone: string): ActivityInterfaceFor<ReconcileTargetActivities & TogetherActivities> =>
  proxyActivities<ReconcileTargetActivities & TogetherActivities>({ ...look, taskQueue: targetQueue(zone) });
