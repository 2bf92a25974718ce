/** Decisions and their voids: both only ever added. That nobody decides alone, or twice, is the table's own rule (I6). */
import type { Decision } from '../domain/decision.ts';
import { CurfewError } from '../domain/errors.ts';
import { decisionVoided } from '../domain/events/request.ts';
import type { DecisionId, PersonId, RequestId } from '../domain/ids.ts';
import { append, appendAll } from './audit.ts';
import type { Db } from './pool.ts';
import { keepText, type SaltedText } from './erasable-texts.ts';

/** A decision as it stands; `voidedAt` is there once it no longer counts. */
export type StoredDecision = Decision & {
  readonly voidsBefore: number;
  readonly voidedAt?: number;
  /** Why it does not count any more, in words without names. */
  readonly voidCause?: string;
};

/**
 * Inserts a decision, and a denial's reason. The entry `decision.made` is the caller's, where the answer is `recorded`.
 * @param voidsBefore how many decisions of this person on this request are void (`voidsOf`)
 * @returns `repeated`: the very same decision is there; `other`: this person decided otherwise, and that one stands
 * @throws StoreError 23514 for the requester's own decision, 23503 for another digest than the request's;
 *   CurfewError `UnknownRequest`
 */
export async function insert(
  tx: Db,
  decision: Decision,
  voidsBefore: number,
  denialReason?: SaltedText,
): Promise<'recorded' | 'repeated' | 'other'> {
  const made = await tx.query(
    `insert into curfew.decision (id, request_id, requester, digest, stage, person, verdict, facts, voids_before, made_at)
     select $1, r.id, r.person, $3, $4, $5, $6, $7, $8, $9 from curfew.request r where r.id = $2
     on conflict do nothing returning id`,
    [
      decision.id,
      decision.requestId,
      decision.digest,
      decision.stage,
      decision.person,
      decision.verdict,
      JSON.stringify(decision.facts),
      voidsBefore,
      new Date(decision.madeAt),
    ],
  );
  if (made.length === 0) return whyNot(tx, decision);
  if (denialReason) await keepText(tx, { kind: 'denial', id: decision.id, person: decision.person, ...denialReason });
  return 'recorded';
}

async function whyNot(tx: Db, decision: Decision): Promise<'repeated' | 'other'> {
  const [found] = await tx.query<{ request: boolean; decision: boolean }>(
    `select exists (select from curfew.request where id = $1) as request,
       exists (select from curfew.decision where id = $2) as decision`,
    [decision.requestId, decision.id],
  );
  if (found?.request !== true) throw new CurfewError('UnknownRequest', 'There is no such request.');
  return found.decision ? 'repeated' : 'other';
}

/**
 * Every decision on a request, oldest first, the void ones with their instant; of two in one millisecond that of the
 * earlier stage, for the later one could not have been open before it.
 */
export async function of(db: Db, requestId: RequestId): Promise<readonly StoredDecision[]> {
  const rows = await db.query<
    Omit<StoredDecision, 'voidedAt' | 'voidCause'> & { voidedAt: number | null; voidCause: string | null }
  >(
    `select d.id, d.request_id as "requestId", d.digest, d.stage, d.person, d.verdict, d.facts,
       d.voids_before as "voidsBefore", d.made_at as "madeAt", v.voided_at as "voidedAt",
       v.cause as "voidCause"
     from curfew.decision d left join curfew.decision_void v on v.decision_id = d.id
     where d.request_id = $1 order by d.made_at, d.stage, d.id`,
    [requestId],
  );
  return rows.map(({ voidedAt, voidCause, ...row }) =>
    voidedAt === null ? row : { ...row, voidedAt, voidCause: voidCause ?? '' },
  );
}

/** The decisions that are not void, of each of these requests, oldest first. */
export async function liveOf(
  db: Db,
  requests: readonly RequestId[],
): Promise<ReadonlyMap<RequestId, readonly Decision[]>> {
  const rows = await db.query<Decision>(
    `select d.id, d.request_id as "requestId", d.digest, d.stage, d.person, d.verdict, d.facts, d.made_at as "madeAt"
     from curfew.decision d where d.request_id = any ($1::uuid[])
       and not exists (select from curfew.decision_void v where v.decision_id = d.id)
     order by d.made_at, d.stage, d.id`,
    [requests],
  );
  return Map.groupBy(rows, ({ requestId }) => requestId);
}

