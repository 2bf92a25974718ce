import type { Statement } from './connection.ts';

/**
 * One function a call of `curfew.*` (sql/install.sql): its text, what goes in, and what comes out. Instants travel as
 * ISO 8601 with a Z, which no DateStyle or TimeZone can move.
 */
const instant = (at: number): string => new Date(at).toISOString();

/** Everything that `grant` takes. `attemptDeadlineAt`: after it the target refuses, so that a zombie cannot grant (CF003). */
export type GrantCall = {
  readonly grantId: string;
  readonly personId: string;
  readonly template: string;
  readonly verifier: string;
  readonly endAt: number;
  readonly attemptDeadlineAt: number;
  readonly keyId: string;
  readonly ticket: Uint8Array;
  /** Logins stop this long before `endAt`, 0 to an hour; sessions go on until then. */
  readonly graceMs: number;
  /** Id of the newest audit entry of the store by which this was judged: less than the target has seen is refused (CF015). */
  readonly storeIndex: number;
};
/** `created: false`: the same call had succeeded before; `endAt` may then be later than asked, after an extension. */
export type Granted = { readonly role: string; readonly endAt: number; readonly created: boolean };

export const grantStatement = (call: GrantCall): Statement => ({
  call: 'grant',
  text: `select role, until, created from curfew.grant($1::uuid, $2::uuid, $3, $4, $5::timestamptz, $6::timestamptz, $7, $8, $9 * interval '1 ms', $10)`,
  values: [
    call.grantId,
    call.personId,
    call.template,
    call.verifier,
    instant(call.endAt),
    instant(call.attemptDeadlineAt),
    call.keyId,
    Buffer.from(call.ticket),
    call.graceMs,
    call.storeIndex,
  ],
});
export type GrantRow = { role: string; until: Date; created: boolean };
export const grantedOf = (row: GrantRow): Granted => ({
  role: row.role,
  endAt: row.until.getTime(),
  created: row.created,
});

export type ExtendCall = {
  readonly grantId: string;
  readonly endAt: number;
  readonly attemptDeadlineAt: number;
  readonly keyId: string;
  readonly ticket: Uint8Array;
};
export const extendStatement = (call: ExtendCall): Statement => ({
  call: 'extend',
  text: 'select curfew.extend($1::uuid, $2::timestamptz, $3::timestamptz, $4, $5) as until',
  values: [call.grantId, instant(call.endAt), instant(call.attemptDeadlineAt), call.keyId, Buffer.from(call.ticket)],
});

/**
 * `absent`: a tombstone and no role. `blocked`: the login is off, a membership waits for its template's lock.
 * `failed`: still enabled. Both of these: call again.
 */
export type RevokeOutcome = 'disabled' | 'absent' | 'blocked' | 'failed';
export type Revoked = { readonly grantId: string; readonly outcome: RevokeOutcome; readonly memberships: number };

export const revokeStatement = (ids: readonly string[]): Statement => ({
  call: 'revoke',
  text: 'select grant_id as "grantId", outcome, memberships from curfew.revoke_many($1::uuid[])',
  values: [ids],
});

/** `sessionsLeft` after the wait; `signalled`: pids that were told to end by this call. */
export type Killed = { readonly grantId: string; readonly sessionsLeft: number; readonly signalled: readonly number[] };

export const killStatement = (ids: readonly string[], waitMs: number): Statement => ({
  call: 'kill',
  text: 'select grant_id as "grantId", sessions as "sessionsLeft", signalled from curfew.kill_many($1::uuid[], $2)',
  values: [ids, waitMs],
});

/** What a later transaction read of a grant on one node. Only `ended` means that nothing is left there. */
export type Verified = {
  readonly grantId: string;
  readonly state: 'active' | 'revoked' | 'dropped';
  readonly roleExists: boolean;
  readonly canLogin: boolean;
  readonly memberships: number;
  readonly sessions: number;
  readonly prepared: number;
  /** Backends in the middle of login, anybody's; the first answer's are the `watch` of the calls after it. */
  readonly inFlight: readonly string[];
  readonly ended: boolean;
  /** Sessions told to end so far, by whichever process of ours; 0 on a standby, which notes nothing. */
  readonly closed: number;
  /** Of the node, at the same moment. */
  readonly inRecovery: boolean;
};
export const verifyStatement = (ids: readonly string[], watch: readonly string[] | undefined): Statement => ({
  call: 'verify',
  text: `select grant_id as "grantId", state, role_exists as "roleExists", can_login as "canLogin", memberships, sessions,
           prepared, in_flight as "inFlight", ended, closed, pg_catalog.pg_is_in_recovery() as "inRecovery"
         from curfew.verify_many($1::uuid[], $2::text[])`,
  values: [ids, watch ?? null],
});

