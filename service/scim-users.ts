/** What a SCIM source does to people. Each change ends in `changeIn`, as every source's does. */
import { isRefusal } from '../domain/errors.ts';
import { isUuid, type PersonId } from '../domain/ids.ts';
import type { PersonState } from '../domain/person.ts';
import type { PersonChange } from '../store/people.ts';
import type { Db, Store } from '../store/pool.ts';
import * as scimUsers from '../store/scim-users.ts';
import type { ScimUserRow } from '../store/scim-users.ts';
import { answering } from './answering.ts';
import { changeIn, sendSome, type Changed } from './change-person.ts';
import type { Context } from './context.ts';
import {
  isScimRefusal,
  scimRefuse,
  type ScimAnswer,
  type ScimCall,
  type ScimRefusal,
  type ScimUseCases,
  type ScimUserFields,
} from './contract-scim.ts';

import { handleFrom } from './scim-names.ts';

/** What every use case of SCIM works with; `store` is the directory's. */
export type ScimContext = { readonly ctx: Context; readonly store: Store; readonly domain?: string };

export const actor = 'curfew_directory';
export const unknownUser = scimRefuse('unknown', 'There is no such user.');

type UserCases = Pick<ScimUseCases, 'user' | 'users' | 'createUser' | 'changeUser' | 'removeUser'>;

export function scimUserCases(scim: ScimContext): UserCases {
  const { ctx, store, domain } = scim;
  return {
    user: (caller, id) => answering(ctx, 'scimUser', () => read(store, caller.source, id)),
    users: ({ source }, { userName, ...search }, { offset, limit }) =>
      answering(ctx, 'scimUsers', async () => {
        const total = await scimUsers.count(store, source);
        const handle = userName === undefined ? undefined : handleFrom(userName, domain);
        if ((userName !== undefined && handle === undefined) || (search.id !== undefined && !isUuid(search.id)))
          return { rows: [], total };
        const narrowed = { ...search, ...(handle === undefined ? {} : { handle }) };
        return { rows: await scimUsers.search(store, source, narrowed, { offset, limit }), total };
      }),
    createUser: (call, fields) => answering(ctx, 'scimCreateUser', () => create(scim, call, fields)),
    changeUser: (call, id, fields) => answering(ctx, 'scimChangeUser', () => update(scim, call, id, fields)),
    removeUser: (call, id) => answering(ctx, 'scimRemoveUser', () => remove(scim, call, id)),
  };
}

const read = async (db: Db, source: string, id: string): Promise<ScimAnswer<ScimUserRow>> =>
  (isUuid(id.toLowerCase()) ? await scimUsers.byId(db, source, id.toLowerCase() as PersonId) : undefined) ??
  unknownUser;

async function create(
  { ctx, store, domain }: ScimContext,
  call: ScimCall,
  fields: ScimUserFields,
): Promise<ScimAnswer<ScimUserRow>> {
  const { source } = call.caller;
  const handle = handleFrom(fields.userName, domain);
  if (handle === undefined) return badUserName;
  const made = await within(ctx, store, async (tx) => {
    const person = await scimUsers.find(tx, source, { handle });
    if (person && (await scimUsers.byId(tx, source, person.id))) return taken;
    // NB. Silence makes nobody active: of somebody new it is the opposite, of somebody known it says nothing.
    const state = fields.active === true ? 'active' : person ? undefined : call.caller.inactive;
    const changed = await changeIn(tx, await inputOf(tx, call, handle, fields, state), ctx.clock());
    const id = changed.left.person;
    if (id === null) throw new Error('somebody was made without an id');
    if (!(await scimUsers.insert(tx, source, id))) return taken;
    await scimUsers.saveNames(tx, source, id, fields);
    return { changed, id };
  });
  return isScimRefusal(made) ? made : read(store, source, made.id);
}

const badUserName = scimRefuse(
  'invalidValue',
  'userName is not one that a person can be known by: at most 200 letters, digits and . _ - + @, a letter or digit first.',
);
const taken = scimRefuse('uniqueness', 'This source has a user of that userName.');
const renamed = scimRefuse(
  'mutability',
  'userName is the key by which all sources know this person: make a new user, and delete this one.',
);

