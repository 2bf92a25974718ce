import { CurfewError, errors } from '../domain/errors.ts';
import { grantRefused } from '../domain/events/grant.ts';
import type { RequestId } from '../domain/ids.ts';
import { append } from '../store/audit.ts';
import type { Db } from '../store/pool.ts';
import { TargetError } from '../targets/postgres/failures.ts';
import type { Log } from './failures.ts';
import { StoreBehind } from './store-behind.ts';

/**
 * Writes down that a login was refused for good, and by whom: by what was judged right before, or by the target, which
 * met a tombstone (CF001), a ticket that is none or a life that is too long. What becomes of the request is another
 * entry, and says nothing of this where somebody had asked for its end meanwhile.
 *
 * NB. Never in the way of the refusal itself: a store that does not answer now is why there may be none. And nothing of
 * a store that came back from a backup, which would grow past what its targets have seen by being asked (F25).
 */
export async function noteRefusal(
  { store, log }: { readonly store: Db; readonly log: Log },
  requestId: RequestId,
  error: unknown,
): Promise<void> {
  if (!(error instanceof CurfewError) || errors[error.code].retry || error instanceof StoreBehind) return;
  const sqlstate = error instanceof TargetError ? (error.sqlstate ?? null) : null;
  await append(store, grantRefused('curfew_worker', requestId, { code: error.code, sqlstate })).catch((err: unknown) =>
    log.error({ requestId, code: error.code, err }, 'the refusal of a grant was not written down'),
  );
}
