/** SCIM bodies as they come: JSON within bounds, and attribute names in whichever spelling, RFC 7643 section 2.1. */

/** Brackets within brackets: SCIM itself needs six. */
const deepest = 16;

export const coreUser = 'urn:ietf:params:scim:schemas:core:2.0:User';
export const enterpriseUser = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const prefixes = ['user', 'group'].map((kind) => `urn:ietf:params:scim:schemas:core:2.0:${kind}`);
const enterprise = enterpriseUser.toLowerCase();

/**
 * NB. Some clients begin with a mark of the byte order, which RFC 8259 section 8.1 lets a parser ignore.
 * @returns undefined for what is no JSON, or JSON that is too deep to be a resource
 */
export function parseJson(text: string): { readonly value: unknown } | undefined {
  if (depthOf(text) > deepest) return undefined;
  try {
    return { value: JSON.parse(text.replace(/^\uFEFF/, '')) as unknown };
  } catch {
    return undefined;
  }
}

/** Of the text, so that nothing deep is ever built. */
function depthOf(text: string): number {
  let depth = 0;
  let most = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (quoted) {
      if (letter === '\\') at += 1;
      else if (letter === '"') quoted = false;
    } else if (letter === '"') quoted = true;
    else if (letter === '{' || letter === '[') most = Math.max(most, (depth += 1));
    else if (letter === '}' || letter === ']') depth -= 1;
  }
  return most;
}

export type Fields = { readonly [name: string]: unknown };
export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * An attribute's name in small letters, without the core schema's URN before it, e.g. `active`, `name.formatted`,
 * `emails[type eq "work"].value`; the enterprise schema's attributes are `enterprise.manager` and so on. The whole
 * schema is `core` or `enterprise`.
 */
export function attributeOf(spelling: string): string {
  const name = spelling.trim().replace(/^\//, '').toLowerCase();
  for (const prefix of prefixes) {
    if (name === prefix) return 'core';
    if (name.startsWith(`${prefix}:`) || name.startsWith(`${prefix}.`)) return name.slice(prefix.length + 1);
  }
  if (name === enterprise) return 'enterprise';
  if (name.startsWith(`${enterprise}:`) || name.startsWith(`${enterprise}.`))
    return `enterprise.${name.slice(enterprise.length + 1)}`;
  return name;
}

/** The value under a name in whichever case; of several the last. */
export function fieldOf(fields: Fields, name: string): unknown {
  let found: unknown;
  for (const [key, value] of Object.entries(fields)) if (key.trim().toLowerCase() === name) found = value;
  return found;
}

export type Operation = {
  readonly op: string;
  /** As `attributeOf` has it; undefined where the operation has none, or names the whole resource. */
  readonly path?: string;
  /** As it was written: what stands inside of brackets keeps its case. */
  readonly spelling?: string;
  readonly value: unknown;
};

/**
 * The operations of a PATCH, whatever they are; what is no operation at all is passed over. Read wherever somebody may
 * have put them (a bare list as in RFC 6902, under the schema's name, JSON inside a text): to miss one is to leave a
 * leaver active.
 */
export function operationsOf(body: unknown): readonly Operation[] {
  return listedIn(body).map((each) => {
    const op = fieldOf(each, 'op');
    const named = fieldOf(each, 'path');
    const spelling = Array.isArray(named) && named.length === 1 ? (named[0] as unknown) : named;
    const path = typeof spelling === 'string' ? attributeOf(spelling) : '';
    return {
      op: typeof op === 'string' ? op.trim().toLowerCase() : '',
      value: fieldOf(each, 'value'),
      ...(path === '' || path === 'core' ? {} : { path, spelling: String(spelling) }),
    };
  });
}

function listedIn(body: unknown): readonly Fields[] {
  if (Array.isArray(body)) return body.filter(isFields);
  if (!isFields(body)) return [];
  const listed = fieldOf(body, 'operations') ?? fieldOf(body, `${patchOp}:operations`);
  if (listed === undefined) return fieldOf(body, patchOp) === undefined ? [] : listedIn(fieldOf(body, patchOp));
  const all = typeof listed === 'string' ? parseJson(listed)?.value : listed;
  return (Array.isArray(all) ? all : [all]).filter(isFields);
}
const patchOp = 'urn:ietf:params:scim:api:messages:2.0:patchop';

/** What a path-less operation sets, attribute by attribute: of an object, a list of them, or JSON inside a text. */
export function settingsOf(value: unknown): readonly (readonly [name: string, value: unknown])[] {
  if (typeof value === 'string') return value.trimStart().startsWith('{') ? settingsOf(parseJson(value)?.value) : [];
  if (Array.isArray(value)) return value.filter(isFields).flatMap(settingsOf);
  if (!isFields(value)) return [];
  const entries = Object.entries(value);
  const plain = (all: typeof entries) => all.flatMap(([key, each]) => within(attributeOf(key), each));
  // The form {"name": "active", "value": false}, or with a path; a resource has a name as well, but no value beside it.
  const key = ['name', 'path'].find((each) => typeof value[each] === 'string');
  if (key === undefined || !('value' in value)) return plain(entries);
  const others = entries.filter(([name]) => name !== key && name !== 'value');
  return [[attributeOf(String(value[key])), value['value']], ...plain(others)];
}

const within = (name: string, value: unknown): readonly (readonly [string, unknown])[] => {
  if (name === 'core' && isFields(value)) return Object.entries(value).map(([key, each]) => [attributeOf(key), each]);
  if (name === 'enterprise' && isFields(value))
    return Object.entries(value).map(([key, each]) => [`enterprise.${key.trim().toLowerCase()}`, each]);
  return [[name, value]];
};
