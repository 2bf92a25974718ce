/**
 * The checkpoints of a file. Whoever holds the worker's login can put rows among those of the store, and can sign none:
 * such a row is left out, for a file that holds one fails as a whole.
 */
import { openCheckpoint, parseCheckpoint, type Checkpoint } from '../../audit/checkpoint.ts';
import { epochOf } from '../../audit/epoch.ts';
import type { CheckpointLine } from '../../audit/evidence/format.ts';
import { proveConsistency, type ReadNodes } from '../../audit/merkle.ts';
import type { Verifier } from '../../audit/signed-note.ts';
import { isRefusal } from '../../domain/errors.ts';
import { checkpointsFrom, checkpointsUpTo, chosenCheckpoints } from '../../store/evidence.ts';
import { readNodes, sizeOf, type StoredCheckpoint } from '../../store/log.ts';
import { epochs } from '../../store/log-epochs.ts';
import type { Db } from '../../store/pool.ts';
import { exitCodes, Stopped } from '../terminal.ts';
import type { Places } from './places.ts';

const mostCheckpoints = 1_000;

/** Is this row a checkpoint, as far as whoever writes the file can tell? */
export type IsTaken = (row: StoredCheckpoint) => boolean;

/** By its text, where nobody gave a key. */
export const isPlain: IsTaken = ({ size, note }) => {
  const read = parseCheckpoint(textOf(note));
  return !isRefusal(read) && read.size === size;
};

/** By who signed it. */
export const isSignedBy =
  (verifiers: readonly Verifier[]): IsTaken =>
  ({ size, note }) => {
    const opened = openCheckpoint(note, verifiers);
    return !('kind' in opened) && opened.size === size;
  };

/** What a note says, without who signed it. */
export const textOf = (note: string): string => note.slice(0, note.indexOf('\n\n') + 1);

/** Rows that do not count are passed over, and no more of them: each costs a look. */
const [page, pages] = [50, 20];

/** The largest of at most as many entries as have their places; undefined where there is none. */
export const newestOf = async (db: Db, isTaken: IsTaken): Promise<StoredCheckpoint | undefined> =>
  firstTaken((most) => checkpointsUpTo(db, most, page), await sizeOf(db), -1, isTaken);

/** Over how many entries the smallest of at least `least` and at most `most` is; undefined where there is none. */
export const signedFrom = async (db: Db, least: number, most: number, isTaken: IsTaken): Promise<number | undefined> =>
  (await firstTaken((from) => checkpointsFrom(db, from, most, page), least, 1, isTaken))?.size;

/** @param step to the size after the last one that was read, the way that `read` goes */
async function firstTaken(
  read: (size: number) => Promise<readonly StoredCheckpoint[]>,
  begin: number,
  step: 1 | -1,
  isTaken: IsTaken,
): Promise<StoredCheckpoint | undefined> {
  let size = begin;
  for (let turn = 0; turn < pages; turn += 1) {
    const rows = await read(size);
    const first = rows.find(isTaken);
    if (first || rows.length < page) return first;
    size = (rows.at(-1)?.size ?? 0) + step;
  }
  return undefined;
}

/** Is it of what a recovery has said is lost? The log does not go on from that, and whoever verifies counts it as lost. */
async function isLost(db: Db, { origin, size }: Checkpoint): Promise<boolean> {
  const epoch = epochOf(origin, origin.slice(0, origin.lastIndexOf('/'))) ?? 0;
  return (await epochs(db)).some(({ number, beganAtSize }) => number > epoch && beganAtSize < size);
}

const logOf = (note: string): string => note.slice(0, note.indexOf('\n')).replace(/\/\d+$/, '');

/** A file with the checkpoints of two logs holds for neither. */
function mustBeOfOneLog(given: string | undefined, [first]: readonly StoredCheckpoint[]): void {
  if (given === undefined || !first || logOf(given) === logOf(first.note)) return;
  throw new Stopped(
    `The checkpoint is one of the log ${logOf(given)}, and this is the log ${logOf(first.note)}.`,
    exitCodes.usage,
  );
}

/** Those of the log, and the one that somebody else kept, each with the proof that it goes on from the one before. */
export async function checkpointsOf(
  db: Db,
  { span, picked }: Places,
  size: number,
  given: string | undefined,
  isTaken: IsTaken,
): Promise<readonly CheckpointLine[]> {
  const read: ReadNodes = (nodes) => readNodes(db, nodes);
  const kept = given === undefined ? undefined : parseCheckpoint(textOf(given));
  if (isRefusal(kept)) throw new Stopped(kept.message, exitCodes.usage);
  const from = span.to > span.from ? span.from + 1 : (picked[0] ?? 0) + 1;
  const wanted = [span.to, ...(kept ? [kept.size] : [])];
  const chosen = await chosenCheckpoints(db, {
    from: Math.min(from, kept?.size ?? from),
    size,
    wanted,
    most: mostCheckpoints,
  });
  const stored = chosen.filter(isTaken);
  mustBeOfOneLog(given, stored);
  const isThere = kept && stored.some((one) => one.size === kept.size);
  const missing = kept && given !== undefined && kept.size < size && !isThere && !(await isLost(db, kept));
  const all = [
    ...stored.map((one) => ({ size: one.size, note: one.note })),
    ...(missing ? [{ size: kept.size, note: given }] : []),
  ];
  const lines: CheckpointLine[] = [];
  let before: number | undefined;
  for (const one of all.toSorted((a, b) => a.size - b.size)) {
    const proof = before === undefined ? [] : await proveConsistency(before, one.size, read);
    lines.push({ note: one.note, consistency: proof.map((hash) => hash.toString('base64')) });
    before = one.size;
  }
  return lines;
}
