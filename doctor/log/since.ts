/** From where on somebody looks at the log: what was signed before an instant was looked at before. */
import { parseCheckpoint, type Checkpoint } from '../../audit/checkpoint.ts';
import { rootOf } from '../../audit/merkle.ts';
import type { Verifier } from '../../audit/signed-note.ts';
import { readNodes, TreeIncomplete, type StoredCheckpoint } from '../../store/log.ts';
import type { Db } from '../../store/pool.ts';
import { signedIn } from './signed.ts';

type Keys = { readonly name: string; readonly verifiers: readonly Verifier[] };

/** So many rows that are not what they say are passed over; then all of the log is looked at. */
const [page, pages] = [50, 20];

/**
 * The largest checkpoint from before an instant. NB. Whoever has the database sets the columns, and not what was signed
 * when: its note has to say so as well, and the log has to begin with what it is over.
 * @param at epoch ms
 * @param keys whose notes count; undefined: nobody knows, and each does
 * @returns its size; 0 where there is none
 */
export async function sizeSignedBefore(db: Db, at: number, keys: Keys | undefined): Promise<number> {
  let below: number = Number.MAX_SAFE_INTEGER;
  for (let turn = 0; turn < pages; turn += 1) {
    const rows: readonly StoredCheckpoint[] = await db.query<StoredCheckpoint>(
      `select size, epoch, note, at from audit.checkpoint where stored_at < $1 and at < $1 and size < $2
       order by size desc limit $3`,
      [new Date(at), below, page],
    );
    for (const row of rows) {
      const checkpoint = checkpointIn(row, keys);
      if (checkpoint && checkpoint.at < at && (await isBeginning(db, checkpoint))) return checkpoint.size;
    }
    if (rows.length < page) break;
    below = rows.at(-1)?.size ?? 0;
  }
  return 0;
}

function checkpointIn(row: StoredCheckpoint, keys: Keys | undefined): Checkpoint | undefined {
  const read = keys ? signedIn(row, keys.name, keys.verifiers) : textIn(row);
  return typeof read === 'object' && 'root' in read ? read : undefined;
}

/** The text alone: whether its signature holds is for whoever has the key. */
export const textIn = ({ note }: StoredCheckpoint): ReturnType<typeof parseCheckpoint> =>
  parseCheckpoint(note.slice(0, note.indexOf('\n\n') + 1));

async function isBeginning(db: Db, { size, root }: Checkpoint): Promise<boolean> {
  try {
    return root.equals(await rootOf(size, (nodes) => readNodes(db, nodes)));
  } catch (error) {
    if (error instanceof TreeIncomplete) return false;
    throw error;
  }
}
