/**
 * Writes down what targets' logs say of sessions. Everything of one piece of a log is one transaction, and how far it was
 * read is part of it: whoever is killed, or does it twice, loses nothing and doubles nothing.
 */
import { randomBytes } from 'node:crypto';
import { minuteMs } from '../domain/time.ts';
import { appendAll } from './audit.ts';
import { StoreError } from './failures.ts';
import type { Db, Store } from './pool.ts';
import { fixStatements } from './session-batches.ts';
import { foldSession, type NewStatement, type SessionLine, type SessionState, type Statement } from './session-fold.ts';
import { withTextsOfHolders } from './session-holders.ts';
import { holdPlace, movePlace, type LoggedNode, type LogPlace, type ReadOn } from './session-places.ts';
import { addStatements, begin, changeStatements, statesOf, save, type Of } from './session-rows.ts';

/** What was read from a place on; `lines` as they may be kept. */
export type LogPiece = ReadOn & {
  readonly lines: readonly SessionLine[];
  /** Of a node that was never read before: older lines are another node's, whose copy it is. Epoch ms. */
  readonly copiedUntil: number | null;
};

/**
 * Keeps one piece of a node's log, with the entries `session.opened`, `session.statements` and `session.closed`. A line that
 * the store does not take is left out, and something is missing then: it must not stop the reading of all that follow.
 * @param from the place from which it was read
 * @returns how many lines were left out; undefined where another collector has read on from there: nothing was written then
 */
export async function record(
  store: Store,
  node: LoggedNode,
  from: LogPlace,
  piece: LogPiece,
): Promise<number | undefined> {
  const recordBy = (keepThem: typeof keepByHalves) =>
    store.transaction(async (tx) => {
      const held = await holdPlace(tx, node, from);
      if (!held) return undefined;
      const ownSince = held.isNew ? piece.copiedUntil : held.ownSince;
      const own = piece.lines.filter(({ at }) => at >= (ownSince ?? 0));
      const skipped = own.length === 0 ? 0 : await keepThem(tx, node, own);
      await movePlace(tx, node, { ...piece, lost: piece.lost || skipped > 0 }, ownSince);
      return skipped;
    });
  try {
    return await recordBy(keep);
  } catch (error) {
    if (!isOfData(error)) throw error;
    return await recordBy(keepByHalves);
  }
}

/** What a line holds was refused: PostgreSQL appendix A, classes 22, 23 and 54, and a body that the log does not take. */
const isOfData = (error: unknown): boolean => error instanceof StoreError && /^(?:2[23]|54|CFA04)/.test(error.sqlstate);

async function keepByHalves(tx: Db, node: LoggedNode, lines: readonly SessionLine[]): Promise<number> {
  await tx.query('savepoint half');
  try {
    await keep(tx, node, lines);
    await tx.query('release savepoint half');
    return 0;
  } catch (error) {
    if (!isOfData(error)) throw error;
    await tx.query('rollback to savepoint half');
    await tx.query('release savepoint half');
  }
  if (lines.length === 1) return 1;
  const middle = Math.floor(lines.length / 2);
  return (await keepByHalves(tx, node, lines.slice(0, middle))) + (await keepByHalves(tx, node, lines.slice(middle)));
}

async function keep(tx: Db, node: LoggedNode, lines: readonly SessionLine[]): Promise<0> {
  const bySession = Map.groupBy(await withTextsOfHolders(tx, lines), ({ session }) => session);
  const opened = await begin(tx, node, bySession);
  const states = await statesOf(tx, node, [...bySession.keys()]);
  const added: Of<NewStatement>[] = [];
  const changed: Of<Statement>[] = [];
  const going: SessionState[] = [];
  for (const state of states) {
    const wasOver = state.closedAt !== null;
    const folded = foldSession(state, bySession.get(state.session) ?? [], () => randomBytes(16));
    added.push(...folded.added.map((statement) => ({ state, statement })));
    if (folded.changed) changed.push({ state, statement: folded.changed });
    if (!wasOver || folded.added.length > 0) going.push(state);
  }
  await addStatements(tx, added);
  await changeStatements(tx, changed);
  const fixed = await fixStatements(tx, node, going, { ended: 'seen' });
  await save(tx, going, 'seen');
  await appendAll(tx, [...opened, ...fixed]);
  return 0;
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
    const states = await statesOf(tx, node, [...endedAt.keys()]);
    for (const state of states) state.closedAt = endedAt.get(state.session) ?? null;
    await appendAll(tx, await fixStatements(tx, node, states, { ended: 'unseen', whatever: true }));
    await save(tx, states, 'unseen');
    return true;
  });
