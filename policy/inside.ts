/** Where a character of a YAML text value stands in the file: a mistake in a condition is told at its own column. */
import { isScalar, Scalar, type Node } from 'yaml';

/**
 * Both are walked at once, blanks left out: quoting, folding and indentation change nothing but blanks, and escapes are
 * followed one by one.
 * @param index of a character of the value, in UTF-16 units
 * @returns its offset in the file's text
 */
export function offsetInside(file: string, node: Node | undefined, index: number): number {
  const [start, end] = node?.range ?? [0, 0];
  if (!isScalar(node) || typeof node.value !== 'string') return start;
  let wanted = 0;
  for (let at = 0; at < index && at < node.value.length; at += 1) if (!isBlank(node.value[at])) wanted += 1;
  const raw = node.type === Scalar.QUOTE_DOUBLE || node.type === Scalar.QUOTE_SINGLE;
  let at = raw ? start + 1 : isBlock(node.type) ? file.indexOf('\n', start) + 1 : start;
  for (let seen = 0; at < end; at += widthOf(file, at, node.type)) {
    if (isBlank(file[at]) || isEscapedBlank(file, at, node.type)) continue;
    if (seen === wanted) return at;
    seen += 1;
  }
  return Math.min(at, end);
}

const isBlank = (mark: string | undefined): boolean => mark === undefined || /\s/.test(mark);
const isBlock = (type: unknown): boolean => type === Scalar.BLOCK_LITERAL || type === Scalar.BLOCK_FOLDED;

const isEscapedBlank = (file: string, at: number, type: unknown): boolean =>
  type === Scalar.QUOTE_DOUBLE && file[at] === '\\' && /[\sntrvf_NLP]/.test(file[at + 1] ?? '');

/** How many characters of the file make one of the value. */
function widthOf(file: string, at: number, type: unknown): number {
  if (type === Scalar.QUOTE_SINGLE && file.startsWith(`''`, at)) return 2;
  if (type !== Scalar.QUOTE_DOUBLE || file[at] !== '\\') return 1;
  return ({ x: 4, u: 6, U: 10 } as Record<string, number>)[file[at + 1] ?? ''] ?? 2;
}
