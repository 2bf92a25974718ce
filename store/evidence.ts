/**
 * What evidence is made of, as the store has it: places, lines, receipts, histories. Nothing here is believed by whoever
 * verifies. Auditor and admin only.
 */
import type { Receipt } from '../domain/grant.ts';
import { unpackedBytes } from './histories.ts';
import type { StoredCheckpoint } from './log.ts';
import type { Db } from './pool.ts';

/** Places below `size` of entries about these; of these kinds alone where they are given. In order. */
export const placesAbout = async (
  db: Db,
  subjects: readonly string[],
  size: number,
  kinds: readonly string[] | null = null,
): Promise<readonly number[]> =>
  (
    await db.query<{ index: number }>(
      `select l.index from audit.entry e join audit.leaf l on l.entry = e.id
       where e.subject = any ($1::text[]) and ($3::text[] is null or e.kind = any ($3)) and l.index < $2 order by l.index`,
      [subjects, size, kinds],
    )
  ).map(({ index }) => index);

/** Of what somebody was ever told by one of these alarms. */
export const everAlarmed = async (db: Db, codes: readonly string[]): Promise<readonly string[]> =>
  (await db.query<{ subject: string }>('select distinct subject from curfew.alarm where code = any ($1)', [codes])).map(
    ({ subject }) => subject,
  );

/** Places outside of a span, below `size`, of everything about the requests that the span is about, in order. */
export const placesAround = async (
  db: Db,
  span: { readonly from: number; readonly to: number },
  size: number,
): Promise<readonly number[]> =>
  (
    await db.query<{ index: number }>(
      `with told (id) as (
         select distinct e.subject from audit.leaf l join audit.entry e on e.id = l.entry
         where l.index >= $1 and l.index < $2)
       select l.index from told join curfew.request r on r.id::text = told.id
       join audit.entry e on e.subject = told.id join audit.leaf l on l.entry = e.id
       where l.index < $3 and not (l.index >= $1 and l.index < $2) order by l.index`,
      [span.from, span.to, size],
    )
  ).map(({ index }) => index);

/** An entry's line at its place; null where the entry was retired. `hash`: what the log has for its leaf. */
export type LineAt = { readonly index: number; readonly line: Buffer | null; readonly hash: Buffer };

/** The lines at these places, in their order. */
export const linesAt = (db: Db, places: readonly number[]): Promise<readonly LineAt[]> =>
  db.query<LineAt>(
    `select l.index, l.hash, case when e.id is null then null else audit.line(e) end as line
     from audit.leaf l left join audit.entry e on e.id = l.entry where l.index = any ($1::bigint[]) order by l.index`,
    [places],
  );

/** The hashes of these leaves, in their order. */
export const hashesAt = async (db: Db, places: readonly number[]): Promise<readonly Buffer[]> =>
  (
    await db.query<{ hash: Buffer }>(
      'select l.hash from audit.leaf l where l.index = any ($1::bigint[]) order by l.index',
      [places],
    )
  ).map(({ hash }) => hash);

/** The receipts that the entries at these places name, in the order of the entries; some older extensions have none. */
export const receiptsAt = async (db: Db, places: readonly number[]): Promise<readonly Receipt[]> =>
  (
    await db.query<{ body: Receipt }>(
      `select coalesce(r.body, x.evidence) as body from audit.leaf l join audit.entry e on e.id = l.entry
       -- NB. Not by the receipt's id as text: no index would be asked, and each page would read all that there are.
       left join curfew.receipt r on r.request_id = case when pg_input_is_valid(e.subject, 'uuid') then e.subject::uuid end
         and r.kind = case e.kind when 'grant.made' then 'grant' when 'grant.ended' then 'revoke' end
       left join lateral (select convert_from(e.body, 'UTF8')::jsonb ->> 'extension' as id where e.kind = 'extension.made') m on true
       left join curfew.extension_outcome x on x.extension_id = case when pg_input_is_valid(m.id, 'uuid') then m.id::uuid end
         and x.evidence ->> 'kind' = 'extension'
       where l.index = any ($1::bigint[]) and (r.body is not null or x.evidence is not null) order by l.index`,
      [places],
    )
  ).map(({ body }) => body);

export type HistoryAt = {
  readonly workflow: string;
  readonly run: string;
  readonly bytes: Buffer;
  readonly bundle: string | null;
};

/** Those of these places whose entries name a history, in order. */
export const placesOfHistories = async (db: Db, places: readonly number[]): Promise<readonly number[]> =>
  (
    await db.query<{ index: number }>(
      `select l.index from audit.leaf l join audit.entry e on e.id = l.entry
       where l.index = any ($1::bigint[]) and e.kind = 'history.exported' order by l.index`,
      [places],
    )
  ).map(({ index }) => index);

/** The histories that the entries at these places name, in the order of the entries. */
export async function historiesAt(db: Db, places: readonly number[]): Promise<readonly HistoryAt[]> {
  const rows = await db.query<HistoryAt>(
    `select h.workflow_id as workflow, h.run_id as run, h.bytes, h.bundle_hash as bundle
     from audit.leaf l join audit.entry e on e.id = l.entry
     join lateral (select convert_from(e.body, 'UTF8')::jsonb as body where e.kind = 'history.exported') b on true
     join curfew.history h on h.workflow_id = b.body ->> 'workflow' and h.run_id = b.body ->> 'run'
     where l.index = any ($1::bigint[]) order by l.index`,
    [places],
  );
  return Promise.all(rows.map(async (row) => ({ ...row, bytes: await unpackedBytes(row.bytes) })));
}

/** SQL: not of what was lost by a recovery. */
const isKept = 'not exists (select from audit.epoch e where e.number > c.epoch and e.began_at_size < c.size)';

/**
 * Checkpoints of this log from `from` to `size` entries, smallest first: not those of what was lost by a recovery. Of very
 * many an even choice; the newest, and that of `wanted` entries, are always among them.
 */
export const chosenCheckpoints = (
  db: Db,
  {
    from,
    size,
    wanted,
    most,
  }: { readonly from: number; readonly size: number; readonly wanted: readonly number[]; readonly most: number },
): Promise<readonly StoredCheckpoint[]> =>
  db.query<StoredCheckpoint>(
    `select size, epoch, note, at from (
       select c.*, row_number() over (order by c.size desc) as place, count(*) over () as many from audit.checkpoint c
       where c.size >= $1 and c.size <= $2 and ${isKept}) chosen
     where place = 1 or size = any ($3::bigint[]) or (place - 1) % greatest(1, ceil(many::numeric / $4)::bigint) = 0
     order by size`,
    [from, size, wanted, most],
  );

/** Checkpoints of this log over at least and at most so many entries, smallest first. */
export const checkpointsFrom = (
  db: Db,
  least: number,
  most: number,
  limit: number,
): Promise<readonly StoredCheckpoint[]> =>
  db.query(
    `select size, epoch, note, at from audit.checkpoint c where c.size between $1 and $2 and ${isKept} order by c.size limit $3`,
    [least, most, limit],
  );

/** Checkpoints of this log over at most so many entries, largest first. */
export const checkpointsUpTo = (db: Db, most: number, limit: number): Promise<readonly StoredCheckpoint[]> =>
  db.query(
    `select size, epoch, note, at from audit.checkpoint c where c.size <= $1 and ${isKept} order by c.size desc limit $2`,
    [most, limit],
  );
