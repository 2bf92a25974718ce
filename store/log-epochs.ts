/** Where the log began anew: once as it was made, and once more with each recovery of a store that came back. */
import type { Db } from './pool.ts';

export type Epoch = {
  readonly number: number;
  /** How many of its entries were what had been signed, where there was a key; else how many it had. */
  readonly beganAtSize: number;
  /** How far the epoch before had been, as others had it signed; null: nobody had, or it is the first. */
  readonly lostSize: number | null;
  readonly lostRoot: Buffer | null;
  readonly recovery: string | null;
  /** What the log's key signed about it; null: the first, or there was no key. */
  readonly note: string | null;
};

const columns = `number, began_at_size as "beganAtSize", lost_size as "lostSize", lost_root as "lostRoot", recovery, note`;

/** Oldest first. */
export const epochs = (db: Db): Promise<readonly Epoch[]> =>
  db.query<Epoch>(`select ${columns} from audit.epoch order by number`);

/** The one that the log is in. */
export async function newestEpoch(db: Db): Promise<Epoch> {
  const [row] = await db.query<Epoch>(`select ${columns} from audit.epoch order by number desc limit 1`);
  if (!row) throw new Error('a log without an epoch');
  return row;
}

/** In the transaction that completes a recovery. The entry is the caller's. */
export async function beginEpoch(tx: Db, epoch: Epoch): Promise<void> {
  await tx.query(
    `insert into audit.epoch (number, began_at_size, lost_size, lost_root, recovery, note)
     values ($1, $2, $3, $4, $5, $6)`,
    [epoch.number, epoch.beganAtSize, epoch.lostSize, epoch.lostRoot, epoch.recovery, epoch.note],
  );
}
