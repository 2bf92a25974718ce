/**
 * What a log is mostly made of: requests that were asked for, approved, claimed, granted, used and that ran out, eight
 * entries each, by the real constructors and the real policy, so that the whole verification of them holds.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { claimAccepted, codeMinted, grantEnded, grantMade } from '../../domain/events/grant.ts';
import { policyApplied } from '../../domain/events/policy.ts';
import { decisionMade, requestOpened } from '../../domain/events/request.ts';
import { sessionClosed, sessionOpened } from '../../domain/events/session.ts';
import type { AuditEntry, Login } from '../../domain/events.ts';
import type { GrantReceipt, RevokeReceipt } from '../../domain/grant.ts';
import {
  roleOf,
  type CredentialId,
  type PersonId,
  type ProposalId,
  type RequestId,
  type RoleName,
  type TargetName,
} from '../../domain/ids.ts';
import type { PersonFacts } from '../../domain/person.ts';
import { hourMs, minuteMs, secondMs } from '../../domain/time.ts';
import { decisionId, digestOf, evidenceHash, reasonHash } from '../../policy/digest.ts';
import { parsePolicy } from '../../policy/parse.ts';
import { planFor, type Ask } from '../../policy/plan.ts';

/** An entry with the login that writes it, and when (epoch ms). */
export type Written = { readonly login: Login; readonly at: number; readonly entry: AuditEntry };

export type Life = {
  readonly id: RequestId;
  /** In their order. */
  readonly entries: readonly Written[];
  readonly receipts: readonly (GrantReceipt | RevokeReceipt)[];
};

export const entriesOfALife = 8;

export const policyText = readFileSync(
  fileURLToPath(new URL('../../dev/company/policy.yaml', import.meta.url)),
  'utf8',
);
const parsed = parsePolicy(policyText);
if (!parsed.ok) throw new Error('the sample policy cannot be read');
export const { policy } = parsed;

