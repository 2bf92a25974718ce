/** Instants as people type them behind the command, in their own time zone. */
import { Temporal } from 'temporal-polyfill';
import { parseSpan } from '../domain/time.ts';

export type Here = {
  /** Epoch milliseconds. */
  readonly now: number;
  /** IANA name; one that nobody knows is read as UTC. */
  readonly zone: string;
};

const days = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];

/**
 * Reads `monday` (the next one that is not today), `tomorrow`, `2026-12-24`, `2026-12-24 14:00` or a span from now
 * (`3d`, `4h`). A day means its first minute: whoever is away until Monday is back when Monday begins.
 * @returns epoch milliseconds, in the future; undefined for anything else
 */
export function readInstant(text: string, { now, zone }: Here): number | undefined {
  const words = text
    .trim()
    .toLowerCase()
    .replace(/[.,;]+$/, '')
    .replace(/^next\s+/, '');
  const span = parseSpan(words);
  if (span !== undefined) return now + span;
  const here = zonedNow(now, zone);
  const local = dayOf(words, here) ?? dateOf(words, here);
  const at = local?.epochMilliseconds;
  return at !== undefined && at > now ? at : undefined;
}

function zonedNow(now: number, zone: string): Temporal.ZonedDateTime {
  const instant = Temporal.Instant.fromEpochMilliseconds(now);
  try {
    return instant.toZonedDateTimeISO(zone);
  } catch {
    return instant.toZonedDateTimeISO('UTC');
  }
}

function dayOf(word: string, here: Temporal.ZonedDateTime): Temporal.ZonedDateTime | undefined {
  if (word === 'tomorrow') return here.add({ days: 1 }).startOfDay();
  const wanted = word.length < 3 ? -1 : days.findIndex((day) => day.startsWith(word));
  if (wanted < 0) return undefined;
  const ahead = (wanted + 1 - here.dayOfWeek + 7) % 7;
  return here.add({ days: ahead === 0 ? 7 : ahead }).startOfDay();
}

function dateOf(text: string, here: Temporal.ZonedDateTime): Temporal.ZonedDateTime | undefined {
  const parts = /^(\d{4}-\d{2}-\d{2})(?:[ t](\d{1,2}:\d{2}))?$/.exec(text);
  if (!parts) return undefined;
  const [, day = '', time] = parts;
  try {
    const date = Temporal.PlainDate.from(day, { overflow: 'reject' });
    const zone = here.timeZoneId;
    return time === undefined
      ? date.toZonedDateTime(zone).startOfDay()
      : date.toZonedDateTime({ timeZone: zone, plainTime: Temporal.PlainTime.from(time.padStart(5, '0')) });
  } catch {
    return undefined;
  }
}
