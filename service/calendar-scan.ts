/**
 * What an iCalendar file says, line by line, before it is given to the parser: the parser keeps one event a UID, reads
 * a time without a zone as the process's own, knows no RDATE, and gives up on the whole file at one bad rule. So each
 * event is looked at first, and whatever would be read wrongly is told with its line and UID.
 */
import { Temporal } from 'temporal-polyfill';
import { dayMs } from '../domain/time.ts';
import { quote, type Issue } from '../policy/issue.ts';

export type Property = {
  readonly name: string;
  readonly params: string;
  readonly value: string;
  readonly line: number;
};
export type ScannedEvent = { readonly uid: string; readonly line: number; readonly properties: readonly Property[] };
/** Makes an issue at a line of the file. */
export type Tell = (line: number, code: string, message: string, warning?: boolean) => Issue;

const mostEvents = 2_000;
const mostRules = 200;
const oldestMs = 10 * 366 * dayMs;

/** The events of a file, in order; RFC 5545's long lines are joined. Never throws. */
export function scanEvents(text: string): readonly ScannedEvent[] {
  const events: ScannedEvent[] = [];
  let open: { readonly line: number; readonly properties: Property[] } | undefined;
  let nested = 0;
  for (const { text: line, number } of unfolded(text)) {
    const property = propertyOf(line, number);
    if (!property) continue;
    const component = property.value.toUpperCase();
    if (property.name === 'BEGIN' && !open) {
      if (component === 'VEVENT') open = { line: number, properties: [] };
    } else if (property.name === 'BEGIN') nested += 1;
    else if (property.name === 'END' && open && nested > 0) nested -= 1;
    else if (property.name === 'END' && open) {
      const uid = open.properties.find(({ name }) => name === 'UID')?.value.trim() ?? '';
      events.push({ uid, ...open });
      open = undefined;
    } else if (open && nested === 0) open.properties.push(property);
  }
  return events;
}

function unfolded(text: string): readonly { readonly text: string; readonly number: number }[] {
  const lines: { text: string; number: number }[] = [];
  text.split(/\r\n|\n|\r/).forEach((line, index) => {
    const last = lines.at(-1);
    if (/^[ \t]/.test(line) && last) last.text += line.slice(1);
    else lines.push({ text: line, number: index + 1 });
  });
  return lines;
}

