/**
 * What must reach Temporal or Slack although a process may die in between. Whoever writes a row sends it at once; the
 * relay sends what was not done by then. Sending twice is harmless: `key` is the id of what it starts or updates.
 */
import type { Db } from './pool.ts';
import { enqueueSteps } from './proposals.ts';
import { enqueueOver } from './reviews.ts';

export type NewMessage = {
  readonly kind: string;
  readonly key: string;
  /** JSON without secrets. */
  readonly payload: unknown;
  /** How long the relay leaves it to the writer; 0 where absent. */
  readonly delayMs?: number;
};

export type OutboxRow = {
  readonly id: number;
  readonly kind: string;
  readonly key: string;
  readonly payload: unknown;
  /** How often it was taken, this time included. */
  readonly attempts: number;
  readonly createdAt: number;
};

/** @returns the row's id; the first one's where a message of this kind and key is there already */
export async function enqueue(tx: Db, { kind, key, payload, delayMs = 0 }: NewMessage): Promise<number> {
  const [made] = await tx.query<{ id: number }>(
    `insert into curfew.outbox (kind, key, payload, next_at)
     values ($1, $2, $3::jsonb, clock_timestamp() + $4 * interval '1 millisecond')
     on conflict (kind, key) do nothing returning id`,
    [kind, key, JSON.stringify(payload ?? null), delayMs],
  );
  if (made) return made.id;
  const [there] = await tx.query<{ id: number }>('select id from curfew.outbox where kind = $1 and key = $2', [
    kind,
    key,
  ]);
  if (!there) throw new Error('the outbox neither took a message nor had it');
  return there.id;
}

/** The same for many, in two statements. @returns the rows' ids, in the order of the messages */
export async function enqueueAll(tx: Db, messages: readonly NewMessage[]): Promise<readonly number[]> {
  if (messages.length === 0) return [];
  const kinds = messages.map(({ kind }) => kind);
  const keys = messages.map(({ key }) => key);
  await tx.query(
    `insert into curfew.outbox (kind, key, payload, next_at)
     select m.kind, m.key, m.payload, clock_timestamp() + m.delay * interval '1 millisecond'
     from unnest($1::text[], $2::text[], $3::jsonb[], $4::int[]) with ordinality as m (kind, key, payload, delay, place)
     order by m.place on conflict (kind, key) do nothing`,
    [
      kinds,
      keys,
      messages.map(({ payload }) => JSON.stringify(payload ?? null)),
      messages.map(({ delayMs = 0 }) => delayMs),
    ],
  );
  const rows = await tx.query<{ id: number }>(
    `select o.id from unnest($1::text[], $2::text[]) with ordinality as m (kind, key, place)
     join curfew.outbox o on o.kind = m.kind and o.key = m.key order by m.place`,
    [kinds, keys],
  );
  if (rows.length !== messages.length) throw new Error('the outbox neither took a message nor had it');
  return rows.map(({ id }) => id);
}

/**
 * Takes what is due, oldest first, among it one message for each step of a proposed policy,
 * and each break-glass to be reviewed, that was not sent yet. A row that is neither `done` nor `failed` within the lease is due again, so that a relay may
 * die; two relays never take the same.
 *
 * What is about one request goes in the order in which it was written: a row is taken only where everything older of
 * its request is done or taken with it. One that waits for its retry, or that another relay has, holds those after it.
 * @param beside kinds that neither wait for others of their request nor are waited for
 */
export async function take(
  db: Db,
  limit: number,
  leaseMs: number,
  beside: readonly string[] = [],
): Promise<readonly OutboxRow[]> {
  await enqueueSteps(db);
  await enqueueOver(db);
  const rows = await db.query<OutboxRow>(
    `update curfew.outbox o set attempts = o.attempts + 1, next_at = clock_timestamp() + $2 * interval '1 millisecond'
     where o.id in (select d.id from curfew.outbox d where d.done_at is null and d.next_at <= clock_timestamp()
                      and (d.kind = any($3::text[]) or not exists (
                        select from curfew.outbox e where ${isOlder('e', 'd', '$3')} and e.next_at > clock_timestamp()))
                    order by d.id limit $1 for update skip locked)
     returning o.id, o.kind, o.key, o.payload, o.attempts, o.created_at as "createdAt"`,
    [limit, leaseMs, beside],
  );
  if (rows.length === 0) return rows;
  // Another relay may have taken an older one in the same moment: what follows on that goes back.
  const back = await db.query<{ id: number }>(
    `update curfew.outbox o set attempts = o.attempts - 1, next_at = clock_timestamp()
     where o.id = any($1::bigint[]) and o.kind <> all($2::text[])
       and exists (select from curfew.outbox e where ${isOlder('e', 'o', '$2')} and e.id <> all($1::bigint[]))
     returning o.id`,
    [rows.map(({ id }) => id), beside],
  );
  const given = new Set(back.map(({ id }) => id));
  return rows.filter(({ id }) => !given.has(id)).sort((a, b) => a.id - b.id);
}

/** SQL: is row `e` an older one of the same request as `row`, and not done? */
const isOlder = (e: string, row: string, beside: string): string =>
  `${e}.done_at is null and ${e}.id < ${row}.id and ${e}.kind <> all(${beside}::text[])
     and ${e}.payload ->> 'requestId' = ${row}.payload ->> 'requestId'`;

/** What waits for its time is due now. */
export async function hasten(db: Db, kind: string, keys: readonly string[]): Promise<void> {
  await db.query(
    `update curfew.outbox set next_at = clock_timestamp()
     where kind = $1 and key = any ($2::text[]) and done_at is null and attempts = 0 and next_at > clock_timestamp()`,
    [kind, keys],
  );
}

export async function done(db: Db, id: number): Promise<void> {
  await db.query(
    'update curfew.outbox set done_at = clock_timestamp(), last_error = null where id = $1 and done_at is null',
    [id],
  );
}

/** The same for many, in one statement. */
export async function doneAll(db: Db, ids: readonly number[]): Promise<void> {
  await db.query(
    'update curfew.outbox set done_at = clock_timestamp(), last_error = null where id = any ($1::bigint[]) and done_at is null',
    [ids],
  );
}

/** @param error a code or a sentence without secrets; kept for `curfew doctor` */
export async function failed(db: Db, id: number, error: string, retryAt: number): Promise<void> {
  await db.query('update curfew.outbox set last_error = $2, next_at = $3 where id = $1 and done_at is null', [
    id,
    error.slice(0, 500),
    new Date(retryAt),
  ]);
}

/** How many are not done, and since when the oldest waits that should have gone; for metrics and `curfew doctor`. */
export async function backlog(db: Db): Promise<{ readonly count: number; readonly oldestAt: number | null }> {
  const [row] = await db.query<{ count: number; oldestAt: number | null }>(
    `select count(*) as count,
       min(created_at) filter (where attempts > 0 or next_at <= clock_timestamp()) as "oldestAt" from curfew.outbox where done_at is null`,
  );
  return row ?? { count: 0, oldestAt: null };
}

/** How many rows that are not done failed with this error at last. */
export async function failing(db: Db, error: string): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    'select count(*) as count from curfew.outbox where done_at is null and last_error = $1',
    [error],
  );
  return row?.count ?? 0;
}
