import { raw, type Request, type RequestHandler, type Response } from 'express';
import { Webhook } from 'standardwebhooks';
import type { z } from 'zod';
import { refuse, type Refusal } from '../domain/errors.ts';
import { httpProblem, sendProblem } from './problem.ts';
import { idOf } from './trace.ts';

export type Signed = { readonly id: string; readonly stampedAt: number; readonly text: string };
/** @returns undefined unless one of the secrets made this signature, now: which check failed is nobody's business */
export type Verify = (request: Request, text: string) => Signed | undefined;

/** Ids are part of what is signed, joined by dots to the stamp and the body; without dots there is one reading only. */
const deliveryId = /^[A-Za-z0-9_-]{1,100}$/;

/**
 * Standard Webhooks (standardwebhooks.com): `webhook-id`, `webhook-timestamp` within five minutes either way,
 * `webhook-signature` over `{id}.{timestamp}.{body}`. Several secrets may hold at once, so that one can be replaced
 * without a gap.
 * @throws Error for no secret, or an empty one: it would let everybody in
 */
export function signedBy(secrets: readonly string[]): Verify {
  if (secrets.length === 0) throw new Error('a signed hook needs a secret');
  const keys = secrets.map((secret) => new Webhook(secret));
  return (request, text) => {
    const id = request.get('webhook-id') ?? '';
    const stamp = request.get('webhook-timestamp') ?? '';
    const signature = request.get('webhook-signature') ?? '';
    if (!deliveryId.test(id) || !/^\d{1,12}$/.test(stamp) || signature.length > 2_000) return undefined;
    const headers = { 'webhook-id': id, 'webhook-timestamp': stamp, 'webhook-signature': signature };
    const holds = keys.some((key) => {
      try {
        key.verify(text, headers, { jsonParse: false });
        return true;
      } catch {
        return false;
      }
    });
    return holds ? { id, stampedAt: Number(stamp) * 1_000, text } : undefined;
  };
}

/** Before a body is looked at. */
export const jsonOnly: RequestHandler = (request, response, next) => {
  if (request.is('application/json')) return next();
  sendProblem(response, httpProblem('UnsupportedMediaType', 'Send application/json.', idOf(response)));
};

/** Before a signed hook's handler: JSON alone, unread until its signature holds. An event names one thing, so 64 kB. */
export const signedBody: readonly RequestHandler[] = [
  jsonOnly,
  raw({ type: () => true, limit: '64kb', inflate: false }),
];

export function sendBadSignature(response: Response): void {
  const detail = 'The headers webhook-id, webhook-timestamp and webhook-signature do not hold for this body, now.';
  sendProblem(response, httpProblem('BadSignature', detail, idOf(response)));
}

/**
 * Reads a body whose signature holds.
 * @param takes what the hook takes, for the message
 * @returns `InvalidInput`, naming the first field that is wrong
 */
export function readBody<Value>(
  text: string,
  schema: z.ZodType<Value>,
  takes: string,
): { readonly value: Value } | Refusal {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return refuse('InvalidInput', 'The body is not JSON.');
  }
  const parsed = schema.safeParse(data);
  if (parsed.success) return { value: parsed.data };
  const path = parsed.error.issues[0]?.path.join('.') ?? '';
  const where = path === '' ? 'The body' : `The field ${path}`;
  return refuse('InvalidInput', `${where} is not what this hook takes: ${takes}.`);
}

/** Without a body the parser leaves nothing behind. */
export const rawBytes = (request: Request): Buffer => (Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0));

export const rawBody = (request: Request): string => rawBytes(request).toString('utf8');
