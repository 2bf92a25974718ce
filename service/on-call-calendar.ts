/** On-call shifts in an iCalendar file: each event is a shift of its attendees, or of whom its summary names. */
import { expandRecurringEvent, sync, type VEvent } from 'node-ical';
import { dayMs } from '../domain/time.ts';
import { inFileOrder, quote, type Issue } from '../policy/issue.ts';
import { checkEvents, scanEvents, type ScannedEvent, type Tell } from './calendar-scan.ts';
import { horizonMs, mostShifts, type NamedShift, type ParsedShifts } from './on-call.ts';

const longestBytes = 1024 * 1024;

/** What a caller says of a calendar: it has no name of a schedule of its own. `now`: epoch ms. */
export type CalendarOptions = { readonly file: string; readonly schedule: string; readonly now: number };

/**
 * Reads the shifts that lie ahead: recurrences are followed in their own time zone until the horizon, with what was
 * moved or taken out. Never throws, whatever the text; all issues in file order, each with its event's UID.
 */
export function parseCalendar(text: string, { file, schedule, now }: CalendarOptions): ParsedShifts {
  const tell: Tell = (line, code, message, warning = false) => ({
    severity: warning ? 'warning' : 'error',
    code,
    message,
    file,
    line,
    column: 1,
    path: '',
  });
  if (Buffer.byteLength(text) > longestBytes) {
    return { ok: false, issues: [tell(1, 'too-large', `a calendar has at most ${longestBytes} bytes`)] };
  }
  if (!/^\uFEFF?BEGIN:VCALENDAR\s/i.test(text)) {
    return { ok: false, issues: [tell(1, 'no-calendar', 'this is no iCalendar file: it begins with BEGIN:VCALENDAR')] };
  }
  const events = scanEvents(text);
  const wrong = checkEvents(events, now, tell);
  if (wrong.length > 0) return { ok: false, issues: inFileOrder(wrong) };
  return expand(text, events, { schedule, now, tell });
}

type Expanding = { readonly schedule: string; readonly now: number; readonly tell: Tell };

function expand(text: string, scanned: readonly ScannedEvent[], { schedule, now, tell }: Expanding): ParsedShifts {
  const parsed = attempt(() => sync.parseICS(text));
  if (!parsed) return { ok: false, issues: [tell(1, 'no-calendar', 'this calendar cannot be read')] };
  const lines = new Map(scanned.map(({ uid, line }) => [uid, line]));
  const issues: Issue[] = [];
  const shifts: NamedShift[] = [];
  for (const event of Object.values(parsed)) {
    if (event?.type !== 'VEVENT') continue;
    const issue: NamedShift['issue'] = (code, message, warning) =>
      tell(lines.get(event.uid) ?? 1, code, `event ${quote(event.uid)}: ${message}`, warning);
    const span = { from: new Date(now - dayMs), to: new Date(now + horizonMs), expandOngoing: true };
    const instances = attempt(() => expandRecurringEvent(event, span));
    if (!instances) issues.push(issue('bad-rule', 'its recurrence cannot be followed'));
    for (const instance of instances ?? []) {
      if (instance.event.status === 'CANCELLED' || shifts.length > mostShifts) continue;
      const [fromAt, untilAt] = [instance.start.getTime(), instance.end.getTime()];
      if (!(untilAt > fromAt)) issues.push(issue('no-length', 'a shift ends after it begins'));
      else for (const who of namedBy(instance.event)) shifts.push({ schedule, who, fromAt, untilAt, issue });
    }
  }
  if (shifts.length > mostShifts) issues.push(tell(1, 'too-many', `at most ${mostShifts} shifts until the horizon`));
  if (issues.length > 0) return { ok: false, issues: inFileOrder(issues) };
  return { ok: true, schedules: [schedule], shifts };
}

/** Attendees who are people and have not declined, by address; without any, what the summary says. */
function namedBy(event: VEvent): readonly string[] {
  const listed: readonly unknown[] = event.attendee === undefined ? [] : [event.attendee].flat();
  const addresses = listed.flatMap((attendee): string[] => {
    const { val, params } =
      typeof attendee === 'string'
        ? { val: attendee, params: undefined }
        : (attendee as { readonly val: string; readonly params?: Readonly<Record<string, string>> });
    if (['ROOM', 'RESOURCE', 'GROUP'].includes(params?.['CUTYPE'] ?? '') || params?.['PARTSTAT'] === 'DECLINED')
      return [];
    return [val.replace(/^mailto:/i, '').trim()];
  });
  if (addresses.length > 0) return addresses;
  const summary: unknown = event.summary;
  const text = typeof summary === 'string' ? summary : ((summary as { readonly val?: string } | undefined)?.val ?? '');
  return [text.trim()];
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
