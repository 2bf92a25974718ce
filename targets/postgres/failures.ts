import { CurfewError } from '../../domain/errors.ts';

/** What the target's functions refuse, in Curfew's own words: the server's message may quote what it was sent. */
const meanings: Readonly<Record<string, string>> = {
  CF001: 'the grant has been revoked',
  CF002: 'not an acceptable SCRAM-SHA-256 verifier',
  CF003: 'the attempt came after its deadline',
  CF004: 'unknown, retired or unfit template',
  CF005: 'the end is past, infinite, within its grace, earlier than before, or beyond the maximum',
  CF006: 'the arguments differ from the first call',
  CF007: 'kill or verify inside a writing transaction',
  CF008: 'a null argument, or too many ids',
  CF009: 'the login was changed by somebody else',
  CF010: 'the login exists and the ledger does not know it',
  CF011: 'the grant is over or unknown',
  CF012: 'the isolation level is not read committed',
  CF013: 'no valid ticket',
  CF015: 'the store is behind what the target has seen of it',
};

/**
 * The one error that leaves this folder. Its message names the target, the call and the SQLSTATE or socket code, and
 * is made of Curfew's own words only: no verifier, ticket, parameter or connection string (I12), hence also no `cause`.
 */
export class TargetError extends CurfewError {
  /** Five characters, where a server answered. */
  readonly sqlstate?: string;
  constructor(code: 'TargetRejected' | 'TargetUnavailable' | 'TargetNotReady', message: string, sqlstate?: string) {
    super(code, message);
    if (sqlstate !== undefined) this.sqlstate = sqlstate;
  }
}

const sqlstateOf = (error: unknown): string | undefined => {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' &&
    /^[0-9A-Z]{5}$/.test(code) &&
    (error as { severity?: unknown }).severity !== undefined
    ? code
    : undefined;
};

/**
 * A repeated call cannot succeed: refused by the functions (CF0xx but CF007), not authorised (28, 42), or arguments
 * that no server takes (22 data, 23 integrity). Everything else may pass: a standby that answers (25006) is on its way
 * to being replaced, and what nobody foresaw is retried within the caller's bound.
 */
const isFinal = (sqlstate: string): boolean => /^(?:22|23|28|42|CF0)/.test(sqlstate) && sqlstate !== 'CF007';

/** Socket and TLS codes are short upper-case words (`ECONNREFUSED`, `CERT_HAS_EXPIRED`); anything else is not repeated. */
const socketCode = (error: unknown): string | undefined => {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,40}$/.test(code) ? code : undefined;
};

/**
 * Maps whatever node-postgres or a socket threw, once, to the design's error table. A `TargetError` passes unchanged.
 * @param where the target's name and the call, e.g. `orders-prod: grant`
 */
export function toTargetError(error: unknown, where: string): TargetError {
  if (error instanceof TargetError) return error;
  const sqlstate = sqlstateOf(error);
  if (sqlstate !== undefined) {
    const code = isFinal(sqlstate) ? 'TargetRejected' : 'TargetUnavailable';
    const meaning = meanings[sqlstate];
    return new TargetError(code, `${where}: ${sqlstate}${meaning === undefined ? '' : ` (${meaning})`}`, sqlstate);
  }
  return new TargetError('TargetUnavailable', `${where}: ${socketCode(error) ?? 'no answer in time'}`);
}
