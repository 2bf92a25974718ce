/** The log as its store has it, held against what was signed of it: by whoever signs, checks or recovers it. */
import type { Checkpoint } from '../../audit/checkpoint.ts';
import { openOpening } from '../../audit/epoch.ts';
import type { Verifier } from '../../audit/signed-note.ts';
import { fitOf, type OwnLog } from '../../audit/witness/fit.ts';
import * as tree from '../../store/log.ts';
import { epochs } from '../../store/log-epochs.ts';
import type { Db } from '../../store/pool.ts';

/** @param name the log's, without its epoch */
export async function ownLogOf(db: Db, name: string, verifiers: readonly Verifier[]): Promise<OwnLog> {
  // NB. The epoch before the size: a recovery in between leaves an older epoch with more entries, never the reverse.
  const known = await epochs(db);
  return {
    name,
    epoch: known.at(-1)?.number ?? 1,
    size: await tree.sizeOf(db),
    openings: known.flatMap(({ note }) => {
      const opening = note === null ? undefined : openOpening(note, verifiers);
      return opening && !('kind' in opening) ? [opening] : [];
    }),
    read: (nodes) => tree.readNodes(db, nodes),
  };
}

/** What speaks against a log, in words that follow "The log is not what was signed before:"; undefined: nothing does. */
export async function lostOf(own: OwnLog, held: readonly Checkpoint[]): Promise<string | undefined> {
  try {
    for (const checkpoint of held) {
      const fit = await fitOf(own, checkpoint);
      if (fit.kind === 'lost') return fit.says;
    }
    return undefined;
  } catch (error) {
    if (error instanceof tree.TreeIncomplete) return `of its ${own.size} entries, ${error.message}`;
    throw error;
  }
}
