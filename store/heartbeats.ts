/** Signs of life: who was there last, and what it said of itself. */
import type { Db } from './pool.ts';

export type Heartbeat = { readonly name: string; readonly at: number; readonly body: unknown };

/** @param body JSON without secrets. An older beat than the one kept changes nothing. */
export async function beat(db: Db, { name, at, body }: Heartbeat): Promise<void> {
  await db.query(
    `insert into curfew.heartbeat as h (name, at, body) values ($1, $2, $3::jsonb)
     on conflict (name) do update set at = excluded.at, body = excluded.body where h.at <= excluded.at`,
    [name, new Date(at), JSON.stringify(body ?? null)],
  );
}

export const all = (db: Db): Promise<readonly Heartbeat[]> =>
  db.query('select name, at, body from curfew.heartbeat order by name');

export async function of(db: Db, name: string): Promise<Heartbeat | undefined> {
  const [row] = await db.query<Heartbeat>('select name, at, body from curfew.heartbeat where name = $1', [name]);
  return row;
}
