/**
 * Every way in which Curfew says no, in one table. It feeds the Temporal failure type (`activities/failures.ts`), the
 * HTTP status (`api/problem.ts`) and what Slack shows (`slack/refusals.ts`).
 *
 * `retry`: may the very same call succeed later? `retry: false` becomes a non-retryable failure, except in revoke,
 * kill and verify, where every failure is retried (I17).
 */
export const errors = {
  InvalidInput: { retry: false, http: 400 },
  PolicyDenied: { retry: false, http: 403 },
  ApproverNotEligible: { retry: false, http: 403 },
  SelfApproval: { retry: false, http: 403 },
  NotAllowed: { retry: false, http: 403 },
  UnknownPerson: { retry: false, http: 403 },
  UnknownRequest: { retry: false, http: 404 },
  UnknownTarget: { retry: false, http: 404 },
  UnknownCode: { retry: false, http: 404 },
  CodeSpent: { retry: false, http: 410 },
  NotPending: { retry: false, http: 409 },
  StaleView: { retry: false, http: 409 },
  TargetNotReady: { retry: false, http: 409 },
  TargetRejected: { retry: false, http: 502 },
  TargetUnavailable: { retry: true, http: 503 },
  NotRecorded: { retry: true, http: 503 },
  NotConfirmed: { retry: true, http: 202 },
  SlackGone: { retry: false, http: 502 },
} as const satisfies Record<string, { readonly retry: boolean; readonly http: number }>;

export type ErrorCode = keyof typeof errors;

/**
 * An expected no. A value, never thrown inside the domain.
 * `message` is one sentence for the person who asked, saying what was wrong and what to do; it holds no secret and no
 * text that somebody else wrote.
 */
export type Refusal = {
  readonly kind: 'refusal';
  readonly code: ErrorCode;
  readonly message: string;
  /** The form field to which it belongs, where there is one. */
  readonly field?: string;
};

export const refuse = (code: ErrorCode, message: string, field?: string): Refusal =>
  field === undefined ? { kind: 'refusal', code, message } : { kind: 'refusal', code, message, field };

export const isRefusal = (value: unknown): value is Refusal =>
  typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'refusal';

/** For edges that must throw: carries a refusal's code to whoever maps it (a failure type, a status, a Slack text). */
export class CurfewError extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = code;
    this.code = code;
  }
}

/** Nothing is wrong: others are before this one. Whoever asks again by then finds its place kept. */
export class NotYourTurn extends Error {
  readonly inMs: number;
  constructor(inMs: number) {
    super('others are before this one');
    this.name = 'NotYourTurn';
    this.inMs = inMs;
  }
}
