/** Who is on call when, as each source said last. Whether somebody is now is part of their facts (`people.ts`). */
import type { PersonId } from '../domain/ids.ts';
import type { Db } from './pool.ts';
import { takeTurn } from './turns.ts';

export type Shift = {
  readonly schedule: string;
  readonly person: PersonId;
  readonly fromAt: number;
  readonly untilAt: number;
};

/**
 * What this source says from now on, instead of all that it said before; what other sources say stays. Imports take
 * turns. The entry `oncall.imported` is the caller's.
 * @throws StoreError 23505 where a person begins twice on one schedule at one instant; 23514 where a shift has no length
 */
export async function replace(tx: Db, source: string, shifts: readonly Shift[]): Promise<{ readonly removed: number }> {
  await takeTurn(tx, 'on-call');
  const [row] = await tx.query<{ removed: number }>(
    `with gone as (delete from curfew.on_call_shift where source = $1 returning 1) select count(*) as removed from gone`,
    [source],
  );
  await tx.query(
    `insert into curfew.on_call_shift (source, schedule, person, from_at, until_at)
     select $1, * from unnest($2::text[], $3::uuid[], $4::timestamptz[], $5::timestamptz[])`,
    [
      source,
      shifts.map(({ schedule }) => schedule),
      shifts.map(({ person }) => person),
      shifts.map(({ fromAt }) => new Date(fromAt)),
      shifts.map(({ untilAt }) => new Date(untilAt)),
    ],
  );
  return { removed: row?.removed ?? 0 };
}

/**
 * When does the shift that a person is on at `at` (epoch ms) end? Shifts that touch or overlap are one.
 * @returns undefined where they are on none of this schedule
 */
export async function shiftEndOf(
  db: Db,
  { schedule, person }: Pick<Shift, 'schedule' | 'person'>,
  at: number,
): Promise<number | undefined> {
  const rows = await db.query<Pick<Shift, 'fromAt' | 'untilAt'>>(
    `select from_at as "fromAt", until_at as "untilAt" from curfew.on_call_shift
     where schedule = $1 and person = $2 and until_at > $3 order by from_at limit 1000`,
    [schedule, person, new Date(at)],
  );
  let endAt: number | undefined;
  for (const { fromAt, untilAt } of rows) {
    if (fromAt > (endAt ?? at)) break;
    endAt = Math.max(endAt ?? untilAt, untilAt);
  }
  return endAt;
}

/** All shifts that end after `at`, by schedule and begin: at most 10,000. */
export const after = (db: Db, at: number): Promise<readonly (Shift & { readonly source: string })[]> =>
  db.query(
    `select schedule, person, from_at as "fromAt", until_at as "untilAt", source from curfew.on_call_shift
     where until_at > $1 order by schedule collate "C", from_at, person limit 10000`,
    [new Date(at)],
  );
