/** Requests as they were made: rows that never change. What became of one is its projection's to say. */
import type { Digest, PersonId, PolicyHash, RequestId, RoleName, TargetName, TemplateName } from '../domain/ids.ts';
import type { GrantablePlan } from '../domain/plan.ts';
import type { StateKind } from '../domain/request.ts';
import type { RequestView } from '../domain/view.ts';
import { keepText, type SaltedText } from './erasable-texts.ts';
import type { Db } from './pool.ts';
import { takeTurns } from './turns.ts';

export type RequestRow = {
  readonly id: RequestId;
  readonly kind: 'access' | 'break-glass';
  readonly person: PersonId;
  readonly target: TargetName;
  readonly databases: readonly string[];
  readonly role: RoleName;
  readonly template: TemplateName;
  readonly durationMs: number;
  /** A ticket's or incident's id, as it was given. */
  readonly ticket: string | null;
  /** Its scheduled start, epoch ms; null: as soon as it is claimed. */
  readonly startAt: number | null;
  /** SHA-256 of salt and reason, hex. */
  readonly reasonHash: string;
  readonly plan: GrantablePlan;
  readonly policyHash: PolicyHash;
  readonly digest: Digest;
  readonly openedAt: number;
  readonly decideByAt: number;
};

/** A request with the newest view of it; null until its Workflow has said anything. */
export type FollowedRequest = RequestRow & { readonly view: RequestView | null };

/**
 * Inserts the request and its reason. The entry `request.opened` is the caller's.
 * @returns `repeated` where a request of this id is there already: nothing is changed then
 */
export async function insert(tx: Db, request: RequestRow, why: SaltedText): Promise<'opened' | 'repeated'> {
  const made = await tx.query(
    `insert into curfew.request (id, kind, person, target, databases, role, template, duration_ms, ticket, reason_hash,
       plan, policy_hash, digest, opened_at, decide_by, start_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) on conflict do nothing returning id`,
    [
      request.id,
      request.kind,
      request.person,
      request.target,
      request.databases,
      request.role,
      request.template,
      request.durationMs,
      request.ticket,
      request.reasonHash,
      JSON.stringify(request.plan),
      request.policyHash,
      request.digest,
      new Date(request.openedAt),
      new Date(request.decideByAt),
      request.startAt === null ? null : new Date(request.startAt),
    ],
  );
  if (made.length === 0) return 'repeated';
  await keepText(tx, { kind: 'reason', id: request.id, person: request.person, ...why });
  return 'opened';
}

/** The columns of a RequestRow, of the table `r`. */
export const requestColumns = `r.id, r.kind, r.person, r.target, r.databases, r.role, r.template, r.duration_ms as "durationMs",
  r.ticket, r.reason_hash as "reasonHash", r.plan, r.policy_hash as "policyHash", r.digest, r.opened_at as "openedAt",
  r.decide_by as "decideByAt", r.start_at as "startAt"`;

export async function byId(db: Db, id: RequestId): Promise<RequestRow | undefined> {
  const [row] = await db.query<RequestRow>(`select ${requestColumns} from curfew.request r where r.id = $1`, [id]);
  return row;
}

/** The reason as written; `text` and `salt` are null once it was erased. Undefined: no such request. */
export async function reason(
  db: Db,
  id: RequestId,
): Promise<{ readonly text: string | null; readonly salt: Buffer | null; readonly hash: string } | undefined> {
  const [row] = await db.query<{ text: string | null; salt: Buffer | null; hash: string }>(
    `select t.body as text, t.salt, r.reason_hash as hash from curfew.request r
     left join curfew.personal t on t.kind = 'reason' and t.id = r.id::text where r.id = $1`,
    [id],
  );
  return row;
}

const followed = (where: string): string =>
  `select ${requestColumns}, p.view from curfew.request r left join curfew.projection p on p.request_id = r.id where ${where}`;

/** A person's requests that are not closed, newest first. */
export const openOf = (db: Db, person: PersonId): Promise<readonly FollowedRequest[]> =>
  db.query(`${followed(`r.person = $1 and p.state is distinct from 'closed'`)} order by r.opened_at desc`, [person]);

