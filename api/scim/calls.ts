/** One call to a user or a group: what it ends first, what it is made into, and who answers it. */
import type { Request, Response } from 'express';
import { isRefusal } from '../../domain/errors.ts';
import { isUuid } from '../../domain/ids.ts';
import { isScimRefusal, type ScimCall, type ScimSubject, type ScimUseCases } from '../../service/contract-scim.ts';
import { saidActive } from './active.ts';
import { failureOf, sendFailure, wrongQuery, type ScimFailure } from './answers.ts';
import { callerOf } from './bearer.ts';
import { groupPatch, groupResource } from './group-payload.ts';
import { groupPage, userPage } from './lists.ts';
import { parseJson, settingsOf } from './payload.ts';
import { attributesOf, setQuery, type Query } from './query.ts';
import { handle, written } from './resources.ts';
import { userPatch, userResource } from './user-payload.ts';

export type Asked = { readonly kind: 'Users' | 'Groups'; readonly id?: string };

export type Place = { readonly useCases: ScimUseCases; readonly location: string };

/** `next` is the library, for what it answers itself. */
export async function resource(
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
