/**
 * YAML that somebody else wrote, read into plain data with the place of each value. Nothing of it is trusted: size,
 * depth and number of values are bounded (also through aliases, so that a few lines cannot unfold into millions), keys
 * are unique, and no key can reach a prototype.
 */
import {
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  type Document,
  type Node,
} from 'yaml';
import { offsetInside } from './inside.ts';
import { formatPath, quote, type Issue, type Path, type Place } from './issue.ts';

export const longestFileBytes = 256 * 1024;
const deepest = 24;
const mostValues = 20_000;
const tooDeep = `values are nested more than ${deepest} deep`;
const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype']);

/** The data of a file; `issue` makes an issue that points at a value, or at the key under which it stands. */
export type Source = {
  readonly data: unknown;
  readonly issue: (at: Path, code: string, message: string, more?: Pointing) => Issue;
  /** Where a value stands. */
  readonly place: (at: Path) => Place;
};

/** `inside`: the character of a text at which to point, from 0. */
export type Pointing = { readonly onKey?: boolean; readonly warning?: boolean; readonly inside?: number };

type Read = { readonly ok: true; readonly source: Source } | { readonly ok: false; readonly issues: readonly Issue[] };

/** Reads one YAML 1.2 document (core schema, no tags, no merge keys). Never throws, whatever the text. */
export function readYaml(text: string, file: string): Read {
  const lines = new LineCounter();
  const places = new Map<string, number>();
  const texts = new Map<string, Node>();
  const tellAt = (offset: number, code: string, message: string, at: Path = [], warning = false): Issue => {
    const { line, col } = lines.linePos(offset);
    const place = { file, line: Math.max(1, line), column: Math.max(1, col), path: formatPath(at) };
    return { severity: warning ? 'warning' : 'error', code, message, ...place };
  };
  const body = text.replace(/^\uFEFF/, '');
  const issue: Source['issue'] = (at, code, message, more = {}) => {
    const offset =
      more.inside === undefined
        ? offsetOf(places, at, more.onKey === true)
        : offsetInside(body, texts.get(keyOf(at)), more.inside);
    return tellAt(offset, code, message, at, more.warning);
  };
  const place: Source['place'] = (at) => {
    const { line, column } = issue(at, '', '');
    return { file, line, column };
  };
  if (Buffer.byteLength(text, 'utf8') > longestFileBytes) {
    return { ok: false, issues: [issue([], 'too-large', `the file is larger than ${longestFileBytes / 1024} KiB`)] };
  }
  const documents = compose(body, lines);
  const syntax = syntaxIssues(documents, tellAt);
  if (syntax.length > 0) return { ok: false, issues: syntax };
  const reader = new Reader(places, texts, issue);
  const data = reader.read(documents[0]?.contents, []);
  if (reader.issues.length > 0) return { ok: false, issues: reader.issues };
  if (data === null) return { ok: false, issues: [issue([], 'empty', 'the file is empty')] };
  return { ok: true, source: { data, issue, place } };
}

/** NB. Unique keys are checked by the reader: the parser's own check takes quadratic time. */
function compose(text: string, lineCounter: LineCounter): readonly Document.Parsed[] {
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
}

/** What is not YAML as Curfew reads it; warnings of the parser count, for they are about tags. */
function syntaxIssues(
  documents: readonly Document.Parsed[],
  tellAt: (offset: number, code: string, message: string) => Issue,
): readonly Issue[] {
  const errors = documents.flatMap((each) => [...each.errors, ...each.warnings]);
  // The parser recurses, and says so when its stack is exhausted; all else that it says then follows from that.
  const exhausted = errors.find((error) => error.code === 'RESOURCE_EXHAUSTION');
  if (exhausted) return [tellAt(exhausted.pos[0], 'too-deep', tooDeep)];
  const issues = errors.map((error) => tellAt(error.pos[0], 'bad-yaml', error.message));
  const second = documents[1];
  if (!second) return issues;
  return [...issues, tellAt(second.range[0], 'several-documents', 'one document a file: take away what follows "---"')];
}

/** Turns nodes into data: one walk, in which every bound is kept. Once a bound is broken, the rest is not read. */
class Reader {
  readonly issues: Issue[] = [];
  readonly #places: Map<string, number>;
  readonly #texts: Map<string, Node>;
  readonly #issue: Source['issue'];
  readonly #anchors = new Map<string, Node>();
  #values = 0;
  #stopped = false;

  constructor(places: Map<string, number>, texts: Map<string, Node>, issue: Source['issue']) {
    this.#places = places;
    this.#texts = texts;
    this.#issue = issue;
  }

  read(node: unknown, path: Path): unknown {
    if (this.#stopped) return null;
    if (!this.#places.has(keyOf(path))) this.#places.set(keyOf(path), startOf(node));
    this.#values += 1;
    if (this.#values > mostValues)
      return this.#stop([], 'too-many-values', `the file holds more than ${mostValues} values`);
    if (path.length > deepest) return this.#stop(path, 'too-deep', tooDeep);
    if (isAlias(node)) return this.#aliased(node.source, path);
    if ((isScalar(node) || isCollection(node)) && node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (isScalar(node)) {
      this.#texts.set(keyOf(path), node);
      return node.value;
    }
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

  /**
   * What an alias stands for, at the alias's own place: an issue in it points to where it is used.
   * NB. Not the parser's own `resolve`: that walks the whole document for each alias, minutes for a hostile file.
   */
  #aliased(anchor: string, path: Path): unknown {
    const node = this.#anchors.get(anchor);
    return node
      ? this.read(node, path)
      : this.#stop(path, 'bad-yaml', `there is no anchor ${quote(anchor)} before this`);
  }

  #stop(at: Path, code: string, message: string): null {
    this.#stopped = true;
    this.issues.push(this.#issue(at, code, message));
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
