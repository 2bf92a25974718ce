/** Logins on their way out of the graveyard, and what their holders left behind. */
import { roleCleaned, roleDropped, roleKept } from '../domain/events/operation.ts';
import type { PersonId, RequestId, TargetName } from '../domain/ids.ts';
import { append, appendAll } from './audit.ts';
import type { SaltedText } from './erasable-texts.ts';
import type { Db } from './pool.ts';

/** `shared`: an administrator must take what the grantee gave to others. `prepared`: a prepared transaction is in the way. */
export type KeptCause = 'shared' | 'prepared' | 'failed';

const actor = 'curfew_worker';

/** What is noted before the target is asked: `target` is the request's, or the cluster's name for a stranger's login. */
export type Begun = { readonly grantId: string; readonly target: string };

/** Notes that these are about to be dropped; one that is noted already stays as it is. */
export async function begin(db: Db, rows: readonly Begun[]): Promise<void> {
  if (rows.length === 0) return;
  await db.query(
    `insert into curfew.cleaning (grant_id, target, state) select g, t, 'due' from unnest($1::uuid[], $2::text[]) as b (g, t)
     on conflict (grant_id) do nothing`,
    [rows.map(({ grantId }) => grantId), rows.map(({ target }) => target)],
  );
}

/** Which of these grants are of which request's target. */
export const targetsOf = (
  db: Db,
  ids: readonly string[],
): Promise<readonly { readonly grantId: string; readonly target: TargetName; readonly person: PersonId }[]> =>
  db.query('select id as "grantId", target, person from curfew.request where id = any($1)', [ids]);

/**
 * Noted, and nothing was recorded of it for a while: whoever noted it died in between, or it has to be tried again. Those
 * whose turn is the longest ago, so that some that never come to an end keep no other from theirs.
 */
export const unfinished = async (
  db: Db,
  targets: readonly string[],
  before: number,
  limit: number,
): Promise<readonly string[]> =>
  (
    await db.query<{ grantId: string }>(
      `update curfew.cleaning c set changed_at = clock_timestamp() from (
         select grant_id from curfew.cleaning where state = 'due' and target = any($1) and begun_at < $2
         order by changed_at limit $3) d
       where c.grant_id = d.grant_id and c.state = 'due' returning c.grant_id as "grantId"`,
      [targets, new Date(before), limit],
    )
  ).map(({ grantId }) => grantId);

/** When it was first noted; epoch ms. */
export async function begunAt(db: Db, grantId: string): Promise<number | undefined> {
  const [row] = await db.query<{ begunAt: number }>(
    'select begun_at as "begunAt" from curfew.cleaning where grant_id = $1',
    [grantId],
  );
  return row?.begunAt;
}

/** They are gone: their rows, and the entry `role.dropped` of each; a repeat changes nothing. @returns those that are new */
export async function dropped(tx: Db, ids: readonly string[]): Promise<readonly string[]> {
  const rows = await tx.query<{ grantId: string; target: string; kept: boolean }>(
    `update curfew.cleaning c set state = 'dropped', cause = null, detail = null, changed_at = clock_timestamp()
     where c.grant_id = any($1) and c.state <> 'dropped' returning grant_id as "grantId", target`,
    [ids],
  );
  await appendAll(
    tx,
    rows.map(({ grantId, target }) => roleDropped(actor, grantId, { target })),
  );
  return rows.map(({ grantId }) => grantId);
}

/** It stays for now, powerless: its row, and the entry `role.kept` the first time for this cause. @returns whether it is news */
export async function kept(tx: Db, grantId: string, cause: KeptCause, detail: string | null): Promise<boolean> {
  const [row] = await tx.query<{ target: string }>(
    `update curfew.cleaning c set state = 'kept', cause = $2, detail = $3, changed_at = clock_timestamp()
     where c.grant_id = $1 and c.state <> 'dropped' and c.cause is distinct from $2 returning target`,
    [grantId, cause, detail],
  );
  if (!row) return false;
  // NB. Not the detail: a target's error may name what the grantee made, and those are words of theirs.
  await append(tx, roleKept(actor, grantId, { target: row.target, cause }));
  return true;
}

export type Left = {
  readonly id: string;
  readonly grantId: string;
  readonly target: string;
  readonly database: string;
  readonly kinds: Readonly<Record<string, number>>;
  readonly total: number;
};

/** What a grantee owns in a database, before it is cleaned there; the first list stands, for what comes after is less. */
export async function listLeft(
  tx: Db,
  left: Left,
  names: (SaltedText & { readonly person: PersonId; readonly hash: string }) | undefined,
): Promise<void> {
  const made = await tx.query(
    `insert into curfew.left_behind (id, grant_id, target, database, kinds, total, names_hash)
     values ($1, $2, $3, $4, $5, $6, $7) on conflict (grant_id, database) do nothing returning 1`,
    [left.id, left.grantId, left.target, left.database, JSON.stringify(left.kinds), left.total, names?.hash ?? null],
  );
  if (made.length === 0 || !names) return;
  await tx.query('select curfew.keep_left_behind($1, $2, $3, $4)', [left.id, names.person, names.text, names.salt]);
}

/**
 * What was listed of a grant is the quarantine's now: in one database, or in all. With the entry `role.cleaned` of each.
 * @returns those of which that was not known yet
 */
export async function handedOver(tx: Db, grantId: string, database: string | null): Promise<readonly Left[]> {
  const rows = await tx.query<Left>(
    `update curfew.left_behind set handed_at = clock_timestamp()
     where grant_id = $1 and handed_at is null and ($2::text is null or database = $2)
     returning id, grant_id as "grantId", target, database, kinds, total`,
    [grantId, database],
  );
  await appendAll(
    tx,
    rows.map(({ target, database: where, kinds, total }) =>
      roleCleaned(actor, grantId, { target, database: where, kinds, total }),
    ),
  );
  return rows;
}

/** `names`: as the grantee chose them; null where they were erased, or nobody is known whose words they are. */
export type LeftBehind = Left & {
  readonly foundAt: number;
  readonly handedAt: number | null;
  readonly names: readonly { readonly kind: string; readonly name: string }[] | null;
};

const leftColumns = `l.id, l.grant_id as "grantId", l.target, l.database, l.kinds, l.total, l.found_at as "foundAt",
  l.handed_at as "handedAt", t.body::json as names`;
const withNames = `curfew.left_behind l left join curfew.personal t on t.kind = 'left-behind' and t.id = l.id::text`;

/** What grantees left behind, the newest first; of a target, of a request, or all. */
export const leftBehind = (
  db: Db,
  { target, requestId, limit }: { readonly target?: string; readonly requestId?: RequestId; readonly limit: number },
): Promise<readonly LeftBehind[]> =>
  db.query(
    `select ${leftColumns} from ${withNames}
     where l.total > 0 and ($1::text is null or l.target = $1) and ($2::uuid is null or l.grant_id = $2)
     order by l.found_at desc limit $3`,
    [target ?? null, requestId ?? null, limit],
  );

export async function leftById(db: Db, id: string): Promise<LeftBehind | undefined> {
  const [row] = await db.query<LeftBehind>(`select ${leftColumns} from ${withNames} where l.id = $1`, [id]);
  return row;
}
