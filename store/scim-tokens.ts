/** Bearer tokens of SCIM sources: hashed, scoped, several of one source at once. */
import type { Db } from './pool.ts';

export const scimScopes = ['users:read', 'users:write', 'groups:read', 'groups:write'] as const;
export type ScimScope = (typeof scimScopes)[number];

/** What a token may do, and whose it is. Instants in epoch ms. */
export type ScimToken = {
  readonly id: string;
  /** As words and entries name it, e.g. `scim-okta`. */
  readonly source: string;
  readonly scopes: readonly ScimScope[];
  /** What `"active": false` means in its mouth. */
  readonly inactive: 'suspended' | 'left';
  readonly expiresAt: number;
};

export type ListedToken = ScimToken & {
  readonly madeBy: string;
  readonly madeAt: number;
  readonly revokedAt: number | null;
  /** To the minute; null: never. */
  readonly lastUsedAt: number | null;
};

const columns = `id, source, scopes, inactive, expires_at as "expiresAt"`;

/** The entry `scim-token.made` is the caller's. `hash`: SHA-256 of the token's bytes. */
export async function insert(tx: Db, token: ScimToken & { readonly hash: Buffer }): Promise<void> {
  await tx.query(
    'insert into curfew.scim_token (id, source, hash, scopes, inactive, expires_at) values ($1, $2, $3, $4, $5, $6)',
    [token.id, token.source, token.hash, token.scopes, token.inactive, new Date(token.expiresAt)],
  );
}

/** Newest first, those that hold no more as well. */
export const list = (db: Db): Promise<readonly ListedToken[]> =>
  db.query(
    `select ${columns}, made_by as "madeBy", made_at as "madeAt", revoked_at as "revokedAt", last_used_at as "lastUsedAt"
     from curfew.scim_token order by made_at desc, id`,
  );

/** @returns whose it was; undefined where there is no such token, or it was revoked before */
export async function revoke(tx: Db, id: string): Promise<{ readonly source: string } | undefined> {
  const [row] = await tx.query<{ source: string }>(
    'update curfew.scim_token set revoked_at = clock_timestamp() where id = $1 and revoked_at is null returning source',
    [id],
  );
  return row;
}

/** The token with this hash, if it holds now by the store's clock; with the hash, to be compared in constant time. */
export async function byHash(
  db: Db,
  hash: Buffer,
): Promise<(ScimToken & { readonly hash: Buffer; readonly usedLately: boolean }) | undefined> {
  const [row] = await db.query<ScimToken & { hash: Buffer; usedLately: boolean }>(
    `select ${columns}, hash, coalesce(last_used_at > clock_timestamp() - interval '1 minute', false) as "usedLately"
     from curfew.scim_token where hash = $1 and revoked_at is null and expires_at > clock_timestamp()`,
    [hash],
  );
  return row;
}

/**
 * Whose token this is that has run out, where no other one of its source was in use within the hour: then nothing that
 * this source says arrives. Undefined where that is not so.
 */
export async function runOut(db: Db, hash: Buffer): Promise<{ readonly source: string } | undefined> {
  const [row] = await db.query<{ source: string }>(
    `select t.source from curfew.scim_token t
     where t.hash = $1 and t.revoked_at is null and t.expires_at <= clock_timestamp() and not exists (
       select from curfew.scim_token o where o.source = t.source and o.revoked_at is null
         and o.expires_at > clock_timestamp() and o.last_used_at > clock_timestamp() - interval '1 hour')`,
    [hash],
  );
  return row;
}

/**
 * Tokens that end within `withinMs` from `now` (epoch ms) and were in use in the `usedMs` before it, while no other one
 * of their source that holds for longer was in use since: whoever changed it over has nothing to do any more.
 */
export const expiring = (
  db: Db,
  { now, withinMs, usedMs }: { readonly now: number; readonly withinMs: number; readonly usedMs: number },
): Promise<readonly Pick<ScimToken, 'id' | 'source' | 'expiresAt'>[]> =>
  db.query(
    `select t.id, t.source, t.expires_at as "expiresAt" from curfew.scim_token t
     where t.revoked_at is null and t.expires_at between $1 and $2 and t.last_used_at > $3 and not exists (
       select from curfew.scim_token o where o.source = t.source and o.revoked_at is null and o.expires_at > $2
         and o.last_used_at > t.last_used_at)
     order by t.expires_at, t.id`,
    [new Date(now), new Date(now + withinMs), new Date(now - usedMs)],
  );

/** Notes that it is in use; once a minute is enough to see which one may be revoked. */
export async function used(db: Db, id: string): Promise<void> {
  await db.query(
    `update curfew.scim_token set last_used_at = clock_timestamp()
     where id = $1 and (last_used_at is null or last_used_at < clock_timestamp() - interval '1 minute')`,
    [id],
  );
}
