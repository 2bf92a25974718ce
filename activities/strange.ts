import { CurfewError } from '../domain/errors.ts';
import { TargetError } from '../targets/postgres/failures.ts';

/**
 * A target that rejects what was judged, or a row that does not match its digest, is nobody's everyday mistake. A
 * tombstone, or a grant that ran out (CF001, CF011), is: somebody ended it, or time did, while it was under way.
 */
export const isStrange = (error: unknown): error is CurfewError =>
  error instanceof CurfewError &&
  (error.code === 'TargetRejected' || error.code === 'StaleView') &&
  !(error instanceof TargetError && ['CF001', 'CF011'].includes(error.sqlstate ?? ''));
