/**
 * The normaliser: makes of what vendors send what the SCIM library takes. Unknown attributes are dropped here, with
 * `password` among them, so that nothing else is ever kept, logged or built by name.
 */
import { readActive, saidActive } from './active.ts';
import { fieldOf, isFields, operationsOf, settingsOf, type Fields } from './payload.ts';

/** What the library is not asked about: both are read from what was said, and never from what was there before. */
export type Says = {
  readonly active?: boolean;
  /** Somebody's id; null: nobody. */
  readonly manager?: string | null;
};

export type UserPayload = {
  readonly says: Says;
  /** A resource, or a PatchOp of simple replacements. */
  readonly body: Fields;
  /** An attribute that cannot be kept as it is written; undefined: all can. */
  readonly wrong?: string;
};

const core = 'urn:ietf:params:scim:schemas:core:2.0:User';
const patchOp = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';

const plain: Readonly<Record<string, string>> = {
  username: 'userName',
  externalid: 'externalId',
  displayname: 'displayName',
  usertype: 'userType',
};
const nameParts: Readonly<Record<string, string>> = {
  formatted: 'formatted',
  givenname: 'givenName',
  familyname: 'familyName',
};

type Draft = {
  readonly values: Map<string, unknown>;
  readonly name: Map<string, unknown>;
  readonly removed: Set<string>;
  manager?: string | null;
  wrong?: string;
};
const emptyDraft = (): Draft => ({ values: new Map(), name: new Map(), removed: new Set() });

export function userResource(body: unknown): UserPayload {
  const draft = emptyDraft();
  for (const [name, value] of settingsOf(body)) set(draft, name, value);
  const name = draft.name.size > 0 ? { name: Object.fromEntries(draft.name) } : {};
  return finished(draft, saidActive(body, 'resource'), {
    schemas: [core],
    ...Object.fromEntries(draft.values),
    ...name,
  });
}

export function userPatch(body: unknown): UserPayload {
  const draft = emptyDraft();
  const operations = operationsOf(body);
  const active = saidActive(body, 'patch');
  // A client that is told "done" asks no more: what was not understood at all is refused.
  if (operations.length === 0 && active === undefined) draft.wrong = 'Operations';
  for (const { op, path, value } of operations) {
    if (path !== undefined && op === 'remove') remove(draft, path);
    else if (op !== 'add' && op !== 'replace') draft.wrong ??= 'op';
    else if (path !== undefined) set(draft, path, value);
    else for (const [name, each] of settingsOf(value)) set(draft, name, each);
  }
  const replacements = [...draft.values].map(([path, value]) => ({ op: 'replace', path, value }));
  const parts = [...draft.name].map(([part, value]) => ({ op: 'replace', path: `name.${part}`, value }));
  const removals = [...draft.removed].map((path) => ({ op: 'remove', path }));
  const all = [...replacements, ...parts, ...removals];
  // The library wants an operation; this one does nothing.
  return finished(draft, active, {
    schemas: [patchOp],
    Operations: all.length > 0 ? all : [{ op: 'add', value: {} }],
  });
}

function finished(
  { values, name, manager, wrong: misunderstood }: Draft,
  active: boolean | undefined,
  body: Fields,
): UserPayload {
  const wrong = misunderstood ?? [...values, ...name].find(([, value]) => !isKeepable(value))?.[0];
  return {
    body,
    says: { ...(active === undefined ? {} : { active }), ...(manager === undefined ? {} : { manager }) },
    ...(wrong === undefined ? {} : { wrong }),
  };
}

/** Later words replace earlier ones. */
function set(draft: Draft, name: string, value: unknown): void {
  const [head = '', part] = name.split(/[.[]/, 2);
  const known = Object.hasOwn(plain, head) ? plain[head] : undefined;
  if (known !== undefined) {
    draft.values.set(known, value ?? undefined);
    draft.removed.delete(known);
  } else if (head === 'active') draft.values.set('active', activeValue(value));
  else if (head === 'name') setName(draft, part, value);
  else if (head === 'emails') draft.values.set('emails', emailsOf(value));
  else if (head === 'manager' || /^enterprise\.manager(?:$|\.value$)/.test(name)) draft.manager = managerOf(value);
}

/** What is not clear is left as it is, for the library to refuse. */
const activeValue = (value: unknown): unknown => {
  const said = readActive(value);
  return said === 'unclear' ? value : said === 'yes';
};

function setName(draft: Draft, part: string | undefined, value: unknown): void {
  if (part !== undefined) {
    if (Object.hasOwn(nameParts, part)) draft.name.set(nameParts[part] ?? part, value ?? undefined);
  } else if (isFields(value)) {
    for (const [key, each] of Object.entries(value)) setName(draft, key.trim().toLowerCase(), each);
  } else if (typeof value === 'string') draft.name.set('formatted', value);
}

function remove(draft: Draft, path: string): void {
  const [head = ''] = path.split(/[.[]/, 1);
  const known = Object.hasOwn(plain, head) ? plain[head] : undefined;
  if (known !== undefined) {
    draft.values.delete(known);
    draft.removed.add(known);
  } else if (head === 'manager' || path.startsWith('enterprise.manager')) draft.manager = null;
  else if (head === 'active') draft.values.set('active', false);
}

/** One address is enough for us; a client that names none takes none away. */
function emailsOf(value: unknown): unknown {
  const all: readonly unknown[] = Array.isArray(value) ? value : [value];
  return all.flatMap((each) => {
    const address = isFields(each) ? fieldOf(each, 'value') : each;
    if (typeof address !== 'string' || address === '') return [];
    const type = isFields(each) ? fieldOf(each, 'type') : undefined;
    const primary = isFields(each) && String(fieldOf(each, 'primary')).toLowerCase() === 'true';
    return [
      { value: address, type: type === 'home' || type === 'other' ? type : 'work', ...(primary ? { primary } : {}) },
    ];
  });
}

/** `"77"`, `77`, `{"value": "77"}` and a list of one are one manager. */
function managerOf(value: unknown, depth = 0): string | null {
  if (typeof value === 'string') return value.trim() === '' ? null : value.trim();
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return depth > 2 ? null : managerOf(value[0], depth + 1);
  return isFields(value) && depth <= 2 ? managerOf(fieldOf(value, 'value'), depth + 1) : null;
}

const longest = 320;

/** Texts that the store can hold and people can read: well-formed, of one line, not endless. */
export function isKeepable(value: unknown): boolean {
  if (typeof value === 'string') return isKeepableText(value);
  if (Array.isArray(value)) return value.length <= 20 && value.every(isKeepable);
  return !isFields(value) || Object.values(value).every(isKeepable);
}

export const isKeepableText = (text: string): boolean =>
  // oxlint-disable-next-line no-control-regex -- finding control characters is what this is for
  text.length <= longest && text.isWellFormed() && !/[\u0000-\u001F\u007F]/.test(text);
