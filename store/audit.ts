/**
 * The log of what happened. Rule of this folder: a function that takes an `actor` appends its own entry, in its own
 * transaction; with every other, the entry is the caller's, in the same transaction (I11).
 */
import canonicalize from 'canonicalize';
import type { AuditEntry, AuditKind, ReadEntry } from '../domain/events.ts';
import type { Db } from './pool.ts';

export type StoredEntry = ReadEntry & {
  readonly id: number;
  readonly at: number;
  /** As the server stamped it: a login of a process, or an operator's own. */
  readonly login: string;
  /** The body as it was written (RFC 8785): what hashes are made of. */
  readonly bytes: Buffer;
};

/** The bytes of a body, RFC 8785: written once and never made again from a parsed form. */
export function bodyBytes(body: object): Buffer {
  const text = canonicalize(body);
  if (text === undefined) throw new TypeError('an audit body that is no JSON');
  return Buffer.from(text, 'utf8');
}

/**
 * Appends one entry. Call it in the transaction of the change that it records.
 * @returns its id
 * @throws StoreError CFA01 for a kind that is not this login's
 */
export async function append(db: Db, entry: AuditEntry): Promise<number> {
  const rows = await db.query<{ id: number }>('select audit.append($1, $2, $3, $4) as id', valuesOf(entry));
  const [row] = rows;
  if (!row) throw new Error('audit.append answered nothing');
  return row.id;
}

/** What `audit.append` takes, for whoever calls it in the statement that makes the change. */
export const valuesOf = ({ kind, actor, subject, body }: AuditEntry): readonly unknown[] => [
  kind,
  actor,
  subject,
  bodyBytes(body),
];

/** Appends many in one statement, in their order. */
export async function appendAll(db: Db, entries: readonly AuditEntry[]): Promise<void> {
  if (entries.length === 0) return;
  await db.query(
    `select audit.append(e.kind, e.actor, e.subject, e.body)
     from unnest($1::text[], $2::text[], $3::text[], $4::bytea[]) with ordinality as e (kind, actor, subject, body, place)
     order by e.place`,
    [
      entries.map(({ kind }) => kind),
      entries.map(({ actor }) => actor),
      entries.map(({ subject }) => subject),
      entries.map(({ body }) => bodyBytes(body)),
    ],
  );
}

/**
 * Id of the newest entry, 0 before the first. Never less than it was before in the same store: a store that says less
 * than a target has seen was restored.
 */
export async function newestIndex(db: Db): Promise<number> {
  const [row] = await db.query<{ id: number }>('select audit.newest() as id');
  if (!row) throw new Error('audit.newest answered nothing');
  return row.id;
}

type EntryRow = {
  readonly id: number;
  readonly at: number;
  readonly login: string;
  readonly kind: AuditKind;
  readonly actor: string;
  readonly subject: string;
  readonly body: Buffer;
};

/** Everything about one request, person, target or policy, oldest first. Admin and auditor only. */
export const entriesOf = async (db: Db, subject: string): Promise<readonly StoredEntry[]> =>
  (
    await db.query<EntryRow>(
      'select id, at, login, kind, actor, subject, body from audit.entry where subject = $1 order by id',
      [subject],
    )
  ).map(stored);

/** Entries with a higher id, oldest first, at most `limit`. Admin and auditor only. */
export const entriesAfter = async (db: Db, id: number, limit: number): Promise<readonly StoredEntry[]> =>
  (
    await db.query<EntryRow>(
      'select id, at, login, kind, actor, subject, body from audit.entry where id > $1 order by id limit $2',
      [id, limit],
    )
  ).map(stored);

const stored = ({ body, ...row }: EntryRow): StoredEntry => ({
  ...row,
  body: JSON.parse(body.toString('utf8')) as StoredEntry['body'],
  bytes: body,
});
