/** The words of a policy file that are no names of its own: spans, names, selectors, lists, days, times and zones. */
import { z } from 'zod';
import type { RoleName, TargetName, TemplateName } from '../domain/ids.ts';
import { weekdays, type Selector, type Weekday } from '../domain/plan.ts';
import { dayMs, hourMs, longestGrantMs, parseSpan } from '../domain/time.ts';
import type { RuleSelector } from './policy.ts';
import { isFixed, parseSelector } from './selectors.ts';
import { reads } from './shape.ts';

/** No break-glass grant is longer, whatever a policy says. */
const longestBreakGlassMs = hourMs;
/** Nobody has to be told an hour ahead to come to an end. */
const longestGraceMs = hourMs;
/** A break-glass is reviewed within this after its end, or counts as review debt, whatever a policy says (I13). */
const longestReviewMs = dayMs;
/** A request may wait this long for a decision or a claim. */
const longestWaitMs = 30 * dayMs;
export const mostSeats = 20;

const span = (mostMs: number, most: string) =>
  reads('bad-span', `a span like 30m, 8h or 1h30m, at most ${most}`, (text) => {
    const ms = parseSpan(text);
    return ms !== undefined && ms <= mostMs ? ms : undefined;
  });
export const grantSpan = span(longestGrantMs, '7d');
export const waitSpan = span(longestWaitMs, '30d');
export const graceSpan = span(longestGraceMs, '1h');
export const breakGlassSpan = span(longestBreakGlassMs, '1h');
export const reviewSpan = span(longestReviewMs, '24h');

const word = <Name extends string>(code: string, what: string, pattern: RegExp) =>
  reads(code, what, (text) => (pattern.test(text) ? (text as Name) : undefined), pattern);
const slug = 'lower-case letters, digits and hyphens, at most 63';
export const targetName = word<TargetName>('bad-name', `a target's name (${slug})`, /^[a-z][a-z0-9-]{0,62}$/);
export const roleName = word<RoleName>('bad-name', `a role's name (${slug})`, /^[a-z][a-z0-9-]{0,62}$/);
export const labelName = word('bad-name', `a label's name (${slug})`, /^[a-z][a-z0-9-]{0,62}$/);
export const labelValue = word(
  'bad-name',
  'a label (letters, digits and . _ -, at most 63)',
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
);
export const title = word(
  'bad-name',
  'a name (letters, digits, spaces and . _ - , at most 63)',
  /^[\p{L}\p{N}][\p{L}\p{N} ._,'-]{0,62}$/u,
);
export const groupName = word('bad-name', `a group's name`, /^[a-z0-9][a-z0-9._-]{0,62}$/);
export const scheduleName = word('bad-name', `a schedule's name`, /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/);
export const note = reads('bad-note', 'a line of at most 200 characters', (text) =>
  text.length <= 200 && !/[\p{Cc}\p{Cs}\p{Bidi_Control}]/u.test(text) ? text : undefined,
);

/** NB. Plain names only: quoting protects SQL anyway, but a role that needs quotes is one that logs and people misread. */
export const template = reads('bad-template', 'a template (a_role_name; never pg_, curfew_ or cfw_)', (text) =>
  /^[a-z_][a-z0-9_]{0,62}$/.test(text) && !/^(?:pg_|curfew_|cfw_)/.test(text) ? (text as TemplateName) : undefined,
);
export const database = reads(
  'bad-database',
  'a database (letters, digits, _ and -; not template0 or template1)',
  (text) => (/^[A-Za-z_][A-Za-z0-9_-]{0,62}$/.test(text) && !/^template[01]$/.test(text) ? text : undefined),
);

const fixed = 'group:NAME, person:HANDLE, on-call:SCHEDULE';
/** Who is named the same whoever asks. */
export const selector = reads('bad-selector', `a selector: ${fixed}`, (text): Selector | undefined => {
  const read = parseSelector(text);
  return read && isFixed(read) ? read : undefined;
});
/** Who reviews: nobody whom the one who asked can be the manager of. */
export const reviewSelector = reads(
  'bad-selector',
  `a selector: ${fixed} or owner`,
  (text): Selector | { readonly kind: 'owner' } | undefined => {
    const read = parseSelector(text);
    return read && (read.kind === 'owner' || isFixed(read)) ? read : undefined;
  },
);
export const stageSelector = reads(
  'bad-selector',
  `a selector: ${fixed}, owner, manager or managers-manager`,
  (text): RuleSelector | { readonly kind: 'owner' } | undefined => parseSelector(text),
);

/** A list without repetitions; the second of two equal ones is the mistake. */
export const list = <Type extends z.ZodType>(type: Type, most: number) =>
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

export const selectors = list(selector, mostSeats);

/** `mon`, or `mon-fri`; `sat-mon` goes round the end of the week. */
export const days = reads('bad-days', 'days: mon, tue, wed, thu, fri, sat, sun, or mon-fri', readDays);

function readDays(text: string): readonly Weekday[] | undefined {
  const [from, to, more] = text.split('-').map((day) => weekdays.findIndex((one) => one === day));
  if (from === undefined || from < 0 || more !== undefined) return undefined;
  if (to === undefined) return weekdays.slice(from, from + 1);
  if (to < 0) return undefined;
  return from <= to ? weekdays.slice(from, to + 1) : [...weekdays.slice(from), ...weekdays.slice(0, to + 1)];
}

/** `08:30`; `24:00` is the end of the day. @returns minutes since midnight */
export const clock = reads('bad-time', 'a time of day like 08:00 (00:00 to 24:00)', (text) => {
  const [, hours, minutes] = /^(\d\d):([0-5]\d)$/.exec(text) ?? [];
  const minute = Number(hours) * 60 + Number(minutes);
  return minute <= 24 * 60 ? minute : undefined;
});

/** NB. Names only: a zone that is a plain offset knows no summer time, and whoever writes one means a place. */
export const zone = reads('bad-zone', 'a time zone like Europe/Berlin or UTC', (text) =>
  /^[A-Za-z_]{1,40}(?:\/[A-Za-z0-9_+-]{1,40}){0,2}$/.test(text) && isZone(text) ? text : undefined,
);

function isZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
