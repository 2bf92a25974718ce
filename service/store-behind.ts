import { refuse, type Refusal } from '../domain/errors.ts';
import type { Db } from '../store/pool.ts';
import { storeIndex } from '../store/recovery.ts';

/**
 * A courtesy: while the store is behind its targets nothing is granted, so nobody is let wait for it. The worker and the
 * targets refuse by themselves.
 */
export async function notWhileBehind(db: Db): Promise<Refusal | undefined> {
  const { behind } = await storeIndex(db);
  return behind
    ? refuse('TargetNotReady', 'Curfew came back from a backup, and grants nothing until an operator has recovered it.')
    : undefined;
}
