import { json, Router, type Request, type RequestHandler, type Response } from 'express';
import { z } from 'zod';
import { isRefusal, refuse, type Refusal } from '../../domain/errors.ts';
import type { UseCases } from '../../service/contract.ts';
import { addressOf } from '../address.ts';
import type { Guesses } from '../guesses.ts';
import { httpProblem, problemOf, sendProblem } from '../problem.ts';
import { idOf } from '../trace.ts';

const code = z.string().min(1).max(100);
const codeBody = z.strictObject({ code });
const claimBody = z.strictObject({ code, verifier: z.string().min(1).max(300) });

/** A body holds a code and a verifier: 400 bytes. */
const largestBody = '4kb';

/**
 * `POST /claim/peek` reads, `POST /claim` consumes, `POST /claim/status` tells whether the login is there. Codes and
 * verifiers come in bodies only, never in a path or a query, and no log line has a body.
 */
export function claimRoutes(useCases: Pick<UseCases, 'peek' | 'claim' | 'claimStatus'>, guesses: Guesses): Router {
  const router = Router({ caseSensitive: true, strict: true });
  const body = [sameSite, jsonOnly, json({ limit: largestBody, strict: true, inflate: false })];
  const route = <Body>(
    path: string,
    schema: z.ZodType<Body>,
    answer: (body: Body, address: string) => Promise<object | Refusal>,
  ): void => {
    router.post(path, ...body, async (request, response) => {
      const address = addressOf(request);
      const blockedForMs = guesses.blockedForMs(address);
      if (blockedForMs > 0) return turnAway(response, blockedForMs);
      const parsed = schema.safeParse(request.body);
      const result = parsed.success ? await answer(parsed.data, address) : malformed(parsed.error);
      if (!isRefusal(result)) return void response.set('Cache-Control', 'no-store').json(result);
      if (result.code === 'UnknownCode') guesses.wrong(address);
      sendProblem(response, problemOf(result, idOf(response)));
    });
  };
  route('/claim/peek', codeBody, (input) => useCases.peek(input));
  route('/claim', claimBody, (input, address) => useCases.claim({ ...input, address }));
  route('/claim/status', codeBody, (input) => useCases.claimStatus(input));
  return router;
}

const turnAway = (response: Response, retryAfterMs: number): void => {
  const detail = 'Too many codes from this address were not known. Wait, then open the link in Slack again.';
  sendProblem(response, httpProblem('TooManyAttempts', detail, idOf(response)), retryAfterMs);
};

/** NB. The messages of zod name fields and limits; they do not repeat what was sent. */
const malformed = (error: z.ZodError): Refusal => {
  const [issue] = error.issues;
  const field = issue?.path.join('.') ?? '';
  return field === ''
    ? refuse('InvalidInput', 'The body is not what this route takes.')
    : refuse('InvalidInput', `The field ${field} is missing or not of the right form.`, field);
};

/** A form on another site cannot send JSON without asking first; browsers that say where they are are believed too. */
const sameSite: RequestHandler = (request, response, next) => {
  const site = request.get('sec-fetch-site');
  if (site === undefined || site === 'same-origin' || site === 'none') return next();
  sendProblem(response, httpProblem('CrossSite', 'Open the claim page itself.', idOf(response)));
};

const jsonOnly = (request: Request, response: Response, next: () => void): void => {
  if (request.is('application/json')) return next();
  sendProblem(response, httpProblem('UnsupportedMediaType', 'Send application/json.', idOf(response)));
};
