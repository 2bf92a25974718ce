/**
 * Writes down what targets' logs say of sessions. Everything of one piece of a log is one transaction, and how far it was
 * read is part of it: whoever is killed, or does it twice, loses nothing and doubles nothing.
 */
import { randomBytes } from 'node:crypto';
import { minuteMs } from '../domain/time.ts';
import { appendAll } from './audit.ts';
import type { Db, Store } from './pool.ts';
import { fixStatements } from './session-batches.ts';
import { foldSession, type NewStatement, type SessionLine, type Statement } from './session-fold.ts';
import { addStatements, begin, changeStatements, openStates, save, type Of } from './session-rows.ts';

/** One node of one cluster, and the cluster's targets. */
export type LoggedNode = { readonly cluster: string; readonly node: string; readonly targets: readonly string[] };

/** `file` null: nothing was read yet. */
export type LogPlace = { readonly file: string | null; readonly head: Buffer | null; readonly next: number };

/** What was read from a place on; `lines` as they may be kept. */
export type LogPiece = {
  readonly place: LogPlace;
  /** Before it was read; epoch ms, the target's clock. */
  readonly askedAt: number;
  readonly lines: readonly SessionLine[];
  /** There is more already. */
  readonly more: boolean;
  /** Something that was not read is gone. */
  readonly lost: boolean;
  /** Whether the server logs who comes and who goes. */
  readonly connections: boolean;
  /** Of a node that was never read before: older lines are another node's, whose copy it is. Epoch ms. */
  readonly copiedUntil: number | null;
};

/** How far a node's log was read; the beginning where it never was. */
export async function placeOf(db: Db, { cluster, node }: LoggedNode): Promise<LogPlace> {
  const [row] = await db.query<LogPlace>(
    'select file, head, next from curfew.session_cursor where cluster = $1 and node = $2',
    [cluster, node],
  );
  return row ?? { file: null, head: null, next: 0 };
}

/**
 * Keeps one piece of a node's log, with the entries `session.opened`, `session.statements` and `session.closed`.
 * @param from the place from which it was read
 * @returns false where another collector has read on from there: nothing was written then
 */
export const record = (store: Store, node: LoggedNode, from: LogPlace, piece: LogPiece): Promise<boolean> =>
  store.transaction(async (tx) => {
    const held = await holdPlace(tx, node, from, piece.copiedUntil);
    if (!held) return false;
    const own = piece.lines.filter(({ at }) => at >= (held.ownSince ?? 0));
    await appendAll(tx, await keep(tx, node, own));
    await movePlace(tx, node, piece);
    return true;
  });

async function keep(tx: Db, node: LoggedNode, lines: readonly SessionLine[]) {
  if (lines.length === 0) return [];
  const bySession = Map.groupBy(lines, ({ session }) => session);
  const opened = await begin(tx, node, bySession);
  const states = await openStates(tx, node, [...bySession.keys()]);
  const added: Of<NewStatement>[] = [];
  const changed: Of<Statement>[] = [];
  for (const state of states) {
    const folded = foldSession(state, bySession.get(state.session) ?? [], () => randomBytes(16));
    added.push(...folded.added.map((statement) => ({ state, statement })));
    if (folded.changed) changed.push({ state, statement: folded.changed });
  }
  await addStatements(tx, added);
  await changeStatements(tx, changed);
  const fixed = await fixStatements(tx, node, states, { ended: 'seen' });
  await save(tx, states, 'seen');
  return [...opened, ...fixed];
}

/** A grant is over this long, and its session neither goes on in the log nor ends there: its server crashed. */
const unseenAfterMs = minuteMs;
/** What a session did is fixed in the log after this long at the latest. */
export const fixedAfterMs = 10 * minuteMs;
const mostSettled = 200;

/**
 * For a node whose log was read to its end: fixes what long sessions did meanwhile, and closes those of grants that are
 * over, whose end was verified by others, although the log never says so.
 * @param readTo every line that is older was read; epoch ms, the target's clock
 */
export const settle = (store: Store, node: LoggedNode, from: LogPlace, readTo: number): Promise<boolean> =>
  store.transaction(async (tx) => {
    if (!(await holdPlace(tx, node, from))) return false;
    const due = await tx.query<{ session: string; endedAt: number | null }>(
      `select s.session, g.ended_at as "endedAt" from curfew.session s
         left join curfew.access_grant g on g.request_id = s.request_id and g.ended_at < $3
       where s.cluster = $1 and s.node = $2 and s.closed_at is null and (g.request_id is not null or exists (
         select from curfew.session_statement x where x.session = s.id and x.line > s.batched_line and x.at < $4
           and exists (select from curfew.session_statement y where y.session = x.session and y.line > x.line)))
       order by s.id limit ${mostSettled}`,
      [node.cluster, node.node, new Date(readTo - unseenAfterMs), new Date(readTo - fixedAfterMs)],
    );
    const endedAt = new Map(due.map((row) => [row.session, row.endedAt]));
    const states = await openStates(tx, node, [...endedAt.keys()]);
    for (const state of states) state.closedAt = endedAt.get(state.session) ?? null;
    await appendAll(tx, await fixStatements(tx, node, states, { ended: 'unseen', whatever: true }));
    await save(tx, states, 'unseen');
    return true;
  });

type HeldPlace = { readonly ownSince: number | null };

/** Locks how far the node's log was read. @returns undefined where that is another place by now */
async function holdPlace(
  tx: Db,
  { cluster, node, targets }: LoggedNode,
  from: LogPlace,
  ownSince: number | null = null,
): Promise<HeldPlace | undefined> {
  await tx.query(
    `insert into curfew.session_cursor (cluster, node, targets, next, own_since) values ($1, $2, $3, 0, $4)
     on conflict (cluster, node) do nothing`,
    [cluster, node, targets, ownSince === null ? null : new Date(ownSince)],
  );
  const [held] = await tx.query<HeldPlace>(
    `select own_since as "ownSince" from curfew.session_cursor where cluster = $1 and node = $2 and file is not distinct from $3::text
       and head is not distinct from $4::bytea and next = $5 for update`,
    [cluster, node, from.file, from.head, from.next],
  );
  return held;
}

/** NB. Nothing is whole whose beginning nobody saw: `whole_since` is when the reading began, and begins again after a gap. */
const movePlace = (tx: Db, { cluster, node, targets }: LoggedNode, piece: LogPiece): Promise<unknown> =>
  tx.query(
    `update curfew.session_cursor c set targets = $3, file = $4::text, head = $5, next = $6,
       read_to = case when $8 then c.read_to else greatest(c.read_to, $7) end,
       whole_since = case when not $10 or $4::text is null then null when $9 then $7 else coalesce(c.whole_since, $7) end
     where c.cluster = $1 and c.node = $2`,
    [
      cluster,
      node,
      targets,
      piece.place.file,
      piece.place.head,
      piece.place.next,
      new Date(piece.askedAt),
      piece.more,
      piece.lost,
      piece.connections,
    ],
  );
