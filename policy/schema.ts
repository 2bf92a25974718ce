/**
 * The shape of the policy file, each part by itself, so that a mistake in one rule does not hide those of the next.
 * What the parts say of each other is `references.ts`; the whole as one schema, for editors, is `json-schema.ts`.
 */
import { z } from 'zod';
import { leaverApprovals } from '../domain/taint.ts';
import { hourMs } from '../domain/time.ts';
import { forbidden } from './policy.ts';
import { strict } from './shape.ts';
import * as term from './terms.ts';

/** Where a rule does not say. NB. Use-within is not the shorter: then one timer serves both. */
export const defaultWaitMs = 8 * hourMs;

export const roleSchema = strict({
  template: term.template.describe('The NOLOGIN role on the target that a grant hands out'),
  max: term.grantSpan.describe('No grant of it is longer'),
  note: term.note.optional().describe('Shown where people choose'),
});
export const targetSchema = strict({
  kind: z.literal('postgres', { error: 'the kind of a target is postgres' }),
  labels: z.record(term.labelName, term.labelValue).default({}).describe('What rules match and conditions read'),
  owners: term.list(term.selector, term.mostSeats).default([]).describe('Whom "owner" means'),
  databases: term.list(term.database, term.mostSeats),
  roles: z.record(term.roleName, z.unknown()),
});

const match = strict({
  target: term.targetName.optional(),
  targets: term.list(term.targetName, 200).optional(),
  labels: z.record(term.labelName, term.labelValue).optional(),
  role: term.roleName.optional(),
  roles: term.list(term.roleName, 20).optional(),
});
export type FileMatch = z.output<typeof match>;

const condition = z.string({ error: 'expected a condition (CEL)' });

const window = strict({
  days: z
    .union([term.days, term.list(term.days, 7)], { error: 'expected days like mon-fri, or a list of them' })
    .describe('mon-fri, or [mon, wed, fri]'),
  from: term.clock,
  to: term.clock,
  zone: term.zone,
});

const limits = strict({
  max: term.grantSpan.optional().describe('The longest grant, within the max of the role'),
  decideWithin: term.waitSpan.optional().describe('The request lapses when it is not decided by then (8h)'),
  useWithin: term.waitSpan.optional().describe('It lapses when it is not claimed by then (8h)'),
  extend: z
    .int({ error: 'expected how many extensions, 0 to 10' })
    .min(0, { error: '"extend" is at least 0 extensions' })
    .max(10, { error: '"extend" is at most 10 extensions' })
    .optional()
    .describe('How many extensions nobody has to approve (0)'),
  grace: term.graceSpan
    .optional()
    .describe('Logins stop this long before the end, sessions at the end (0); at most half of max, and 1h'),
  windows: z
    .array(window)
    .min(1, { error: 'the list is empty' })
    .max(20, { error: 'the list has more than 20 entries' })
    .optional()
    .describe('Held within these only'),
});

const stage = strict({
  name: term.title,
  from: term.list(term.stageSelector, term.mostSeats).describe('Who may decide'),
  need: z
    .int({ error: `expected how many people, 1 to ${term.mostSeats}` })
    .min(1, { error: '"need" is at least 1 person' })
    .max(term.mostSeats, { error: `"need" is at most ${term.mostSeats} people` })
    .describe('How many different people'),
  together: z.boolean().optional().describe('Open at once with the stage before, instead of after it'),
  remindAfter: term.waitSpan.optional(),
  escalateAfter: term.waitSpan.optional().describe('From then on those of "to" may decide as well'),
  to: term.list(term.stageSelector, term.mostSeats).optional(),
  decideWithin: term.waitSpan.optional().describe('The request lapses when this stage is not decided by then'),
  outsidePair: z.boolean().optional().describe('Nobody with whom the requester mostly approves mutually'),
});
export type FileStage = z.output<typeof stage>;

