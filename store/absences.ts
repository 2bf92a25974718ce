/** Out of office, and who decides meanwhile. Rows are added and ended, never changed; the entries are the caller's. */
import type { PersonId } from '../domain/ids.ts';
import type { Db } from './pool.ts';

export type NewAbsence = {
  /** A UUID made by the caller: inserting it again is harmless. */
  readonly id: string;
  readonly person: PersonId;
  /** Decides in their place meanwhile; null: nobody does. */
  readonly delegate: PersonId | null;
  readonly fromAt: number;
  readonly untilAt: number;
  /** Who said so: the person, or whoever maintains the directory. */
  readonly madeBy: PersonId;
};
export type Absence = NewAbsence & { readonly madeAt: number };

const columns =
  'id, person, delegate, from_at as "fromAt", until_at as "untilAt", made_by as "madeBy", made_at as "madeAt"';

/**
 * @returns false where it is there already
 * @throws StoreError 23514 where the person is their own delegate, or it ends before it begins; 23503 for a stranger
 */
export async function insert(tx: Db, absence: NewAbsence): Promise<boolean> {
  const made = await tx.query(
    `insert into curfew.absence (id, person, delegate, from_at, until_at, made_by) values ($1, $2, $3, $4, $5, $6)
     on conflict do nothing returning 1`,
    [absence.id, absence.person, absence.delegate, new Date(absence.fromAt), new Date(absence.untilAt), absence.madeBy],
  );
  return made.length > 0;
}

/**
 * A person's absences that hold at `at` (epoch ms) or are still to come, and were not ended: the first one first.
 * One at a time is the caller's rule (`endOf`, then `insert`).
 */
export const of = (db: Db, person: PersonId, at: number): Promise<readonly Absence[]> =>
  db.query(
    `select ${columns} from curfew.absence where person = $1 and ended_at is null and until_at > $2
     order by from_at, id`,
    [person, new Date(at)],
  );

/** Ends a person's absences that hold at `at` or are still to come. @returns those that it ended now */
export const endOf = (tx: Db, person: PersonId, at: number): Promise<readonly Absence[]> =>
  tx.query(
    `update curfew.absence set ended_at = clock_timestamp()
     where person = $1 and ended_at is null and until_at > $2 returning ${columns}`,
    [person, new Date(at)],
  );

/** Ends every absence of a person, and every one in which they decide for somebody. @returns those that it ended now */
export const endAllWith = (tx: Db, person: PersonId): Promise<readonly Absence[]> =>
  tx.query(
    `update curfew.absence set ended_at = clock_timestamp()
     where (person = $1 or delegate = $1) and ended_at is null and until_at > clock_timestamp() returning ${columns}`,
    [person],
  );
