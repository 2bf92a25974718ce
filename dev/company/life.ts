/**
 * A request's life as the log tells it, for logs that are made and not lived: each step's entry by its real constructor,
 * judged by the sample's real policy, with receipts whose hashes are right. Who and when is the caller's.
 */
import type { AuditEntry } from '../../domain/events.ts';
import { claimAccepted, grantEnded, grantMade } from '../../domain/events/grant.ts';
import { decisionMade, requestOpened } from '../../domain/events/request.ts';
import type { GrantReceipt, RevokeReceipt } from '../../domain/grant.ts';
import { roleOf, type CredentialId, type RequestId, type RoleName, type TargetName } from '../../domain/ids.ts';
import type { PersonFacts } from '../../domain/person.ts';
import { hourMs } from '../../domain/time.ts';
import { decisionId, digestOf, evidenceHash, reasonHash } from '../../policy/digest.ts';
import { planFor } from '../../policy/plan.ts';
import { samplePolicy } from './directory.ts';

/** Of the sample company. */
export const policy = samplePolicy();

type Entry<Kind extends AuditEntry['kind']> = Extract<AuditEntry, { readonly kind: Kind }>;
export type Opened = Entry<'request.opened'>['body'];
export type Claimed = Entry<'claim.accepted'>['body'];

type Asking = {
  readonly requester: PersonFacts;
  /** Among whom its approvers are. */
  readonly people: readonly PersonFacts[];
  readonly role: string;
  readonly openedAt: number;
  readonly salt: Buffer;
};

/** Somebody asks for the orders for an hour. @throws Error where the policy denies it */
export function opening(id: RequestId, { requester, people, role, openedAt, salt }: Asking): Entry<'request.opened'> {
  const asked = {
    target: 'orders-prod' as TargetName,
    role: role as RoleName,
    durationMs: hourMs,
    ticket: null,
    startAt: null,
  };
  const { plan, gives } = planFor(policy, { kind: 'access', requester, ...asked }, people, openedAt);
  if (plan.verdict === 'denied' || !gives) throw new Error('the sample policy denies it');
  const what = { ...asked, databases: gives.databases, template: gives.template };
  const reason = reasonHash(salt, 'to look at something');
  return requestOpened(requester.id, id, {
    kind: 'access',
    ...what,
    reason,
    digest: digestOf({ ...what, requestId: id, requester: requester.id, reasonHash: reason, plan }),
    openedAt,
    decideByAt: openedAt + plan.limits.decideWithinMs,
    policy: plan.policy,
    rule: plan.rule,
    verdict: plan.verdict,
    plan,
    facts: { requester, people },
  });
}

type Deciding = {
  readonly by: PersonFacts;
  readonly madeAt: number;
  /** Of the salted text, where it is a denial. */
  readonly denial: string | null;
};

/** A word in the first stage, by a full member of the workspace. */
export function deciding(
  id: RequestId,
  { digest, facts: { requester } }: Opened,
  { by, madeAt, denial }: Deciding,
): Entry<'decision.made'> {
  const said = { digest, stage: 0, verdict: denial === null ? 'approve' : 'deny', voidsBefore: 0 } as const;
  return decisionMade(by.id, id, {
    ...said,
    decision: decisionId({ ...said, requestId: id, person: by.id }),
    madeAt,
    denial,
    facts: {
      person: by,
      account: { deleted: false, bot: false, restricted: false, stranger: false, readAt: madeAt },
    },
    requester: { id: requester.id, aliases: requester.aliases },
  });
}

type Claiming = {
  readonly credential: CredentialId;
  readonly acceptedAt: number;
  readonly approvers: readonly PersonFacts[];
};

export const claiming = (
  id: RequestId,
  { durationMs, policy: hash, facts: { requester } }: Opened,
  { credential, acceptedAt, approvers }: Claiming,
): Entry<'claim.accepted'> =>
  claimAccepted(requester.id, id, {
    credential,
    acceptedAt,
    endAt: acceptedAt + durationMs,
    ticketKey: 'k1',
    policy: hash,
    facts: { requester, approvers },
  });

type Attested<Kind extends AuditEntry['kind'], Receipt> = { readonly entry: Entry<Kind>; readonly receipt: Receipt };

export function granting(
  id: RequestId,
  { target, template, facts: { requester } }: Opened,
  { credential, endAt }: Claimed,
  grantedAt: number,
): Attested<'grant.made', GrantReceipt> {
  const seen = { target, template, role: roleOf(id), endAt, grantedAt, canLogin: true, memberships: 1 };
  const receipt: GrantReceipt = { kind: 'grant', requestId: id, ...seen, readAt: grantedAt + 20, attestations: [] };
  const entry = grantMade(requester.id, id, { ...seen, cluster: 'main', credential, receipt: evidenceHash(receipt) });
  return { entry, receipt };
}

type Ending = {
  readonly outcome: 'expired' | 'released';
  readonly startedAt: number;
  readonly verifiedAt: number;
  readonly node: string;
  readonly sessions: number;
};

/** Nothing is left on its one node. */
export function ending(
  id: RequestId,
  { target }: Opened,
  { outcome, startedAt, verifiedAt, node, sessions }: Ending,
): Attested<'grant.ended', RevokeReceipt> {
  const gone = { standby: false, sessionsLeft: 0, canLogin: false, ended: true, verifiedAt };
  const receipt: RevokeReceipt = {
    kind: 'revoke',
    requestId: id,
    target,
    role: roleOf(id),
    startedAt,
    verifiedAt,
    rounds: 1,
    nodes: [{ node, sessionsFound: sessions, ...gone }],
    attestations: [],
  };
  const entry = grantEnded('curfew_worker', id, {
    target,
    role: roleOf(id),
    outcome,
    cause: 'time is up',
    verifiedAt,
    sessionsClosed: sessions,
    receipt: evidenceHash(receipt),
  });
  return { entry, receipt };
}
