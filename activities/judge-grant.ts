/**
 * May this grant be made, now? Asked once more, right before the login exists, of nothing but the store and the policy:
 * what the Workflow was told counts for nothing here (I6, I7, I8). Pure.
 */
import { refuse, type Refusal } from '../domain/errors.ts';
import type { ConditionState } from '../domain/condition.ts';
import type { CredentialId } from '../domain/ids.ts';
import { stagesOf, type Condition, type Window } from '../domain/plan.ts';
import { clocksApartMs, secondMs } from '../domain/units.ts';
import { digestOf } from '../policy/digest.ts';
import { stricter } from '../policy/stricter.ts';
import { tally } from '../policy/tally.ts';
import { windowAt } from '../policy/windows.ts';
import { announcementChannels } from '../store/announcements.ts';
import type { ClaimRow } from '../store/claims.ts';
import { checkHoldsMs } from '../store/target-checks.ts';
import type { Expected } from '../targets/postgres/accessor.ts';
import type { GrantCase } from './grant-case.ts';

export type Judged = { readonly kind: 'fit'; readonly claim: ClaimRow; readonly cluster: Expected } | Refusal;

/**
 * @param credentialId of the claim that the Workflow was told of
 * @returns `fit` with the claim and the cluster that must answer, or the first reason why not
 */
export function judgeGrant(grant: GrantCase, credentialId: CredentialId, now: number): Judged {
  const claim = claimOf(grant, credentialId, now);
  if ('code' in claim) return claim;
  const cluster = clusterOf(grant, now);
  if ('code' in cluster) return cluster;
  return (
    asShown(grant) ??
    asAnnounced(grant) ??
    inItsTime(grant, claim, now) ??
    byPolicy(grant) ??
    byPeople(grant) ?? { kind: 'fit', claim, cluster }
  );
}

/** Not before its start, within the hours of the plan, and while what it is bound to is known to hold (I18). */
function inItsTime({ request, condition }: GrantCase, claim: ClaimRow, now: number): Refusal | undefined {
  const { plan, startAt } = request;
  if (startAt !== null && (claim.acceptedAt < startAt || now + clocksApartMs < startAt))
    return refuse('NotPending', 'Its time has not come yet.');
  return withinWindows(plan.limits.windows, claim.endAt, now) ?? bound(plan.until, condition);
}

/** Held in certain hours only: they are open, and not over before it ends. */
export function withinWindows(windows: readonly Window[] | undefined, endAt: number, now: number): Refusal | undefined {
  const open = windows && windowAt(windows, now);
  return !windows || (open && endAt <= open.closesAt)
    ? undefined
    : refuse('PolicyDenied', 'It would be held outside of the hours that the policy names.');
}

/** Of what is not known nothing is made (I18); "not known" may be otherwise in a moment. */
export function bound(until: Condition | undefined, condition: ConditionState): Refusal | undefined {
  if (!until || condition === 'holds') return undefined;
  return condition === 'over'
    ? refuse('PolicyDenied', `The ${until.kind} that it is bound to is over.`)
    : refuse('NotRecorded', `Whether the ${until.kind} that it is bound to still holds is not known.`);
}

/** One accepted claim, the very one that the Workflow was told of, for no longer than was approved. */
function claimOf({ claim, request, endAsked }: GrantCase, credentialId: CredentialId, now: number): ClaimRow | Refusal {
  if (endAsked) return refuse('NotPending', 'It was ended before it was granted.');
  if (!claim) return refuse('NotPending', 'Nobody has claimed this request.');
  if (claim.credentialId !== credentialId) return refuse('NotPending', 'Another claim was accepted for this request.');
  if (claim.ticket.byteLength === 0) return refuse('NotPending', 'The claim has no ticket.');
  if (claim.endAt <= now) return refuse('NotPending', 'Its time was over before it was granted.');
  if (claim.endAt - claim.acceptedAt > request.durationMs + secondMs) {
    return refuse('PolicyDenied', 'The claim asks for more time than was approved.');
  }
  return claim;
}

/** What was approved is what stands in the row: a digest of other words approves nothing (I7). */
export function asShown({ request }: Pick<GrantCase, 'request'>): Refusal | undefined {
  const digest = digestOf({ ...request, requestId: request.id, requester: request.person });
  return digest === request.digest
    ? undefined
    : refuse('StaleView', 'The request in the store is not the one that was shown.');
}

/** No audit, no grant: break-glass is in the log, and its announcement committed for every kind of channel, first (I13). */
function asAnnounced({ request, announced }: GrantCase): Refusal | undefined {
  if (request.kind !== 'break-glass' || announcementChannels.every((channel) => announced.includes(channel)))
    return undefined;
  return refuse('PolicyDenied', 'This break-glass was never announced, so nothing is granted.');
}

/** A policy that became stricter voids what was approved under the old one (I7). */
function byPolicy({ request, planned }: GrantCase): Refusal | undefined {
  const reasons = stricter(request, planned);
  return reasons.length > 0 ? refuse('PolicyDenied', reasons.join(' ')) : undefined;
}

/** The requester is active, nobody said no, and each stage has its distinct people, active and eligible as of now (I8). */
function byPeople({ request, decisions, facts }: GrantCase): Refusal | undefined {
  const requester = facts.get(request.person);
  if (requester?.state !== 'active') return refuse('PolicyDenied', 'The requester is not active any more.');
  const standing = decisions.filter((decision) => decision.voidedAt === undefined);
  if (standing.some((decision) => decision.verdict === 'deny')) return refuse('NotPending', 'An approver said no.');

  const stages = stagesOf(request.plan);
  const { digest, openedAt } = request;
  // The account is what the click recorded; the people are what the directory says now.
  const [open] = tally({ requester, digest, stages, openedAt }, standing, facts).open;
  const short = open === undefined ? undefined : stages[open];
  if (!short) return undefined;
  return refuse('ApproverNotEligible', `"${short.name}" needs ${short.need} who may approve this now.`);
}

/** The target was found fit, not long ago, and the cluster that answers must be the one that was looked at (P10). */
export function clusterOf({ check }: Pick<GrantCase, 'check'>, now: number): Expected | Refusal {
  if (!check) return refuse('TargetNotReady', 'The target was never checked: run `curfew target check`.');
  if (!check.ok) return refuse('TargetNotReady', 'The last check of the target failed: run `curfew target check`.');
  if (now - check.checkedAt > checkHoldsMs) {
    return refuse('TargetNotReady', 'The last check of the target is older than a week: run `curfew target check`.');
  }
  const { systemIdentifier, timeline } = (check.result ?? {}) as { systemIdentifier?: unknown; timeline?: unknown };
  if (typeof systemIdentifier !== 'string' || systemIdentifier === '' || typeof timeline !== 'number') {
    return refuse('TargetNotReady', 'The last check of the target does not say which cluster it saw.');
  }
  return { systemIdentifier, timeline };
}
