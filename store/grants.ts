/** What was granted and the evidence of it. A row of a grant changes once: when nothing is left of it on any node. */
import type { AuditEntry } from '../domain/events.ts';
import type { GrantReceipt, RevokeReceipt } from '../domain/grant.ts';
import type { PersonId, RequestId, TargetName, TemplateName } from '../domain/ids.ts';
import { valuesOf } from './audit.ts';
import type { Db } from './pool.ts';
import * as turns from './turns.ts';

export type GrantRow = {
  readonly requestId: RequestId;
  readonly target: TargetName;
  readonly person: PersonId;
  readonly template: TemplateName;
  /** The login role on the target, `cfw_...`. */
  readonly role: string;
  readonly grantedAt: number;
  readonly endAt: number;
};

export type StoredGrant = GrantRow & { readonly endedAt: number | null };

/**
 * Records a grant with its receipt and its entry, in one statement: a repeat writes none of them.
 * @param entry `grant.made`
 * @returns `repeated` where this grant is recorded already: the first receipt stands. `over` where its end is recorded:
 *   a process that was frozen after the call on the target wakes too late, and nothing of it is live
 */
export async function insert(
  tx: Db,
  grant: GrantRow,
  receipt: GrantReceipt,
  entry: AuditEntry,
): Promise<'recorded' | 'repeated' | 'over'> {
  await takeTurns(tx, [grant.requestId]);
  const [over] = await tx.query(`select 1 from curfew.receipt where request_id = $1 and kind = 'revoke'`, [
    grant.requestId,
  ]);
  if (over) return 'over';
  const made = await tx.query(
    `with made as (
       insert into curfew.access_grant (request_id, target, person, template, role, granted_at, end_at)
       values ($1, $2, $3, $4, $5, $6, $7) on conflict (request_id) do nothing returning request_id),
     kept as (
       insert into curfew.receipt (request_id, kind, body, made_at) select request_id, 'grant', $8::jsonb, $9::timestamptz from made
       on conflict (request_id, kind) do nothing)
     select audit.append($10, $11, $12, $13) from made`,
    [
      grant.requestId,
      grant.target,
      grant.person,
      grant.template,
      grant.role,
      new Date(grant.grantedAt),
      new Date(grant.endAt),
      JSON.stringify(receipt),
      new Date(receipt.readAt),
      ...valuesOf(entry),
    ],
  );
  return made.length > 0 ? 'recorded' : 'repeated';
}

/**
 * Records that nothing is left, with the evidence; also where no grant was ever recorded (it failed half-way). The
 * entry `grant.ended` is the caller's, where the answer is `recorded`.
 */
export async function end(tx: Db, requestId: RequestId, receipt: RevokeReceipt): Promise<'recorded' | 'repeated'> {
  await takeTurns(tx, [requestId]);
  await tx.query('update curfew.access_grant set ended_at = $2 where request_id = $1 and ended_at is null', [
    requestId,
    new Date(receipt.verifiedAt),
  ]);
  const made = await tx.query(
    `insert into curfew.receipt (request_id, kind, body, made_at) values ($1, 'revoke', $2, $3)
     on conflict (request_id, kind) do nothing returning 1`,
    [requestId, JSON.stringify(receipt), new Date(receipt.verifiedAt)],
  );
  return made.length > 0 ? 'recorded' : 'repeated';
}

/** The same for many, after `takeTurns`, in as many statements as for one. @returns those whose end was not recorded yet */
export async function endAll(tx: Db, ended: readonly RevokeReceipt[]): Promise<ReadonlySet<RequestId>> {
  const ids = ended.map(({ requestId }) => requestId);
  const verified = ended.map(({ verifiedAt }) => new Date(verifiedAt));
  await tx.query(
    `update curfew.access_grant g set ended_at = n.at from unnest($1::uuid[], $2::timestamptz[]) as n (id, at)
     where g.request_id = n.id and g.ended_at is null`,
    [ids, verified],
  );
  const made = await tx.query<{ id: RequestId }>(
    `insert into curfew.receipt (request_id, kind, body, made_at)
     select n.id, 'revoke', n.body, n.at from unnest($1::uuid[], $2::jsonb[], $3::timestamptz[]) as n (id, body, at)
     on conflict (request_id, kind) do nothing returning request_id as id`,
    [ids, ended.map((receipt) => JSON.stringify(receipt)), verified],
  );
  return new Set(made.map(({ id }) => id));
}

/** Those of these requests whose end is recorded. */
export async function endedAmong(db: Db, ids: readonly RequestId[]): Promise<ReadonlySet<RequestId>> {
  if (ids.length === 0) return new Set();
  const rows = await db.query<{ id: RequestId }>(
    `select request_id as id from curfew.receipt where kind = 'revoke' and request_id = any ($1::uuid[])`,
    [ids],
  );
  return new Set(rows.map(({ id }) => id));
}

/** Recording a grant and recording its end take turns: the second one sees what the first one wrote. */
export const takeTurns = (tx: Db, ids: readonly RequestId[]): Promise<unknown> => turns.takeTurns(tx, 'grant', ids);

const grantColumns = `request_id as "requestId", target, person, template, role, granted_at as "grantedAt",
  end_at as "endAt", ended_at as "endedAt"`;

/** Grants that are not known to have ended, soonest end first; of a target, of a person, or all. */
export const live = (
  db: Db,
  { target, person }: { readonly target?: TargetName; readonly person?: PersonId } = {},
): Promise<readonly StoredGrant[]> =>
  db.query(
    `select ${grantColumns} from curfew.access_grant
     where ended_at is null and ($1::text is null or target = $1) and ($2::uuid is null or person = $2) order by end_at`,
    [target ?? null, person ?? null],
  );

export async function byId(db: Db, requestId: RequestId): Promise<StoredGrant | undefined> {
  const [row] = await db.query<StoredGrant>(`select ${grantColumns} from curfew.access_grant where request_id = $1`, [
    requestId,
  ]);
  return row;
}

/** When the last of these was verified as ended, epoch ms; null where none has ended. In one look: they may be a thousand. */
export async function lastEnded(db: Db, requestIds: readonly RequestId[]): Promise<number | null> {
  const [row] = await db.query<{ at: number | null }>(
    `select max((body ->> 'verifiedAt')::bigint) as at from curfew.receipt
     where kind = 'revoke' and request_id = any ($1::uuid[])`,
    [requestIds],
  );
  return row?.at ?? null;
}

/** The evidence that there is: of the grant, of its end. */
export async function receipts(
  db: Db,
  requestId: RequestId,
): Promise<{ readonly grant?: GrantReceipt; readonly revoke?: RevokeReceipt }> {
  const rows = await db.query<{ body: GrantReceipt | RevokeReceipt }>(
    'select body from curfew.receipt where request_id = $1',
    [requestId],
  );
  return Object.fromEntries(rows.map(({ body }) => [body.kind, body]));
}
