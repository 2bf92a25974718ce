/** The second look at a break-glass request: one, by somebody else, for ever. */
import { CurfewError } from '../domain/errors.ts';
import type { PersonId, RequestId } from '../domain/ids.ts';
import { keepText, type SaltedText } from './erasable-texts.ts';
import type { Db } from './pool.ts';
import { requestColumns, type RequestRow } from './requests.ts';

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

/** Break-glass requests without a review, oldest first, with the end of their grant where it ended. */
export const outstanding = (db: Db): Promise<readonly (RequestRow & { readonly endedAt: number | null })[]> =>
  db.query(
    `select ${requestColumns}, g.ended_at as "endedAt" from curfew.request r
     left join curfew.access_grant g on g.request_id = r.id
     where r.kind = 'break-glass' and not exists (select from curfew.review v where v.request_id = r.id)
     order by r.opened_at limit 1000`,
  );
