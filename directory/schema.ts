/** The file of sources, each value by itself; what fits together with what is `parse.ts`. */
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { personStates } from '../domain/person.ts';
import { parseSpan } from '../domain/time.ts';
import { reads, strict } from '../policy/shape.ts';
import { isPointer } from './pointer.ts';
import { presetNames } from './presets.ts';

const choice = <const Choice extends string>(what: string, choices: readonly [Choice, ...Choice[]]) =>
  z.enum(choices, { error: `${what} is ${choices.join(', ')}` });
const text = (code: string, what: string, holds: (given: string) => boolean) =>
  reads(code, what, (given) => (holds(given) ? given : undefined));

const pointer = text('bad-pointer', 'a JSON pointer such as /data/login', isPointer);
const header = reads('bad-header', "a header's name", (given) =>
  /^[A-Za-z0-9-]{1,100}$/.test(given) ? given.toLowerCase() : undefined,
);
const span = reads('bad-span', 'a span of time such as 5m', parseSpan);
const state = choice("a person's state", personStates);
const states = z
  .record(z.string().min(1).max(200), state)
  .refine((all) => Object.keys(all).length > 0, { error: 'no type is named' });

/** NB. Never quoted, whatever is wrong with it. */
const secretOf = (form: RegExp, message: string) =>
  z.unknown().transform((given, context): string => {
    if (typeof given === 'string' && form.test(given)) return given;
    context.issues.push({ code: 'custom', input: undefined, message, params: { code: 'bad-secret' } });
    return z.NEVER;
  });
const secret = secretOf(/^[\x21-\x7e]{16,500}$/, 'a secret is one word of 16 to 500 characters');
/** A whole header's value, which may be two words. */
const authorization = secretOf(
  /^[\x21-\x7e][\x20-\x7e]{14,498}[\x21-\x7e]$/,
  'a value of the header Authorization has 16 to 500 characters',
);
const several = (one: typeof secret) =>
  z
    .array(one, { error: 'expected a list of secrets' })
    .min(1, { error: 'no secret: everybody would be let in' })
    .max(5, { error: 'at most 5 secrets' });

export const signatureSchema = strict({
  header,
  algorithm: choice('an algorithm', ['sha256', 'sha512']),
  encoding: choice('an encoding', ['hex', 'base64']),
  prefix: z.string().max(20).default(''),
  content: z.string().min(1).max(200),
  /** How the secret stands in the file. */
  key: choice('a key', ['text', 'hex', 'base64']).default('text'),
  id: strict({ header }).optional(),
  timestamp: strict({
    header,
    unit: choice('a unit', ['s', 'ms']).default('s'),
    tolerance: span.default(300_000),
  }).optional(),
});

export const eventSchema = strict({
  each: pointer.optional(),
  handle: pointer.optional(),
  id: pointer.optional(),
  type: pointer,
  types: states,
  version: pointer.optional(),
  effectiveAt: pointer.optional(),
  delivery: pointer.optional(),
  days: strict({
    zone: text('bad-zone', 'a time zone such as Europe/Oslo', isZone).default('UTC'),
    at: text('bad-time', 'a time such as 18:00', (given) => /^([01]\d|2[0-3]):[0-5]\d$/.test(given)).default('00:00'),
  }).default({ zone: 'UTC', at: '00:00' }),
});

export const askSchema = strict({
  file: text('bad-path', 'an absolute path', isAbsolute).optional(),
  url: text('bad-url', 'an https:// address (http:// on this machine alone)', isSafeUrl).optional(),
  token: secret.optional(),
  timeout: span.default(2_000),
  list: pointer.default(''),
  handle: pointer.default('/handle'),
  state: pointer.default('/state'),
  states: states.default({ active: 'active', suspended: 'suspended', left: 'left' }),
  manager: pointer.optional(),
  groups: pointer.optional(),
});

export const sourceSchema = strict({
  domain: reads('bad-domain', 'a domain such as acme.example', (given) =>
    /^[A-Za-z0-9.-]{1,253}$/.test(given) ? given.toLowerCase() : undefined,
  ).optional(),
  hook: strict({
    preset: choice('a preset', presetNames).default('standard'),
    secrets: several(secret),
    signature: z.record(z.string(), z.unknown()).optional(),
    event: z.record(z.string(), z.unknown()).optional(),
  }).optional(),
  okta: strict({ authorization: several(authorization), types: states.optional() }).optional(),
  ask: askSchema.optional(),
  pull: strict({
    every: span.default(86_400_000),
    missing: z.int({ error: 'expected a whole number of percent' }).min(0).max(100).default(10),
  }).optional(),
});

export const fileSchema = strict({
  version: z.literal(1, { error: 'this Curfew reads version 1' }).optional(),
  sources: z.record(z.string(), z.unknown()),
});

function isZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

function isSafeUrl(given: string): boolean {
  if (!URL.canParse(given)) return false;
  const { protocol, hostname, username, password } = new URL(given);
  const here = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  return (protocol === 'https:' || (protocol === 'http:' && here)) && username === '' && password === '';
}
