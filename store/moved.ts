/** Whose team, manager, kind or accounts have changed while they hold or ask for something. The store notes it itself. */
import type { RequestId } from '../domain/ids.ts';
import type { Db } from './pool.ts';
import { requestColumns, type RequestRow } from './requests.ts';

export type Move = {
  readonly id: number;
  /** All of theirs that were open then, in any of their accounts: later ones are judged by what holds since. */
  readonly requests: readonly RequestId[];
  /** When what they hold was first judged again because of it, epoch ms; null: not yet. */
  readonly seenAt: number | null;
};

/** Moves that are not settled, oldest first, at most `limit`. */
export const unsettled = (db: Db, limit: number): Promise<readonly Move[]> =>
  db.query(`select id, requests, seen_at as "seenAt" from curfew.moved where settled_at is null order by id limit $1`, [
    limit,
  ]);

/** Which of these are held, or claimed and may be in a moment, and were not asked to end; in order of ids. */
export const heldAmong = (db: Db, ids: readonly RequestId[]): Promise<readonly RequestRow[]> =>
  db.query(
    `select ${requestColumns} from curfew.request r join curfew.claim c on c.request_id = r.id
     left join curfew.projection p on p.request_id = r.id
     where r.id = any ($1::uuid[])
       and (p.state is null or p.state in ('requested', 'awaiting', 'approved', 'granting', 'active'))
       and not exists (select from curfew.revoke_intent i where i.request_id = r.id)
     order by r.id`,
    [ids],
  );

/** Says of moves that they were looked at, and of those that were long enough ago that they are settled. */
export async function looked(db: Db, ids: readonly number[], settled: readonly number[]): Promise<void> {
  await db.query(
    `update curfew.moved set seen_at = coalesce(seen_at, clock_timestamp()),
       settled_at = case when id = any ($2::bigint[]) then clock_timestamp() end
     where id = any ($1::bigint[]) and settled_at is null`,
    [ids, settled],
  );
}