/** How many decisions of this person on this request are void: part of the next one's id. */
export async function voidsOf(db: Db, requestId: RequestId, person: PersonId): Promise<number> {
  const [row] = await db.query<{ voids: number }>(
    `select count(*) as voids from curfew.decision d join curfew.decision_void v on v.decision_id = d.id
     where d.request_id = $1 and d.person = $2`,
    [requestId, person],
  );
  return row?.voids ?? 0;
}

/**
 * Voids one decision, with its entry `decision.voided`.
 * @returns false where it was void before
 */
export async function voidOne(
  tx: Db,
  { id, requestId }: VoidedDecision,
  cause: string,
  actor: string,
): Promise<boolean> {
  const voided = await tx.query(
    'insert into curfew.decision_void (decision_id, cause, actor) values ($1, $2, $3) on conflict do nothing returning 1',
    [id, cause, actor],
  );
  if (voided.length === 0) return false;
  await append(tx, decisionVoided(actor, requestId, { decision: id, cause }));
  return true;
}

export type VoidedDecision = { readonly id: DecisionId; readonly requestId: RequestId };

/**
 * Voids every decision of a person on requests that nothing was granted for yet, and every one that a delegate made in
 * their place, each with its entry `decision.voided`.
 * @param cause in words without names, e.g. `left`
 * @param actor a person's id or a login's name
 * @param untilAt epoch ms; decisions that were made later stay
 * @returns the decisions that it voided now; none where they were void before
 */
export async function voidAllOf(
  tx: Db,
  person: PersonId,
  cause: string,
  actor: string,
  untilAt?: number,
): Promise<readonly (VoidedDecision & { readonly person: PersonId })[]> {
  const voided = await tx.query<VoidedDecision & { readonly person: PersonId }>(
    `with seated (id) as (
       select $1::uuid union select a.delegate from curfew.absence a where a.person = $1 and a.delegate is not null),
     void as (
       insert into curfew.decision_void (decision_id, cause, actor)
       select d.id, $2, $3 from curfew.decision d join curfew.request r on r.id = d.request_id
       left join curfew.projection p on p.request_id = d.request_id
       where d.person in (select id from seated)
         and (d.person = $1 or curfew.made_for($1, d.facts, r.plan -> 'stages' -> d.stage))
         and coalesce(p.state, 'requested') in ('requested', 'awaiting', 'approved', 'granting')
         and not exists (select from curfew.access_grant g where g.request_id = d.request_id)
         and ($4::timestamptz is null or d.made_at <= $4)
       on conflict do nothing returning decision_id)
     select d.id, d.request_id as "requestId", d.person from void join curfew.decision d on d.id = void.decision_id order by d.id`,
    [person, cause, actor, untilAt === undefined ? null : new Date(untilAt)],
  );
  await appendAll(
    tx,
    voided.map(({ id, requestId }) => decisionVoided(actor, requestId, { decision: id, cause })),
  );
  return voided;
}

/** Decisions of a person, or made in their place, that became void at `sinceAt` (epoch ms) or later, for whatever cause. */
export const voidedSince = (db: Db, person: PersonId, sinceAt: number): Promise<readonly VoidedDecision[]> =>
  db.query(
    `with seated (id) as (
       select $1::uuid union select a.delegate from curfew.absence a where a.person = $1 and a.delegate is not null)
     select d.id, d.request_id as "requestId" from curfew.decision d join curfew.decision_void v on v.decision_id = d.id
     join curfew.request r on r.id = d.request_id
     where d.person in (select id from seated)
       and (d.person = $1 or curfew.made_for($1, d.facts, r.plan -> 'stages' -> d.stage)) and v.voided_at >= $2 order by v.voided_at, d.id`,
    [person, new Date(sinceAt)],
  );
