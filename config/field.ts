/**
 * One environment variable as a process wants it, and the reader that judges all of them at once.
 *
 * NB. A problem names the variable, what is wrong with it and what to do. It never holds the value, or a part of it:
 * half of these are secrets, and a misplaced secret is exactly what a wrong value may be.
 */
import { readFileSync } from 'node:fs';
import type { z } from 'zod';

/** The processes that are configured by environment variables; `cli` is every `curfew` command but `curfew migrate`. */
export const processes = ['api', 'hooks', 'worker', 'reaper', 'collector', 'migrate', 'cli'] as const;
export type ProcessName = (typeof processes)[number];

export type Problem = { readonly variable: string; readonly wrong: string; readonly mend: string };
export type Read<Config> =
  { readonly ok: true; readonly config: Config } | { readonly ok: false; readonly problems: readonly Problem[] };

export type Environment = Readonly<Record<string, string | undefined>>;
/** Reads a file's text; throws when it cannot be read. */
export type ReadText = (path: string) => string;

type Form<Value> = z.ZodType<Value, string>;
export type Field<Value> = {
  readonly form: Form<Value>;
  /** What it is for: one line of the README's table. */
  readonly what: string;
  /** How to make it right: the last sentence of every problem with it. */
  readonly mend: string;
  readonly required: boolean;
  /** The text that stands in for an unset variable. */
  readonly byDefault?: string;
};
export type Shape = Readonly<Record<string, Field<unknown>>>;
export type Values<Fields extends Shape> = {
  readonly [Name in keyof Fields]: Fields[Name] extends Field<infer Value> ? Value : never;
};

type Told = { readonly what: string; readonly mend: string };

export const required = <Value>(form: Form<Value>, told: Told): Field<Value> => ({ form, ...told, required: true });
export const optional = <Value>(form: Form<Value>, told: Told): Field<Value | undefined> => ({
  form,
  ...told,
  required: false,
});
export const defaulted = <Value>(form: Form<Value>, byDefault: string, told: Told): Field<Value> => ({
  form,
  ...told,
  required: false,
  byDefault,
});

/** The line of the machine-readable table. `required` is without regard to rules between variables. */
export type Variable = {
  readonly name: string;
  readonly process: ProcessName;
  readonly required: boolean;
  readonly default: string | undefined;
  readonly what: string;
};

export const tableOf = (process: ProcessName, shape: Shape): readonly Variable[] =>
  Object.entries(shape).map(([name, field]) => ({
    name,
    process,
    required: field.required,
    default: field.byDefault,
    what: field.what,
  }));

/** Longest value taken from a variable or a file, in characters: configuration, not data. */
const longestText = 1_048_576;

const readFileText: ReadText = (path) => readFileSync(path, 'utf8');

/**
 * Reads every variable of a shape, then holds the values against each other. An empty variable counts as unset; a
 * value `@/path/to/file` is read from that file, for JSON and for secrets that an orchestrator mounts as files.
 *
 * @param build makes the configuration of the values, or lists what does not fit together
 * @returns the configuration, or every problem at once
 */
export function readShape<Fields extends Shape, Config>(
  shape: Fields,
  environment: Environment,
  build: (values: Values<Fields>) => Config | { readonly problems: readonly Problem[] },
  readText: ReadText = readFileText,
): Read<Config> {
  const problems: Problem[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(shape)) {
    const read = readField(name, field, environment[name], readText);
    if (read.ok) values[name] = read.value;
    else problems.push(...read.problems);
  }
  if (problems.length > 0) return { ok: false, problems };
  const config = build(values as Values<Fields>);
  return isProblems(config) ? { ok: false, problems: config.problems } : { ok: true, config };
}

const isProblems = (value: unknown): value is { readonly problems: readonly Problem[] } =>
  typeof value === 'object' && value !== null && 'problems' in value;

type FieldRead = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problems: Problem[] };

function readField(name: string, field: Field<unknown>, given: string | undefined, readText: ReadText): FieldRead {
  const fail = (...wrong: string[]): FieldRead => ({
    ok: false,
    problems: wrong.map((one) => ({ variable: name, wrong: one, mend: field.mend })),
  });
  const set = given === undefined || given.trim() === '' ? field.byDefault : given;
  if (set === undefined) return field.required ? fail('is not set') : { ok: true, value: undefined };
  const text = textOf(set.trim(), readText);
  if (text === undefined) return fail('names a file that cannot be read');
  if (text.length > longestText) return fail('is longer than 1 MiB');
  const parsed = field.form.safeParse(text);
  if (parsed.success) return { ok: true, value: parsed.data };
  return fail(...parsed.error.issues.map((issue) => at(issue.path) + issue.message));
}

function textOf(set: string, readText: ReadText): string | undefined {
  if (!set.startsWith('@/')) return set;
  try {
    return readText(set.slice(1)).trim();
  } catch {
    return undefined;
  }
}

/** Where inside a JSON value, e.g. `[0].nodes[1].port `. */
const at = (path: readonly PropertyKey[]): string =>
  path.length === 0
    ? ''
    : `${path.map((step, index) => (typeof step === 'number' ? `[${step}]` : `${index > 0 ? '.' : ''}${String(step)}`)).join('')} `;

/** Every problem on a line of its own, for a terminal or a log. */
export const describeProblems = (problems: readonly Problem[]): string =>
  problems.map((problem) => `${problem.variable} ${problem.wrong}. ${problem.mend}`).join('\n');
