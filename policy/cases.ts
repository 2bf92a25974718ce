/**
 * `*.test.yaml` beside a policy: requests with what the policy is expected to say of them. Read as strictly as the policy
 * itself, since a case with a misspelled expectation would expect nothing.
 */
import { z } from 'zod';
import { isUuid } from '../domain/ids.ts';
import { personStates } from '../domain/person.ts';
import { parseSpan } from '../domain/time.ts';
import { inFileOrder, type Issue, type Place } from './issue.ts';
import { groupPattern, handlePattern } from './selectors.ts';
import { check, reads, strict } from './shape.ts';
import { readYaml } from './source.ts';

const text = (code: string, what: string, pattern: RegExp) =>
  reads(code, what, (given) => (pattern.test(given) ? given : undefined));
const handle = reads('bad-handle', 'a handle', (given) =>
  handlePattern.test(given) || isUuid(given) ? given : undefined,
);
const group = text('bad-group', "a group's name", groupPattern);
const line = text('bad-text', 'a line of at most 300 characters', /^[^\p{Cc}]{1,300}$/u);
const span = reads('bad-span', 'a span like 30m, 8h or 1h30m', parseSpan);
const instant = reads('bad-instant', 'an instant like 2026-03-02T09:00:00Z', (given) => {
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)$/.test(given)
    ? Date.parse(given)
    : NaN;
  return Number.isNaN(at) ? undefined : at;
});

/** What is different of somebody in one case. */
const changes = strict({
  groups: z.array(group).optional(),
  manager: handle.optional(),
  managersManager: handle.optional(),
  onCall: z.array(line).optional(),
  away: z.boolean().optional(),
  kind: z.enum(['employee', 'contractor', 'service']).optional(),
  state: z.enum(personStates).optional(),
  aliases: z.array(handle).optional(),
  reciprocal: z.array(handle).optional(),
  standsInFor: z.array(handle).optional(),
});
export type PersonChanges = z.output<typeof changes>;

const stage = strict({
  name: line.optional(),
  need: z.int().min(1).optional(),
  includes: z.array(handle).optional(),
  excludes: z.array(handle).optional(),
});

const expected = strict({
  verdict: z.enum(['denied', 'automatic', 'approvals', 'break-glass']).optional(),
  rule: line.optional(),
  stages: z.array(stage).optional(),
  max: span.optional(),
  until: z.enum(['incident', 'ticket', 'shift', 'none']).optional(),
  extensions: z.int().min(0).optional(),
  grace: span.optional(),
  reason: z.union([line, z.array(line)], { error: 'expected a text, or a list of them' }).optional(),
});

const oneCase = strict({
  name: line,
  as: handle,
  target: line,
  role: line,
  for: span,
  kind: z.enum(['access', 'break-glass']).default('access'),
  ticket: line.optional(),
  start: instant.optional(),
  at: instant.optional(),
  facts: changes.optional(),
  people: z.record(handle, changes).optional(),
  expect: expected,
});
type FileCase = z.output<typeof oneCase>;

const file = strict({
  version: z.literal(1, { error: 'this Curfew reads version 1' }).optional(),
  at: instant.optional(),
  people: z.record(handle, changes).optional(),
  cases: z.array(z.unknown()).min(1, { error: 'there are no cases' }),
});

/** A case with everything that its file says for all of them. */
export type Case = Omit<FileCase, 'people'> & {
  readonly people: Readonly<Record<string, PersonChanges>>;
  /** Where a part of the case stands: `['expect', 'verdict']`. */
  readonly placeOf: (path: readonly (string | number)[]) => Place;
};

export type ParsedCases =
  { readonly ok: true; readonly cases: readonly Case[] } | { readonly ok: false; readonly issues: readonly Issue[] };

/** Reads a file of cases. Never throws, whatever the text; all issues in file order. */
export function parseCases(content: string, name: string): ParsedCases {
  const read = readYaml(content, name);
  if (!read.ok) return { ok: false, issues: inFileOrder(read.issues) };
  const { source } = read;
  const issues: Issue[] = [];
  const shape = check(file, source.data, [], source, issues);
  const listed = (source.data as { cases?: unknown } | null)?.cases;
  const cases = (Array.isArray(listed) ? listed : []).map((value: unknown, index): Case | undefined => {
    const one = check(oneCase, value, ['cases', index], source, issues);
    if (!one) return undefined;
    if (Object.keys(one.expect).length === 0)
      issues.push(
        source.issue(['cases', index, 'expect'], 'expects-nothing', 'a case expects something', { onKey: true }),
      );
    const at = one.at ?? shape?.at;
    return {
      ...one,
      ...(at === undefined ? {} : { at }),
      people: { ...shape?.people, ...one.people },
      placeOf: (path) => source.place(['cases', index, ...path]),
    };
  });
  const twice = new Set<string>();
  cases.forEach((one, index) => {
    if (one && twice.has(one.name))
      issues.push(source.issue(['cases', index, 'name'], 'duplicate-name', 'another case has this name'));
    if (one) twice.add(one.name);
  });
  if (issues.length > 0) return { ok: false, issues: inFileOrder(issues) };
  return { ok: true, cases: cases.filter((one) => one !== undefined) };
}
