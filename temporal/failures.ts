import {
  isGrpcServiceError,
  ServiceError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApplicationFailure, WorkflowNotFoundError } from '@temporalio/common';
import { CurfewError, errors, type ErrorCode } from '../domain/errors.ts';

const isCode = (type: string | null | undefined): type is ErrorCode =>
  typeof type === 'string' && Object.hasOwn(errors, type);

/**
 * gRPC codes by which the server says for good that it will not: 3 invalid argument, 5 not found, 7 permission denied,
 * 9 failed precondition, 11 out of range, 12 unimplemented, 16 unauthenticated (grpc.github.io, statuscodes).
 */
const isFinal = (code: number): boolean => [3, 5, 7, 9, 11, 12, 16].includes(code);

/**
 * What a call to Temporal came to, in the words of `domain/errors.ts`. A handler's or validator's refusal keeps its
 * code; no answer in time is `NotConfirmed`, because the call may still have its effect. Anything else is thrown as it
 * is: a wrong namespace or key is no answer to a person.
 */
export function toCurfewError(error: unknown): unknown {
  if (error instanceof WorkflowUpdateFailedError) {
    const { cause } = error;
    if (cause instanceof ApplicationFailure && isCode(cause.type)) return new CurfewError(cause.type, cause.message);
    return new CurfewError('NotPending', 'This request was closed before it could take that.', { cause: error });
  }
  if (error instanceof WorkflowNotFoundError) {
    return new CurfewError('NotPending', 'This request is closed.', { cause: error });
  }
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return notConfirmed(error);
  const grpc = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(grpc) && !isFinal(grpc.code) ? notConfirmed(error) : error;
}

export const notConfirmed = (cause: unknown): CurfewError =>
  new CurfewError('NotConfirmed', 'Recorded, and not confirmed yet.', { cause });