async function update(
  { ctx, store, domain }: ScimContext,
  call: ScimCall,
  id: string,
  fields: ScimUserFields,
): Promise<ScimAnswer<ScimUserRow>> {
  const { source } = call.caller;
  const handle = handleFrom(fields.userName, domain);
  if (handle === undefined) return badUserName;
  const done = await within(ctx, store, async (tx) => {
    const row = await read(tx, source, id);
    if (isScimRefusal(row) || isRefusal(row)) return unknownUser;
    if (handle !== row.handle) return renamed;
    const news = newsOf(row, fields);
    const changes = fields.active === true || Object.values(news).some((value) => value !== undefined);
    const input = await inputOf(tx, call, handle, news, fields.active === true ? 'active' : undefined);
    const changed = changes ? await changeIn(tx, input, ctx.clock()) : undefined;
    if (fields.userName !== row.userName || fields.externalId !== row.externalId)
      await scimUsers.saveNames(tx, source, row.id, { userName: fields.userName, externalId: fields.externalId });
    return { ...(changed ? { changed } : {}), id: row.id };
  });
  return isScimRefusal(done) ? done : read(store, source, done.id);
}

/** Only what is said anew: what a client merely repeats must not undo what another source has said since. */
const newsOf = (row: ScimUserRow, { name, email, kind, manager }: ScimUserFields): ScimNews => ({
  ...(name === undefined || name === row.name ? {} : { name }),
  ...(email === undefined || email === row.email ? {} : { email }),
  ...(kind === undefined || kind === row.kind ? {} : { kind }),
  ...(manager === undefined || manager === row.manager ? {} : { manager }),
});
type ScimNews = Pick<ScimUserFields, 'name' | 'email' | 'kind' | 'manager'>;

/** After `offBoard`, which said that they have left: what is left to forget is what this source made of them. */
async function remove({ ctx, store }: ScimContext, call: ScimCall, id: string): Promise<ScimAnswer<undefined>> {
  const { source } = call.caller;
  const done = await within(ctx, store, async (tx) => {
    const row = await read(tx, source, id);
    if (isScimRefusal(row) || isRefusal(row)) return unknownUser;
    const change = { handle: row.handle, version: call.turn + 1, groups: [] };
    const changed = await changeIn(tx, { source, event: call.event, actor, change }, ctx.clock());
    await scimUsers.remove(tx, source, row.id);
    return { changed };
  });
  return isScimRefusal(done) ? done : undefined;
}

async function inputOf(
  tx: Db,
  { caller: { source }, event, turn }: ScimCall,
  handle: string,
  { name, email, kind, manager }: ScimNews,
  state: PersonState | undefined,
): Promise<Parameters<typeof changeIn>[1]> {
  const change: PersonChange = {
    handle,
    version: turn + 1,
    ...(state === undefined ? {} : { state }),
    ...(name === undefined ? {} : { name }),
    ...(email === undefined ? {} : { email }),
    ...(kind === undefined ? {} : { kind }),
    ...(manager === undefined ? {} : { manager: await managerOf(tx, source, manager) }),
  };
  return { source, event, actor, change };
}

/** A manager whom this source did not make is nobody: whoever was it before is not any more. */
async function managerOf(tx: Db, source: string, manager: string | null): Promise<PersonId | null> {
  if (manager === null || !isUuid(manager)) return null;
  return (await scimUsers.known(tx, source, [manager as PersonId]))[0]?.id ?? null;
}

/** Runs in one transaction, which a refusal rolls back; then sends what it queued. */
export async function within<Value extends { readonly changed?: Changed }>(
  ctx: Context,
  store: Store,
  work: (tx: Db) => Promise<Value | ScimRefusal>,
): Promise<Value | ScimRefusal> {
  try {
    const value = await store.transaction(async (tx) => {
      const done = await work(tx);
      if (isScimRefusal(done)) throw new RolledBack(done);
      return done;
    });
    if (value.changed) await sendSome(ctx, store, value.changed.queued);
    return value;
  } catch (thrown) {
    if (thrown instanceof RolledBack) return thrown.refusal;
    throw thrown;
  }
}

class RolledBack extends Error {
  readonly refusal: ScimRefusal;
  constructor(refusal: ScimRefusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}
