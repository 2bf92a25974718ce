/** How much of a log is what was signed of it: whoever goes on from a backup signs no more than that as the old log. */
import type { Checkpoint } from '../../audit/checkpoint.ts';
import type { Verifier } from '../../audit/signed-note.ts';
import { fitOf, type OwnLog } from '../../audit/witness/fit.ts';
import type { StoredCheckpoint } from '../../store/log.ts';
import { TreeIncomplete } from '../../store/log.ts';
import type { Db } from '../../store/pool.ts';
import { newestSigned, signedIn } from './signed.ts';

/** `at`: when that was signed, epoch ms; undefined: nothing of it is. */
export type Shown = { readonly size: number; readonly at: number | undefined };

const nothing: Shown = { size: 0, at: undefined };

/**
 * The largest checkpoint that this log begins with: the newest in the store, the newest of each witness, or the last of
 * those in the store before somebody changed the log.
 */
export async function shownOf(
  db: Db,
  own: OwnLog,
  held: readonly Checkpoint[],
  verifiers: readonly Verifier[],
): Promise<Shown> {
  const { signed } = await newestSigned(db, own.name, verifiers);
  const shown = [nothing];
  for (const checkpoint of [...held, ...(signed ? [signed] : [])]) shown.push(await shownBy(own, checkpoint));
  if (signed && !shown.some(({ size }) => size >= signed.size)) shown.push(await lastThatFits(db, own, verifiers));
  return shown.toSorted((one, other) => other.size - one.size)[0] ?? nothing;
}

async function shownBy(own: OwnLog, checkpoint: Checkpoint): Promise<Shown> {
  try {
    const fit = await fitOf(own, checkpoint);
    return fit.kind === 'fits' && fit.shows > 0 ? { size: fit.shows, at: checkpoint.at } : nothing;
  } catch (error) {
    if (error instanceof TreeIncomplete) return nothing;
    throw error;
  }
}

/** By halves: once one does not fit, none after it does. */
async function lastThatFits(db: Db, own: OwnLog, verifiers: readonly Verifier[]): Promise<Shown> {
  const [row] = await db.query<{ many: number }>('select count(*) as many from audit.checkpoint where size <= $1', [
    own.size,
  ]);
  let shown = nothing;
  let [low, high] = [0, row?.many ?? 0];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const [stored] = await db.query<StoredCheckpoint>(
      'select size, epoch, note, at from audit.checkpoint where size <= $1 order by size offset $2 limit 1',
      [own.size, middle],
    );
    const signed = stored && signedIn(stored, own.name, verifiers);
    const by = signed && typeof signed !== 'string' ? await shownBy(own, signed) : nothing;
    if (by === nothing) high = middle;
    else [low, shown] = [middle + 1, by];
  }
  return shown;
}