const mostStages = 5;
export const ruleSchema = strict({
  name: term.title,
  match,
  requesters: term.selectors.optional().describe('Whose requests it decides; everybody where absent'),
  if: condition.optional().describe('CEL over requester, target, request and now'),
  limits: limits.default({}),
  approvals: z
    .union(
      [
        z.literal('automatic'),
        z
          .array(stage)
          .min(1, { error: 'the list is empty' })
          .max(mostStages, { error: `more than ${mostStages} stages` }),
      ],
      { error: `approvals are "automatic" or a list of stages` },
    )
    .describe('automatic, or stages in order'),
  until: z
    .union([z.enum(['incident', 'ticket', 'shift']), strict({ shift: term.scheduleName })], {
      error: 'until is incident, ticket, shift or { shift: SCHEDULE }',
    })
    .optional()
    .describe('The grant ends with it; a shift is of the schedule named like the label team'),
});
export type FileRule = z.output<typeof ruleSchema>;

export const denySchema = strict({
  name: term.title,
  match: match.optional().describe('Everywhere where absent'),
  if: condition.describe('CEL; where it cannot be evaluated, it denies'),
});
export type FileDeny = z.output<typeof denySchema>;

export const breakGlassSchema = strict({
  name: term.title.optional(),
  match: match.omit({ role: true, roles: true }),
  roles: term.list(term.roleName, 20),
  who: term.selectors,
  max: term.breakGlassSpan,
  useWithin: term.breakGlassSpan.optional(),
  incident: z
    .enum(['required', 'flagged'], { error: 'incident is required or flagged' })
    .default('required')
    .describe('Of an incident that nobody knows: refused (required), or let through and said so (flagged)'),
  review: strict({
    from: term.list(term.reviewSelector, term.mostSeats),
    within: term.reviewSpan.describe('From then on, after the end, it is review debt; at most 24h'),
    remindAfter: term.reviewSpan.optional().describe('After the end, those who may review are reminded'),
    escalateAfter: term.reviewSpan.optional().describe('From then on those of "to" may review as well'),
    to: term.list(term.reviewSelector, term.mostSeats).optional(),
  }),
});
export type FileBreakGlass = z.output<typeof breakGlassSchema>;

export const conflictSchema = strict({
  name: term.title,
  groups: term.list(term.groupName, 20),
  never: z
    .union([z.literal('both'), term.list(z.enum(forbidden, { error: `never is of ${forbidden.join(', ')}` }), 4)], {
      error: `never is "both" or a list of ${forbidden.join(', ')}`,
    })
    .describe('What whoever is in one of the groups never does; both: nobody is in all of them'),
});
export type FileConflict = z.output<typeof conflictSchema>;

export const powersSchema = strict({
  endAnyGrant: term.selectors.optional(),
  changePolicy: term.selectors.optional().describe('Who proposes and approves a new policy'),
  readEverything: term.selectors.optional(),
});
export type FilePowers = z.output<typeof powersSchema>;

const items = (most: number, what: string) => z.array(z.unknown()).max(most, { error: `at most ${most} ${what}` });

/** The file itself; its parts are checked one by one. */
export const fileSchema = strict({
  version: z.literal(1, { error: 'this Curfew reads version 1' }),
  targets: z.record(term.targetName, z.unknown()),
  rules: items(500, 'rules'),
  deny: items(100, 'entries').default([]),
  breakGlass: items(50, 'entries').default([]),
  conflicts: items(50, 'entries').default([]),
  powers: z.unknown().optional(),
  policyChange: z
    .enum(['one-person', 'two-people'], { error: 'policyChange is one-person or two-people' })
    .default('two-people'),
  leavers: strict({
    approvals: z
      .enum(leaverApprovals, { error: `approvals of leavers are ${leaverApprovals.join(', ')}` })
      .describe('What people hold on the approval of somebody who has left: keep it, ask again, or revoke it'),
  }).optional(),
  commandLine: strict({
    approve: z.boolean().describe('May requests be approved with a code on the command line?'),
  }).optional(),
});
