/** The App Homes that somebody has opened, each with a hash of what it shows now. */
import type { PersonId } from '../domain/ids.ts';
import type { Db } from './pool.ts';

export async function paintedOf(db: Db, person: PersonId): Promise<string | undefined> {
  const [row] = await db.query<{ painted: string }>('select painted from curfew.slack_home where person = $1', [
    person,
  ]);
  return row?.painted;
}

/** Those of these people who have opened theirs. */
export async function openedBy(db: Db, people: readonly PersonId[]): Promise<readonly PersonId[]> {
  const rows = await db.query<{ person: PersonId }>(
    'select person from curfew.slack_home where person = any ($1::uuid[]) order by person',
    [people],
  );
  return rows.map(({ person }) => person);
}

export async function put(db: Db, person: PersonId, painted: string): Promise<void> {
  await db.query(
    `insert into curfew.slack_home (person, painted) values ($1, $2)
     on conflict (person) do update set painted = excluded.painted, painted_at = clock_timestamp()`,
    [person, painted],
  );
}
