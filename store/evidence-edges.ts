/** What stands around a period in the log. Auditor and admin only. */
import type { Db } from './pool.ts';

/** The last place before `place` of an entry that is kept and older than the instant; undefined where there is none. */
export async function lastBefore(db: Db, place: number, at: number): Promise<number | undefined> {
  const [row] = await db.query<{ index: number }>(
    `select l.index from audit.leaf l join audit.entry e on e.id = l.entry
     where l.index < $1 and e.at < $2 order by l.index desc limit 1`,
    [place, new Date(at)],
  );
  return row?.index;
}

/** The first place from `from` to before `to` of an entry of that instant or later; undefined where there is none. */
export async function firstFrom(db: Db, from: number, to: number, at: number): Promise<number | undefined> {
  const [row] = await db.query<{ index: number }>(
    `select l.index from audit.leaf l join audit.entry e on e.id = l.entry
     where l.index >= $1 and l.index < $2 and e.at >= $3 order by l.index limit 1`,
    [from, to, new Date(at)],
  );
  return row?.index;
}
