/** Which person stands behind an operator's own login on the store: who proposes a policy is one of the two it takes. */
import { operatorLinked } from '../domain/events/people.ts';
import type { PersonId } from '../domain/ids.ts';
import { append } from './audit.ts';
import type { Db } from './pool.ts';

export type OperatorLogin = {
  readonly login: string;
  readonly person: PersonId;
  readonly linkedBy: string;
  readonly linkedAt: number;
};

/**
 * Says who stands behind a login, with its entry `operator.linked`; whom it was said to be before holds no more. Counts
 * for proposals that are made later, and only where another login says it.
 */
export async function link(tx: Db, login: string, person: PersonId): Promise<void> {
  await tx.query('delete from curfew.operator_login where login = $1', [login]);
  await tx.query('insert into curfew.operator_login (login, person) values ($1, $2)', [login, person]);
  const [{ by } = { by: '' }] = await tx.query<{ by: string }>('select session_user as by');
  await append(tx, operatorLinked(by, person, { login }));
}

export const all = (db: Db): Promise<readonly OperatorLogin[]> =>
  db.query(
    'select login, person, linked_by as "linkedBy", linked_at as "linkedAt" from curfew.operator_login order by login',
  );
