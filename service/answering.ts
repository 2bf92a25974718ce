import { CurfewError, refuse, type ErrorCode, type Refusal } from '../domain/errors.ts';
import type { AuditEntry } from '../domain/events.ts';
import { append } from '../store/audit.ts';
import type { Db } from '../store/pool.ts';
import type { Context } from './context.ts';

/**
 * Runs one use case: whatever was thrown with a code (a store or a Temporal that did not answer) becomes its refusal,
 * because every surface has to show something and none should need two ways to. Broken assumptions go on as they are.
 */
export async function answering<Result>(
  ctx: Pick<Context, 'log'>,
  useCase: string,
  work: () => Promise<Result | Refusal>,
): Promise<Result | Refusal> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof CurfewError)) throw error;
    ctx.log.warn({ useCase, code: error.code }, error.message);
    return refuse(error.code, error.message);
  }
}

/** What somebody tried: who, on what, and the codes and ids that tell it; never their words. */
export type Attempt = (code: ErrorCode) => AuditEntry;

/** What a payload names may be anything; the log takes this much of it. */
const longestSubject = 100;

/** Writes a refusal down, with its code, and hands it on. */
export async function refused(db: Db, attempt: Attempt, refusal: Refusal): Promise<Refusal> {
  const entry = attempt(refusal.code);
  const subject = entry.subject.toWellFormed().replaceAll('\0', '').slice(0, longestSubject);
  await append(db, { ...entry, subject });
  return refusal;
}
