/**
 * The SCIM library and its global state, in one place: what we keep of its schemas, and handlers that know nothing but
 * the call that they are given, so that several servers in one process do not mix.
 */
import type { Request, Response, Router } from 'express';
import { Config, Resources, Schemas, Types } from 'scimmy';
import { SCIMMYRouters } from 'scimmy-routers';
import { isRefusal } from '../../domain/errors.ts';
import {
  isScimRefusal,
  type ScimAnswer,
  type ScimCall,
  type ScimGroupFields,
  type ScimUseCases,
} from '../../service/contract-scim.ts';
import type { ScimGroupRow } from '../../store/scim-groups.ts';
import type { ScimUserRow } from '../../store/scim-users.ts';
import { failureOf, type ScimFailure } from './answers.ts';
import type { Fields } from './payload.ts';
import { fieldsOf } from './said-user.ts';
import { shownGroup, shownUser } from './shown.ts';
import type { Says } from './user-payload.ts';

/** What one request brought, as the handlers need it. */
export type Handling = {
  readonly useCases: ScimUseCases;
  readonly call: ScimCall;
  readonly says: Says;
  /** Of a group's body; the library is asked whether it is one. */
  readonly group?: ScimGroupFields;
  readonly response: Response;
  /** Of the kind of resource, without a slash at its end. */
  readonly location: string;
  /** Written by a handler that could not do it. */
  readonly failed: { failure?: ScimFailure; cause?: unknown };
};

const handlings = new WeakMap<Request, Handling>();
export const handle = (request: Request, handling: Handling): unknown => handlings.set(request, handling);
/** What a handler of this request could not do, if one could not. */
export const failedIn = (request: Request): Handling['failed'] => handlings.get(request)?.failed ?? {};

const dropped = [
  'nickName',
  'profileUrl',
  'title',
  'preferredLanguage',
  'locale',
  'timezone',
  'password',
  'phoneNumbers',
  'ims',
  'photos',
  'addresses',
  'entitlements',
  'roles',
  'x509Certificates',
  'name.middleName',
  'name.honorificPrefix',
  'name.honorificSuffix',
];
const droppedOfEnterprise = ['employeeNumber', 'costCenter', 'organization', 'division', 'department'];

/** Once a process: the library's schemas and resources are its own for ever. */
function declare(): void {
  for (const name of dropped) Schemas.User.truncate(name);
  for (const name of droppedOfEnterprise) Schemas.EnterpriseUser.truncate(name);
  Resources.User.extend(Schemas.EnterpriseUser, false);
  Resources.declare(Resources.User, {
    ingress: (resource: { id?: string }, data: object, given: unknown) =>
      saveUser(given as Handling, resource.id, data),
    egress: (resource: { id?: string }, given: unknown) => readUser(given as Handling, resource.id),
    degress: (resource: { id?: string }, given: unknown) => removeUser(given as Handling, resource.id),
  });
  Resources.declare(Resources.Group, {
    ingress: (resource: { id?: string }, _data: object, given: unknown) => saveGroup(given as Handling, resource.id),
    egress: (resource: { id?: string }, given: unknown) => readGroup(given as Handling, resource.id),
    degress: (resource: { id?: string }, given: unknown) => removeGroup(given as Handling, resource.id),
  });
}
declare();

/** The library's routes, for calls that went through `handle`. */
export function libraryRoutes(publicUrl: string): Router {
  // NB. The list of schemes would grow with each router; and bulk operations would go past everything before this.
  Config.set({ authenticationSchemes: [] });
  const routes = new SCIMMYRouters({
    type: 'bearer',
    handler: () => Promise.resolve(''),
    context: (request: Request) => handlings.get(request),
    baseUri: () => publicUrl,
  });
  Config.set({ bulk: false, sort: false, changePassword: false, etag: false, filter: 200 });
  return routes;
}

/** A resource as the library writes it, with these attributes of it only, or without. */
export function written(kind: 'User' | 'Group', shown: Fields, location: string, query: Fields): unknown {
  const { attributes } = new Resources[kind](undefined, query) as { attributes?: InstanceType<typeof Types.Filter> };
  return new Schemas[kind](shown, 'out', location, attributes);
}

async function readUser(handling: Handling, id = ''): Promise<object> {
  const { useCases, call } = handling;
  return userShown(handling, await done(handling, useCases.user(call.caller, id)));
}

async function saveUser(handling: Handling, id: string | undefined, data: object): Promise<object> {
  const { useCases, call, response, location } = handling;
  const known = id === undefined ? undefined : await done(handling, useCases.user(call.caller, id));
  const fields = fieldsOf(data as Fields, handling.says, known);
  const row = await done(
    handling,
    id === undefined ? useCases.createUser(call, fields) : useCases.changeUser(call, id, fields),
  );
  if (id === undefined) response.setHeader('Location', `${location}/${row.id}`);
  return userShown(handling, row);
}

async function removeUser(handling: Handling, id = ''): Promise<void> {
  const { useCases, call } = handling;
  await done(handling, useCases.removeUser(call, id));
}

async function readGroup(handling: Handling, id = ''): Promise<object> {
  const { useCases, call } = handling;
  return groupShown(handling, await done(handling, useCases.group(call.caller, id)));
}

async function saveGroup(handling: Handling, id: string | undefined): Promise<object> {
  const { useCases, call, response, location, group = {} } = handling;
  const row = await done(
    handling,
    id === undefined ? useCases.createGroup(call, group) : useCases.changeGroup(call, id, group),
  );
  if (id === undefined) response.setHeader('Location', `${location}/${row.id}`);
  return groupShown(handling, row);
}

async function removeGroup(handling: Handling, id = ''): Promise<void> {
  const { useCases, call } = handling;
  await done(handling, useCases.removeGroup(call, id));
}

const userShown = (handling: Handling, row: ScimUserRow): object => tagged(handling, shownUser(row));
const groupShown = (handling: Handling, row: ScimGroupRow): object => tagged(handling, shownGroup(row));

function tagged({ response }: Handling, shown: Fields): Fields {
  const { version } = shown['meta'] as { readonly version: string };
  response.setHeader('ETag', version);
  return shown;
}

/**
 * NB. The library makes a 404 of every error that it does not know: a store that is down would look like nobody being
 * there, and a client would forget them. So what went wrong is kept beside, and the library gives up on this error.
 */
async function done<Value>(handling: Handling, work: Promise<ScimAnswer<Value>>): Promise<Value> {
  let answer: ScimAnswer<Value>;
  try {
    answer = await work;
  } catch (thrown) {
    handling.failed.failure = { status: 500, detail: 'Something went wrong here.' };
    handling.failed.cause = thrown;
    throw new Types.Error(unknownToLibrary, '', '');
  }
  if (!isScimRefusal(answer) && !isRefusal(answer)) return answer;
  handling.failed.failure = failureOf(answer);
  throw new Types.Error(unknownToLibrary, '', '');
}

/** A status that the library knows none of its bodies for: it throws, and our own last handler answers. */
const unknownToLibrary = 599;
