/** The shape of `people.yaml`, each person by themselves; what they say of each other is `people-checks.ts`. */
import { z } from 'zod';
import { isUuid, type PersonId } from '../domain/ids.ts';
import { personStates } from '../domain/person.ts';
import { groupPattern, handlePattern } from '../policy/selectors.ts';
import { reads, strict } from '../policy/shape.ts';

const word = (code: string, what: string, pattern: RegExp) =>
  reads(code, what, (text) => (pattern.test(text) ? text : undefined));
const slug = 'lower-case letters, digits and . _ -, at most 63';
const handle = word('bad-handle', `a handle (${slug})`, handlePattern);
const group = word('bad-group', `a group's name (${slug})`, groupPattern);
const email = reads('bad-email', 'an e-mail address', (text) =>
  text.length <= 254 &&
  /^[^\s@<>()",:;\\[\]]{1,64}@(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,62})\.)+[\p{L}]{2,63}$/u.test(text)
    ? text
    : undefined,
);
const fullName = reads('bad-name', 'a name of at most 100 characters on one line', (text) =>
  text.trim() !== '' && text.length <= 100 && !/[\p{Cc}\p{Cs}\p{Bidi_Control}]/u.test(text) ? text.trim() : undefined,
);
const kinds = ['employee', 'contractor', 'service'] as const;

export const personSchema = strict({
  handle,
  name: fullName,
  email,
  id: reads('bad-id', 'a lower-case UUID', (text) => (isUuid(text) ? (text as PersonId) : undefined)).optional(),
  kind: z.enum(kinds, { error: `a person's kind is ${kinds.join(', ')}` }).default('employee'),
  state: z.enum(personStates, { error: `a person's state is ${personStates.join(', ')}` }).optional(),
  manager: handle.optional(),
  groups: z
    .array(
      z.union([group, strict({ name: group, by: handle })], { error: 'expected a group, or its name and by whom' }),
    )
    .max(100, { error: 'at most 100 groups' })
    .default([]),
  aliases: z.array(handle).max(20, { error: 'at most 20 aliases' }).default([]),
  slack: strict({
    team: word('bad-slack', 'a Slack team id (T...)', /^[TE][A-Z0-9]{1,20}$/),
    user: word('bad-slack', 'a Slack user id (U... or W...)', /^[UW][A-Z0-9]{1,20}$/),
  }).optional(),
  version: z.int({ error: 'expected a whole number' }).min(0, { error: 'a version is not negative' }).optional(),
});
export type FilePerson = z.output<typeof personSchema>;

/** The file itself; its people are checked one by one. */
export const fileSchema = strict({
  version: z.literal(1, { error: 'this Curfew reads version 1' }).optional(),
  groups: z.array(group).max(500, { error: 'at most 500 groups' }).optional(),
  people: z.array(z.unknown()).min(1, { error: 'nobody is listed' }),
});
