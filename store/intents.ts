/** "This must end now", written by whoever learns it and read by the reaper every second. Rows are only ever added. */
import type { PersonId, RequestId, TargetName } from '../domain/ids.ts';
import type { Db } from './pool.ts';

export type IntentCause =
  | 'released'
  | 'withdrawn'
  | 'revoked'
  | 'left'
  | 'suspended'
  | 'disowned'
  /** What it was bound to is over: the incident, the ticket, the shift. */
  | 'condition'
  /** A newer policy is stricter than the one by which it was opened. */
  | 'policy'
  /** Their holder moved: the policy would not give it to them as they are now. */
  | 'moved'
  /** It rests on the approval of somebody who has left. */
  | 'tainted';

/** Of one request's grant, or of everything that a person has anywhere. */
export type IntentScope =
  | { readonly kind: 'grant'; readonly requestId: RequestId; readonly target: TargetName }
  | { readonly kind: 'person'; readonly person: PersonId };

export type Intent = {
  /** A UUID made by the caller: inserting it again is harmless. */
  readonly id: string;
  readonly scope: IntentScope;
  /** A person's id, or a login's name. */
  readonly actor: string;
  readonly cause: IntentCause;
};

/** What one target still owes. An intent about a person is owed by each target. */
export type PendingIntent = {
  readonly id: string;
  readonly target: TargetName;
  readonly scope: IntentScope;
  readonly cause: IntentCause;
  readonly askedAt: number;
};

/**
 * Has one of these targets still to answer for what these people have, or for one of these requests? Any of their
 * intents counts, whatever its cause.
 */
export async function isOwed(
  db: Db,
  about: {
    readonly people: readonly PersonId[];
    readonly requests: readonly RequestId[];
    readonly targets: readonly TargetName[];
  },
): Promise<boolean> {
  const owed = await db.query(
    `select from curfew.revoke_intent i join unnest($3::text[]) as t (name) on i.target is null or i.target = t.name
     where (i.person = any ($1::uuid[]) or i.request_id = any ($2::uuid[]))
       and not exists (select from curfew.revoke_outcome o where o.intent_id = i.id and o.target = t.name) limit 1`,
    [about.people, about.requests, about.targets],
  );
  return owed.length > 0;
}

export type IntentOutcome = {
  readonly intentId: string;
  readonly target: TargetName;
  /** What the target answered: JSON without secrets. */
  readonly evidence: unknown;
};

export type StoredIntent = Intent & {
  readonly askedAt: number;
  readonly outcomes: readonly { readonly target: TargetName; readonly evidence: unknown; readonly endedAt: number }[];
};

/**
 * The entry `end.asked` is the caller's, where the answer is true.
 * @returns false where an intent of this id is there already
 */
export async function insert(tx: Db, { id, scope, actor, cause }: Intent): Promise<boolean> {
  const made = await tx.query(
    `insert into curfew.revoke_intent (id, request_id, target, person, actor, cause)
     values ($1, $2, $3, $4, $5, $6) on conflict (id) do nothing returning 1`,
    [
      id,
      scope.kind === 'grant' ? scope.requestId : null,
      scope.kind === 'grant' ? scope.target : null,
      scope.kind === 'person' ? scope.person : null,
      actor,
      cause,
    ],
  );
  return made.length > 0;
}

/** The same for many, in one statement; those whose ids are there already are passed over. */
export async function insertAll(tx: Db, rows: readonly Intent[]): Promise<void> {
  if (rows.length === 0) return;
  const scopes = rows.map(({ scope }) => scope);
  await tx.query(
    `insert into curfew.revoke_intent (id, request_id, target, person, actor, cause)
     select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[]) on conflict (id) do nothing`,
    [
      rows.map(({ id }) => id),
      scopes.map((scope) => (scope.kind === 'grant' ? scope.requestId : null)),
      scopes.map((scope) => (scope.kind === 'grant' ? scope.target : null)),
      scopes.map((scope) => (scope.kind === 'person' ? scope.person : null)),
      rows.map(({ actor }) => actor),
      rows.map(({ cause }) => cause),
    ],
  );
}

type ScopeColumns = {
  readonly requestId: RequestId | null;
  readonly target: TargetName | null;
  readonly person: PersonId | null;
};

const scopeOf = ({ requestId, target, person }: ScopeColumns): IntentScope => {
  if (requestId !== null && target !== null) return { kind: 'grant', requestId, target };
  if (person !== null) return { kind: 'person', person };
  throw new Error('a revoke intent about nothing');
};

/**
 * Intents on which the login that asks has written no outcome of its own for these targets, oldest first, at most 10,000.
 * NB. What another login says of an end is not believed: a stolen worker could say it (I4, I9).
 * @param withinMs only what was asked in so many milliseconds; all where absent
 */
export async function pending(
  db: Db,
  targets: readonly TargetName[],
  withinMs?: number,
): Promise<readonly PendingIntent[]> {
  const rows = await db.query<OwedRow>(
    `select i.id, t.name as "owedBy", i.request_id as "requestId", i.target, i.person, i.cause, i.asked_at as "askedAt"
     from curfew.revoke_intent i join unnest($1::text[]) as t (name) on i.target is null or i.target = t.name
     where ${withinMs === undefined ? '' : `i.asked_at >= clock_timestamp() - $2 * interval '1 millisecond' and`}
       not exists (select from curfew.revoke_outcome o where o.intent_id = i.id and o.target = t.name and o.written_by = session_user)
     order by i.asked_at, i.id limit 10000`,
    withinMs === undefined ? [targets] : [targets, withinMs],
  );
  return rows.map(owedOf);
}

