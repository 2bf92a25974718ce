/**
 * Filters of RFC 7644 section 3.4.2.2. Our own, because a filter comes from outside: this one takes time that grows with
 * its length, and compares texts in whichever case but where the schema says otherwise.
 */
import { attributeOf, isFields, type Fields } from './payload.ts';

export type Filter =
  | { readonly kind: 'and' | 'or'; readonly of: readonly Filter[] }
  | { readonly kind: 'not'; readonly of: Filter }
  /** Some entry of a list fits: `members[value eq "id"]`. */
  | { readonly kind: 'some'; readonly path: string; readonly of: Filter }
  | { readonly kind: 'present'; readonly path: string }
  | { readonly kind: 'compare'; readonly path: string; readonly by: Comparison; readonly to: Literal };
type Literal = string | number | boolean | null;

const comparisons = ['eq', 'ne', 'co', 'sw', 'ew', 'gt', 'ge', 'lt', 'le'] as const;
type Comparison = (typeof comparisons)[number];

const longest = 1_000;
const deepest = 8;
const mostTerms = 50;
const token = /\s*(?:([()[\]])|("(?:[^"\\]|\\.)*")|([A-Za-z$][\w$:.-]*)|(-?\d+(?:\.\d+)?))/y;

/** @returns undefined for what is no filter, or one that is too long or too deep to be meant */
export function parseFilter(text: string): Filter | undefined {
  const words = text.length <= longest ? wordsOf(text) : undefined;
  if (!words || words.length === 0) return undefined;
  const reader: Reader = { words, at: 0, terms: 0 };
  const filter = either(reader, 0);
  return filter && reader.at === words.length ? filter : undefined;
}

type Reader = { readonly words: readonly string[]; at: number; terms: number };

function wordsOf(text: string): readonly string[] | undefined {
  const words: string[] = [];
  const end = text.trimEnd().length;
  token.lastIndex = 0;
  while (token.lastIndex < end) {
    const found = token.exec(text)?.[0].trim();
    if (found === undefined) return undefined;
    words.push(found);
  }
  return words;
}

const peek = ({ words, at }: Reader): string | undefined => words[at]?.toLowerCase();
function take(reader: Reader, word: string): boolean {
  if (peek(reader) !== word) return false;
  reader.at += 1;
  return true;
}

const either = (reader: Reader, depth: number): Filter | undefined => joined(reader, 'or', () => both(reader, depth));
const both = (reader: Reader, depth: number): Filter | undefined => joined(reader, 'and', () => one(reader, depth));

function joined(reader: Reader, kind: 'and' | 'or', next: () => Filter | undefined): Filter | undefined {
  const of: Filter[] = [];
  do {
    const filter = next();
    if (!filter) return undefined;
    of.push(filter);
  } while (take(reader, kind));
  const [only] = of;
  return of.length === 1 ? only : { kind, of };
}

function one(reader: Reader, depth: number): Filter | undefined {
  reader.terms += 1;
  if (depth > deepest || reader.terms > mostTerms) return undefined;
  if (take(reader, 'not')) {
    const inner = peek(reader) === '(' ? one(reader, depth + 1) : undefined;
    return inner && { kind: 'not', of: inner };
  }
  if (take(reader, '(')) {
    const inner = either(reader, depth + 1);
    return inner && take(reader, ')') ? inner : undefined;
  }
  return term(reader, depth);
}

function term(reader: Reader, depth: number): Filter | undefined {
  const name = reader.words[reader.at];
  if (name === undefined || !/^[A-Za-z$]/.test(name)) return undefined;
  const path = attributeOf(name);
  reader.at += 1;
  if (take(reader, '[')) {
    const inner = either(reader, depth + 1);
    return inner && take(reader, ']') ? { kind: 'some', path, of: inner } : undefined;
  }
  if (take(reader, 'pr')) return { kind: 'present', path };
  const by = comparisons.find((each) => each === peek(reader));
  const to = literalOf(reader.words[reader.at + 1]);
  if (!by || to === undefined) return undefined;
  reader.at += 2;
  return { kind: 'compare', path, by, to };
}

