/** What people wrote about requests. It stands in the one erasable table, and only its salted hash elsewhere. */
import type { PersonId } from '../domain/ids.ts';
import type { Db } from './pool.ts';

/** Free text with its salt. */
export type SaltedText = { readonly text: string; readonly salt: Buffer };

/**
 * `claim`: the address from which it was claimed; `extension`: why it is needed for longer; `left-behind`: names of what
 * a grantee made, as JSON, which `store/left-behind.ts` writes.
 */
type TextKind = 'reason' | 'denial' | 'review' | 'claim' | 'extension' | 'extension-denial' | 'left-behind';

/** @param row `id` is that of the request, decision or extension to which the text belongs; `person` who wrote it */
export async function keepText(
  tx: Db,
  row: SaltedText & { readonly kind: TextKind; readonly id: string; readonly person: PersonId },
): Promise<void> {
  await tx.query('insert into curfew.personal (kind, id, person, body, salt) values ($1, $2, $3, $4, $5)', [
    row.kind,
    row.id,
    row.person,
    row.text,
    row.salt,
  ]);
}

/** As written; undefined where there was none or it was erased. */
export async function textOf(db: Db, kind: TextKind, id: string): Promise<string | undefined> {
  const [row] = await db.query<{ body: string | null }>(
    'select body from curfew.personal where kind = $1 and id = $2',
    [kind, id],
  );
  return row?.body ?? undefined;
}