type OwedRow = ScopeColumns & Omit<PendingIntent, 'scope' | 'target'> & { readonly owedBy: TargetName };
const owedOf = (row: OwedRow): PendingIntent => ({
  id: row.id,
  target: row.owedBy,
  scope: scopeOf(row),
  cause: row.cause,
  askedAt: row.askedAt,
});

/**
 * Intents that have an outcome on these targets although the store still has a grant there that they ask the end of,
 * oldest first, at most 10,000: a stolen login can write an outcome too. Of a person's grants those count that were
 * made before the intent, because a rehire starts clean.
 */
export async function doubted(db: Db, targets: readonly TargetName[]): Promise<readonly PendingIntent[]> {
  const rows = await db.query<OwedRow>(
    `select distinct i.id, g.target as "owedBy", i.request_id as "requestId", i.target, i.person, i.cause,
       i.asked_at as "askedAt"
     from curfew.access_grant g join curfew.revoke_intent i
       on (i.request_id = g.request_id and i.target = g.target) or (i.person = g.person and g.granted_at <= i.asked_at)
     join curfew.revoke_outcome o on o.intent_id = i.id and o.target = g.target
     where g.ended_at is null and g.target = any($1::text[])
     order by i.asked_at, i.id limit 10000`,
    [targets],
  );
  return rows.map(owedOf);
}

/**
 * Closes intents on targets, for the login that says so, in one statement; of each its first evidence stands.
 * @returns those of which this was the first
 */
export async function outcomes(
  db: Db,
  rows: readonly IntentOutcome[],
): Promise<readonly Pick<IntentOutcome, 'intentId' | 'target'>[]> {
  if (rows.length === 0) return [];
  return db.query(
    `insert into curfew.revoke_outcome (intent_id, target, evidence)
     select * from unnest($1::uuid[], $2::text[], $3::jsonb[]) on conflict (intent_id, target, written_by) do nothing
     returning intent_id as "intentId", target`,
    [
      rows.map((row) => row.intentId),
      rows.map((row) => row.target),
      rows.map((row) => JSON.stringify(row.evidence ?? null)),
    ],
  );
}

/**
 * Every intent that asks for the end of this request, oldest first: its own, and those about its person that are not
 * older than the request (a rehire starts clean).
 */
export async function ofRequest(db: Db, requestId: RequestId): Promise<readonly StoredIntent[]> {
  const rows = await db.query<
    ScopeColumns & Omit<StoredIntent, 'scope' | 'outcomes'> & { outcomes: StoredIntent['outcomes'] | null }
  >(
    `select i.id, i.request_id as "requestId", i.target, i.person, i.actor, i.cause, i.asked_at as "askedAt",
       (select jsonb_agg(jsonb_build_object('target', o.target, 'evidence', o.evidence,
          'endedAt', floor(extract(epoch from o.ended_at) * 1000)) order by o.ended_at)
        from curfew.revoke_outcome o where o.intent_id = i.id) as outcomes
     from curfew.request r join curfew.revoke_intent i
       on i.request_id = r.id or (i.person = r.person and i.asked_at >= r.opened_at)
     where r.id = $1 order by i.asked_at, i.id`,
    [requestId],
  );
  return rows.map((row) => ({
    id: row.id,
    scope: scopeOf(row),
    actor: row.actor,
    cause: row.cause,
    askedAt: row.askedAt,
    outcomes: row.outcomes ?? [],
  }));
}

/** Intents about one of these requests itself that nobody has answered for this target. */
export async function unanswered(
  db: Db,
  ids: readonly RequestId[],
  target: TargetName,
): Promise<readonly { readonly id: string; readonly requestId: RequestId }[]> {
  return db.query(
    `select i.id, i.request_id as "requestId" from curfew.revoke_intent i where i.request_id = any ($1::uuid[])
       and not exists (select from curfew.revoke_outcome o where o.intent_id = i.id and o.target = $2)`,
    [ids, target],
  );
}

/** Was the end of all that this account has ever asked for, because its human left or was suspended? */
export async function wasAskedToGo(db: Db, person: PersonId): Promise<boolean> {
  const asked = await db.query(
    `select from curfew.revoke_intent where person = $1 and cause in ('left', 'suspended') limit 1`,
    [person],
  );
  return asked.length > 0;
}

/**
 * The requests of a person whose end was asked for because they left or were suspended, oldest first: what a report on
 * that is about.
 * @param sinceAt epoch ms; older intents are another leaving's
 */
export async function ofLeaver(
  db: Db,
  { person, cause, sinceAt }: { readonly person: PersonId; readonly cause: IntentCause; readonly sinceAt: number },
): Promise<readonly RequestId[]> {
  const rows = await db.query<{ id: RequestId }>(
    `select r.id from curfew.request r join curfew.revoke_intent i on i.request_id = r.id
     where r.person = $1 and i.cause = $2 and i.asked_at >= $3 group by r.id, r.opened_at order by r.opened_at, r.id`,
    [person, cause, new Date(sinceAt)],
  );
  return rows.map((row) => row.id);
}
