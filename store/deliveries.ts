/** What Slack or HR delivered, once: duplicates get the first answer (I10). */
import type { Db } from './pool.ts';

/** `source`: e.g. `slack`, `hr`; `key`: the delivery's own id there. */
export type Begun = 'new' | 'busy' | { readonly answer: unknown };

/**
 * Takes a delivery on. Not to be called in the transaction of its effect: others must see it at once.
 * @param takeOverMs after this long without an answer its process is taken for dead and the delivery is new again;
 *   harmless, because every effect is keyed by something older than the delivery
 * @returns `new`: do it, then `answer`; `busy`: another process is at it; or the first answer
 */
export async function begin(db: Db, source: string, key: string, takeOverMs = 5_000): Promise<Begun> {
  const taken = await db.query(
    `insert into curfew.delivery as d (source, key) values ($1, $2)
     on conflict (source, key) do update set received_at = clock_timestamp()
     where d.answer is null and d.received_at < clock_timestamp() - $3 * interval '1 millisecond' returning 1`,
    [source, key, takeOverMs],
  );
  if (taken.length > 0) return 'new';
  const [row] = await db.query<{ answered: boolean; answer: unknown }>(
    'select answer is not null as answered, answer from curfew.delivery where source = $1 and key = $2',
    [source, key],
  );
  return row?.answered === true ? { answer: row.answer } : 'busy';
}

/** Keeps the first answer; a later one changes nothing. `json`: anything that JSON can write, null included. */
export async function answer(db: Db, source: string, key: string, json: unknown): Promise<void> {
  await db.query('update curfew.delivery set answer = $3::jsonb where source = $1 and key = $2 and answer is null', [
    source,
    key,
    JSON.stringify(json ?? null),
  ]);
}

/** What a delivery was answered; undefined where there is no such delivery or no answer yet. */
export async function answerOf(db: Db, source: string, key: string): Promise<{ readonly answer: unknown } | undefined> {
  const [row] = await db.query<{ answer: unknown }>(
    'select answer from curfew.delivery where source = $1 and key = $2 and answer is not null',
    [source, key],
  );
  return row;
}
