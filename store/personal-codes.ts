/** Codes by which somebody proves to the command line who they are. Only hashes are kept; the newest one counts. */
import type { PersonId } from '../domain/ids.ts';
import type { AccountFacts } from '../domain/person.ts';
import type { Db } from './pool.ts';
import { takeTurns } from './turns.ts';

export type PersonalCodeRow = {
  readonly person: PersonId;
  /** What Slack said of the account that asked for it. */
  readonly account: AccountFacts;
  readonly mintedAt: number;
  readonly expiresAt: number;
};

/** Keeps a code (SHA-256, 32 bytes) and replaces those before; the entry `personal-code.minted` is the caller's. */
export async function mint(tx: Db, code: PersonalCodeRow & { readonly hash: Buffer }): Promise<void> {
  await takeTurns(tx, 'human', [code.person]);
  await endAll(tx, code.person, code.mintedAt);
  await tx.query(
    'insert into curfew.personal_code (hash, person, account, minted_at, expires_at) values ($1, $2, $3, $4, $5)',
    [code.hash, code.person, JSON.stringify(code.account), new Date(code.mintedAt), new Date(code.expiresAt)],
  );
}

/** From `at` (epoch ms) on none of this person's codes counts. */
export const endAll = (tx: Db, person: PersonId, at: number): Promise<unknown> =>
  tx.query('update curfew.personal_code set replaced_at = $2 where person = $1 and replaced_at is null', [
    person,
    new Date(at),
  ]);

/**
 * Whose code this is at `at` (epoch ms). Undefined: nobody's, or it was replaced or has expired, or its person has left
 * or was suspended since: whoever comes back starts clean. Changes nothing.
 */
export async function valid(db: Db, hash: Buffer, at: number): Promise<PersonalCodeRow | undefined> {
  const [row] = await db.query<PersonalCodeRow>(
    `select c.person, c.account, c.minted_at as "mintedAt", c.expires_at as "expiresAt" from curfew.personal_code c
     where c.hash = $1 and c.replaced_at is null and c.expires_at > $2 and not exists (
       select from curfew.revoke_intent i
       where i.person = c.person and i.cause in ('left', 'suspended') and i.asked_at >= c.minted_at)`,
    [hash, new Date(at)],
  );
  return row;
}
