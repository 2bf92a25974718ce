/** The step from data to a type: zod's issues in Curfew's words, each at its place in the file. */
import { z } from 'zod';
import { hint, quote, type Issue, type Path } from './issue.ts';
import type { Source } from './source.ts';

/**
 * An object with these fields and no others. A field that nobody reads is a rule that somebody believes in, so unknown
 * ones are errors. zod does not tell which fields were known: its message carries their names to `describe`.
 */
export const strict = <Shape extends z.core.$ZodLooseShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> =>
  z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? Object.keys(shape).join(' ') : undefined),
  });

/**
 * A text that `read` understands; its result is the value. `what` says what is expected, in a few words.
 * @param pattern for editors, which cannot run `read`
 */
export const reads = <Value>(code: string, what: string, read: (text: string) => Value | undefined, pattern?: RegExp) =>
  z
    .string({ error: `expected ${what}` })
    .meta({ description: what, ...(pattern ? { pattern: pattern.source } : {}) })
    .transform((text, context): Value => {
      const value = read(text);
      if (value !== undefined) return value;
      context.issues.push({ code: 'custom', input: text, message: `${quote(text)} is not ${what}`, params: { code } });
      return z.NEVER;
    });

/** @returns the typed value, or undefined after its issues were added */
export function check<Type extends z.ZodType>(
  type: Type,
  value: unknown,
  at: Path,
  source: Source,
  issues: Issue[],
): z.output<Type> | undefined {
  const result = type.safeParse(value);
  if (result.success) return result.data;
  for (const issue of result.error.issues) issues.push(...describe(issue, value, at, source));
  return undefined;
}

function describe(issue: z.core.$ZodIssue, value: unknown, base: Path, source: Source): readonly Issue[] {
  const steps = issue.path.filter((step) => typeof step !== 'symbol');
  const at = [...base, ...steps];
  const found = steps.reduce<unknown>(
    (inner, step) => (inner as Record<string | number, unknown> | undefined)?.[step],
    value,
  );
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) =>
        source.issue(
          [...at, key],
          'unknown-field',
          `unknown field ${quote(key)}${hint(key, issue.message.split(' '))}`,
          { onKey: true },
        ),
      );
    case 'invalid_key':
      return issue.issues.map((inner) => source.issue(at, codeOf(inner), inner.message, { onKey: true }));
    case 'invalid_union':
      return bestBranch(issue).flatMap((inner) => describe(inner, found, at, source));
    default:
      break;
  }
  if (found === undefined) return [source.issue(at, 'missing-field', `${quote(String(at.at(-1)))} is missing`)];
  if (issue.code === 'invalid_type') {
    const own = issue.message.startsWith('expected ')
      ? issue.message
      : `expected ${typeNames[issue.expected] ?? issue.expected}`;
    return [source.issue(at, 'wrong-type', `${own}, not ${nameOf(found)}`)];
  }
  return [source.issue(at, codeOf(issue), issue.message)];
}

const depth = (branch: readonly z.core.$ZodIssue[]): number => Math.max(0, ...branch.map((inner) => inner.path.length));

/** Of the forms that a value may have, the one that it was meant to have: whose complaint lies deepest, or is of its size. */
function bestBranch(issue: z.core.$ZodIssueInvalidUnion): readonly z.core.$ZodIssue[] {
  const own: z.core.$ZodIssue = {
    code: 'custom',
    path: [],
    message: issue.message,
    input: issue.input,
    params: { code: 'wrong-form' },
  };
  const best = issue.errors.toSorted((a, b) => depth(b) - depth(a))[0];
  const meant = issue.errors.find((branch) => branch.every(({ code }) => code === 'too_big' || code === 'too_small'));
  return best && depth(best) > 0 ? best : (meant ?? [own]);
}

const codeOf = (issue: z.core.$ZodIssue): string =>
  issue.code === 'custom' && typeof issue.params?.['code'] === 'string' ? issue.params['code'] : 'bad-value';

const typeNames: Readonly<Record<string, string>> = {
  object: 'fields',
  record: 'fields',
  array: 'a list',
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

function nameOf(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'fields';
  return quote(typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing'));
}
