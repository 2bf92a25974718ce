/**
 * What a log is mostly made of: requests that were asked for, approved, claimed, granted, used and that ran out, eight
 * entries each, by the real constructors and the real policy, so that the whole verification of them holds.
 */
import { createHash } from 'node:crypto';
import { policyText as sampleText } from '../../dev/company/directory.ts';
import { claiming, deciding, ending, granting, opening, policy } from '../../dev/company/life.ts';
import type { AuditEntry, Login } from '../../domain/events.ts';
import { codeMinted } from '../../domain/events/grant.ts';
import { policyApplied } from '../../domain/events/policy.ts';
import { sessionClosed, sessionOpened } from '../../domain/events/session.ts';
import type { GrantReceipt, RevokeReceipt } from '../../domain/grant.ts';
import type { CredentialId, PersonId, ProposalId, RequestId } from '../../domain/ids.ts';
import type { PersonFacts } from '../../domain/person.ts';
import { hourMs, minuteMs, secondMs } from '../../domain/time.ts';

/** An entry with the login that writes it, and when (epoch ms). */
export type Written = { readonly login: Login; readonly at: number; readonly entry: AuditEntry };

export type Life = {
  readonly id: RequestId;
  /** In their order. */
  readonly entries: readonly Written[];
  readonly receipts: readonly (GrantReceipt | RevokeReceipt)[];
};

export const entriesOfALife = 8;

/** By which all of them are judged. */
export const adoptedText = sampleText();

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
  const madeAt = openedAt + secondMs;
  const grantedAt = madeAt + minuteMs;
  const salt = Buffer.alloc(16, n % 256);
  const opened = opening(id, { requester, people: [owner], role: 'read', openedAt, salt });
  const decided = deciding(id, opened.body, { by: owner, madeAt, denial: null });
  const minted = codeMinted(requester.id, id, { expiresAt: madeAt + 15 * minuteMs });
  const credential = uuid(2, n) as CredentialId;
  const claimed = claiming(id, opened.body, { credential, acceptedAt: grantedAt, approvers: [owner] });
  const granted = granting(id, opened.body, claimed.body, grantedAt);
  const { endAt } = claimed.body;
  const verifiedAt = endAt + secondMs;
  const last = { outcome: 'expired', startedAt: endAt, verifiedAt, node: place.node, sessions: 0 } as const;
  const ended = ending(id, opened.body, last);
  return {
    id,
    entries: [
      { login: 'curfew_api', at: openedAt, entry: opened },
      { login: 'curfew_api', at: madeAt, entry: decided },
      { login: 'curfew_api', at: grantedAt - secondMs, entry: minted },
      { login: 'curfew_api', at: grantedAt, entry: claimed },
      { login: 'curfew_worker', at: granted.receipt.readAt, entry: granted.entry },
      ...session(id, n, grantedAt + minuteMs, endAt - minuteMs),
      { login: 'curfew_worker', at: verifiedAt, entry: ended.entry },
    ],
    receipts: [granted.receipt, ended.receipt],
  };
}

/** What its holder did, as the target's log told it. */
function session(id: RequestId, n: number, openedAt: number, closedAt: number): readonly Written[] {
  const own = { ...place, session: `${n.toString(16)}.1` };
  const sha256 = createHash('sha256').update(id).digest('hex');
  return [
    {
      login: 'curfew_collector',
      at: openedAt,
      entry: sessionOpened('curfew_collector', id, { ...own, database: 'orders', openedAt, application: null }),
    },
    {
      login: 'curfew_collector',
      at: closedAt,
      entry: sessionClosed('curfew_collector', id, {
        ...own,
        closedAt,
        ended: 'seen',
        statements: 12,
        last: { from: 0, to: 12, count: 12, sha256 },
      }),
    },
  ];
}