/** `oldestMs`: since when the oldest of the open transactions is; null where there is none, or the target may not say. */
export type OpenWork = {
  readonly grantId: string;
  readonly sessions: number;
  readonly openTransactions: number;
  readonly oldestMs: number | null;
};
export const openWorkStatement = (ids: readonly string[]): Statement => ({
  call: 'open_work',
  text: `select grant_id as "grantId", sessions, open_transactions as "openTransactions", oldest_ms as "oldestMs"
         from curfew.open_work($1::uuid[])`,
  values: [ids],
});

export const markStoreStatement = (index: number): Statement => ({
  call: 'mark_store',
  text: 'select curfew.mark_store($1)::float8 as mark',
  values: [index],
});

export const liveOfStatement = (personId: string): Statement => ({
  call: 'live_of',
  text: 'select g as "grantId" from curfew.live_of($1::uuid) g',
  values: [personId],
});

/** A role and its ledger row side by side; what the one lacks is null in the other's fields. */
export type Live = {
  readonly grantId: string | null;
  readonly personId: string | null;
  readonly role: string;
  readonly roleOid: number | null;
  readonly state: 'active' | 'revoked' | null;
  readonly template: string | null;
  readonly endAt: number | null;
  /** Logins stop this long before `endAt`. */
  readonly graceMs: number | null;
  readonly revokedAt: number | null;
  readonly canLogin: boolean | null;
  /** VALID UNTIL: `-Infinity` once disabled. */
  readonly validUntilAt: number | null;
  readonly memberships: readonly string[];
  readonly sessions: number;
};
export type LiveRow = {
  grant_id: string | null;
  person: string | null;
  role: string;
  role_oid: number | null;
  state: 'active' | 'revoked' | null;
  template: string | null;
  until: Date | null;
  grace_ms: number | null;
  revoked_at: Date | null;
  can_login: boolean | null;
  valid_until: Date | number | null;
  memberships: string[];
  sessions: number;
};
export const listLiveStatement: Statement = {
  call: 'list_live',
  text: `select grant_id, person, role, role_oid, state, template, until,
           (extract(epoch from grace) * 1000)::float8 as grace_ms, revoked_at, can_login, valid_until, memberships, sessions
         from curfew.list_live()`,
  values: [],
};
export const liveOf = (row: LiveRow): Live => ({
  grantId: row.grant_id,
  personId: row.person,
  role: row.role,
  roleOid: row.role_oid,
  state: row.state,
  template: row.template,
  endAt: row.until?.getTime() ?? null,
  graceMs: row.grace_ms,
  revokedAt: row.revoked_at?.getTime() ?? null,
  canLogin: row.can_login,
  // node-postgres answers plus or minus Infinity as a number.
  validUntilAt: row.valid_until === null ? null : Number(row.valid_until),
  memberships: row.memberships,
  sessions: row.sessions,
});

/** What the reaper ended. `due`: its time was up. `repair`: it disagreed with the ledger. `stranger`: not Curfew's at all. */
export type Reaped = {
  readonly grantId: string | null;
  readonly role: string;
  readonly cause: 'due' | 'repair' | 'stranger';
  readonly outcome: RevokeOutcome;
  readonly memberships: number | null;
};
export const reapStatement = (limit: number): Statement => ({
  call: 'reap',
  text: 'select grant_id as "grantId", role, cause, outcome, memberships from curfew.reap($1)',
  values: [limit],
});

export type ReapKilled = { readonly ended: number; readonly sessionsLeft: number; readonly inFlight: number };
export const reapKillStatement = (waitMs: number): Statement => ({
  call: 'reap_kill',
  text: 'select ended, sessions_left as "sessionsLeft", in_flight as "inFlight" from curfew.reap_kill($1)',
  values: [waitMs],
});

/** `inFlight`: logins under way there, anybody's, for the caller to remember. */
export type Swept = { readonly ended: number; readonly sessionsLeft: number; readonly inFlight: readonly string[] };
export const sweepStatement = (waitMs: number, late: readonly string[]): Statement => ({
  call: 'sweep',
  text: 'select ended, sessions_left as "sessionsLeft", in_flight as "inFlight" from curfew.sweep($1, $2)',
  values: [waitMs, late],
});
