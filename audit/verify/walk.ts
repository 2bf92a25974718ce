/** The first walk over an evidence file: hashes, and nothing of what they are hashes of is read. */
import type { SignedCheckpoint } from '../checkpoint.ts';
import { leafBytes, leavesMember, members } from '../evidence/format.ts';
import type { Evidence } from '../evidence/read.ts';
import type { Verifier } from '../signed-note.ts';
import { readCheckpoints } from './checkpoints.ts';
import { OutOfPlace, placedLines } from './lines.ts';
import { says } from './sentence.ts';
import { tallyOf, type CheckReport, type Tally } from './report.ts';
import { checkTree } from './tree.ts';

/** How many entries more are done. */
export type Progress = (entries: number) => void;

/** `entries`: how many were looked at; `has`: is the entry at this place what was signed? */
export type Proven = { readonly entries: number; readonly has: (index: number) => boolean };

/**
 * Before anything else: what is not known to be what was signed is believed by nobody, and no script of it is run.
 */
export async function walkTree(
  evidence: Evidence,
  known: readonly SignedCheckpoint[],
  newest: SignedCheckpoint,
  tally: Tally,
  progress: Progress,
): Promise<Proven> {
  let entries = 0;
  try {
    const tree = checkTree(evidence.index, known, newest, tally);
    const leaves = leavesOf(evidence);
    for await (const batch of placedLines(evidence)) {
      const isSpan = batch.every(({ proof }) => proof === undefined);
      if (isSpan) tree.seeSpan(batch, await leaves.next(batch.length));
      else
        for (const placed of batch)
          if (placed.proof) tree.seePicked(placed, placed.proof);
          else tree.seeSpan([placed], await leaves.next(1));
      entries += batch.length;
      progress(batch.length);
    }
    tree.finish();
    if (!(await leaves.wereAll())) tally.bad(leavesMember, 'It does not have one hash for each entry of the span.');
    return { entries, has: tree.proven };
  } catch (error) {
    tally.bad(error instanceof OutOfPlace ? error.index : members.entries, says(error));
    return { entries, has: () => false };
  }
}

/** Check 1 alone: is the file what was signed? Says nothing of whether what was signed was right. */
export async function proveLog(evidence: Evidence, keys: readonly Verifier[]): Promise<CheckReport> {
  const tally = tallyOf(1);
  const { checkpoints } = await readCheckpoints(evidence, keys, tally);
  const newest = checkpoints.at(-1);
  if (newest) await walkTree(evidence, checkpoints, newest, tally, () => undefined);
  return tally.report();
}

type Leaves = {
  /** The next so many, one after another; fewer past their end. */
  next(many: number): Promise<Buffer>;
  /** Were there exactly as many as were asked for? */
  wereAll(): Promise<boolean>;
};

/** The hashes of the span's leaves. */
function leavesOf(evidence: Evidence): Leaves {
  const pieces = evidence.pieces(leavesMember);
  let held: Buffer = Buffer.alloc(0);
  let missing = false;
  return {
    async next(many) {
      const wanted = many * leafBytes;
      while (held.byteLength < wanted) {
        const piece = await pieces.next();
        if (piece.done) break;
        held = Buffer.concat([held, piece.value]);
      }
      const taken = held.subarray(0, Math.min(wanted, held.byteLength - (held.byteLength % leafBytes)));
      held = held.subarray(taken.byteLength);
      missing ||= taken.byteLength < wanted;
      return taken;
    },
    wereAll: async () => !missing && held.byteLength === 0 && (await pieces.next()).done === true,
  };
}
