/** One-time codes, of which only hashes are kept, and the one claim that a request may ever have. */
import type { CredentialId, PersonId, RequestId } from '../domain/ids.ts';
import type { Db } from './pool.ts';
import { requestColumns, type RequestRow } from './requests.ts';
import { takeTurns } from './turns.ts';

export type MintedCode = {
  /** SHA-256 of the code, 32 bytes. */
  readonly hash: Buffer;
  readonly requestId: RequestId;
  readonly person: PersonId;
  readonly mintedAt: number;
  readonly expiresAt: number;
};

/** A code with its request. At most one of a request is neither replaced nor used. */
export type CodeRow = Omit<MintedCode, 'hash' | 'requestId'> & {
  readonly request: RequestRow;
  readonly replacedAt: number | null;
  readonly usedAt: number | null;
};

/** An accepted claim. `verifier` and `ticket` are secrets: they go to the target and nowhere else (I12). */
export type ClaimRow = {
  readonly requestId: RequestId;
  readonly credentialId: CredentialId;
  readonly verifier: string;
  readonly ticket: Buffer;
  readonly ticketKey: string;
  readonly endAt: number;
  readonly acceptedAt: number;
};

/**
 * Keeps a new code and replaces the request's older ones; mints of one request take turns. The entry `code.minted` is
 * the caller's.
 * @throws StoreError 23503 where the person is not the request's
 */
export async function mint(tx: Db, minted: MintedCode): Promise<void> {
  await takeTurns(tx, 'request', [minted.requestId]);
  await tx.query(
    `update curfew.claim_code set replaced_at = $2 where request_id = $1 and replaced_at is null and used_at is null`,
    [minted.requestId, new Date(minted.mintedAt)],
  );
  await tx.query(
    'insert into curfew.claim_code (hash, request_id, person, minted_at, expires_at) values ($1, $2, $3, $4, $5)',
    [minted.hash, minted.requestId, minted.person, new Date(minted.mintedAt), new Date(minted.expiresAt)],
  );
}

type FlatCode = RequestRow & Omit<CodeRow, 'request' | 'person'>;

/** Looks a code up and changes nothing. Undefined: there is no such code. */
export async function code(db: Db, hash: Buffer): Promise<CodeRow | undefined> {
  const [row] = await db.query<FlatCode>(
    `select ${requestColumns}, c.minted_at as "mintedAt", c.expires_at as "expiresAt", c.replaced_at as "replacedAt",
       c.used_at as "usedAt"
     from curfew.claim_code c join curfew.request r on r.id = c.request_id where c.hash = $1`,
    [hash],
  );
  if (!row) return undefined;
  const { mintedAt, expiresAt, replacedAt, usedAt, ...request } = row;
  return { request, person: request.person, mintedAt, expiresAt, replacedAt, usedAt };
}

/**
 * Uses a code up.
 * @returns false where it is unknown, used, replaced or expired at `at`
 */
export async function use(tx: Db, hash: Buffer, at: number): Promise<boolean> {
  const used = await tx.query(
    `update curfew.claim_code set used_at = $2
     where hash = $1 and used_at is null and replaced_at is null and expires_at > $2 returning 1`,
    [hash, new Date(at)],
  );
  return used.length > 0;
}

/**
 * Accepts a claim; the first one wins, for ever. The entry `claim.accepted` is the caller's, where the answer is
 * `accepted`.
 * @returns `repeated`: a claim with this verifier was accepted before (its own ids and end hold: read `of`);
 *   `other`: one with another verifier was
 */
export async function insert(tx: Db, claim: ClaimRow): Promise<'accepted' | 'repeated' | 'other'> {
  const made = await tx.query(
    `insert into curfew.claim (request_id, credential_id, verifier, ticket, ticket_key, end_at, accepted_at)
     values ($1, $2, $3, $4, $5, $6, $7) on conflict (request_id) do nothing returning 1`,
    [
      claim.requestId,
      claim.credentialId,
      claim.verifier,
      claim.ticket,
      claim.ticketKey,
      new Date(claim.endAt),
      new Date(claim.acceptedAt),
    ],
  );
  if (made.length > 0) return 'accepted';
  const accepted = await of(tx, claim.requestId);
  return accepted?.verifier === claim.verifier ? 'repeated' : 'other';
}

export async function of(db: Db, requestId: RequestId): Promise<ClaimRow | undefined> {
  const [row] = await db.query<ClaimRow>(
    `select request_id as "requestId", credential_id as "credentialId", verifier, ticket, ticket_key as "ticketKey",
       end_at as "endAt", accepted_at as "acceptedAt"
     from curfew.claim where request_id = $1`,
    [requestId],
  );
  return row;
}
