/** Whose turn it is to write to Slack: kept here, because several workers write to the same channels. */
import type { RequestId } from '../domain/ids.ts';
import type { Db } from './pool.ts';

export type Turn = {
  /** A channel, or a method that the whole workspace shares. */
  readonly line: string;
  /** Of what is to be sent: whoever comes again with it by the time it was told keeps its place. Not empty. */
  readonly key: string;
  readonly everyMs: number;
  /** How far the line may run ahead of that; 0 where absent. */
  readonly burstMs?: number;
  /** Whoever has to wait for no longer than this has taken the turn. */
  readonly aheadMs: number;
};

/** @returns milliseconds from now; more than `aheadMs`: ask again by then, the turn is kept that long */
export async function take(db: Db, { line, key, everyMs, burstMs = 0, aheadMs }: Turn): Promise<number> {
  const [row] = await db.query<{ ms: number }>('select curfew.slack_turn($1, $2, $3, $4, $5) as ms', [
    line,
    key,
    everyMs,
    burstMs,
    aheadMs,
  ]);
  if (!row) throw new Error('a turn has no answer');
  return row.ms;
}

/** Nothing goes for so long, whatever was said before. On a line with a burst, add that: it may run ahead by so much. */
export async function hold(db: Db, line: string, forMs: number): Promise<void> {
  await db.query('select curfew.slack_hold($1, $2)', [line, Math.ceil(forMs)]);
}

/**
 * Takes the painting of a request.
 * @param painter a UUID; whoever began may end it
 * @param forMs how long it is kept from others if this one dies
 * @returns false while somebody else has it
 */
export async function beginPainting(db: Db, id: RequestId, painter: string, forMs: number): Promise<boolean> {
  const begun = await db.query(
    `insert into curfew.slack_painting as p (request_id, painter, until)
     values ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
     on conflict (request_id) do update set painter = excluded.painter, until = excluded.until
       where p.until < clock_timestamp() returning 1`,
    [id, painter, forMs],
  );
  return begun.length > 0;
}

export async function endPainting(db: Db, id: RequestId, painter: string): Promise<void> {
  await db.query('delete from curfew.slack_painting where request_id = $1 and painter = $2', [id, painter]);
}
