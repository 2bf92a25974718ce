/**
 * The log in the order of its places, page by page: each page says where the next one begins, and asked again it is the
 * same, whatever was written meanwhile. Auditor and admin only.
 */
import { dayMs } from '../domain/time.ts';
import type { Db } from './pool.ts';

export type LogPage = {
  readonly entries: readonly { readonly index: number; readonly line: Buffer }[];
  /** The place after which the next page begins; null: this was the last one. */
  readonly next: number | null;
};

/** From the first instant until just before the second, epoch ms. */
type Period = { readonly fromAt: number; readonly toAt: number };

/**
 * Places between which every entry of a period stands. Entries get their places in the order of their ids as far as they
 * are committed, so instants do not quite grow with places; a day on either side is more than any transaction, and more
 * than any clock that was put right, takes.
 */
export async function placesOf(
  db: Db,
  { fromAt, toAt }: Period,
): Promise<{ readonly from: number; readonly to: number }> {
  const [row] = await db.query<{ first: number; size: number }>(
    `select coalesce((select l.index from audit.leaf l
         where l.entry >= (select min(id) from audit.entry) order by l.entry limit 1), 0) as first,
       coalesce((select max(index) + 1 from audit.leaf), 0) as size`,
  );
  const { first, size } = row ?? { first: 0, size: 0 };
  return {
    from: await firstPlaceFrom(db, fromAt - slackMs, first, size),
    to: await firstPlaceFrom(db, toAt + slackMs, first, size),
  };
}

const slackMs = dayMs;

/** Bisects: the first place in a range whose entry is of this instant or later; the range's end where there is none. */
async function firstPlaceFrom(db: Db, at: number, low: number, high: number): Promise<number> {
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const [row] = await db.query<{ at: number | null }>(
      'select e.at from audit.leaf l left join audit.entry e on e.id = l.entry where l.index = $1',
      [middle],
    );
    // An entry that is gone was retired, and only the oldest are.
    if (row?.at == null || row.at < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The next entries of a period, at most `limit`.
 * @param after the place of the last entry that was read before; -1: none was
 * @param places of the period, as `placesOf` has them
 */
export async function pageAfter(
  db: Db,
  { fromAt, toAt }: Period,
  places: { readonly from: number; readonly to: number },
  after: number,
  limit: number,
): Promise<LogPage> {
  const begin = Math.max(after + 1, places.from);
  const end = Math.min(begin + limit, places.to);
  const entries = await db.query<{ index: number; line: Buffer }>(
    `select l.index, audit.line(e) as line from audit.leaf l join audit.entry e on e.id = l.entry
     where l.index >= $1 and l.index < $2 and e.at >= $3 and e.at < $4 order by l.index`,
    [begin, end, new Date(fromAt), new Date(toAt)],
  );
  return { entries, next: end >= places.to ? null : end - 1 };
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
