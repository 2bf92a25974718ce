/**
 * On-call shifts in YAML: one schedule, or several under `schedules`.
 *
 *     schedule: payments
 *     shifts:
 *       - { person: ada, from: 2026-11-23T09:00+01:00, until: '2026-11-30T09:00[Europe/Berlin]' }
 */
import { Temporal } from 'temporal-polyfill';
import { z } from 'zod';
import { inFileOrder, type Issue, type Path } from '../policy/issue.ts';
import { groupPattern } from '../policy/selectors.ts';
import { check, reads, strict } from '../policy/shape.ts';
import { readYaml, type Source } from '../policy/source.ts';
import { mostShifts, type NamedShift, type ParsedShifts } from './on-call.ts';

const schedule = reads(
  'bad-schedule',
  "a schedule's name (lower-case letters, digits and . _ -, at most 63)",
  (text) => (groupPattern.test(text) ? text : undefined),
);
const instant = reads(
  'bad-instant',
  'an instant with its offset or time zone: 2026-11-23T09:00+01:00, 2026-11-23T08:00Z or 2026-11-23T09:00[Europe/Berlin]',
  instantOf,
);
const who = reads('bad-person', 'a handle or an e-mail address', (text) =>
  /^\S{1,254}$/.test(text) ? text : undefined,
);
const shift = strict({ person: who, from: instant, until: instant });
const schedules = strict({
  schedule,
  shifts: z.array(z.unknown()).max(mostShifts, { error: `at most ${mostShifts} shifts` }),
});
const several = strict({ schedules: z.array(z.unknown()).min(1).max(200, { error: 'at most 200 schedules' }) });

/**
 * Reads a file of shifts. Never throws, whatever the text; all issues in file order.
 * @param file its name, for messages
 */
export function parseOnCallFile(text: string, file: string): ParsedShifts {
  const read = readYaml(text, file);
  if (!read.ok) return { ok: false, issues: inFileOrder(read.issues) };
  const { source } = read;
  const issues: Issue[] = [];
  const parts = partsOf(source, issues).map((part) => readSchedule(part.value, part.at, source, issues));
  twice(parts, source, issues);
  if (issues.length > 0) return { ok: false, issues: inFileOrder(issues) };
  return {
    ok: true,
    schedules: parts.flatMap((part) => (part ? [part.name] : [])),
    shifts: parts.flatMap((part) => part?.shifts ?? []),
  };
}

type Part = { readonly name: string; readonly at: Path; readonly shifts: readonly NamedShift[] };

function partsOf(source: Source, issues: Issue[]): readonly { readonly value: unknown; readonly at: Path }[] {
  const { data } = source;
  if (typeof data !== 'object' || data === null || !('schedules' in data)) return [{ value: data, at: [] }];
  const listed = check(several, data, [], source, issues);
  return (listed?.schedules ?? []).map((value, index) => ({ value, at: ['schedules', index] }));
}

function readSchedule(value: unknown, at: Path, source: Source, issues: Issue[]): Part | undefined {
  const read = check(schedules, value, at, source, issues);
  if (!read) return undefined;
  const shifts = read.shifts.flatMap((one, index): NamedShift[] => {
    const place = [...at, 'shifts', index];
    const parsed = check(shift, one, place, source, issues);
    if (!parsed) return [];
    const { person, from, until } = parsed;
    if (until <= from) {
      issues.push(source.issue([...place, 'until'], 'no-length', 'a shift ends after it begins'));
      return [];
    }
    const issue: NamedShift['issue'] = (code, message, warning = false) =>
      source.issue([...place, 'person'], code, message, { warning });
    return [{ schedule: read.schedule, who: person, fromAt: from, untilAt: until, issue }];
  });
  return { name: read.schedule, at, shifts };
}

function twice(parts: readonly (Part | undefined)[], source: Source, issues: Issue[]): void {
  const seen = new Set<string>();
  for (const part of parts) {
    if (!part) continue;
    if (seen.has(part.name)) {
      issues.push(source.issue([...part.at, 'schedule'], 'duplicate-schedule', 'this schedule stands here twice'));
    }
    seen.add(part.name);
  }
}

/** Epoch ms. A local time that does not exist, or exists twice, in its zone is none. */
function instantOf(text: string): number | undefined {
  if (
    !/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?(\[[A-Za-z0-9_+/-]{1,64}\])?$/.test(text)
  )
    return undefined;
  try {
    return text.endsWith(']')
      ? Temporal.ZonedDateTime.from(text, { disambiguation: 'reject', offset: 'reject' }).epochMilliseconds
      : Temporal.Instant.from(text).epochMilliseconds;
  } catch {
    return undefined;
  }
}
