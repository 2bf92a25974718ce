import { CurfewError } from '../domain/errors.ts';

/**
 * The store said no: a constraint, a privilege, a broken assumption. Nothing of the driver's error but its code, the
 * names of table and constraint and, where it cannot hold a value, its sentence is kept: `detail` and `where` repeat
 * whole rows, and a row may be a verifier (I12).
 */
export class StoreError extends Error {
  readonly sqlstate: string;
  readonly constraint: string | undefined;
  constructor(sqlstate: string, constraint: string | undefined, sentence: string) {
    super(`The store refused (${sqlstate})${sentence === '' ? '.' : `: ${sentence}`}`);
    this.name = 'StoreError';
    this.sqlstate = sqlstate;
    this.constraint = constraint;
  }
}

type DriverError = { readonly code?: unknown; readonly message?: unknown; readonly constraint?: unknown };

/** Classes whose sentences name tables, columns and constraints, never values: PostgreSQL appendix A. */
const plainSentences = ['23', '42', 'CF'];

/**
 * SQLSTATEs that mean "not now": connection (08), resources (53), an operator's or a timeout's word (57), a lock (55P03),
 * an idle transaction ended (25P03), a transaction to be run again (40); and a store that is a standby now (25006), takes
 * no password of ours (28) or is not there (3D): whatever the cause, nothing was recorded.
 */
const notNow = ['08', '53', '57', '40', '55P03', '25P03', '25006', '28', '3D'];

/** What a driver's error becomes: `NotRecorded` (ask again) or a StoreError. Neither holds a value or an address. */
export function failureOf(error: unknown): Error {
  const { code, message, constraint } = (error ?? {}) as DriverError;
  const sqlstate = typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
  // What this process got wrong itself, e.g. a value that no parameter can carry, is no word of the store.
  if (error instanceof TypeError || error instanceof RangeError) return error;
  if (sqlstate === undefined || notNow.some((start) => sqlstate.startsWith(start))) {
    return new NotRecorded(sqlstate ?? (typeof code === 'string' ? code : 'no answer'));
  }
  const sentence =
    plainSentences.some((start) => sqlstate.startsWith(start)) && typeof message === 'string' ? message : '';
  return new StoreError(sqlstate, typeof constraint === 'string' ? constraint : undefined, sentence);
}

/** `why`: a SQLSTATE or a socket's code, for logs and operators. */
export class NotRecorded extends CurfewError {
  readonly why: string;
  constructor(why: string) {
    super('NotRecorded', `The store did not take it (${why}). Not recorded: try again.`);
    this.why = why;
  }
}

/** A deadlock or a serialization failure: the transaction was rolled back, and may simply be run again. */
export const mayRunAgain = (error: unknown): boolean =>
  error instanceof NotRecorded && ['40001', '40P01'].includes(error.why);
