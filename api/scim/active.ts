/**
 * Whether a payload takes "active" away, read before the protocol is validated: vendors write it in a dozen ways, and a
 * leaver whom a parser refuses to understand would keep everything (I9).
 */
import { isFields, operationsOf, settingsOf, type Operation } from './payload.ts';

const no = new Set(['false', '0', 'no', 'n', 'f', 'off', 'inactive', 'disabled', 'null', 'none', '']);
const deepest = 4;

type Said = 'yes' | 'no' | 'unclear';

/** A value of `active`, unwrapped from lists and from `{"value": ...}`. Only a plain "true" is a yes. */
export function readActive(value: unknown, depth = 0): Said {
  if (depth > deepest) return 'unclear';
  if (value === undefined || value === null || value === false || value === 0) return 'no';
  if (value === true) return 'yes';
  if (typeof value === 'string') {
    const word = value.trim().toLowerCase();
    return no.has(word) ? 'no' : word === 'true' ? 'yes' : 'unclear';
  }
  if (Array.isArray(value)) {
    const all = value.map((each) => readActive(each, depth + 1));
    if (all.length === 0 || all.includes('no')) return 'no';
    return all.every((each) => each === 'yes') ? 'yes' : 'unclear';
  }
  if (!isFields(value)) return 'unclear';
  const inner = Object.entries(value).find(([key]) => ['value', 'active'].includes(key.trim().toLowerCase()));
  return inner ? readActive(inner[1], depth + 1) : 'unclear';
}

/** `active`, `active.value`, `active[...]`. */
const isActive = (name: string): boolean => /^active(?:$|[.[:])/.test(name);

/**
 * Of a whole body.
 * @param how a PATCH says it in its operations, a resource in its attributes; elsewhere only a "no" counts
 * @returns false where any part of it takes "active" away, also beside one that gives it; true where every mention gives
 *   it; undefined where it is not mentioned, or not clearly
 */
export function saidActive(body: unknown, how: 'patch' | 'resource'): boolean | undefined {
  const attributes = settingsOf(body).flatMap(([name, value]) => (isActive(name) ? [readActive(value)] : []));
  const operations = operationsOf(body).flatMap(inOperation);
  const said = how === 'patch' ? operations : attributes;
  if (attributes.includes('no') || operations.includes('no')) return false;
  return said.length > 0 && said.every((each) => each === 'yes') ? true : undefined;
}

function inOperation({ op, path, value }: Operation): readonly Said[] {
  const mentions =
    path === undefined
      ? settingsOf(value).flatMap(([name, each]) => (isActive(name) ? [each] : []))
      : isActive(path)
        ? [value]
        : [];
  const sets = op === 'add' || op === 'replace';
  return mentions.map((each) => {
    const said = op === 'remove' ? 'no' : readActive(each);
    return said === 'yes' && !sets ? 'unclear' : said;
  });
}
