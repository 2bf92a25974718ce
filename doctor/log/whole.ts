/** Whether the log's rows still are what their places in the tree say: leaf by leaf, up to every checkpoint. */
import { frontierOf } from '../../audit/frontier.ts';
import { leafHash, rootNodes } from '../../audit/merkle.ts';
import { entryLine } from '../../audit/entry-line.ts';
import * as rows from '../../store/log-rows.ts';
import type { EntryRow, LeafRow } from '../../store/log-rows.ts';
import * as tree from '../../store/log.ts';
import type { StoredCheckpoint } from '../../store/log.ts';
import type { Db } from '../../store/pool.ts';
import { textIn } from './since.ts';

/** `subject`: an entry's id, or `log`. */
export type LogFault = {
  readonly code: 'log-edited' | 'log-gone' | 'log-gap' | 'log-forked' | 'log-tree';
  readonly subject: string;
  readonly detail: string;
};

/** Whole tiles at a time, so that each chunk completes its own subtrees. */
const chunk = 16 * 256;
/** Whoever rewrote a log rewrote all that follows: the first ones say where. */
const mostFaults = 20;

/**
 * Reads the log from a place on, which takes a second for some hundred thousand entries.
 * @param from of a checkpoint, or 0: what is before it is taken from the tree's own nodes
 * @returns the first faults; empty: every entry is what it was when it got its place, and every checkpoint is the tree's
 */
export async function faultsOf(db: Db, from: number): Promise<readonly LogFault[]> {
  const faults: LogFault[] = [];
  const retired = await rows.retiredIds(db);
  const isRetired = (id: number): boolean => retired.some(({ firstId, lastId }) => id >= firstId && id <= lastId);
  let frontier;
  try {
    frontier = frontierOf(from, await tree.readNodes(db, rootNodes(from)));
  } catch (error) {
    if (!(error instanceof tree.TreeIncomplete)) throw error;
    return [{ code: 'log-gap', subject: 'log', detail: `Below entry ${from} of the log ${error.message}.` }];
  }
  const signed = checkpointsAfter(db, from);
  let next = await signed.take();
  while (faults.length < mostFaults) {
    const leaves = await rows.leavesFrom(db, frontier.size, chunk - (frontier.size % chunk));
    if (leaves.length === 0) break;
    const begins = frontier.size;
    for (const leaf of leaves) {
      if (leaf.index !== frontier.size) {
        faults.push(gap(frontier.size, leaf.index));
        return faults;
      }
      const fault = faultOf(leaf, isRetired);
      if (fault) faults.push(fault);
      frontier.push(leaf.hash);
      while (next && next.size === frontier.size) {
        if (!rootIn(next)?.equals(frontier.root())) faults.push(forked(next));
        next = await signed.take();
      }
    }
    for (const { level, index } of await rows.wrongNodes(db, begins, frontier.size))
      faults.push({
        code: 'log-tree',
        subject: 'log',
        detail: `Subtree ${index} of level ${level} is not its leaves'.`,
      });
  }
  if (next && faults.length < mostFaults) faults.push(short(next, frontier.size));
  return faults.slice(0, mostFaults);
}

/** What is wrong with the entry of a leaf: it was edited, or is gone. */
export const faultOf = (leaf: LeafRow, isRetired: (id: number) => boolean): LogFault | undefined => {
  const { index, entry, line } = leaf;
  if (line ? isSame(leaf, line) : isRetired(entry)) return undefined;
  return line
    ? {
        code: 'log-edited',
        subject: String(entry),
        detail: `Entry ${entry}, at place ${index}, is not what it was when it got its place.`,
      }
    : { code: 'log-gone', subject: String(entry), detail: `Entry ${entry}, at place ${index}, is gone.` };
};

function isSame({ entry: id, hash }: LeafRow, row: EntryRow): boolean {
  try {
    return leafHash(entryLine({ id, ...row })).equals(hash);
  } catch {
    // No instant of an entry that was ever appended.
    return false;
  }
}

const gap = (from: number, to: number): LogFault => ({
  code: 'log-gap',
  subject: 'log',
  detail: `Places ${from} to ${to - 1} of the log have no leaf.`,
});

const forked = ({ size }: StoredCheckpoint): LogFault => ({
  code: 'log-forked',
  subject: 'log',
  detail: `The checkpoint over ${size} entries is not that of the log's first ${size}.`,
});

const short = ({ size }: StoredCheckpoint, has: number): LogFault => ({
  code: 'log-gap',
  subject: 'log',
  detail: `The log has ${has} leaves, and a checkpoint over ${size} was signed.`,
});

function rootIn(stored: StoredCheckpoint): Buffer | undefined {
  const checkpoint = textIn(stored);
  return 'root' in checkpoint ? checkpoint.root : undefined;
}

const page = 1_000;

/** One after another, in pages. */
function checkpointsAfter(db: Db, from: number): { take(): Promise<StoredCheckpoint | undefined> } {
  let [after, kept]: [number, StoredCheckpoint[]] = [from, []];
  return {
    async take() {
      if (kept.length === 0) kept = [...(await tree.checkpoints(db, after, page))];
      const next = kept.shift();
      after = next?.size ?? after;
      return next;
    },
  };
}
