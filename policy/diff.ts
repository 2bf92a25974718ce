/** What changed between two texts, as everybody reads it: a unified diff of whole lines. */

type Edit = { readonly sign: ' ' | '-' | '+'; readonly line: string };

/** Beyond so many changed lines the middle is shown as taken out and put in whole: a search for less would take too long. */
const mostEdits = 1_500;

/**
 * @param around how many unchanged lines are shown beside each change
 * @returns hunks as `diff -u` writes them, without its two lines of file names; empty where nothing changed
 */
export function unifiedDiff(before: string, after: string, around = 3): string {
  const edits = editsBetween(linesOf(before), linesOf(after));
  const shown = edits.map((_, index) =>
    edits.slice(Math.max(0, index - around), index + around + 1).some(({ sign }) => sign !== ' '),
  );
  const out: string[] = [];
  let [old, fresh] = [1, 1];
  for (let index = 0; index < edits.length; index += 1) {
    if (shown[index] !== true) {
      [old, fresh] = [old + 1, fresh + 1];
      continue;
    }
    let end = index;
    while (shown[end] === true) end += 1;
    const hunk = edits.slice(index, end);
    const counts = [hunk.filter(({ sign }) => sign !== '+').length, hunk.filter(({ sign }) => sign !== '-').length];
    out.push(`@@ -${old},${counts[0]} +${fresh},${counts[1]} @@`, ...hunk.map(({ sign, line }) => `${sign}${line}`));
    [old, fresh] = [old + (counts[0] ?? 0), fresh + (counts[1] ?? 0)];
    index = end - 1;
  }
  return out.length === 0 ? '' : `${out.join('\n')}\n`;
}

const linesOf = (text: string): readonly string[] => (text === '' ? [] : text.replace(/\n$/, '').split('\n'));

const signed = (sign: Edit['sign'], lines: readonly string[]): readonly Edit[] => lines.map((line) => ({ sign, line }));

function editsBetween(before: readonly string[], after: readonly string[]): readonly Edit[] {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head += 1;
  let tail = 0;
  const most = Math.min(before.length, after.length) - head;
  while (tail < most && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail += 1;
  return [
    ...signed(' ', before.slice(0, head)),
    ...shortest(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...signed(' ', before.slice(before.length - tail)),
  ];
}

/** The shortest edit script by greedy search along diagonals (E. Myers, "An O(ND) Difference Algorithm", 1986). */
function shortest(before: readonly string[], after: readonly string[]): readonly Edit[] {
  const trail: Map<number, number>[] = [];
  let reach = new Map<number, number>([[1, 0]]);
  for (let depth = 0; depth <= Math.min(mostEdits, before.length + after.length); depth += 1) {
    trail.push(reach);
    const next = new Map(reach);
    for (let diagonal = -depth; diagonal <= depth; diagonal += 2) {
      const down = comesDown(reach, diagonal, depth);
      let x = down ? (reach.get(diagonal + 1) ?? 0) : (reach.get(diagonal - 1) ?? 0) + 1;
      while (x < before.length && x - diagonal < after.length && before[x] === after[x - diagonal]) x += 1;
      next.set(diagonal, x);
      if (x >= before.length && x - diagonal >= after.length) return walkBack(trail, before, after);
    }
    reach = next;
  }
  return [...signed('-', before), ...signed('+', after)];
}

const comesDown = (reach: ReadonlyMap<number, number>, diagonal: number, depth: number): boolean =>
  diagonal === -depth || (diagonal !== depth && (reach.get(diagonal - 1) ?? -1) < (reach.get(diagonal + 1) ?? -1));

function walkBack(
  trail: readonly ReadonlyMap<number, number>[],
  before: readonly string[],
  after: readonly string[],
): readonly Edit[] {
  const edits: Edit[] = [];
  let [x, y] = [before.length, after.length];
  for (let depth = trail.length - 1; depth >= 0; depth -= 1) {
    const reach = trail[depth] ?? new Map<number, number>();
    const diagonal = x - y;
    const from = comesDown(reach, diagonal, depth) ? diagonal + 1 : diagonal - 1;
    const fromX = reach.get(from) ?? 0;
    const fromY = fromX - from;
    while (x > fromX && y > fromY && x > 0 && y > 0)
      edits.push({ sign: ' ', line: before[((y -= 1), (x -= 1))] ?? '' });
    if (depth === 0) break;
    if (x === fromX) edits.push({ sign: '+', line: after[(y -= 1)] ?? '' });
    else edits.push({ sign: '-', line: before[(x -= 1)] ?? '' });
  }
  return edits.toReversed();
}
