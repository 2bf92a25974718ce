/** What a SCIM source does to groups: each person concerned is changed by themselves, and judged again as a mover. */
import { isRefusal } from '../domain/errors.ts';
import { isUuid, type PersonId } from '../domain/ids.ts';
import type { Db } from '../store/pool.ts';
import * as scimGroups from '../store/scim-groups.ts';
import type { ScimGroupNames, ScimGroupRow } from '../store/scim-groups.ts';
import * as scimUsers from '../store/scim-users.ts';
import { answering } from './answering.ts';
import { changeIn } from './change-person.ts';
import {
  isScimRefusal,
  scimRefuse,
  type ScimAnswer,
  type ScimCall,
  type ScimGroupFields,
  type ScimMembers,
  type ScimRefusal,
  type ScimUseCases,
} from './contract-scim.ts';
import { groupNameFrom } from './scim-names.ts';
import { actor, within, type ScimContext } from './scim-users.ts';

type GroupCases = Pick<ScimUseCases, 'group' | 'groups' | 'createGroup' | 'changeGroup' | 'removeGroup'>;

export function scimGroupCases(scim: ScimContext): GroupCases {
  const { ctx, store } = scim;
  return {
    group: ({ source }, id) => answering(ctx, 'scimGroup', () => read(store, source, id)),
    groups: ({ source }, { members, display }) =>
      answering(ctx, 'scimGroups', async () => {
        const name = display === undefined ? undefined : groupNameFrom(display);
        if (display !== undefined && name === undefined) return [];
        return scimGroups.list(store, source, { members, ...(name === undefined ? {} : { name }) });
      }),
    createGroup: (call, fields) => answering(ctx, 'scimCreateGroup', () => create(scim, call, fields)),
    changeGroup: (call, id, fields) => answering(ctx, 'scimChangeGroup', () => change(scim, call, id, fields)),
    removeGroup: (call, id) => answering(ctx, 'scimRemoveGroup', () => remove(scim, call, id)),
  };
}

const unknownGroup = scimRefuse('unknown', 'There is no such group.');
const taken = scimRefuse(
  'uniqueness',
  'This source has a group of that name, or of one that is the same in small letters and hyphens.',
);
const badName = scimRefuse(
  'invalidValue',
  'displayName does not make a name that policies can use: at most 63 letters, digits and . _ - of ASCII.',
);
const strangers = scimRefuse('invalidValue', 'members names somebody whom this source has not made.');

const read = async (db: Db, source: string, id: string): Promise<ScimAnswer<ScimGroupRow>> =>
  (isUuid(id.toLowerCase()) ? await scimGroups.byId(db, source, id) : undefined) ?? unknownGroup;

const namesOf = (display: string, externalId: string | null): ScimGroupNames | undefined => {
  const name = groupNameFrom(display);
  return name === undefined ? undefined : { name, display, externalId };
};

async function create(scim: ScimContext, call: ScimCall, fields: ScimGroupFields): Promise<ScimAnswer<ScimGroupRow>> {
  const { source } = call.caller;
  const names = namesOf(fields.display ?? '', fields.externalId ?? null);
  if (!names) return badName;
  const joining = await joiningOf(scim.store, source, fields.members);
  if (isScimRefusal(joining)) return joining;
  const id = await scimGroups.insert(scim.store, source, names);
  if (id === undefined) return taken;
  await regroupAll(scim, call, joining, { joins: [names.name], leaves: [] });
  return read(scim.store, source, id);
}

async function change(
  scim: ScimContext,
  call: ScimCall,
  id: string,
  { display, externalId, members }: ScimGroupFields,
): Promise<ScimAnswer<ScimGroupRow>> {
  const { source } = call.caller;
  const row = await read(scim.store, source, id);
  if (isScimRefusal(row) || isRefusal(row)) return row;
  const names = namesOf(display ?? row.display, externalId === undefined ? row.externalId : externalId);
  if (!names) return badName;
  const joining = await joiningOf(scim.store, source, members);
  if (isScimRefusal(joining)) return joining;
  if (!(await scimGroups.rename(scim.store, source, id, names))) return taken;
  const staying = stayingOf(row, members);
  const stays = ({ id: each }: Member): boolean => staying.has(each);
  const goes = (each: Member): boolean => !stays(each);
  // NB. Taken away first: whatever stops this half-way leaves people with less, not with more.
  await regroupAll(scim, call, row.members.filter(goes), { joins: [], leaves: [row.name] });
  if (names.name !== row.name)
    await regroupAll(scim, call, row.members.filter(stays), { joins: [names.name], leaves: [row.name] });
  await regroupAll(scim, call, joining.filter(goes), { joins: [names.name], leaves: [] });
  return read(scim.store, source, id);
}

async function remove(scim: ScimContext, call: ScimCall, id: string): Promise<ScimAnswer<undefined>> {
  const { source } = call.caller;
  const row = await read(scim.store, source, id);
  if (isScimRefusal(row) || isRefusal(row)) return row;
  await regroupAll(scim, call, row.members, { joins: [], leaves: [row.name] });
  await scimGroups.remove(scim.store, source, id);
  return undefined;
}

type Member = { readonly id: PersonId; readonly handle: string };

/** Who is to be in it after this, of those who were not named to go. @returns a refusal where one is nobody's user */
async function joiningOf(
  db: Db,
  source: string,
  members: ScimMembers | undefined,
): Promise<readonly Member[] | ScimRefusal> {
  const removed = new Set(members?.remove);
  const wanted = [...new Set([...(members?.replace ?? []), ...(members?.add ?? [])])].filter((id) => !removed.has(id));
  if (wanted.length === 0) return [];
  if (!wanted.every(isUuid)) return strangers;
  const found = await scimUsers.known(db, source, wanted as PersonId[]);
  return found.length === wanted.length ? found : strangers;
}

/** Members of before whom this does not take out. */
function stayingOf(row: ScimGroupRow, members: ScimMembers | undefined): ReadonlySet<string> {
  const removed = new Set(members?.remove);
  const kept = members?.replace ? new Set([...members.replace, ...members.add]) : undefined;
  const staying = row.members.filter(({ id }) => !removed.has(id) && (kept?.has(id) ?? true));
  return new Set(staying.map(({ id }) => id));
}

type Regroup = { readonly joins: readonly string[]; readonly leaves: readonly string[] };

/** Of the connections that the directory has: others are to get a word in. */
const atOnce = 3;

/** Each person by themselves, a few at once: a group has hundreds, and its client waits. */
async function regroupAll(scim: ScimContext, call: ScimCall, members: readonly Member[], how: Regroup): Promise<void> {
  const waiting = [...members];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await regroup(scim, call, next, how);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/**
 * One person's memberships by this source's word: read, changed and written in one turn of theirs, for a client changes
 * several groups at once and each change counts.
 */
async function regroup(
  { ctx, store }: ScimContext,
  { caller: { source }, event }: ScimCall,
  person: Member,
  { joins, leaves }: Regroup,
): Promise<void> {
  await within(ctx, store, async (tx) => {
    const { names, version } = await scimGroups.lockedGroupsOf(tx, source, person);
    const wanted = [...new Set([...names.filter((name) => !leaves.includes(name)), ...joins])].toSorted();
    if (wanted.length === names.length && wanted.every((name) => names.includes(name))) return {};
    const regrouped = { handle: person.handle, version: version + 1, groups: wanted.map((name) => ({ name })) };
    return { changed: await changeIn(tx, { source, event, actor, change: regrouped }, ctx.clock()) };
  });
}
