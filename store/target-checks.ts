/** What `curfew target check` found, each time. The newest of a target counts; grants need a good and fresh one. */
import { targetChecked } from '../domain/events/operation.ts';
import type { TargetName } from '../domain/ids.ts';
import { dayMs } from '../domain/time.ts';
import { append } from './audit.ts';
import type { Db } from './pool.ts';

/** A check counts for a week; after it the target gets no grants until it is looked at again. */
export const checkHoldsMs = 7 * dayMs;

export type TargetCheck = {
  readonly target: TargetName;
  readonly ok: boolean;
  /** As the target's check made it: JSON without secrets. */
  readonly result: unknown;
  readonly checkedBy: string;
  readonly checkedAt: number;
};

const columns = 'target, ok, result, checked_by as "checkedBy", checked_at as "checkedAt"';

export async function latest(db: Db, target: TargetName): Promise<TargetCheck | undefined> {
  const [row] = await db.query<TargetCheck>(
    `select ${columns} from curfew.target_check where target = $1 order by number desc limit 1`,
    [target],
  );
  return row;
}

/** Keeps a check, with its entry `target.checked`; admin only. */
export async function insert(
  tx: Db,
  { target, ok, result }: Pick<TargetCheck, 'target' | 'ok' | 'result'>,
  actor: string,
): Promise<void> {
  await tx.query('insert into curfew.target_check (target, ok, result) values ($1, $2, $3::jsonb)', [
    target,
    ok,
    JSON.stringify(result ?? null),
  ]);
  await append(tx, targetChecked(actor, target, { ok }));
}
