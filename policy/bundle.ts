/**
 * A policy of several files as one text, and back. What holds stands in the store as one text with one hash; so a folder
 * is joined, in name order, each file under a line that says its name and its number of lines. A policy of one file is
 * its text as it is. Counting the lines, and not looking for the next such line, makes it unambiguous: no file can
 * pretend to be two.
 */
import { readYaml, longestFileBytes, type Source } from './source.ts';
import { quote, type Issue, type Path } from './issue.ts';

export type PolicyFile = { readonly name: string; readonly text: string };

const mostFiles = 100;
const longestTextBytes = 4 * longestFileBytes;
const heading = /^#curfew-policy-file ([A-Za-z0-9][A-Za-z0-9._-]{0,99}) (\d{1,6})$/;

/** Is this the name of a part of a policy folder? `*.test.yaml` holds cases for `curfew policy test`. */
export const isPolicyFileName = (name: string): boolean =>
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.ya?ml$/.test(name) && !/\.test\.ya?ml$/.test(name);

/**
 * Joins the files of a folder into the one text that is hashed, stored and parsed. A byte order mark goes, and a last
 * line without an end gets one; everything else stays byte for byte.
 * @throws Error where a name is not one that `isPolicyFileName` knows
 */
export function bundle(files: readonly PolicyFile[]): string {
  return files
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, text }) => {
      if (!isPolicyFileName(name)) throw new Error(`${quote(name)} is no name of a policy file`);
      const body = text.replace(/^\uFEFF/, '').replace(/(?<=[^\n])$/, '\n');
      return `#curfew-policy-file ${name} ${body.split('\n').length - 1}\n${body}`;
    })
    .join('');
}

/** The files of a joined text; undefined where the text is one file. */
export function unbundle(text: string): readonly PolicyFile[] | undefined | 'broken' {
  if (!text.startsWith('#curfew-policy-file ')) return undefined;
  const lines = text.split('\n');
  const files: PolicyFile[] = [];
  for (let at = 0; at < lines.length - 1;) {
    const [, name = '', count = ''] = heading.exec(lines[at] ?? '') ?? [];
    const end = at + 1 + Number(count);
    const known = files.some((file) => file.name === name);
    if (!isPolicyFileName(name) || known || end > lines.length - 1 || files.length >= mostFiles) return 'broken';
    files.push({
      name,
      text: lines
        .slice(at + 1, end)
        .map((line) => `${line}\n`)
        .join(''),
    });
    at = end;
  }
  return lines.at(-1) === '' ? files : 'broken';
}

type Read = { readonly ok: true; readonly source: Source; readonly issues: readonly Issue[] };

/**
 * Reads a policy's text, joined or not, as if it were one file; each issue points into the file that it is about.
 * @param file its name for messages; of a joined text the folder's
 */
export function readPolicyText(
  text: string,
  file: string | undefined,
): Read | { readonly ok: false; readonly issues: readonly Issue[] } {
  const files = unbundle(text);
  if (files === undefined) {
    const read = readYaml(text, file ?? 'policy.yaml');
    return read.ok ? { ...read, issues: [] } : read;
  }
  const whole = file ?? 'policy';
  const place = { file: whole, line: 1, column: 1, path: '' };
  const no = (code: string, message: string): { readonly ok: false; readonly issues: readonly Issue[] } => ({
    ok: false,
    issues: [{ severity: 'error', code, message, ...place }],
  });
  if (files === 'broken') return no('bad-bundle', 'a joined policy that was changed by hand: join the files again');
  if (Buffer.byteLength(text, 'utf8') > longestTextBytes)
    return no('too-large', `the files are larger than ${longestTextBytes / 1024} KiB together`);
  const reads = files.map(({ name, text: body }) => readYaml(body, file === undefined ? name : `${file}/${name}`));
  const failed = reads.flatMap((read) => (read.ok ? [] : read.issues));
  if (failed.length > 0) return { ok: false, issues: failed };
  return merge(reads.flatMap((read) => (read.ok ? [read.source] : [])));
}

/** Whose entries of a joined list begin at which index. */
type Part = { readonly source: Source; readonly from: number };

/** Each list after the other, each map one map; what may be said only once is an issue that names both places. */
function merge(sources: readonly Source[]): Read {
  const issues: Issue[] = [];
  const data: Record<string, unknown> = {};
  const lists = new Map<string, readonly Part[]>();
  const owners = new Map<string, Source>();
  const claim = (source: Source, path: Path): boolean => {
    const first = owners.get(path.join('/'));
    if (first) {
      const at = first.place(path);
      const where = `${at.file}:${at.line}:${at.column}`;
      issues.push(source.issue(path, 'duplicate-key', `stands in ${where} as well`, { onKey: true }));
      return false;
    }
    owners.set(path.join('/'), source);
    return true;
  };
  for (const source of sources) {
    if (!isRecord(source.data)) {
      issues.push(source.issue([], 'wrong-type', 'expected fields: version, targets, rules, ...'));
      continue;
    }
    if (source.data['version'] !== 1)
      issues.push(source.issue(['version'], 'bad-value', 'this Curfew reads version 1'));
    for (const [key, value] of Object.entries(source.data)) {
      if (key === 'version') data[key] = 1;
      else if (Array.isArray(value) && (data[key] === undefined || Array.isArray(data[key]))) {
        const before = (data[key] ?? []) as readonly unknown[];
        lists.set(key, [...(lists.get(key) ?? []), { source, from: before.length }]);
        data[key] = [...before, ...value];
      } else if ((key === 'targets' || key === 'powers') && isRecord(value)) {
        const kept = Object.entries(value).filter(([name]) => claim(source, [key, name]));
        data[key] = { ...(isRecord(data[key]) ? data[key] : {}), ...Object.fromEntries(kept) };
      } else if (claim(source, [key])) data[key] = value;
    }
  }
  const [first] = sources;
  if (!first) throw new Error('a joined policy has at least one file');
  const find = (at: Path): readonly [Source, Path] => {
    const [key, second, ...rest] = at;
    const part =
      typeof second === 'number' ? lists.get(String(key))?.findLast(({ from }) => from <= second) : undefined;
    if (part && typeof second === 'number') return [part.source, [key ?? '', second - part.from, ...rest]];
    return [owners.get(at.slice(0, 2).join('/')) ?? owners.get(String(key)) ?? first, at];
  };
  return { ok: true, source: pointing(data, find), issues };
}

/** Joined data, whose parts still stand where they were written. */
function pointing(data: unknown, find: (at: Path) => readonly [Source, Path]): Source {
  return {
    data,
    issue: (at, ...words) => {
      const [own, path] = find(at);
      return own.issue(path, ...words);
    },
    place: (at) => {
      const [own, path] = find(at);
      return own.place(path);
    },
  };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
