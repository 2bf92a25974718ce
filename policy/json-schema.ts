/**
 * The whole file as one JSON Schema, which editors complete and check from. It says less than `parsePolicy`: what parts
 * say of each other, and what is read from a text (a span, a condition), no JSON Schema can check.
 */
import { z } from 'zod';
import * as schema from './schema.ts';
import { strict } from './shape.ts';
import { roleName, targetName } from './terms.ts';

const target = schema.targetSchema.extend({ roles: z.record(roleName, schema.roleSchema) });

const whole = strict({
  ...schema.fileSchema.shape,
  targets: z.record(targetName, target).optional().describe('What can be asked for'),
  rules: z
    .array(schema.ruleSchema)
    .optional()
    .describe('From top to bottom: the first that matches decides; what none matches is denied'),
  deny: z.array(schema.denySchema).optional().describe('What one of these denies, no rule gives'),
  breakGlass: z.array(schema.breakGlassSchema).optional().describe('At once in an incident, reviewed afterwards'),
  conflicts: z.array(schema.conflictSchema).optional().describe('What nobody combines'),
  powers: schema.powersSchema.optional().describe('Who may do what besides asking and approving'),
  policyChange: schema.fileSchema.shape.policyChange.describe('How many people change the policy'),
});

/** The JSON Schema (draft 2020-12) of a policy file. NB. Of a folder only all files together name targets and rules. */
const policyJsonSchema = (): Readonly<Record<string, unknown>> => ({
  title: 'A policy of Curfew',
  ...z.toJSONSchema(whole, { io: 'input', target: 'draft-2020-12' }),
});

/** As `curfew policy schema` prints it, and as `policy.schema.json` keeps it. */
export const policyJsonSchemaText = (): string => `${JSON.stringify(policyJsonSchema(), null, 2)}\n`;