function literalOf(word: string | undefined): Literal | undefined {
  if (word === undefined) return undefined;
  if (/^(?:true|false|null)$/i.test(word)) return JSON.parse(word.toLowerCase()) as boolean | null;
  if (!/^["\d-]/.test(word)) return undefined;
  try {
    return JSON.parse(word) as string | number;
  } catch {
    return undefined;
  }
}

/** Does a resource, as it is written, fit? What it does not have equals null. */
export function matches(filter: Filter, resource: Fields): boolean {
  switch (filter.kind) {
    case 'and':
      return filter.of.every((each) => matches(each, resource));
    case 'or':
      return filter.of.some((each) => matches(each, resource));
    case 'not':
      return !matches(filter.of, resource);
    case 'some':
      return valuesAt(resource, filter.path).some((each) => isFields(each) && matches(filter.of, each));
    case 'present':
      return valuesAt(resource, filter.path).some((each) => each !== undefined && each !== null && each !== '');
    case 'compare':
      return compared(filter, resource);
  }
}

function compared({ path, by, to }: Filter & { readonly kind: 'compare' }, resource: Fields): boolean {
  const found = valuesAt(resource, path).map((each) => (isFields(each) ? each['value'] : each));
  const values = found.length === 0 ? [null] : found;
  const exact = path === 'id' || path === 'externalid';
  return by === 'ne'
    ? !values.some((each) => holds('eq', each, to, exact))
    : values.some((each) => holds(by, each, to, exact));
}

function holds(by: Comparison, value: unknown, to: Literal, exact: boolean): boolean {
  if (typeof value === 'boolean') return by === 'eq' && String(value) === String(to).toLowerCase();
  if (typeof value === 'number') return typeof to === 'number' && ordered(by, value - to);
  if (typeof value !== 'string' || typeof to !== 'string') return by === 'eq' && (value ?? null) === to;
  const [text, wanted] = exact ? [value, to] : [value.toLowerCase(), to.toLowerCase()];
  if (by === 'co') return text.includes(wanted);
  if (by === 'sw') return text.startsWith(wanted);
  if (by === 'ew') return text.endsWith(wanted);
  return ordered(by, text < wanted ? -1 : text > wanted ? 1 : 0);
}

function ordered(by: Comparison, difference: number): boolean {
  if (by === 'eq') return difference === 0;
  if (by === 'gt' || by === 'ge') return difference > 0 || (by === 'ge' && difference === 0);
  return (by === 'lt' || by === 'le') && (difference < 0 || (by === 'le' && difference === 0));
}

/** Along a dotted path, through lists; own fields only, in whichever case. */
function valuesAt(resource: Fields, path: string): readonly unknown[] {
  let found: readonly unknown[] = [resource];
  for (const part of path.split('.')) {
    found = found.filter(isFields).flatMap((each) => {
      const entry = Object.entries(each).find(([key]) => named(key) === part);
      return entry === undefined ? [] : Array.isArray(entry[1]) ? (entry[1] as readonly unknown[]) : [entry[1]];
    });
  }
  return found;
}

/** NB. Kept, for each term asks it of each resource. The names are our own resources', so they are few. */
function named(key: string): string {
  const known = names.get(key) ?? attributeOf(key);
  names.set(key, known);
  return known;
}
const names = new Map<string, string>();

/** What a filter asks for by `eq` in every case, by attribute: those who have something else need not be read. */
export function equalities(filter: Filter): ReadonlyMap<string, string> {
  const all = filter.kind === 'and' ? filter.of : [filter];
  return new Map(
    all.flatMap((each) =>
      each.kind === 'compare' && each.by === 'eq' && typeof each.to === 'string' ? [[each.path, each.to]] : [],
    ),
  );
}
