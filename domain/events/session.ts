/** Entries of what a target's own log says of the sessions of a grant. */
import { constructorsOf, type Sentences } from './entry.ts';

/** `session`: the backend's, unique on its node. */
type Place = { readonly cluster: string; readonly node: string; readonly session: string };

/** `application`: SHA-256 of salt and the name that the client gave itself; null where it gave none. */
type Opened = Place & {
  readonly database: string;
  readonly openedAt: number;
  readonly application: string | null;
};

/**
 * Statements that are kept, in their order: SHA-256 over a line of RFC 8785 JSON and a newline for each, as
 * `statementLine` of store/session-batches.ts makes it. Each statement is in one batch.
 */
type Batch = {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly sha256: string;
};

/**
 * `ended`: `seen` where the log says so; `unseen` where a server that crashed could not, and the grant's end was verified.
 * `statements`: of the whole session; `last`: those that no earlier batch holds. Where its log goes on all the same, so does
 * the session, and is closed once more.
 */
type Closed = Place & {
  readonly closedAt: number;
  readonly ended: 'seen' | 'unseen';
  readonly statements: number;
  readonly last: Batch | null;
};

export type SessionBodies = {
  readonly 'session.opened': Opened;
  readonly 'session.statements': Place & Batch;
  readonly 'session.closed': Closed;
};

const entry = constructorsOf<SessionBodies>();

/** A holder came in. Subject: the request. */
export const sessionOpened = entry('session.opened');
/** Part of a long session is fixed while it goes on. Subject: the request. */
export const sessionStatements = entry('session.statements');
/** A holder's session is over. Subject: the request. */
export const sessionClosed = entry('session.closed');

export const sessionSentences: Sentences<SessionBodies> = {
  'session.opened': ({ body }) => `A session of this grant began in the database ${body.database} on ${body.node}.`,
  'session.statements': ({ body }) => `A session on ${body.node} went on: ${kept(body.count)}.`,
  'session.closed': ({ body }) =>
    `A session on ${body.node} ended${body.ended === 'seen' ? '' : ', although its log does not say when'}: ${kept(body.statements)}.`,
};

const kept = (count: number): string => (count === 1 ? '1 statement is kept' : `${count} statements are kept`);