/** Of a person's requests that are not closed only what it takes to end them: they may be a thousand. */
export type OpenRequest = Pick<RequestRow, 'id' | 'target' | 'openedAt'> & {
  /** Null until its Workflow has said anything. */
  readonly state: StateKind | null;
};
export const openIdsOf = (db: Db, person: PersonId): Promise<readonly OpenRequest[]> =>
  db.query(
    `select r.id, r.target, r.opened_at as "openedAt", p.state from curfew.request r
     left join curfew.projection p on p.request_id = r.id
     where r.person = $1 and p.state is distinct from 'closed' order by r.opened_at desc`,
    [person],
  );

/** A person's newest closed requests. `limit`: 1 to 1,000. */
export const closedOf = (
  db: Db,
  { person, limit }: { readonly person: PersonId; readonly limit: number },
): Promise<readonly FollowedRequest[]> =>
  db.query(`${followed(`r.person = $1 and p.state = 'closed'`)} order by r.opened_at desc limit $2`, [person, limit]);

/** These requests, in any order; unknown ids are left out. */
export const followedOf = (db: Db, ids: readonly RequestId[]): Promise<readonly FollowedRequest[]> =>
  db.query(followed('r.id = any ($1::uuid[])'), [ids]);

/** What waits for a decision, of anybody, oldest first. */
export const awaiting = (db: Db): Promise<readonly FollowedRequest[]> =>
  db.query(`${followed(`p.state = 'awaiting'`)} order by r.opened_at limit 1000`);

/**
 * What was neither granted nor closed yet, in order of ids, after this one; at most `limit`. For passes over all of it.
 */
export const ungranted = (
  db: Db,
  { after, limit }: { readonly after: RequestId | null; readonly limit: number },
): Promise<readonly FollowedRequest[]> =>
  db.query(
    `${followed(`p.state in ('requested', 'awaiting', 'approved') and ($1::uuid is null or r.id > $1)`)} order by r.id limit $2`,
    [after, limit],
  );

/** Lets the calling transactions about one request take turns, until they end. */
export const takeTurn = (tx: Db, id: RequestId): Promise<unknown> => takeTurns(tx, 'request', [id]);

/** What a person holds: granting, active or still revoking, newest first. */
export const heldBy = (db: Db, person: PersonId): Promise<readonly FollowedRequest[]> =>
  db.query(`${followed(`r.person = $1 and p.state in ('granting', 'active', 'revoking')`)} order by r.opened_at desc`, [
    person,
  ]);

/** The newest requests of everybody, or of one person. `limit`: 1 to 1,000. */
export const recent = (
  db: Db,
  { person, limit }: { readonly person?: PersonId; readonly limit: number },
): Promise<readonly FollowedRequest[]> =>
  db.query(`${followed('$1::uuid is null or r.person = $1')} order by r.opened_at desc limit $2`, [
    person ?? null,
    limit,
  ]);

/** What was claimed: as the claim fixed it, and when it ends by now. Epoch ms. */
export type ClaimedSpan = {
  readonly claim: { readonly acceptedAt: number; readonly endAt: number };
  readonly endAt: number;
};

/** Of those of these requests that were claimed. */
export async function spansOf(db: Db, ids: readonly RequestId[]): Promise<ReadonlyMap<RequestId, ClaimedSpan>> {
  const rows = await db.query<{ id: RequestId; acceptedAt: number; fixed: number; endAt: number }>(
    `select c.request_id as id, c.accepted_at as "acceptedAt", c.end_at as fixed,
       coalesce(g.end_at, c.end_at) as "endAt"
     from curfew.claim c left join curfew.access_grant g on g.request_id = c.request_id
     where c.request_id = any ($1::uuid[])`,
    [ids],
  );
  return new Map(rows.map(({ id, acceptedAt, fixed, endAt }) => [id, { claim: { acceptedAt, endAt: fixed }, endAt }]));
}

/** When what was claimed of these requests ends: as the grant's row has it, else as the claim fixed it. */
export async function endsOf(db: Db, ids: readonly RequestId[]): Promise<ReadonlyMap<RequestId, number>> {
  const rows = await db.query<{ id: RequestId; endAt: number }>(
    `select c.request_id as id, coalesce(g.end_at, c.end_at) as "endAt" from curfew.claim c
     left join curfew.access_grant g on g.request_id = c.request_id where c.request_id = any ($1::uuid[])`,
    [ids],
  );
  return new Map(rows.map(({ id, endAt }) => [id, endAt]));
}
