/**
 * Where a period begins and ends in the log, in such a way that whoever has the file sees that it does: with the entry
 * before it and one from after it.
 */
import { firstFrom, lastBefore } from '../../store/evidence-edges.ts';
import type { Db } from '../../store/pool.ts';
import { signedFrom, type IsTaken } from './checkpoints.ts';
import type { Places } from './places.ts';

/**
 * @param exact from the first to after the last entry of the period
 * @param size of the newest checkpoint
 */
export async function spanWithEdges(
  db: Db,
  exact: Places['span'],
  { fromAt, toAt }: { readonly fromAt: number; readonly toAt: number },
  size: number,
  isTaken: IsTaken,
): Promise<Places['span']> {
  const before = await lastBefore(db, exact.from, fromAt);
  const after = await firstFrom(db, exact.to, size, toAt);
  const to = after === undefined ? size : ((await signedFrom(db, after + 1, size, isTaken)) ?? size);
  return { from: before ?? exact.from, to };
}
