/** Everything that Workflows may ask for, made of what a composition root has opened. */
import type {
  BoundedActivities,
  GrantActivities,
  LeaveActivities,
  RevokeActivities,
  SettlingActivities,
  TogetherActivities,
} from '../workflows/activities.ts';
import type { Conditions } from '../domain/condition.ts';
import type { NewMessage } from '../store/outbox.ts';
import type { LeaveInput, LeaveReport } from '../workflows/contract.ts';
import type { ClusterOf } from './clusters.ts';
import { currentPolicy } from './current-policy.ts';
import { createExtend } from './extend.ts';
import { createGrant } from './grant.ts';
import { createLeave, type Requests } from './leave.ts';
import { createReviewStep } from './review-step.ts';
import { createSettling } from './settling.ts';
import { createRevoke } from './revoke.ts';
import { createTell, type TellDeps } from './tell.ts';
import { createTogether, type TogetherDeps } from './end-together.ts';

export type ActivityDeps = TellDeps & {
  readonly requests: Requests;
  readonly notice: (input: LeaveInput, report: LeaveReport) => NewMessage;
};

/** For the main queue: the store, Slack, other Workflows. No target is reached from there. */
export const createMainActivities = (deps: ActivityDeps): BoundedActivities & LeaveActivities & SettlingActivities => ({
  ...createSettling(deps),
  ...createTell(deps),
  ...createReviewStep(deps),
  ...createLeave(deps),
});

/** For the queue of a zone: whoever serves it holds the credentials of the targets in it. */
export const createTargetActivities = (
  deps: Pick<ActivityDeps, 'store' | 'clock' | 'log'> &
    Pick<TogetherDeps, 'toldBy'> & {
      readonly clusterOf: ClusterOf;
      readonly conditions: Conditions;
    },
): GrantActivities & RevokeActivities & TogetherActivities => {
  const judging = { ...deps, policyOf: currentPolicy() };
  return { ...createGrant(judging), ...createExtend(judging), ...createRevoke(deps), ...createTogether(deps) };
};
