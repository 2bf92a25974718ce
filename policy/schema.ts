/**
 * The shape of the policy file, each part by itself, so that a mistake in one rule does not hide those of the next.
 * What the parts say of each other is `references.ts`.
 */
import { z } from 'zod';
import type { RoleName, TargetName, TemplateName } from '../domain/ids.ts';
import type { Selector } from '../domain/plan.ts';
import { dayMs, hourMs, longestGrantMs, parseSpan } from '../domain/time.ts';
import { parseSelector } from './selectors.ts';
import { reads, strict } from './shape.ts';

/** No break-glass grant is longer, whatever a policy says. */
export const longestBreakGlassMs = hourMs;
/** A request may wait this long for a decision, a claim or a review. */
const longestWaitMs = 30 * dayMs;
/** Where a rule does not say. NB. Use-within is not the shorter: then one timer serves both. */
export const defaultWaitMs = 8 * hourMs;
const mostSeats = 20;

const span = (mostMs: number, most: string) =>
  reads('bad-span', `a span like 30m, 8h or 1h30m, at most ${most}`, (text) => {
    const ms = parseSpan(text);
    return ms !== undefined && ms <= mostMs ? ms : undefined;
  });
const grantSpan = span(longestGrantMs, '7d');
const waitSpan = span(longestWaitMs, '30d');

const word = <Name extends string>(code: string, what: string, pattern: RegExp) =>
  reads(code, what, (text) => (pattern.test(text) ? (text as Name) : undefined));
const slug = 'lower-case letters, digits and hyphens, at most 63';
const targetName = word<TargetName>('bad-name', `a target's name (${slug})`, /^[a-z][a-z0-9-]{0,62}$/);
const roleName = word<RoleName>('bad-name', `a role's name (${slug})`, /^[a-z][a-z0-9-]{0,62}$/);
const labelName = word('bad-name', `a label's name (${slug})`, /^[a-z][a-z0-9-]{0,62}$/);
const labelValue = word(
  'bad-name',
  'a label (letters, digits and . _ -, at most 63)',
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
);
const title = word(
  'bad-name',
  'a name (letters, digits, spaces and . _ - , at most 63)',
  /^[\p{L}\p{N}][\p{L}\p{N} ._,'-]{0,62}$/u,
);
const note = reads('bad-note', 'a line of at most 200 characters', (text) =>
  text.length <= 200 && !/[\p{Cc}\p{Cs}\p{Bidi_Control}]/u.test(text) ? text : undefined,
);

/** NB. Plain names only: quoting protects SQL anyway, but a role that needs quotes is one that logs and people misread. */
const template = reads('bad-template', 'a template (a_role_name; never pg_, curfew_ or cfw_)', (text) =>
  /^[a-z_][a-z0-9_]{0,62}$/.test(text) && !/^(?:pg_|curfew_|cfw_)/.test(text) ? (text as TemplateName) : undefined,
);
const database = reads('bad-database', 'a database (letters, digits, _ and -; not template0 or template1)', (text) =>
  /^[A-Za-z_][A-Za-z0-9_-]{0,62}$/.test(text) && !/^template[01]$/.test(text) ? text : undefined,
);

const stageSelector = reads('bad-selector', 'a selector: group:NAME, person:HANDLE or owner', parseSelector);
const selector = reads('bad-selector', 'a selector: group:NAME or person:HANDLE', (text): Selector | undefined => {
  const read = parseSelector(text);
  return read?.kind === 'owner' ? undefined : read;
});

/** A list without repetitions; the second of two equal ones is the mistake. */
const list = <Type extends z.ZodType>(type: Type, most: number) =>
  z
    .array(type)
    .min(1, { error: 'the list is empty' })
    .max(most, { error: `the list has more than ${most} entries` })
    .superRefine((items, context) => {
      items.forEach((item, index) => {
        if (items.findIndex((other) => JSON.stringify(other) === JSON.stringify(item)) === index) return;
        context.addIssue({
          code: 'custom',
          path: [index],
          message: 'stands in this list twice',
          params: { code: 'duplicate' },
        });
      });
    });

const selectors = list(selector, mostSeats);

export const roleSchema = strict({ template, max: grantSpan, note: note.optional() });
export const targetSchema = strict({
  kind: z.literal('postgres', { error: 'the kind of a target is postgres' }),
  labels: z.record(labelName, labelValue).default({}),
  owners: list(selector, mostSeats).default([]),
  databases: list(database, mostSeats),
  roles: z.record(roleName, z.unknown()),
});

const match = strict({
  target: targetName.optional(),
  targets: list(targetName, 200).optional(),
  labels: z.record(labelName, labelValue).optional(),
  role: roleName.optional(),
  roles: list(roleName, 20).optional(),
});
export type FileMatch = z.output<typeof match>;

const stage = strict({
  name: title,
  from: list(stageSelector, mostSeats),
  need: z
    .int({ error: `expected how many people, 1 to ${mostSeats}` })
    .min(1, { error: '"need" is at least 1 person' })
    .max(mostSeats, { error: `"need" is at most ${mostSeats} people` }),
});

export const ruleSchema = strict({
  name: title,
  match,
  requesters: selectors.optional(),
  limits: strict({
    max: grantSpan.optional(),
    decideWithin: waitSpan.optional(),
    useWithin: waitSpan.optional(),
  }).default({}),
  approvals: z.union([z.literal('automatic'), z.array(stage).length(1, { error: 'approvals have one stage' })], {
    error: 'approvals are "automatic" or a list of one stage',
  }),
});
export type FileRule = z.output<typeof ruleSchema>;

export const breakGlassSchema = strict({
  name: title.optional(),
  match: match.omit({ role: true, roles: true }),
  roles: list(roleName, 20),
  who: selectors,
  max: span(longestBreakGlassMs, '1h'),
  useWithin: span(longestBreakGlassMs, '1h').optional(),
  review: strict({ from: list(stageSelector, mostSeats), within: waitSpan }),
});
export type FileBreakGlass = z.output<typeof breakGlassSchema>;

export const powersSchema = strict({ endAnyGrant: selectors.optional() });

/** The file itself; its parts are checked one by one. */
export const fileSchema = strict({
  version: z.literal(1, { error: 'this Curfew reads version 1' }),
  targets: z.record(targetName, z.unknown()),
  rules: z.array(z.unknown()).max(200, { error: 'at most 200 rules' }),
  breakGlass: z.array(z.unknown()).max(50, { error: 'at most 50 entries' }).default([]),
  powers: z.unknown().optional(),
});
