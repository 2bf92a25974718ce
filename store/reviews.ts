/** The second look at a break-glass request: one, by somebody else, for ever. */
import { CurfewError } from '../domain/errors.ts';
import type { PersonId, RequestId } from '../domain/ids.ts';
import type { ReviewRule } from '../domain/plan.ts';
import { keepText, type SaltedText } from './erasable-texts.ts';
import type { Db } from './pool.ts';

export const reviewVerdicts = ['justified', 'not-justified', 'follow-up'] as const;
export type ReviewVerdict = (typeof reviewVerdicts)[number];

export type Review = {
  readonly requestId: RequestId;
  readonly person: PersonId;
  readonly verdict: ReviewVerdict;
  readonly reviewedAt: number;
};

/**
 * Inserts a review with its note. The entry `review.recorded` is the caller's, where the answer is `recorded`.
 * @returns `repeated`: this person gave this verdict before; `other`: it is reviewed already
 * @throws StoreError 23514 for the requester's own; CurfewError `UnknownRequest` where there is no break-glass request
 */
export async function insert(tx: Db, review: Review, note?: SaltedText): Promise<'recorded' | 'repeated' | 'other'> {
  const made = await tx.query(
    `insert into curfew.review (request_id, requester, person, verdict, reviewed_at)
     select r.id, r.person, $2, $3, $4 from curfew.request r where r.id = $1 and r.kind = 'break-glass'
     on conflict (request_id) do nothing returning 1`,
    [review.requestId, review.person, review.verdict, new Date(review.reviewedAt)],
  );
  if (made.length > 0) {
    if (note) await keepText(tx, { kind: 'review', id: review.requestId, person: review.person, ...note });
    return 'recorded';
  }
  const there = await of(tx, review.requestId);
  if (!there) throw new CurfewError('UnknownRequest', 'There is no such break-glass request.');
  return there.person === review.person && there.verdict === review.verdict ? 'repeated' : 'other';
}

/** `note` is null where there is none or it was erased. */
export async function of(
  db: Db,
  requestId: RequestId,
): Promise<(Review & { readonly note: string | null }) | undefined> {
  const [row] = await db.query<Review & { note: string | null }>(
    `select v.request_id as "requestId", v.person, v.verdict, v.reviewed_at as "reviewedAt", t.body as note
     from curfew.review v left join curfew.personal t on t.kind = 'review' and t.id = v.request_id::text
     where v.request_id = $1`,
    [requestId],
  );
  return row;
}

/**
 * SQL: since when a break-glass that nobody reviewed is review debt. Within the plan's time after its end, and a day at
 * most, whatever an older plan says. A grant of which nobody has seen the end is over by its hard end at the latest.
 * @param request alias of curfew.request
 * @param grant alias of its curfew.access_grant
 */
export const owedFrom = (request: string, grant: string): string =>
  `coalesce(${grant}.ended_at, ${grant}.end_at)
     + least((${request}.plan -> 'review' ->> 'withinMs')::bigint, 86400000) * interval '1 millisecond'`;

/**
 * Review debt of one human: the break-glass of these accounts that is over, and that nobody reviewed in time (I13).
 * @param now epoch ms
 * @returns oldest first
 */
export async function debtOf(db: Db, ids: readonly PersonId[], now: number): Promise<readonly RequestId[]> {
  const rows = await db.query<{ id: RequestId }>(
    `select r.id from curfew.request r join curfew.access_grant g on g.request_id = r.id
     where r.person = any ($1::uuid[]) and r.kind = 'break-glass' and ${owedFrom('r', 'g')} <= $2
       and not exists (select from curfew.review v where v.request_id = r.id)
     order by r.opened_at, r.id`,
    [ids, new Date(now)],
  );
  return rows.map(({ id }) => id);
}

/** The alarm about review debt. */
export const owedCode = 'review-owed';
export const owedKey = (requestId: RequestId): string => `review/${requestId}`;

/** What a review is about: whose it is, and when it was over. */
export type ReviewCase = {
  readonly requestId: RequestId;
  readonly person: PersonId;
  readonly review: ReviewRule;
  readonly overAt: number;
  /** The steps that were taken because nobody reviewed it. */
  readonly steps: readonly ReviewStep[];
  readonly reviewed: boolean;
};

/** `owed`: it became review debt; `owed-2` a day later, and so on. */
export type ReviewStep = 'reminded' | 'escalated' | 'owed' | `owed-${number}`;

/** @returns undefined where nothing was granted, so that there is nothing to review */
export async function caseOf(db: Db, requestId: RequestId): Promise<ReviewCase | undefined> {
  const [row] = await db.query<ReviewCase>(
    `select r.id as "requestId", r.person, r.plan -> 'review' as review, coalesce(g.ended_at, g.end_at) as "overAt",
       array(select s.step from curfew.review_step s where s.request_id = r.id order by s.at, s.step) as steps,
       exists (select from curfew.review v where v.request_id = r.id) as reviewed
     from curfew.request r join curfew.access_grant g on g.request_id = r.id
     where r.id = $1 and r.kind = 'break-glass'`,
    [requestId],
  );
  return row;
}

/** A break-glass that is over and that nobody reviewed. `owed`: it is review debt by now. */
export type Unreviewed = {
  readonly requestId: RequestId;
  readonly requester: PersonId;
  readonly target: string;
  readonly role: string;
  readonly incident: string | null;
  readonly review: ReviewRule;
  readonly overAt: number;
  readonly owed: boolean;
};

/** @param now epoch ms @returns the longest over first, at most a hundred */
export const unreviewed = (db: Db, now: number): Promise<readonly Unreviewed[]> =>
  db.query(
    `select r.id as "requestId", r.person as requester, r.target, r.role, r.ticket as incident,
       r.plan -> 'review' as review, coalesce(g.ended_at, g.end_at) as "overAt", ${owedFrom('r', 'g')} <= $1 as owed
     from curfew.request r join curfew.access_grant g on g.request_id = r.id
     where r.kind = 'break-glass' and coalesce(g.ended_at, g.end_at) <= $1
       and not exists (select from curfew.review v where v.request_id = r.id)
     order by coalesce(g.ended_at, g.end_at), r.id limit 100`,
    [new Date(now)],
  );

/** @returns false where it was taken before */
export async function takeStep(tx: Db, requestId: RequestId, step: ReviewStep): Promise<boolean> {
  const made = await tx.query(
    'insert into curfew.review_step (request_id, step) values ($1, $2) on conflict do nothing returning 1',
    [requestId, step],
  );
  return made.length > 0;
}

/**
 * A message `review` for each break-glass that was granted and is over, where there is none: made from the grant itself,
 * so that whoever has recorded the end, and however, the review is asked for.
 */
export async function enqueueOver(db: Db): Promise<void> {
  await db.query(
    `insert into curfew.outbox (kind, key, payload)
     select 'review', 'review/' || r.id, jsonb_build_object('requestId', r.id)
     from curfew.request r join curfew.access_grant g on g.request_id = r.id
     where r.kind = 'break-glass' and r.opened_at > clock_timestamp() - interval '30 days'
       and (g.ended_at is not null or g.end_at < clock_timestamp() - interval '1 minute')
       and not exists (select from curfew.outbox o where o.kind = 'review' and o.key = 'review/' || r.id)
     on conflict (kind, key) do nothing`,
  );
}
