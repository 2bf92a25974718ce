/**
 * The log in the order of its places, page by page: each page says where the next one begins, and asked again it is the
 * same, whatever was written meanwhile. Auditor and admin only.
 */
import type { Db } from './pool.ts';

export type LogPage = {
  readonly entries: readonly { readonly index: number; readonly line: Buffer }[];
  /** The place after which the next page begins; null: this was the last one. */
  readonly next: number | null;
};

/** From the first instant until just before the second, epoch ms; null: no bound. */
export type Bounds = { readonly fromAt: number | null; readonly toAt: number | null };

/**
 * Places that one statement looks at, at most. NB. Each is looked at: nothing can be skipped by its instant, for instants
 * do not grow with places where entries commit late, or where the store's clock was wrong for a while.
 */
const stretch = 64_000;

/** Leaves and entries of a stretch; ids run nearly as places do, so that only those entries are read. */
const within = `with leaves as materialized (
    select l.index, l.entry from audit.leaf l where l.index >= $1 and l.index < $2),
  placed as (select s.index, e.id, e.at from leaves s join audit.entry e on e.id = s.entry
    where e.id between (select min(entry) from leaves) and (select max(entry) from leaves) and e.at >= $3 and e.at < $4)`;

/**
 * The next entries of a period, at most `limit`.
 * @param after the place of the last entry that was read before; -1: none was
 * @param size only places below it
 */
export async function pageAfter(db: Db, bounds: Bounds, after: number, size: number, limit: number): Promise<LogPage> {
  let [begin, length] = [after + 1, limit];
  while (begin < size) {
    const end = Math.min(begin + length, size);
    const entries = await db.query<LogPage['entries'][number]>(
      `${within} select p.index, audit.line(e) as line
       from (select index, id from placed order by index limit $5) p join audit.entry e on e.id = p.id order by p.index`,
      [begin, end, ...instantsOf(bounds), limit],
    );
    const last = entries.at(-1);
    if (last) return { entries, next: last.index >= size - 1 ? null : last.index };
    [begin, length] = [end, Math.min(length * 4, stretch)];
  }
  return { entries: [], next: null };
}

/** From the first to after the last place, below `size`, of the entries of a period; undefined where there are none. */
export async function spanOf(
  db: Db,
  bounds: Bounds,
  size: number,
): Promise<{ readonly from: number; readonly to: number } | undefined> {
  let span: { readonly from: number; readonly to: number } | undefined;
  for (let begin = 0; begin < size; begin += stretch) {
    const [row] = await db.query<{ from: number | null; to: number | null }>(
      `${within} select min(index) as "from", max(index) + 1 as "to" from placed`,
      [begin, Math.min(begin + stretch, size), ...instantsOf(bounds)],
    );
    if (row?.from != null && row.to !== null) span = { from: span?.from ?? row.from, to: row.to };
  }
  return span;
}

const instantsOf = ({ fromAt, toAt }: Bounds): readonly (Date | string)[] => [
  fromAt === null ? '-infinity' : new Date(fromAt),
  toAt === null ? 'infinity' : new Date(toAt),
];

/** Of the first entry that is kept; where none of those with a place is, the place of the next one. */
export async function firstKept(db: Db): Promise<number> {
  const [row] = await db.query<{ index: number }>(
    `select coalesce((select l.index from audit.leaf l where l.entry >= (select min(id) from audit.entry) order by l.entry limit 1),
       (select max(index) + 1 from audit.leaf), 0) as index`,
  );
  return row?.index ?? 0;
}

/** The last `count` entries that have their places, oldest first. */
export async function lastEntries(db: Db, count: number): Promise<LogPage['entries']> {
  const rows = await db.query<LogPage['entries'][number]>(
    `select l.index, audit.line(e) as line from audit.leaf l join audit.entry e on e.id = l.entry
     order by l.index desc limit $1`,
    [count],
  );
  return rows.toReversed();
}

/** The next entries, in the order of their places, at most `limit`. */
export const entriesPast = (db: Db, after: number, limit: number): Promise<LogPage['entries']> =>
  db.query(
    `select l.index, audit.line(e) as line from audit.leaf l join audit.entry e on e.id = l.entry
     where l.index > $1 order by l.index limit $2`,
    [after, limit],
  );
