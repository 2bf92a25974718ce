/** The rows of the log as they stand, held against one another by the database itself: for the checker, in chunks. */
import type { Db } from './pool.ts';

/** `entry`: its id. `line`: what the entry's line is made of, as its row has it; null where the row is gone. */
export type LeafRow = {
  readonly index: number;
  readonly entry: number;
  readonly hash: Buffer;
  readonly line: EntryRow | null;
};
export type EntryRow = {
  readonly at: string;
  readonly login: string;
  readonly kind: string;
  readonly actor: string;
  readonly subject: string;
  readonly body: Buffer;
};

/**
 * Leaves from a place on, in order, at most `limit`. NB. The columns, and not `audit.line`: whoever has the database has
 * its functions, and could have that one say what a row said before it was edited. Admin and auditor only.
 */
export const leavesFrom = async (db: Db, from: number, limit: number): Promise<readonly LeafRow[]> =>
  leaves(await db.query<Joined>(`${leafText} where l.index >= $1 order by l.index limit $2`, [from, limit]));

/** The leaves of all that stands there about something; an entry that is still to get its place has none. */
export const leavesAbout = async (db: Db, subject: string): Promise<readonly LeafRow[]> =>
  leaves(await db.query<Joined>(`${leafText} where e.subject = $1 order by l.index`, [subject]));

const leafText = `select l.index, l.entry, l.hash, e.login::text as login, e.kind, e.actor, e.subject, e.body,
    case when e.id is not null then coalesce(to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '') end as at
  from audit.leaf l left join audit.entry e on e.id = l.entry`;
type Joined = Pick<LeafRow, 'index' | 'entry' | 'hash'> & { [Name in keyof EntryRow]: EntryRow[Name] | null };

const leaves = (rows: readonly Joined[]): readonly LeafRow[] =>
  rows.map(({ index, entry, hash, ...row }) => ({ index, entry, hash, line: isThere(row) ? row : null }));

const isThere = (row: { [Name in keyof EntryRow]: EntryRow[Name] | null }): row is EntryRow =>
  Object.values(row).every((value) => value !== null);

export type NodeRow = { readonly level: number; readonly index: number };

/**
 * Subtrees of 256, 65,536 and so on that are complete within these leaves and whose stored hash is not that of what is
 * below them, or is not there.
 */
export const wrongNodes = (db: Db, from: number, to: number): Promise<readonly NodeRow[]> =>
  db.query<NodeRow>(
    `select t.level, t.index from (
       select 8 as level, l.index >> 8 as index, audit.fold(string_agg(l.hash, ''::bytea order by l.index)) as hash
         from audit.leaf l where l.index >= ($1::bigint >> 8) << 8 and l.index < ($2::bigint >> 8) << 8 group by l.index >> 8
       union all
       select 16, d.index >> 8, audit.fold(string_agg(d.hash, ''::bytea order by d.index)) from audit.node d
         where d.level = 8 and d.index >= ($1::bigint >> 16) << 8 and d.index < ($2::bigint >> 16) << 8 group by d.index >> 8
       union all
       select 24, d.index >> 8, audit.fold(string_agg(d.hash, ''::bytea order by d.index)) from audit.node d
         where d.level = 16 and d.index >= ($1::bigint >> 24) << 8 and d.index < ($2::bigint >> 24) << 8 group by d.index >> 8) t
     left join audit.node n on n.level = t.level and n.index = t.index
     where n.hash is distinct from t.hash order by 1, 2`,
    [from, to],
  );

/** Ids of entries that were dropped on purpose, as the log says: nothing that is left stands before them. */
export const retiredIds = (db: Db): Promise<readonly { readonly firstId: number; readonly lastId: number }[]> =>
  db.query(
    `select greatest(0, least((b ->> 'firstId')::bigint, o.id)) as "firstId",
       greatest(0, least((b ->> 'lastId')::bigint, o.id - 1)) as "lastId"
     from (select convert_from(body, 'UTF8')::jsonb as b from audit.entry where subject = 'log' and kind = 'log.retired') r,
       (select min(id) as id from audit.entry) o
     where pg_input_is_valid(b ->> 'firstId', 'bigint') and pg_input_is_valid(b ->> 'lastId', 'bigint')`,
  );

/** Of those there may be very many: the first ones say it. */
const mostPassed = 20;

/**
 * Entries without a place, so old by their id that none is sought for them any more; the first ones. Somebody may put one in
 * anywhere, so all are looked at, `page` entries with each statement. Admin and auditor only.
 */
export async function passedOver(db: Db, page = 100_000): Promise<readonly { readonly id: number }[]> {
  const passed: { readonly id: number }[] = [];
  let after: number | null = null;
  while (passed.length < mostPassed) {
    const [row]: readonly PassedPage[] = await db.query<PassedPage>(
      `with page as materialized (
         select e.id from audit.entry e where ($1::bigint is null or e.id > $1)
           and e.id <= (select horizon from audit.sequencer) order by e.id limit $2)
       select b.last, array(
         select p.id from page p where not exists (
           select from audit.leaf l where l.entry = p.id and l.entry between b.first and b.last) order by p.id)::text[] as ids
       from (select min(id) as first, max(id) as last, count(*) as entries from page) b where b.entries > 0`,
      [after, page],
    );
    if (!row) break;
    passed.push(...row.ids.map((id) => ({ id: Number(id) })));
    after = row.last;
  }
  return passed.slice(0, mostPassed);
}
type PassedPage = { readonly last: number; readonly ids: readonly string[] };

/** Is it said that entries have their places which are not even there? Admin and auditor only. */
export async function isHorizonAhead(db: Db): Promise<boolean> {
  const ahead = await db.query(
    'select from audit.sequencer where horizon > (select coalesce(max(entry), 0) from audit.leaf)',
  );
  return ahead.length > 0;
}
