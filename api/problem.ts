/** Every "no" over HTTP is a problem document (RFC 9457): one table for the domain's codes, one for HTTP's own. */
import type { Response } from 'express';
import { errors, type ErrorCode, type Refusal } from '../domain/errors.ts';

const titles: Readonly<Record<ErrorCode, string>> = {
  InvalidInput: 'The input is not valid',
  PolicyDenied: 'The policy does not give this',
  ApproverNotEligible: 'This person may not decide here',
  SelfApproval: 'Nobody decides on their own request',
  NotAllowed: 'Not allowed',
  UnknownPerson: 'This person is not known',
  UnknownRequest: 'This request is not known',
  UnknownTarget: 'This target or role is not known',
  UnknownCode: 'This code is not known',
  CodeSpent: 'This code is spent',
  NotPending: 'There is nothing left to do',
  StaleView: 'What was shown is not what is',
  TargetNotReady: 'The target is not ready',
  TargetRejected: 'The target refused',
  TargetUnavailable: 'The target cannot be reached',
  NotRecorded: 'Not recorded',
  NotConfirmed: 'Recorded, not yet confirmed',
  SlackGone: 'Slack cannot be reached',
};

/** What goes wrong before any use case is reached. */
export const httpProblems = {
  BadSignature: { status: 401, title: 'The signature does not hold' },
  CrossSite: { status: 403, title: 'Not from another site' },
  NotFound: { status: 404, title: 'There is nothing here' },
  MethodNotAllowed: { status: 405, title: 'Not by this method' },
  TooLarge: { status: 413, title: 'The body is too large' },
  UnsupportedMediaType: { status: 415, title: 'The body must be JSON' },
  TooManyAttempts: { status: 429, title: 'Too many attempts' },
  Busy: { status: 503, title: 'Still at it' },
  Internal: { status: 500, title: 'Something went wrong here' },
} as const;
export type HttpCode = keyof typeof httpProblems;

export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** A sentence for the person who asked. */
  readonly detail: string;
  readonly code: ErrorCode | HttpCode;
  readonly field?: string;
  /** Names the line in the log. */
  readonly requestId: string;
};

const typeOf = (code: string): string => `urn:curfew:problem:${code}`;

export const problemOf = (refusal: Refusal, requestId: string): Problem => ({
  type: typeOf(refusal.code),
  title: titles[refusal.code],
  status: errors[refusal.code].http,
  detail: refusal.message,
  code: refusal.code,
  ...(refusal.field === undefined ? {} : { field: refusal.field }),
  requestId,
});

export const httpProblem = (code: HttpCode, detail: string, requestId: string): Problem => ({
  type: typeOf(code),
  title: httpProblems[code].title,
  status: httpProblems[code].status,
  detail,
  code,
  requestId,
});

/** Sends it, and asks the caller to wait where trying again may help. */
export function sendProblem(response: Response, problem: Problem, retryAfterMs?: number): void {
  const waitMs = retryAfterMs ?? (problem.status === 503 ? 1_000 : undefined);
  if (waitMs !== undefined) response.setHeader('Retry-After', String(Math.max(1, Math.ceil(waitMs / 1_000))));
  response.setHeader('Cache-Control', 'no-store');
  response.status(problem.status).type('application/problem+json').send(JSON.stringify(problem));
}
