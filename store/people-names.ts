/** What people are called, for a reader who asks for names: from the one erasable table. */
import type { PersonId } from '../domain/ids.ts';
import type { Db } from './pool.ts';

/** Names by id, of those whose name is there: somebody who was erased has none any more. */
export const namesOf = async (db: Db, ids: readonly PersonId[]): Promise<ReadonlyMap<PersonId, string>> =>
  new Map(
    (
      await db.query<{ person: PersonId; name: string }>(
        `select person, name from curfew.personal where kind = 'person' and person = any ($1::uuid[]) and name is not null`,
        [ids],
      )
    ).map(({ person, name }) => [person, name]),
  );
