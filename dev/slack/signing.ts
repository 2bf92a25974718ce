/** Slack's side of a delivery: signed bytes, posted to the app. */
import { createHmac } from 'node:crypto';
import { parseJson } from './calls.ts';

/** Exactly what went over the wire, so that it can be sent again. */
export type RawRequest = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

export type Reply = {
  readonly status: number;
  readonly text: string;
  /** The body as JSON; its text where it is none. */
  readonly body: unknown;
  readonly ms: number;
};

export type SignatureForgery = {
  /** `wrong`: of the right form, made with another secret. `garbled`: not of that form. */
  readonly signature?: 'wrong' | 'garbled' | 'empty' | 'missing';
  /** How long ago it was stamped; negative for the future. */
  readonly ageMs?: number;
};

/** The headers of Slack's signing scheme v0 (https://docs.slack.dev/authentication/verifying-requests-from-slack). */
export const signedHeaders = (
  secret: string,
  body: string,
  now: number,
  forgery: SignatureForgery = {},
): Record<string, string> => {
  const stamp = String(Math.floor((now - (forgery.ageMs ?? 0)) / 1_000));
  const key = forgery.signature === 'wrong' ? `${secret} not` : secret;
  const right = `v0=${createHmac('sha256', key).update(`v0:${stamp}:${body}`).digest('hex')}`;
  if (forgery.signature === 'missing') return { 'x-slack-request-timestamp': stamp };
  const signature = { garbled: 'v0=not-hexadecimal', empty: '', wrong: right, none: right }[
    forgery.signature ?? 'none'
  ];
  return { 'x-slack-request-timestamp': stamp, 'x-slack-signature': signature };
};

/** Slack itself waits 3 s; this waits longer, so that a test can tell a late answer from none. */
const answerWithinMs = 15_000;

/** Posts the bytes; the same ones again when called again. */
export const post = async (request: RawRequest): Promise<Reply> => {
  const startedAt = performance.now();
  const response = await fetch(request.url, {
    method: 'POST',
    headers: request.headers,
    body: request.body,
    redirect: 'manual',
    signal: AbortSignal.timeout(answerWithinMs),
  });
  const text = await response.text();
  return {
    status: response.status,
    text,
    body: text === '' ? null : parseJson(text),
    ms: performance.now() - startedAt,
  };
};
