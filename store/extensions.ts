/** Extensions of grants, their tickets and what became of them. Rows are only added. */
import type { Digest, ExtensionId, PersonId, RequestId } from '../domain/ids.ts';
import type { GrantablePlan } from '../domain/plan.ts';
import { keepText, type SaltedText } from './erasable-texts.ts';
import type { Db } from './pool.ts';

export type ExtensionRow = {
  readonly id: ExtensionId;
  readonly requestId: RequestId;
  readonly requester: PersonId;
  /** 1, 2, ... of its request. */
  readonly number: number;
  /** `automatic`: within the allowance of the request's plan; `asked`: the stages of its own plan decide. */
  readonly kind: 'automatic' | 'asked';
  /** The end when it was asked, and the one that was asked for: epoch ms. */
  readonly fromAt: number;
  readonly endAt: number;
  /** What the policy said of it when it was asked. */
  readonly plan: GrantablePlan;
  readonly reasonHash: string | null;
  readonly digest: Digest;
  readonly askedAt: number;
};

const columns = `e.id, e.request_id as "requestId", e.requester, e.number, e.kind, e.from_at as "fromAt",
  e.end_at as "endAt", e.plan, e.reason_hash as "reasonHash", e.digest, e.asked_at as "askedAt"`;

/**
 * The entry `extension.asked` is the caller's, where the answer is `asked`.
 * @param why its reason, where one was given: kept in the erasable table
 * @returns `repeated`: this very extension is there; `other`: its request has one of this number
 * @throws StoreError 23503 where the requester is not the request's
 */
export async function insert(
  tx: Db,
  extension: ExtensionRow,
  why?: SaltedText,
): Promise<'asked' | 'repeated' | 'other'> {
  const { id, requestId, requester, number, kind, fromAt, endAt, plan, reasonHash, digest, askedAt } = extension;
  const made = await tx.query(
    `insert into curfew.extension (id, request_id, requester, number, kind, from_at, end_at, plan, reason_hash, digest,
       asked_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict do nothing returning 1`,
    [
      id,
      requestId,
      requester,
      number,
      kind,
      new Date(fromAt),
      new Date(endAt),
      JSON.stringify(plan),
      reasonHash,
      digest,
      new Date(askedAt),
    ],
  );
  if (made.length === 0) return (await byId(tx, id)) ? 'repeated' : 'other';
  if (why) await keepText(tx, { kind: 'extension', id, person: requester, ...why });
  return 'asked';
}

export async function byId(db: Db, id: ExtensionId): Promise<ExtensionRow | undefined> {
  const [row] = await db.query<ExtensionRow>(`select ${columns} from curfew.extension e where e.id = $1`, [id]);
  return row;
}

/** Those of a request, the first one first, each with what became of it; null while that is open. */
export async function ofRequest(db: Db, requestId: RequestId): Promise<readonly FollowedExtension[]> {
  return db.query(
    `select ${columns}, o.kind as outcome, o.cause from curfew.extension e
     left join curfew.extension_outcome o on o.extension_id = e.id where e.request_id = $1 order by e.number`,
    [requestId],
  );
}
export type FollowedExtension = ExtensionRow & {
  readonly outcome: OutcomeKind | null;
  readonly cause: string | null;
};

/** Those of these requests that have an extension of which nothing has come yet. */
export async function openAmong(db: Db, ids: readonly RequestId[]): Promise<readonly RequestId[]> {
  const rows = await db.query<{ id: RequestId }>(
    `select distinct e.request_id as id from curfew.extension e where e.request_id = any ($1::uuid[])
       and not exists (select from curfew.extension_outcome o where o.extension_id = e.id)`,
    [ids],
  );
  return rows.map(({ id }) => id);
}

/** Those that people have still to decide, of requests that are not closed, oldest first. */
export const awaiting = (db: Db): Promise<readonly ExtensionRow[]> =>
  db.query(
    `select ${columns} from curfew.extension e join curfew.projection p on p.request_id = e.request_id
     where e.kind = 'asked' and p.state = 'active'
       and not exists (select from curfew.extension_outcome o where o.extension_id = e.id)
       and not exists (select from curfew.extension_ticket t where t.extension_id = e.id)
     order by e.asked_at limit 1000`,
  );

/** The API's signature of the new end: a secret like the claim's (I12). */
export type ExtensionTicket = {
  readonly extensionId: ExtensionId;
  readonly ticket: Buffer;
  readonly ticketKey: string;
  readonly madeAt: number;
};

/** @returns false where it has one: the first one holds */
export async function insertTicket(tx: Db, made: ExtensionTicket): Promise<boolean> {
  const rows = await tx.query(
    `insert into curfew.extension_ticket (extension_id, ticket, ticket_key, made_at) values ($1, $2, $3, $4)
     on conflict do nothing returning 1`,
    [made.extensionId, made.ticket, made.ticketKey, new Date(made.madeAt)],
  );
  return rows.length > 0;
}

export async function ticketOf(db: Db, id: ExtensionId): Promise<ExtensionTicket | undefined> {
  const [row] = await db.query<ExtensionTicket>(
    `select extension_id as "extensionId", ticket, ticket_key as "ticketKey", made_at as "madeAt"
     from curfew.extension_ticket where extension_id = $1`,
    [id],
  );
  return row;
}

/** `extended` is the worker's to say, and no other login's. */
export type OutcomeKind = 'extended' | 'denied' | 'failed';
export type ExtensionOutcome = {
  readonly extensionId: ExtensionId;
  readonly kind: OutcomeKind;
  /** In words without names. */
  readonly cause: string | null;
  /** Of `extended`: what a later transaction read from the target. */
  readonly evidence: unknown;
};

/** The first outcome holds. The entry is the caller's. @returns false where it has one */
export async function saveOutcome(tx: Db, outcome: ExtensionOutcome): Promise<boolean> {
  const { extensionId, kind, cause, evidence } = outcome;
  const rows = await tx.query(
    `insert into curfew.extension_outcome (extension_id, kind, cause, evidence) values ($1, $2, $3, $4)
     on conflict do nothing returning 1`,
    [extensionId, kind, cause, evidence === null || evidence === undefined ? null : JSON.stringify(evidence)],
  );
  return rows.length > 0;
}

export async function outcomeOf(
  db: Db,
  id: ExtensionId,
): Promise<(ExtensionOutcome & { readonly writtenBy: string; readonly at: number }) | undefined> {
  const [row] = await db.query<ExtensionOutcome & { writtenBy: string; at: number }>(
    `select extension_id as "extensionId", kind, cause, evidence, written_by as "writtenBy", at
     from curfew.extension_outcome where extension_id = $1`,
    [id],
  );
  return row;
}

/** Moves the recorded end of a grant to what the target answered. @returns false where it is over or was moved as far */
export async function moveEnd(tx: Db, requestId: RequestId, endAt: number): Promise<boolean> {
  const moved = await tx.query(
    'update curfew.access_grant set end_at = $2 where request_id = $1 and ended_at is null and end_at < $2 returning 1',
    [requestId, new Date(endAt)],
  );
  return moved.length > 0;
}
