/** Sessions that holders had, as the targets' own logs tell of them. Admin and auditor only. */
import type { RequestId } from '../domain/ids.ts';
import type { Db } from './pool.ts';
import type { Fixable } from './session-batches.ts';

export type HeldSession = {
  readonly requestId: RequestId;
  readonly cluster: string;
  readonly node: string;
  readonly session: string;
  readonly database: string;
  readonly openedAt: number;
  /** null while it is open. */
  readonly closedAt: number | null;
  /** `unseen`: the log does not say when, and its grant's end was verified. */
  readonly ended: 'seen' | 'unseen' | null;
  readonly statements: number;
  readonly failed: number;
  readonly lastAt: number;
};

/** In the order in which they began. */
export const sessionsOf = (db: Db, requestIds: readonly RequestId[]): Promise<readonly HeldSession[]> =>
  db.query(
    `select request_id as "requestId", cluster, node, session, database, opened_at as "openedAt", closed_at as "closedAt",
       ended, statements, failed, last_at as "lastAt"
     from curfew.session_of where request_id = any ($1::uuid[]) order by opened_at, cluster, node, session`,
    [requestIds],
  );

export type HeldStatement = Fixable & {
  readonly node: string;
  readonly session: string;
  /** null where none is kept, or it was erased. */
  readonly text: string | null;
  readonly parameters: string | null;
};

/** What was done under one request, in the order in which it was. @param limit how many at most */
export const statementsOf = (db: Db, requestId: RequestId, limit: number): Promise<readonly HeldStatement[]> =>
  db.query(
    `select s.node, s.session, x.line, x.at, x.via, x.what, x.duration_us as "durationUs", x.error,
       x.text_hash as "textHash", x.parameters_hash as "parametersHash", t.text, t.parameters
     from curfew.session s join curfew.session_statement x on x.session = s.id
       left join curfew.session_text t on t.session = x.session and t.line = x.line
     where s.request_id = $1 order by x.at, s.id, x.line limit $2`,
    [requestId, limit],
  );

/** `not known`: nobody read the log of each of its nodes from its beginning to its end. */
export type GrantUse = {
  readonly requestId: RequestId;
  readonly usage: 'used' | 'unused' | 'not known';
  readonly sessions: number;
  readonly statements: number;
  readonly firstAt: number | null;
  readonly lastAt: number | null;
};

/** Of each of these requests that had a grant. */
export const usesOf = (db: Db, requestIds: readonly RequestId[]): Promise<readonly GrantUse[]> =>
  db.query(
    `select request_id as "requestId", usage, sessions, statements, first_at as "firstAt", last_at as "lastAt"
     from curfew.grant_use where request_id = any ($1::uuid[]) order by request_id`,
    [requestIds],
  );

/** How far a node's log was read; `wholeSince` null where something of it is missing. */
export type Coverage = {
  readonly cluster: string;
  readonly node: string;
  readonly targets: readonly string[];
  readonly file: string | null;
  readonly readTo: number | null;
  readonly wholeSince: number | null;
  /** When a collector was first told of it. */
  readonly namedAt: number;
};

/** Of every node of which a collector is told. */
export const coverage = (db: Db): Promise<readonly Coverage[]> =>
  db.query(
    `select cluster, node, targets, file, read_to as "readTo", whole_since as "wholeSince", named_at as "namedAt"
     from curfew.session_cursor where gone_at is null order by cluster, node`,
  );
