/**
 * Holds what is kept of a request's sessions against the log, which has a hash of each text and of each batch of
 * statements: whoever changes, adds or takes away one of them would have to change a signed log as well.
 */
import { createHash, type Hash } from 'node:crypto';
import type { SessionBodies } from '../domain/events/session.ts';
import { entriesOf, type StoredEntry } from './audit.ts';
import type { Db, Store } from './pool.ts';
import { statementLine } from './session-batches.ts';
import { hashOf } from './session-fold.ts';
import {
  keptSessions,
  retiredBefore,
  statementPages,
  type KeptSession,
  type KeptStatement,
  type Sessioned,
} from './session-kept.ts';

/** Something that is not what the log says it was. */
export type SessionChange = { readonly node: string; readonly session: string; readonly sentence: string };

type Opened = SessionBodies['session.opened'];
type Closed = SessionBodies['session.closed'];
type Batch = NonNullable<Closed['last']>;
/** What the log says of one session; `closed`: its newest word, where that says so. */
type Logged = { opened?: Opened; closed: Closed | undefined; readonly batches: Batch[] };

/** What does not fit, each named; of one instant. Admin and auditor only. */
export const sessionChanges = (store: Store, request: Sessioned): Promise<readonly SessionChange[]> =>
  store.transaction(async (tx) => {
    await tx.query('set transaction isolation level repeatable read, read only');
    return changesNow(tx, request);
  });

/** The same outside of a snapshot: what is written down meanwhile does not fit either, and does a moment later. */
export async function changesNow(db: Db, request: Sessioned): Promise<readonly SessionChange[]> {
  const logged = loggedIn(await entriesOf(db, request.id));
  const about = request.person === null ? [] : await entriesOf(db, request.person);
  const wasErased = about.some(({ kind }) => kind === 'person.erased');
  const before = await retiredBefore(db);
  const changes: SessionChange[] = [];
  const say = (key: string, sentence: string): void => {
    const [, node = '', session = ''] = JSON.parse(key) as string[];
    changes.push({ node, session, sentence });
  };
  const kept = new Map((await keptSessions(db, request.id)).map((row) => [keyOf(row), row]));
  for (const key of logged.keys()) if (!kept.has(key)) say(key, 'The log tells of this session, and it is not there.');
  for (const [key, row] of kept) {
    const said = logged.get(key) ?? { closed: undefined, batches: [] };
    const isCut = said.opened === undefined && row.openedAt < before;
    // An erasure that came after it may have been retired as well.
    const mayBeGone = wasErased || isCut;
    const found = [
      ...(isCut ? [] : headChanges(row, said)),
      ...textChanges({ ...row, line: 0 }, mayBeGone),
      ...(await statementChanges(db, row, said, { isCut, mayBeGone })),
    ];
    for (const sentence of found) say(key, sentence);
  }
  return changes;
}

type Place = Pick<Opened, 'cluster' | 'node' | 'session'>;
const keyOf = ({ cluster, node, session }: Place): string => JSON.stringify([cluster, node, session]);

function loggedIn(entries: readonly StoredEntry[]): ReadonlyMap<string, Logged> {
  const logged = new Map<string, Logged>();
  for (const { kind, body } of entries) {
    if (!kind.startsWith('session.')) continue;
    const key = keyOf(body as Place);
    const one = logged.get(key) ?? { closed: undefined, batches: [] };
    logged.set(key, one);
    if (kind === 'session.opened') one.opened = body as Opened;
    if (kind === 'session.statements') one.batches.push(body as Batch);
    one.closed = kind === 'session.closed' ? (body as Closed) : undefined;
    if (one.closed?.last) one.batches.push(one.closed.last);
  }
  return logged;
}

function headChanges(row: KeptSession, { opened, closed }: Logged): readonly string[] {
  if (!opened) return ['The log knows of no such session.'];
  const isSame =
    row.database === opened.database && row.openedAt === opened.openedAt && row.textHash === opened.application;
  const isSameEnd =
    row.closedAt === null ||
    (row.closedAt === closed?.closedAt && row.ended === closed.ended && row.statements === closed.statements);
  return [
    ...(isSame ? [] : ['Its database, when it began, or what its client called itself was changed.']),
    ...(isSameEnd ? [] : ['When or how it ended was changed.']),
  ];
}

/** Of every salt that a collector draws. */
const saltBytes = 16;

/** Texts go with their person, and with nobody else. */
function textChanges(row: KeptStatement | (KeptSession & { readonly line: 0 }), mayBeGone: boolean): readonly string[] {
  const { line, text, salt, textHash } = row;
  const [parameters, parametersHash] = 'parameters' in row ? [row.parameters, row.parametersHash] : [null, null];
  const what = line === 0 ? 'What its client called itself' : `The text of its line ${line}`;
  if (text === null) return textHash === null || mayBeGone ? [] : [`${what} is gone, and nobody was erased.`];
  // NB. A hash does not say where its salt ends: a longer one would swallow the beginning of a text.
  const isSame =
    salt?.byteLength === saltBytes && hashOf(salt, text) === textHash && hashOf(salt, parameters) === parametersHash;
  return isSame ? [] : [`${what} was changed.`];
}

/** Batches stand in the order of their lines; only of a session that goes on some lines are in none yet. */
async function statementChanges(
  db: Db,
  row: KeptSession,
  { batches, closed }: Logged,
  { isCut, mayBeGone }: { readonly isCut: boolean; readonly mayBeGone: boolean },
): Promise<readonly string[]> {
  const found: string[] = [];
  const left = batches.toSorted((a, b) => a.from - b.from);
  let open = begun(left.shift());
  let isLast = false;
  for await (const statement of statementPages(db, row.id)) {
    found.push(...textChanges(statement, mayBeGone));
    while (open && statement.line > open.batch.to) {
      found.push(...ended(open));
      open = begun(left.shift());
    }
    const isHeld = open !== undefined && statement.line >= open.batch.from;
    isLast = !isHeld && open === undefined;
    if (isHeld && open) {
      open.hash.update(statementLine(statement));
      open.count += 1;
    } else if (!isCut && (open !== undefined || row.closedAt !== null)) {
      found.push(`The log knows of no statement in its line ${statement.line}.`);
    }
  }
  for (; open; open = begun(left.shift())) found.push(...ended(open));
  // It goes on after its end only where more was said in it.
  if (row.closedAt === null && closed !== undefined && !isLast) found.push('That it ended was taken away.');
  return found;
}

type OpenBatch = { readonly batch: Batch; readonly hash: Hash; count: number };
const begun = (batch: Batch | undefined): OpenBatch | undefined =>
  batch && { batch, hash: createHash('sha256'), count: 0 };

function ended({ batch, hash, count }: OpenBatch): readonly string[] {
  const { from, to, count: was, sha256 } = batch;
  const where = from === to ? `its line ${from}` : `its lines ${from} to ${to}`;
  if (count !== was) return [`Of ${where} the log knows ${was} statements, and ${count} are there.`];
  return hash.digest('hex') === sha256 ? [] : [`A statement in ${where} was changed.`];
}
