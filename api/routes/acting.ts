import { json, Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { isRefusal, refuse, type Refusal } from '../../domain/errors.ts';
import { dayMs } from '../../domain/time.ts';
import { isUuid } from '../../domain/ids.ts';
import type { Acting } from '../../service/acting.ts';
import { addressOf } from '../address.ts';
import type { Guesses } from '../guesses.ts';
import { httpProblem, problemOf, sendProblem } from '../problem.ts';
import { idOf } from '../trace.ts';

/** Longer than any reason that is taken, in any alphabet. */
const largestBody = '64kb';

const requestId = z.string().refine(isUuid, 'not an id of a request');
const name = z.string().trim().min(1).max(200);
const text = z.string().max(10_000);
const key = z.string().min(8).max(100);
const span = z
  .int()
  .min(1)
  .max(366 * dayMs);

const bodies = {
  request: z.strictObject({
    target: name,
    role: name,
    durationMs: span,
    reason: text,
    ticket: name.optional(),
    startAt: z.int().min(0).optional(),
    key,
  }),
  breakglass: z.strictObject({
    target: name,
    role: name,
    incident: name,
    durationMs: span.optional(),
    reason: text,
    key,
  }),
  status: z.strictObject({ requestId: requestId.optional() }),
  review: z.strictObject({ requestId }),
  approve: z.strictObject({ requestId, digest: z.string().max(100), reason: text.optional() }),
  deny: z.strictObject({ requestId, digest: z.string().max(100), reason: text }),
  release: z.strictObject({ requestId }),
  extend: z.strictObject({ requestId, byMs: span.optional(), reason: text.optional(), key }),
} as const;

/**
 * `POST /act/...`: for the command line, in the name of the person whose code stands in the header `Authorization:
 * Bearer CODE`. Bodies are JSON; wrong codes are bounded by address as those of claims are. No log line has a header or
 * a body.
 */
export function actingRoutes(acting: Acting, guesses: Guesses): Router {
  const router = Router({ caseSensitive: true, strict: true });
  const route = <Body>(
    path: string,
    schema: z.ZodType<Body>,
    answer: (code: string, body: Body) => Promise<object | Refusal>,
  ): void => {
    router.post(
      path,
      jsonOnly,
      json({ limit: largestBody, strict: true, inflate: false }),
      async (request, response) => {
        const address = addressOf(request);
        const blockedForMs = guesses.blockedForMs(address);
        if (blockedForMs > 0) return turnAway(response, blockedForMs);
        const code = codeOf(request);
        const parsed = schema.safeParse(request.body);
        const result =
          code === undefined ? noCode : parsed.success ? await answer(code, parsed.data) : malformed(parsed.error);
        if (!isRefusal(result)) return void response.set('Cache-Control', 'no-store').json(result);
        if (code !== undefined && result.code === 'UnknownCode') guesses.wrong(address);
        sendProblem(response, problemOf(result, idOf(response)));
      },
    );
  };
  route('/act/request', bodies.request, (code, { ticket, startAt, ...input }) =>
    acting.request(code, { ...input, ...present({ ticket, startAt }) }),
  );
  route('/act/breakglass', bodies.breakglass, (code, { durationMs, ...input }) =>
    acting.breakGlass(code, { ...input, ...present({ durationMs }) }),
  );
  route('/act/status', bodies.status, (code, body) =>
    body.requestId === undefined ? acting.mine(code) : acting.status(code, body.requestId),
  );
  route('/act/review', bodies.review, (code, body) => acting.review(code, body.requestId));
  route('/act/approve', bodies.approve, (code, { reason, ...input }) =>
    acting.decide(code, { ...input, verdict: 'approve', ...present({ reason }) }),
  );
  route('/act/deny', bodies.deny, (code, input) => acting.decide(code, { ...input, verdict: 'deny' }));
  route('/act/release', bodies.release, (code, body) => acting.release(code, body.requestId));
  route('/act/extend', bodies.extend, (code, { byMs, reason, ...input }) =>
    acting.extend(code, { ...input, ...present({ byMs, reason }) }),
  );
  return router;
}

type Present<Fields> = { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };

/** Without what was not given. */
const present = <Fields extends object>(fields: Fields): Present<Fields> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<Fields>;

/** https://www.rfc-editor.org/rfc/rfc6750#section-2.1 */
const codeOf = (request: Request): string | undefined =>
  /^Bearer ([A-Za-z0-9 -]{1,100})$/.exec(request.get('authorization') ?? '')?.[1];

const noCode = refuse('UnknownCode', 'Show who you are: type /curfew code in Slack and give that code.');

const turnAway = (response: Response, retryAfterMs: number): void => {
  const detail = 'Too many codes from this address were not known. Wait, then type /curfew code in Slack again.';
  sendProblem(response, httpProblem('TooManyAttempts', detail, idOf(response)), retryAfterMs);
};

/** NB. The messages of zod name fields and limits; they do not repeat what was sent. */
const malformed = (error: z.ZodError): Refusal => {
  const field = error.issues[0]?.path.join('.') ?? '';
  return field === ''
    ? refuse('InvalidInput', 'The body is not what this route takes.')
    : refuse('InvalidInput', `The field ${field} is missing or not of the right form.`, field);
};

/** NB. A page on another site cannot send JSON, or this header, without asking first, and nobody answers that. */
const jsonOnly = (request: Request, response: Response, next: () => void): void => {
  if (request.is('application/json')) return next();
  sendProblem(response, httpProblem('UnsupportedMediaType', 'Send application/json.', idOf(response)));
};
