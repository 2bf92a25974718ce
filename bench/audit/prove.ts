/** Check 1 of `curfew verify` and nothing after it: the entries of the file are the log that was signed. */
import { leafBytes, leavesMember } from '../../audit/evidence/format.ts';
import type { Evidence } from '../../audit/evidence/read.ts';
import type { Verifier } from '../../audit/signed-note.ts';
import { readCheckpoints } from '../../audit/verify/checkpoints.ts';
import { placedLines } from '../../audit/verify/lines.ts';
import { tallyOf } from '../../audit/verify/report.ts';
import { checkTree } from '../../audit/verify/tree.ts';

/** @returns the root that was signed, hex. @throws Error where the file is not what was signed */
export async function prove(evidence: Evidence, keys: readonly Verifier[]): Promise<string> {
  const tally = tallyOf(1);
  const { checkpoints } = await readCheckpoints(evidence, keys, tally);
  const newest = checkpoints.at(-1);
  if (!newest) throw new Error('no checkpoint counts');
  const tree = checkTree(evidence.index, checkpoints, newest, tally);
  const leaves = evidence.pieces(leavesMember);
  let held: Buffer = Buffer.alloc(0);
  for await (const lines of placedLines(evidence)) {
    while (held.byteLength < lines.length * leafBytes) {
      const piece = await leaves.next();
      if (piece.done) break;
      held = Buffer.concat([held, piece.value]);
    }
    for (const [at, placed] of lines.entries()) tree.see(placed, held.subarray(at * leafBytes, (at + 1) * leafBytes));
    held = held.subarray(lines.length * leafBytes);
  }
  tree.finish();
  const { holds, first } = tally.report();
  if (!holds || (await evidence.damage()).length > 0)
    throw new Error(`the evidence does not hold: ${JSON.stringify(first[0])}`);
  return newest.root.toString('hex');
}
