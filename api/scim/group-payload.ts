/** What a body says of a group: its names, and who comes and who goes, in Okta's, Entra's and the RFC's forms. */
import type { ScimGroupFields } from '../../service/contract-scim.ts';
import { fieldOf, isFields, operationsOf, settingsOf, type Operation } from './payload.ts';
import { isKeepableText } from './user-payload.ts';

/** `tooMany`: of members in one call. */
export type GroupPayload =
  | { readonly kind: 'fields'; readonly fields: ScimGroupFields }
  | { readonly kind: 'wrong'; readonly why: 'invalidValue' | 'invalidPath' | 'tooMany'; readonly attribute: string };

const mostMembers = 2_000;

type Draft = {
  display?: string;
  externalId?: string | null;
  replace?: readonly string[];
  readonly add: Set<string>;
  readonly remove: Set<string>;
  wrong?: { readonly why: 'invalidValue' | 'invalidPath'; readonly attribute: string };
};

export function groupResource(body: unknown): GroupPayload {
  const draft: Draft = { add: new Set(), remove: new Set() };
  // A resource without members has none.
  draft.replace = [];
  for (const [name, value] of settingsOf(body)) set(draft, 'replace', name, value);
  if (draft.display === undefined) draft.wrong ??= { why: 'invalidValue', attribute: 'displayName' };
  return finished(draft);
}

export function groupPatch(body: unknown): GroupPayload {
  const draft: Draft = { add: new Set(), remove: new Set() };
  const operations = operationsOf(body);
  if (operations.length === 0) draft.wrong = { why: 'invalidValue', attribute: 'Operations' };
  for (const operation of operations) apply(draft, operation);
  return finished(draft);
}

function apply(draft: Draft, { op, path, spelling, value }: Operation): void {
  if (op !== 'add' && op !== 'remove' && op !== 'replace') {
    draft.wrong ??= { why: 'invalidValue', attribute: 'op' };
  } else if (path === undefined) {
    for (const [name, each] of settingsOf(value)) set(draft, op, name, each);
  } else if (path.startsWith('members[')) {
    selected(draft, op, spelling ?? '');
  } else set(draft, op, path, value);
}

function set(draft: Draft, op: 'add' | 'remove' | 'replace', name: string, value: unknown): void {
  if (name === 'displayname') {
    if (op !== 'remove' && typeof value === 'string' && isKeepableText(value)) draft.display = value;
    else draft.wrong ??= { why: 'invalidValue', attribute: 'displayName' };
  } else if (name === 'externalid') {
    if (op === 'remove' || value === null || value === undefined) draft.externalId = null;
    else if (typeof value === 'string' && isKeepableText(value)) draft.externalId = value;
    else draft.wrong ??= { why: 'invalidValue', attribute: 'externalId' };
  } else if (name === 'members') members(draft, op, value);
}

function members(draft: Draft, op: 'add' | 'remove' | 'replace', value: unknown): void {
  const ids = idsOf(value);
  if (!ids) {
    draft.wrong ??= { why: 'invalidValue', attribute: 'members' };
  } else if (op === 'replace' || (op === 'remove' && value === undefined)) {
    draft.replace = op === 'replace' ? ids : [];
    draft.add.clear();
    draft.remove.clear();
  } else for (const id of ids) move(draft, op, id);
}

function move(draft: Draft, op: 'add' | 'remove', id: string): void {
  draft[op === 'add' ? 'remove' : 'add'].delete(id);
  draft[op].add(id);
}

/** `members[value eq "id"]`, also several joined by `or`. */
function selected(draft: Draft, op: 'add' | 'remove' | 'replace', path: string): void {
  const [, inside] = /^[^[]*\[([^\]]{1,2000})\]$/.exec(path.trim()) ?? [];
  const terms = inside?.split(/\s+or\s+/i).map((term) => /^\s*value\s+eq\s+"([^"]{1,100})"\s*$/i.exec(term)?.[1]);
  if (op !== 'remove' || !terms || terms.includes(undefined)) {
    draft.wrong ??= { why: 'invalidPath', attribute: 'members' };
  } else for (const id of terms) if (id !== undefined) move(draft, 'remove', id.toLowerCase());
}

/** Ids as `{"value": id}`, a list of these, or bare; undefined where one is none. */
function idsOf(value: unknown): readonly string[] | undefined {
  if (value === undefined || value === null) return [];
  const all: readonly unknown[] = Array.isArray(value) ? value : [value];
  const ids = all.map((each) => (isFields(each) ? fieldOf(each, 'value') : each));
  return ids.every((id) => typeof id === 'string') ? ids.map((id) => id.trim().toLowerCase()) : undefined;
}

function finished({ display, externalId, replace, add, remove, wrong }: Draft): GroupPayload {
  if (wrong) return { kind: 'wrong', ...wrong };
  if ((replace?.length ?? 0) + add.size + remove.size > mostMembers)
    return { kind: 'wrong', why: 'tooMany', attribute: 'members' };
  const moved = replace !== undefined || add.size > 0 || remove.size > 0;
  const said = { ...(replace === undefined ? {} : { replace }), add: [...add], remove: [...remove] };
  return {
    kind: 'fields',
    fields: {
      ...(display === undefined ? {} : { display }),
      ...(externalId === undefined ? {} : { externalId }),
      ...(moved ? { members: said } : {}),
    },
  };
}
