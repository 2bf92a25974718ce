/** What takes a person's name away and leaves every proof: ids and salted hashes stay, and nothing that they are of. */
import type { PersonId } from '../domain/ids.ts';
import type { Db } from './pool.ts';

/** Nobody is erased who may still come in; said by the store. */
export const notErasable = 'CFA06';

/**
 * Deletes all rows of the one erasable table that are theirs, what they typed, and what their sources said of them, and
 * makes their handle meaningless. The caller appends the entry.
 * @returns how many rows
 * @throws StoreError `notErasable` for somebody who has not left, or whose grant has not ended
 */
export async function erasePerson(tx: Db, person: PersonId): Promise<number> {
  const [row] = await tx.query<{ rows: number }>('select curfew.erase_person($1) as rows', [person]);
  if (!row) throw new Error('curfew.erase_person answered nothing');
  return row.rows;
}
