/** What the reconciler holds against Temporal and the targets: read in pages, so that 50,000 grants are no matter. */
import type { Outcome, StateKind } from '../domain/request.ts';
import type { RequestId, TargetName } from '../domain/ids.ts';
import type { Db } from './pool.ts';

/** Ids in one statement, rows in one page. */
export const pageSize = 5_000;

/** What the store knows of a grant. Instants in epoch ms. */
export type StoreGrant = {
  readonly requestId: RequestId;
  /** Null: the store has no such request. */
  readonly target: TargetName | null;
  readonly claimedAt: number | null;
  readonly grantedAt: number | null;
  readonly endAt: number | null;
  readonly endedAt: number | null;
  /** When an extension of it was last signed or came to something. */
  readonly extendedAt: number | null;
};

/** One row for each id, known or not. */
export const grantsOf = (db: Db, ids: readonly string[]): Promise<readonly StoreGrant[]> =>
  db.query(
    `select u.id as "requestId", r.target, c.accepted_at as "claimedAt", g.granted_at as "grantedAt", g.end_at as "endAt",
       g.ended_at as "endedAt",
       (select max(greatest(t.made_at, o.at)) from curfew.extension e
          left join curfew.extension_ticket t on t.extension_id = e.id
          left join curfew.extension_outcome o on o.extension_id = e.id
        where e.request_id = u.id) as "extendedAt"
     from unnest($1::uuid[]) as u (id)
       left join curfew.request r on r.id = u.id
       left join curfew.claim c on c.request_id = u.id
       left join curfew.access_grant g on g.request_id = u.id`,
    [ids],
  );

/** Grants on these targets that are not known to have ended, in the order of their ids; a page after `after`. */
export async function liveIds(
  db: Db,
  targets: readonly TargetName[],
  after: string | null,
): Promise<readonly RequestId[]> {
  const rows = await db.query<{ id: RequestId }>(
    `select request_id as id from curfew.access_grant
     where ended_at is null and target = any($1::text[]) and ($2::uuid is null or request_id > $2)
     order by request_id limit $3`,
    [targets, after, pageSize],
  );
  return rows.map(({ id }) => id);
}

export type OpenRequest = {
  readonly requestId: RequestId;
  readonly target: TargetName;
  /** Null: nothing has told the store yet. */
  readonly state: StateKind | null;
  /** A claim was accepted, or there is a grant that has not ended: somebody may hold something. */
  readonly held: boolean;
  /** Epoch ms, by the API's clock. */
  readonly openedAt: number;
  /** When it should be over by itself: its end, or when it lapses at the latest. */
  readonly overAt: number;
};

/**
 * Requests that are not closed and whose Workflow was started, as far as the store knows, in the order of their ids; a
 * page after `after`.
 */
export const openRequests = (db: Db, after: string | null): Promise<readonly OpenRequest[]> =>
  db.query(
    `select r.id as "requestId", r.target, p.state,
       c.request_id is not null as held, r.opened_at as "openedAt",
       coalesce(g.end_at, p.end_at, c.end_at, to_timestamp((p.view ->> 'useByAt')::float8 / 1000), r.decide_by) as "overAt"
     from curfew.request r left join curfew.projection p on p.request_id = r.id
       left join curfew.claim c on c.request_id = r.id
       left join curfew.access_grant g on g.request_id = r.id
     where coalesce(p.state, '') <> 'closed'
       and ($1::uuid is null or r.id > $1)
       and not exists (select from curfew.outbox o where o.done_at is null and o.kind = 'start'
                         and o.payload ->> 'requestId' = r.id::text)
     order by r.id limit $2`,
    [after, pageSize],
  );

export type KnownRequest = {
  readonly requestId: RequestId;
  readonly target: TargetName;
  readonly outcome: Outcome | null;
  /** Null: it is open. */
  readonly closedAt: number | null;
};

/** Those of the requests that the store has, and whether they are closed there. */
export const knownOf = (db: Db, ids: readonly RequestId[]): Promise<readonly KnownRequest[]> =>
  db.query(
    `select r.id as "requestId", r.target, case when p.state = 'closed' then p.outcome end as outcome,
       case when p.state = 'closed' then p.changed_at end as "closedAt"
     from curfew.request r left join curfew.projection p on p.request_id = r.id where r.id = any($1::uuid[])`,
    [ids],
  );

export type Waiting = {
  /** Ends that were asked for more than a minute ago, and that no login has called verified. */
  readonly intents: number;
  /** Messages that have waited for more than two minutes. */
  readonly messages: number;
  /** Break-glass requests whose grant ended more than a day ago, without a review. */
  readonly reviews: number;
};

/** @param targets those that somebody looks after: what a person has is owed by each of them */
export async function waiting(db: Db, targets: readonly TargetName[]): Promise<Waiting> {
  const [row] = await db.query<Waiting>(
    `select (select count(*) from curfew.revoke_intent i join unnest($1::text[]) as t (name) on i.target is null or i.target = t.name
        where i.asked_at < clock_timestamp() - interval '60 seconds'
          and not exists (select from curfew.revoke_outcome o where o.intent_id = i.id and o.target = t.name)) as intents,
      (select count(*) from curfew.outbox o where o.done_at is null and o.created_at < clock_timestamp() - interval '2 minutes'
          and (o.attempts > 0 or o.next_at <= clock_timestamp())) as messages,
      (select count(*) from curfew.request r join curfew.access_grant g on g.request_id = r.id
        where r.kind = 'break-glass' and g.ended_at < clock_timestamp() - interval '24 hours'
          and not exists (select from curfew.review v where v.request_id = r.id)) as reviews`,
    [targets],
  );
  if (!row) throw new Error('the store answered without a row');
  return row;
}

/** The messages to a request's Workflow that are not sent, where there is no Workflow any more: they are done with. */
export async function dropMessages(tx: Db, requestId: RequestId): Promise<void> {
  await tx.query(
    `update curfew.outbox set done_at = clock_timestamp(), last_error = 'its Workflow is gone'
     where done_at is null and payload ->> 'requestId' = $1
       and kind in ('decide', 'claim', 'extend', 'release', 'withdraw', 'revoke', 'void')`,
    [requestId],
  );
}
