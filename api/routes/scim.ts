/**
 * SCIM 2.0 (RFC 7643, 7644) at `/scim/v2`, for Okta, Entra and their like. Two layers stand before the library: whatever
 * takes "active" away ends all that a person has before anything is validated, and what vendors really send is made into
 * what the protocol says.
 */
import { Router, raw, type ErrorRequestHandler, type Request, type RequestHandler, type Response } from 'express';
import { CurfewError, refuse } from '../../domain/errors.ts';
import type { Log } from '../../service/context.ts';
import type { ScimUseCases } from '../../service/contract-scim.ts';
import { failureOf, sendFailure, wrongQuery } from '../scim/answers.ts';
import { bearer } from '../scim/bearer.ts';
import { resource, type Asked } from '../scim/calls.ts';
import { queryOf, setQuery } from '../scim/query.ts';
import { failedIn, libraryRoutes } from '../scim/resources.ts';
import { idOf } from '../trace.ts';

export type ScimParts = {
  readonly useCases: ScimUseCases;
  /** Before `/scim/v2` in every `meta.location`; empty: they start with the path. */
  readonly publicUrl: string;
  readonly log: Log;
};

const base = '/scim/v2';

export function scimRoutes(parts: ScimParts): Router {
  const { useCases, publicUrl, log } = parts;
  const router = Router();
  router.use(base, bearer(useCases), raw({ type: () => true, limit: '1mb', inflate: false }));
  router.use(base, resources(parts), libraryRoutes(publicUrl), lastResort(log));
  return router;
}

/** What the path names; the library's other doors (bulk, search, me) stay shut. */
function askedFor(path: string): Asked | 'discovery' | 'shut' | undefined {
  const [, kind, id] = /^\/(users|groups)(?:\/([^/]+))?\/?$/i.exec(path) ?? [];
  // Our ids are small: somebody whose id comes in capitals is nobody else.
  if (kind !== undefined && id?.toLowerCase() !== '.search')
    return {
      kind: kind.toLowerCase() === 'users' ? 'Users' : 'Groups',
      ...(id === undefined ? {} : { id: id.toLowerCase() }),
    };
  if (/^\/(?:serviceproviderconfig|(?:schemas|resourcetypes)(?:\/[\w:.-]{1,200})?)\/?$/i.test(path)) return 'discovery';
  return /^(?:\/(?:users|groups))?\/(?:bulk|me|\.search)(?:\/|$)/i.test(path) ? 'shut' : undefined;
}

const resources =
  ({ useCases, publicUrl }: ScimParts): RequestHandler =>
  async (request, response, next) => {
    response.setHeader('Cache-Control', 'no-store');
    const asked = askedFor(request.path);
    if (asked === undefined) return sendFailure(response, { status: 404, detail: 'There is nothing at this address.' });
    if (asked === 'shut') return sendFailure(response, { status: 501, detail: 'This is not offered.' });
    const query = queryOf(request.url);
    if (asked === 'discovery') return discover(request, response, query, next);
    if ('wrong' in query) return sendFailure(response, wrongQuery(query.wrong));
    const methods = asked.id === undefined ? 'GET, HEAD, POST' : 'GET, HEAD, PUT, PATCH, DELETE';
    if (!methods.split(', ').includes(request.method)) {
      response.setHeader('Allow', methods);
      return sendFailure(response, { status: 405, detail: `Here it is ${methods}.` });
    }
    await resource({ useCases, location: `${publicUrl}${base}/${asked.kind}` }, asked, query, request, response, next);
  };

function discover(request: Request, response: Response, query: ReturnType<typeof queryOf>, next: () => void): void {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return sendFailure(response, { status: 405, detail: 'This can only be read.' });
  // RFC 7644 section 4: a filter is refused here, so that nobody takes an unfiltered answer for a filtered one.
  if ('filter' in query || 'wrong' in query)
    return sendFailure(response, { status: 403, detail: 'This cannot be filtered.' });
  setQuery(request, {});
  next();
}

/** Whatever was thrown has a body of SCIM's kind; the sentence of an unexpected error stays in the log. */
const lastResort =
  (log: Log): ErrorRequestHandler =>
  (thrown: unknown, request, response, _next) => {
    const { failure, cause } = failedIn(request);
    const status = (thrown as { status?: unknown } | undefined)?.status;
    if (failure === undefined || cause !== undefined) noteUnexpected(log, response, cause ?? thrown, status);
    if (response.headersSent) return;
    if (failure) return sendFailure(response, failure);
    if (thrown instanceof CurfewError) return sendFailure(response, failureOf(refuse(thrown.code, thrown.message)));
    if (status === 413) return sendFailure(response, { status, detail: 'Send less.' });
    if (typeof status === 'number' && status >= 400 && status < 500)
      return sendFailure(response, { status, detail: 'The request could not be read.' });
    sendFailure(response, { status: 500, detail: `Something went wrong here. Tell an operator ${idOf(response)}.` });
  };

function noteUnexpected(log: Log, response: Response, err: unknown, status: unknown): void {
  if (err instanceof CurfewError || (typeof status === 'number' && status >= 400 && status < 500)) return;
  log.error({ requestId: idOf(response), err }, 'unexpected');
}
