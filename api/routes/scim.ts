/**
 * SCIM 2.0 (RFC 7643, 7644) at `/scim/v2`, for Okta, Entra and their like. Two layers stand before the library: whatever
 * takes "active" away ends all that a person has before anything is validated, and what vendors really send is made into
 * what the protocol says.
 */
import { Router, raw, type ErrorRequestHandler, type Request, type RequestHandler, type Response } from 'express';
import { CurfewError, isRefusal, refuse } from '../../domain/errors.ts';
import { isUuid } from '../../domain/ids.ts';
import type { Log } from '../../service/context.ts';
import { isScimRefusal, type ScimCall, type ScimSubject, type ScimUseCases } from '../../service/contract-scim.ts';
import { saidActive } from '../scim/active.ts';
import { failureOf, sendFailure, type ScimFailure } from '../scim/answers.ts';
import { bearer, callerOf } from '../scim/bearer.ts';
import { groupPatch, groupResource } from '../scim/group-payload.ts';
import { groupPage, userPage } from '../scim/lists.ts';
import { parseJson, settingsOf } from '../scim/payload.ts';
import { attributesOf, queryOf, type Query } from '../scim/query.ts';
import { failedIn, handle, libraryRoutes, written } from '../scim/resources.ts';
import { userPatch, userResource } from '../scim/user-payload.ts';
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

type Asked = { readonly kind: 'Users' | 'Groups'; readonly id?: string };

