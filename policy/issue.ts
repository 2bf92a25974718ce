/** Something wrong, or doubtful, in a file that a person wrote. All of a file's issues are told at once. */
export type Issue = {
  readonly severity: 'error' | 'warning';
  /** Stable, for tests and `--json`: `unknown-field`, `bad-span`, `unreachable-rule`, ... */
  readonly code: string;
  /** One sentence: what is wrong and, where it can be told, what to write instead. */
  readonly message: string;
  readonly file: string;
  /** From 1, as editors count; columns in UTF-16 units. */
  readonly line: number;
  readonly column: number;
  /** Where in the data: `rules[2].limits.max`; empty for the file itself. */
  readonly path: string;
};

/** Where something stands in a file. */
export type Place = Pick<Issue, 'file' | 'line' | 'column'>;

export type Path = readonly (string | number)[];

/** `policy.yaml:12:5: error: unknown field "rol": did you mean "role"? [unknown-field]`: editors and terminals link it. */
export const formatIssue = (issue: Issue): string =>
  `${issue.file}:${issue.line}:${issue.column}: ${issue.severity}: ${issue.message} [${issue.code}]`;

/** A file with more mistakes than this is not a file with mistakes. */
const mostIssues = 200;

/** In the order in which a reader meets them; of very many, the first and how many more. */
export function inFileOrder(issues: readonly Issue[]): readonly Issue[] {
  const ordered = issues.toSorted(
    (a, b) => order(a.file, b.file) || a.line - b.line || a.column - b.column || order(a.code, b.code),
  );
  const once = ordered.filter((issue, index) => {
    const before = ordered[index - 1];
    return !before || formatIssue(before) !== formatIssue(issue);
  });
  const last = once[mostIssues];
  if (!last) return once;
  const rest: Issue = { ...last, severity: 'error', code: 'more', message: `and ${once.length - mostIssues} more` };
  return [...once.slice(0, mostIssues), rest];
}

const order = (one: string, other: string): number => (one < other ? -1 : Number(one > other));

export const formatPath = (path: Path): string =>
  path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');

/**
 * Quotes what somebody wrote, cut to a length that cannot bury the message around it. What does not print (controls,
 * escape sequences, marks that turn the text around) is shown by its number: messages go to terminals and logs.
 */
export function quote(text: string): string {
  const cut = text.length > 40 ? `${text.slice(0, 39).toWellFormed()}…` : text.toWellFormed();
  return JSON.stringify(cut).replace(/\p{C}/gu, (mark) => `\\u{${mark.codePointAt(0)?.toString(16)}}`);
}

/** `: did you mean "x"?` for the nearest of the known words, else which there are; nothing when there are none. */
export function hint(word: string, known: Iterable<string>): string {
  const words = [...known].toSorted();
  const near = nearest(word, words);
  if (near !== undefined) return `: did you mean ${quote(near)}?`;
  if (words.length === 0) return '';
  return words.length <= 12 ? `; known: ${words.join(', ')}` : '';
}

/** The known word that one can have meant: at most a third of its letters differ. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > 64) return undefined;
  let best: { readonly word: string; readonly distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance <= Math.max(1, candidate.length / 3) && distance < (best?.distance ?? Infinity)) {
      best = { word: candidate, distance };
    }
  }
  return best?.word;
}

/** Optimal string alignment: insert, delete, replace, or swap two neighbours, one each. */
function editDistance(one: string, other: string): number {
  let [before, last]: [number[], number[]] = [[], Array.from({ length: other.length + 1 }, (_, i) => i)];
  for (let i = 1; i <= one.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= other.length; j += 1) {
      const same = one[i - 1] === other[j - 1];
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]) {
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      }
      row.push(cost);
    }
    [before, last] = [last, row];
  }
  return last[other.length] ?? 0;
}
