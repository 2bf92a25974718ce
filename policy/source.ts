/**
 * YAML that somebody else wrote, read into plain data with the place of each value. Nothing of it is trusted: size,
 * depth and number of values are bounded (also through aliases, so that a few lines cannot unfold into millions), keys
 * are unique, and no key can reach a prototype.
 */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, type Document } from 'yaml';
import { formatPath, quote, type Issue, type Path } from './issue.ts';

export const longestFileBytes = 256 * 1024;
const deepest = 24;
const mostValues = 20_000;
const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype']);

/** The data of a file; `issue` makes an issue that points at a value, or at the key under which it stands. */
export type Source = {
  readonly data: unknown;
  readonly issue: (
    at: Path,
    code: string,
    message: string,
    more?: { readonly onKey?: boolean; readonly warning?: boolean },
  ) => Issue;
};

type Read = { readonly ok: true; readonly source: Source } | { readonly ok: false; readonly issues: readonly Issue[] };

/** Reads one YAML 1.2 document (core schema, no tags, no merge keys). Never throws, whatever the text. */
export function readYaml(text: string, file: string): Read {
  const lines = new LineCounter();
  const places = new Map<string, number>();
  const issue: Source['issue'] = (at, code, message, more = {}) => {
    const offset = offsetOf(places, at, more.onKey === true);
    return {
      severity: more.warning ? 'warning' : 'error',
      code,
      message,
      file,
      ...placeAt(lines, offset),
      path: formatPath(at),
    };
  };
  if (Buffer.byteLength(text, 'utf8') > longestFileBytes) {
    return { ok: false, issues: [issue([], 'too-large', `the file is larger than ${longestFileBytes / 1024} KiB`)] };
  }
  const parsed = compose(text, lines);
  if (parsed === 'too-deep') {
    return { ok: false, issues: [issue([], 'too-deep', `values are nested more than ${deepest} deep`)] };
  }
  const [document, second] = parsed;
  const syntax = parsed
    .flatMap((each) => [...each.errors, ...each.warnings])
    .filter((error) => error.code !== 'MULTIPLE_DOCS')
    .map((error): Issue => {
      const message = error.message.split('\n')[0] ?? error.message;
      return { severity: 'error', code: 'bad-yaml', message, file, ...placeAt(lines, error.pos[0]), path: '' };
    });
  if (second) {
    const place = placeAt(lines, second.range[0]);
    const message = 'one document a file: take away what follows "---"';
    syntax.push({ severity: 'error', code: 'several-documents', message, file, ...place, path: '' });
  }
  if (syntax.length > 0 || !document) {
    return { ok: false, issues: syntax.length > 0 ? syntax : [issue([], 'empty', 'the file is empty')] };
  }
  const reader = new Reader(document, places, issue);
  const data = reader.read(document.contents, []);
  if (reader.issues.length > 0) return { ok: false, issues: reader.issues };
  if (data === null) return { ok: false, issues: [issue([], 'empty', 'the file is empty')] };
  return { ok: true, source: { data, issue } };
}

/** NB. Unique keys are checked by the reader: the parser's own check takes quadratic time. */
function compose(text: string, lineCounter: LineCounter): readonly Document.Parsed[] | 'too-deep' {
  try {
    const documents = parseAllDocuments(text, {
      lineCounter,
      version: '1.2',
      schema: 'core',
      resolveKnownTags: false,
      merge: false,
      stringKeys: true,
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'silent',
    });
    return 'empty' in documents ? [] : documents;
  } catch (error) {
    // The parser recurses: text that is nothing but opening brackets exhausts the stack before it is refused.
    if (error instanceof RangeError) return 'too-deep';
    throw error;
  }
}

/** Turns nodes into data: one walk, in which every bound is kept. */
class Reader {
  readonly issues: Issue[] = [];
  readonly #document: Document.Parsed;
  readonly #places: Map<string, number>;
  readonly #issue: Source['issue'];
  #values = 0;

  constructor(document: Document.Parsed, places: Map<string, number>, issue: Source['issue']) {
    this.#document = document;
    this.#places = places;
    this.#issue = issue;
  }

  read(node: unknown, path: Path): unknown {
    if (!this.#places.has(keyOf(path))) this.#places.set(keyOf(path), startOf(node));
    this.#values += 1;
    if (this.#values > mostValues)
      return this.#refuseOnce('too-many-values', `the file holds more than ${mostValues} values`);
    if (path.length > deepest) return this.#refuseOnce('too-deep', `values are nested more than ${deepest} deep`, path);
    if (isAlias(node)) return this.#aliased(node.resolve(this.#document), path);
    if (isScalar(node)) return node.value;
    if (isSeq(node)) return node.items.map((item, index) => this.read(item, [...path, index]));
    return isMap(node) ? this.#map(node.items, path) : null;
  }

  #map(pairs: readonly { readonly key: unknown; readonly value: unknown }[], path: Path): unknown {
    const data: Record<string, unknown> = {};
    for (const { key, value } of pairs) {
      const name = isScalar(key) ? String(key.value) : '';
      const at = [...path, name];
      const seen = this.#places.has(keyOf(at, true));
      this.#places.set(keyOf(at, true), startOf(key));
      if (forbiddenKeys.has(name)) {
        this.issues.push(this.#issue(at, 'forbidden-key', `${quote(name)} cannot be a key`, { onKey: true }));
      } else if (seen) {
        this.issues.push(this.#issue(at, 'duplicate-key', `${quote(name)} stands here twice`, { onKey: true }));
      } else {
        data[name] = this.read(value, at);
      }
    }
    return data;
  }

  /** What an alias stands for, at the alias's own place: an issue in it points to where it is used. */
  #aliased(node: unknown, path: Path): unknown {
    return node === undefined ? this.#refuseOnce('bad-yaml', 'an alias to nothing', path) : this.read(node, path);
  }

  #refuseOnce(code: string, message: string, at: Path = []): null {
    if (!this.issues.some((issue) => issue.code === code)) this.issues.push(this.#issue(at, code, message));
    return null;
  }
}

const keyOf = (path: Path, onKey = false): string => `${onKey ? 'key' : 'value'}${JSON.stringify(path)}`;

const startOf = (node: unknown): number => (node as { range?: readonly number[] | null } | null)?.range?.[0] ?? 0;

/** The offset of a path, or of the nearest part of it that is there: what is missing is told where it should be. */
function offsetOf(places: ReadonlyMap<string, number>, path: Path, onKey: boolean): number {
  const own = (onKey ? places.get(keyOf(path, true)) : undefined) ?? places.get(keyOf(path));
  if (own !== undefined || path.length === 0) return own ?? 0;
  return offsetOf(places, path.slice(0, -1), false);
}

function placeAt(lines: LineCounter, offset: number): { readonly line: number; readonly column: number } {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}