const uuid = (kind: number, n: number): string => `0000000${kind}-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
const person = (n: number, groups: readonly string[]): PersonFacts => ({
  id: uuid(9, n) as PersonId,
  state: 'active',
  kind: 'employee',
  manager: null,
  groups,
  aliases: [],
  addedBy: [],
});
const requester = person(1, ['engineers']);
const owner = person(2, ['data-owners', 'data-owners-payments']);
const target = 'orders-prod' as TargetName;
const place = { cluster: 'orders', node: '10.0.0.1:5432' };
const began = Date.UTC(2025, 0, 6, 9);

/** So many are open at the same time; then come as many others. */
export const livesAtOnce = 625;
const apartMs = 5 * secondMs;
/** In it all of them begin, and come to their end. */
const roundMs = 3 * hourMs;

/** The policy by which all of them are judged is in force: the first entry of the log. */
export const adopted: Written = {
  login: 'curfew_admin',
  at: began,
  entry: policyApplied('curfew_admin', policy.hash, {
    number: 1,
    hash: policy.hash,
    proposal: uuid(3, 0) as ProposalId,
  }),
};

/** The n-th of them: always the same one. */
export function lifeOf(n: number): Life {
  const id = uuid(1, n) as RequestId;
  const openedAt = began + Math.floor(n / livesAtOnce) * roundMs + ((n % livesAtOnce) + 1) * apartMs;
  const ask: Ask = {
    kind: 'access',
    requester,
    target,
    role: 'read' as RoleName,
    durationMs: hourMs,
    ticket: null,
    startAt: null,
  };
  const { plan, gives } = planFor(policy, ask, [owner], openedAt);
  if (plan.verdict === 'denied' || !gives) throw new Error('the sample policy denies what the bench asks for');
  const { template, databases } = gives;
  const asked = { target, databases, role: ask.role, template, durationMs: hourMs, ticket: null, startAt: null };
  const reason = reasonHash(Buffer.alloc(16, n % 256), 'to look at something');
  const digest = digestOf({ ...asked, requestId: id, requester: requester.id, reasonHash: reason, plan });
  const opened = requestOpened(requester.id, id, {
    kind: 'access',
    ...asked,
    reason,
    digest,
    openedAt,
    decideByAt: openedAt + plan.limits.decideWithinMs,
    policy: plan.policy,
    rule: plan.rule,
    verdict: plan.verdict,
    plan,
    facts: { requester, people: [owner] },
  });

  const madeAt = openedAt + secondMs;
  const word = { digest, stage: 0, verdict: 'approve', voidsBefore: 0 } as const;
  const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: madeAt };
  const decided = decisionMade(owner.id, id, {
    ...word,
    decision: decisionId({ ...word, requestId: id, person: owner.id }),
    madeAt,
    denial: null,
    facts: { person: owner, account },
    requester: { id: requester.id, aliases: [] },
  });

  const grantedAt = madeAt + minuteMs;
  const endAt = grantedAt + hourMs;
  const credential = uuid(2, n) as CredentialId;
  const minted = codeMinted(requester.id, id, { expiresAt: madeAt + 15 * minuteMs });
  const claimed = claimAccepted(requester.id, id, {
    credential,
    acceptedAt: grantedAt,
    endAt,
    ticketKey: 'bench',
    policy: policy.hash,
    facts: { requester, approvers: [owner] },
  });
  return {
    id,
    ...held(id, { n, template, credential, grantedAt, endAt }, [
      { login: 'curfew_api', at: openedAt, entry: opened },
      { login: 'curfew_api', at: madeAt, entry: decided },
      { login: 'curfew_api', at: grantedAt - secondMs, entry: minted },
      { login: 'curfew_api', at: grantedAt, entry: claimed },
    ]),
  };
}

type Held = Pick<GrantReceipt, 'template' | 'grantedAt' | 'endAt'> & {
  readonly n: number;
  readonly credential: CredentialId;
};

/** From the login to the end of it, after what came before. */
function held(
  id: RequestId,
  { n, template, credential, grantedAt, endAt }: Held,
  before: Life['entries'],
): Pick<Life, 'entries' | 'receipts'> {
  const role = roleOf(id);
  const seen = { target, template, role, grantedAt, endAt, canLogin: true, memberships: 1 };
  const granted: GrantReceipt = { kind: 'grant', requestId: id, ...seen, readAt: grantedAt + 20, attestations: [] };
  const verifiedAt = endAt + secondMs;
  const left = { standby: false, sessionsFound: 0, sessionsLeft: 0, canLogin: false, ended: true, verifiedAt };
  const revoked: RevokeReceipt = {
    kind: 'revoke',
    requestId: id,
    target,
    role,
    startedAt: endAt,
    verifiedAt,
    rounds: 1,
    nodes: [{ node: place.node, ...left }],
    attestations: [],
  };
  const session = { ...place, session: `${n.toString(16)}.1` };
  const [openedAt, closedAt] = [grantedAt + minuteMs, endAt - minuteMs];
  const statements = createHash('sha256').update(id).digest('hex');
  return {
    entries: [
      ...before,
      {
        login: 'curfew_worker',
        at: granted.readAt,
        entry: grantMade(requester.id, id, { ...seen, credential, receipt: evidenceHash(granted) }),
      },
      {
        login: 'curfew_collector',
        at: openedAt,
        entry: sessionOpened('curfew_collector', id, { ...session, database: 'orders', openedAt, application: null }),
      },
      {
        login: 'curfew_collector',
        at: closedAt,
        entry: sessionClosed('curfew_collector', id, {
          ...session,
          closedAt,
          ended: 'seen',
          statements: 12,
          last: { from: 0, to: 12, count: 12, sha256: statements },
        }),
      },
      {
        login: 'curfew_worker',
        at: verifiedAt,
        entry: grantEnded('curfew_worker', id, {
          target,
          role,
          outcome: 'expired',
          cause: 'time is up',
          verifiedAt,
          sessionsClosed: 0,
          receipt: evidenceHash(revoked),
        }),
      },
    ],
    receipts: [granted, revoked],
  };
}
