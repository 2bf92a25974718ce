/** What was open in the sessions of grants that are about to end, as somebody looked last. */
import type { RequestId, TargetName } from '../domain/ids.ts';
import type { Db } from './pool.ts';

export type OpenWork = {
  readonly sessions: number;
  readonly transactions: number;
  /** Null: none is open, or the target may not say since when. */
  readonly oldestSinceAt: number | null;
  readonly countedAt: number;
};

export async function of(db: Db, requestId: RequestId): Promise<OpenWork | undefined> {
  const [row] = await db.query<OpenWork>(
    `select sessions, transactions, oldest_since as "oldestSinceAt", counted_at as "countedAt"
     from curfew.open_work where request_id = $1`,
    [requestId],
  );
  return row;
}

/**
 * Keeps a count, if it says something else than the last one. NB. What is open changes by itself: an instant that moved
 * by less than ten seconds is the same one.
 * @returns whether it was kept
 */
export async function keep(tx: Db, requestId: RequestId, work: OpenWork): Promise<boolean> {
  const kept = await tx.query(
    `insert into curfew.open_work as w (request_id, sessions, transactions, oldest_since, counted_at)
     values ($1, $2, $3, $4, $5)
     on conflict (request_id) do update set sessions = excluded.sessions, transactions = excluded.transactions,
       oldest_since = excluded.oldest_since, counted_at = excluded.counted_at
     where w.transactions <> excluded.transactions or (w.oldest_since is null) <> (excluded.oldest_since is null)
       or abs(extract(epoch from w.oldest_since - excluded.oldest_since)) > 10
     returning 1`,
    [
      requestId,
      work.sessions,
      work.transactions,
      work.oldestSinceAt === null ? null : new Date(work.oldestSinceAt),
      new Date(work.countedAt),
    ],
  );
  return kept.length > 0;
}

export type Landing = { readonly requestId: RequestId; readonly endAt: number; readonly noticed: boolean };

/** Grants of these targets that end within `withinMs` from `now`, the soonest first; `noticed`: their holders were told. */
export const landing = (
  db: Db,
  targets: readonly TargetName[],
  now: number,
  withinMs: number,
  limit: number,
): Promise<readonly Landing[]> =>
  db.query(
    `select g.request_id as "requestId", g.end_at as "endAt",
       coalesce((p.view ->> 'noticed')::boolean and p.state = 'active', false) as noticed
     from curfew.access_grant g left join curfew.projection p on p.request_id = g.request_id
     where g.ended_at is null and g.target = any($1) and g.end_at > $2 and g.end_at <= $3
     order by g.end_at limit $4`,
    [targets, new Date(now), new Date(now + withinMs), limit],
  );
