/**
 * May this end be moved, now? Asked once more, right before the target is told, of nothing but the store and the policy:
 * what the Workflow was told counts for nothing here (I6, I7, I8). Pure.
 */
import { refuse, type Refusal } from '../domain/errors.ts';
import { stagesOf } from '../domain/plan.ts';
import { extensionDigestOf } from '../policy/digest.ts';
import { givenToWhomever } from '../policy/plan.ts';
import { asksForMore, boundAnew, stricter } from '../policy/stricter.ts';
import { tally } from '../policy/tally.ts';
import type { ExtensionTicket } from '../store/extensions.ts';
import type { StoredGrant } from '../store/grants.ts';
import type { Expected } from '../targets/postgres/accessor.ts';
import type { ExtensionCase } from './extension-case.ts';
import { asShown, bound, clusterOf, withinWindows } from './judge-grant.ts';

export type JudgedExtension =
  | { readonly kind: 'fit'; readonly grant: StoredGrant; readonly ticket: ExtensionTicket; readonly cluster: Expected }
  | Refusal;

/** @returns `fit` with what the target is to be asked with, or the first reason why not */
export function judgeExtension(extension: ExtensionCase, now: number): JudgedExtension {
  const grant = heldGrant(extension, now);
  if ('code' in grant) return grant;
  const { ticket } = extension;
  if (!ticket || ticket.ticket.byteLength === 0) return refuse('NotPending', 'The extension has no ticket.');
  const cluster = clusterOf(extension, now);
  if ('code' in cluster) return cluster;
  return (
    asAsked(extension) ??
    byPolicy(extension, grant, now) ??
    byPeople(extension) ?? { kind: 'fit', grant, ticket, cluster }
  );
}

/** It is held, nobody has asked for its end, and the new end is a later one. */
function heldGrant({ grant, extension, endAsked }: ExtensionCase, now: number): StoredGrant | Refusal {
  if (endAsked) return refuse('NotPending', 'It was ended before it was extended.');
  if (!grant) return refuse('NotPending', 'Nothing was granted.');
  if (grant.endedAt !== null || now >= grant.endAt) return refuse('NotPending', 'It was over before it was extended.');
  return extension.endAt > grant.endAt ? grant : refuse('NotPending', 'It lasts as long already.');
}

/** What was approved is what stands in the rows: a digest of other words approves nothing (I7). */
function asAsked(of: ExtensionCase): Refusal | undefined {
  const { extension, request } = of;
  const { id: extensionId, endAt, reasonHash, plan } = extension;
  const digest = extensionDigestOf({ extensionId, request: request.digest, endAt, reasonHash, plan });
  if (digest !== extension.digest) return refuse('StaleView', 'The extension in the store is not what was shown.');
  return asShown(of);
}

/** The policy of now gives the same thing at this hour, no stricter, and for so long. */
function byPolicy(of: ExtensionCase, grant: StoredGrant, now: number): Refusal | undefined {
  const { request, extension, planned, longestMs, condition } = of;
  // Who is away just now decides nothing that was approved already, or that nobody has to approve.
  const given = givenToWhomever(planned);
  if (!given) return refuse('PolicyDenied', stricter(request, planned).join(' '));
  const { plan } = given;
  const reasons = [...stricter({ ...request, plan: extension.plan }, planned), ...boundAnew(request.plan, plan)];
  if (reasons.length > 0) return refuse('PolicyDenied', reasons.join(' '));
  if (extension.endAt > grant.grantedAt + longestMs)
    return refuse('PolicyDenied', 'The policy does not let it be held for that long.');
  return (
    withinWindows(request.plan.limits.windows, extension.endAt, now) ??
    withinWindows(plan.limits.windows, extension.endAt, now) ??
    bound(request.plan.until ?? extension.plan.until, condition)
  );
}

/** The requester is active; and either the plan allows one more by itself, or its people have said yes and nobody no. */
function byPeople({ request, extension, decisions, facts, automaticBefore, planned }: ExtensionCase) {
  const requester = facts.get(request.person);
  if (requester?.state !== 'active') return refuse('PolicyDenied', 'The requester is not active any more.');
  if (extension.kind === 'automatic') {
    const now = givenToWhomever(planned)?.plan;
    // NB. It rests on what was approved: that has to be as much as the policy wants now, for the time that is added.
    const rests = now !== undefined && !asksForMore(request.plan, now);
    return rests && automaticBefore < Math.min(request.plan.limits.extensions ?? 0, now.limits.extensions ?? 0)
      ? undefined
      : refuse('PolicyDenied', 'The plan allows no further extension without approval.');
  }
  const { digest, askedAt: openedAt, plan } = extension;
  const stages = stagesOf(plan);
  const said = tally({ requester, digest, stages, openedAt }, decisions, facts);
  if (said.denied) return refuse('NotPending', 'An approver said no.');
  const [open] = said.open;
  const short = open === undefined ? undefined : stages[open];
  // NB. A plan without stages is nobody's yes: what was asked has to be approved by somebody.
  if (stages.length > 0 && !short) return undefined;
  return refuse(
    'ApproverNotEligible',
    `"${short?.name ?? 'approval'}" needs ${short?.need ?? 1} who may approve this now.`,
  );
}