function propertyOf(line: string, number: number): Property | undefined {
  const [, name, params, value] = /^([A-Za-z0-9-]+)((?:;[^":;]+=(?:"[^"]*"|[^":;]*))*):(.*)$/s.exec(line) ?? [];
  if (name === undefined || params === undefined || value === undefined) return undefined;
  return { name: name.toUpperCase(), params, value, line: number };
}

/** Everything that would be read wrongly, or not at all. @param now epoch ms */
export function checkEvents(events: readonly ScannedEvent[], now: number, tell: Tell): readonly Issue[] {
  const issues = events.slice(0, mostEvents).flatMap((event) => checkEvent(event, now, tell));
  const [more] = events.slice(mostEvents);
  if (more) issues.push(tell(more.line, 'too-many', `at most ${mostEvents} events`));
  const rules = events.flatMap(({ properties }) => properties.filter(({ name }) => name === 'RRULE'));
  const [rule] = rules.slice(mostRules);
  if (rule) issues.push(tell(rule.line, 'too-many', `at most ${mostRules} events that recur`));
  return [...issues, ...checkUnique(events, tell)];
}

function checkEvent(event: ScannedEvent, now: number, tell: Tell): readonly Issue[] {
  const { uid, line, properties } = event;
  const named = `event ${quote(uid)}`;
  const issues: Issue[] = [];
  const add = (at: number, code: string, message: string) => issues.push(tell(at, code, `${named}: ${message}`));
  const has = (name: string) => properties.filter((property) => property.name === name);
  if (uid === '' || uid.length > 255 || uid in {} || uid === 'vcalendar')
    add(line, 'bad-uid', 'needs a UID of its own');
  if (has('DTSTART').length !== 1) add(line, 'no-start', 'needs one DTSTART');
  if (has('DTEND').length + has('DURATION').length !== 1) add(line, 'no-end', 'needs one DTEND or DURATION');
  for (const property of properties) {
    const why = dates.has(property.name) ? whyNoInstant(property) : (refused.get(property.name) ?? undefined);
    if (why) add(property.line, why.code, why.message);
    if (property.name === 'RRULE') {
      const wrong = whyNoRule(property.value);
      if (wrong !== undefined) add(property.line, 'bad-rule', wrong);
    }
    if (property.name === 'RECURRENCE-ID' && /;RANGE=/i.test(property.params)) {
      add(property.line, 'unsupported', 'RANGE is not read: list each change by itself');
    }
  }
  if (has('RRULE').length > 1) add(line, 'unsupported', 'more than one RRULE');
  const [start] = has('DTSTART');
  if (start && has('RRULE').length > 0 && isOlder(start.value, now - oldestMs)) {
    add(start.line, 'too-old', 'recurs since more than ten years: begin it later');
  }
  return issues;
}

type Why = { readonly code: string; readonly message: string };
const dates = new Set(['DTSTART', 'DTEND', 'RECURRENCE-ID']);
const refused = new Map<string, Why>(
  ['RDATE', 'EXRULE'].map((name) => [name, { code: 'unsupported', message: `${name} is not read: make events of it` }]),
);

/** An instant is a date and a time, in UTC or in a time zone that is known by name. */
function whyNoInstant({ name, params, value }: Property): Why | undefined {
  if (/;VALUE=DATE(;|$)/i.test(params) || /^\d{8}$/.test(value)) {
    return { code: 'all-day', message: `${name} is a day: a shift begins and ends at a time` };
  }
  const [, day, utc] = /^(\d{8}T\d{6})(Z?)$/.exec(value) ?? [];
  if (day === undefined || !isDate(day))
    return { code: 'bad-instant', message: `${name} ${quote(value)} is no date and time` };
  if (utc === 'Z') return undefined;
  const zone = /;TZID="?([^";]*)"?/i.exec(params)?.[1];
  if (zone === undefined) {
    return { code: 'floating', message: `${name} says no time zone, so it would be another instant for each reader` };
  }
  return isZone(zone) ? undefined : { code: 'unknown-zone', message: `nobody knows the time zone ${quote(zone)}` };
}

const isDate = (text: string): boolean => attempt(() => Temporal.PlainDateTime.from(text, { overflow: 'reject' }));

/** By its IANA name, or by the one that Windows has for it, which the parser translates. */
const isZone = (zone: string): boolean =>
  /^[A-Z][A-Za-z. -]+ Time$/.test(zone) || attempt(() => Intl.DateTimeFormat('en', { timeZone: zone }));

function attempt(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

function whyNoRule(value: string): string | undefined {
  const parts = new Map(
    value.split(';').map((part) => [part.split('=')[0]?.toUpperCase() ?? '', part.split('=')[1] ?? '']),
  );
  const frequency = parts.get('FREQ')?.toUpperCase() ?? '';
  if (!['DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY'].includes(frequency)) {
    return `a shift recurs DAILY, WEEKLY, MONTHLY or YEARLY, not ${quote(frequency)}`;
  }
  const interval = parts.get('INTERVAL') ?? '1';
  return /^[1-9]\d{0,2}$/.test(interval) ? undefined : `INTERVAL ${quote(interval)} is no whole number from 1 to 999`;
}

const isOlder = (value: string, at: number): boolean => {
  const [, year, month, day] = /^(\d{4})(\d{2})(\d{2})T/.exec(value) ?? [];
  return year !== undefined && Date.UTC(Number(year), Number(month) - 1, Number(day)) < at;
};

/** Of two events with one UID the parser keeps one; and of two changes of one occurrence as well. */
function checkUnique(events: readonly ScannedEvent[], tell: Tell): readonly Issue[] {
  const seen = new Set<string>();
  return events.flatMap(({ uid, line, properties }) => {
    const changes = properties.find(({ name }) => name === 'RECURRENCE-ID')?.value ?? '';
    const key = JSON.stringify([uid, changes]);
    const again = seen.has(key);
    seen.add(key);
    return again ? [tell(line, 'duplicate-uid', `event ${quote(uid)} stands here twice`)] : [];
  });
}
