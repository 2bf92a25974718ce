import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { CurfewError, errors } from '../domain/errors.ts';

/**
 * Errors cross into Temporal here, once. A code of `domain/errors.ts` is the failure's type, and says whether the same
 * call may succeed later; whatever nobody foresaw is retried.
 *
 * NB. An unforeseen error's message may quote what it was given, so it stays in this process's log (I12).
 */
export function toFailure(error: unknown): Error {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  if (error instanceof CurfewError) {
    return ApplicationFailure.create({
      type: error.code,
      message: error.message,
      nonRetryable: !errors[error.code].retry,
    });
  }
  return unforeseen();
}

/** For what is done until it is done: nothing is final (I17). */
export function toRetry(error: unknown): Error {
  if (error instanceof CancelledFailure) return error;
  if (error instanceof CurfewError) return ApplicationFailure.retryable(error.message, error.code);
  return unforeseen();
}

const unforeseen = (): ApplicationFailure =>
  ApplicationFailure.retryable('an unexpected failure; see the log', 'Unexpected');

/** As pino's: ids and codes first, then a sentence. */
export type Log = {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
};

/** An activity whose errors are logged here and leave as failures. */
export const failing =
  <Input extends object, Output>(
    { log, activity, as }: { readonly log: Log; readonly activity: string; readonly as: (error: unknown) => Error },
    work: (input: Input) => Promise<Output>,
  ) =>
  async (input: Input): Promise<Output> => {
    try {
      return await work(input);
    } catch (error) {
      const requestId = 'requestId' in input ? input.requestId : undefined;
      log.warn({ activity, requestId, err: error }, 'an attempt failed');
      throw as(error);
    }
  };