/** What the path names; the library's other doors (bulk, search, me) stay shut. */
function askedFor(path: string): Asked | 'discovery' | 'shut' | undefined {
  const [, kind, id] = /^\/(users|groups)(?:\/([^/]+))?\/?$/i.exec(path) ?? [];
  if (kind !== undefined && id?.toLowerCase() !== '.search')
    return { kind: kind.toLowerCase() === 'users' ? 'Users' : 'Groups', ...(id === undefined ? {} : { id }) };
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

type Place = { readonly useCases: ScimUseCases; readonly location: string };

async function resource(
  place: Place,
  asked: Asked,
  query: Query,
  request: Request,
  response: Response,
  next: () => void,
): Promise<void> {
  const { useCases, location } = place;
  const caller = callerOf(response);
  if (request.method === 'GET' || request.method === 'HEAD') {
    if (asked.id === undefined) return list(place, asked, query, response);
    if (!isUuid(asked.id)) return sendFailure(response, notThere);
    handle(request, { useCases, call: { caller, event: '', turn: 0 }, says: {}, response, location, failed: {} });
    setQuery(request, attributesOf(query));
    return next();
  }
  const call = await useCases.begin(caller);
  const parsed = request.method === 'DELETE' ? { value: undefined } : bodyOf(request);
  if (asked.kind === 'Users') {
    const refusal = await first(useCases, call, asked, request.method, parsed?.value);
    if (refusal) return sendFailure(response, failureOf(refusal));
  }
  if (!parsed) return sendFailure(response, notJson);
  if (asked.id !== undefined && !isUuid(asked.id)) return sendFailure(response, notThere);
  setQuery(request, attributesOf(query));
  const handling = { useCases, call, response, location, failed: {} };
  if (asked.kind === 'Users') {
    const { says, body, wrong } = request.method === 'PATCH' ? userPatch(parsed.value) : userResource(parsed.value);
    if (wrong !== undefined) return sendFailure(response, wrongValue(wrong));
    handle(request, { ...handling, says });
    request.body = request.method === 'DELETE' ? undefined : body;
    return next();
  }
  await group(place, { ...handling, says: {} }, asked, parsed.value, request, response, next);
}

/** Revoke first, whatever is said of the rest afterwards. */
async function first(
  useCases: ScimUseCases,
  call: ScimCall,
  { id }: Asked,
  method: string,
  body: unknown,
): Promise<Awaited<ReturnType<ScimUseCases['offBoard']>>> {
  const subject = { ...(id === undefined ? {} : { id }), ...userNameIn(body) };
  if (method === 'DELETE') return useCases.offBoard(call, subject, 'deleted');
  const taken = saidActive(body, method === 'PATCH' ? 'patch' : 'resource') === false;
  if (taken && (id !== undefined || (await isSomebody(useCases, call, subject))))
    return useCases.offBoard(call, subject, 'inactive');
  return id === undefined || taken ? undefined : useCases.note(call, subject);
}

/** Somebody new who is made inactive has nothing to end, and is no stranger to alarm of. */
const isSomebody = (useCases: ScimUseCases, call: ScimCall, { userName }: ScimSubject): Promise<boolean> =>
  userName === undefined ? Promise.resolve(false) : useCases.isKnown(call, userName);

function userNameIn(body: unknown): { readonly userName?: string } {
  const said = settingsOf(body).findLast(([name, value]) => name === 'username' && typeof value === 'string')?.[1];
  return typeof said === 'string' ? { userName: said } : {};
}

type GroupHandling = Omit<Parameters<typeof handle>[1], 'group'>;

async function group(
  { useCases }: Place,
  handling: GroupHandling,
  { id = '' }: Asked,
  body: unknown,
  request: Request,
  response: Response,
  next: () => void,
): Promise<void> {
  if (request.method === 'DELETE') {
    handle(request, handling);
    request.body = undefined;
    return next();
  }
  const payload = request.method === 'PATCH' ? groupPatch(body) : groupResource(body);
  if (payload.kind === 'wrong') {
    const { why, attribute } = payload;
    return sendFailure(
      response,
      why === 'tooMany'
        ? { status: 413, detail: `Send fewer ${attribute} at once.` }
        : { status: 400, scimType: why, detail: `${attribute} is not what a group has.` },
    );
  }
  if (request.method === 'PATCH') {
    // NB. Not the library's: it would write the members that it read, and undo what came in between.
    const done = await useCases.changeGroup(handling.call, id, payload.fields);
    if (isScimRefusal(done) || isRefusal(done)) return sendFailure(response, failureOf(done));
    response.status(204).end();
    return undefined;
  }
  handle(request, { ...handling, group: payload.fields });
  request.body = { schemas: [groupSchema], displayName: payload.fields.display };
  next();
}
const groupSchema = 'urn:ietf:params:scim:schemas:core:2.0:Group';

async function list({ useCases, location }: Place, asked: Asked, query: Query, response: Response): Promise<void> {
  const page = await (asked.kind === 'Users' ? userPage : groupPage)(useCases, callerOf(response), query);
  if (page === 'bad-filter') return sendFailure(response, wrongQuery('filter'));
  if (page === 'too-many')
    return sendFailure(response, { status: 400, scimType: 'tooMany', detail: 'Too many to look through: say more.' });
  if (isScimRefusal(page) || isRefusal(page)) return sendFailure(response, failureOf(page));
  const shown = attributesOf(query);
  const kind = asked.kind === 'Users' ? 'User' : 'Group';
  const body = {
    schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'],
    totalResults: page.total,
    startIndex: page.startIndex,
    itemsPerPage: page.resources.length,
    Resources: page.resources.map((each) => written(kind, each, location, shown)),
  };
  response.type('application/scim+json').send(JSON.stringify(body));
}

const bodyOf = (request: Request): { readonly value: unknown } | undefined =>
  Buffer.isBuffer(request.body) ? parseJson(request.body.toString('utf8')) : undefined;

const notThere: ScimFailure = { status: 404, detail: 'There is nobody and nothing by this id.' };
const notJson: ScimFailure = { status: 400, scimType: 'invalidSyntax', detail: 'The body is not JSON of a resource.' };
const wrongValue = (attribute: string): ScimFailure => ({
  status: 400,
  scimType: 'invalidValue',
  detail: `${attribute} is not what it can be: texts are of one line and of at most 320 letters, and op is add, remove or replace.`,
});
const wrongQuery = (name: string): ScimFailure => ({
  status: 400,
  scimType: name === 'filter' ? 'invalidFilter' : 'invalidValue',
  detail: `The parameter ${name} is not what it can be.`,
});

/** Express 5 reads the query anew at each look, and this application parses none: the library is given its own. */
const setQuery = (request: Request, value: object): unknown =>
  Object.defineProperty(request, 'query', { value, writable: true, configurable: true });

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
