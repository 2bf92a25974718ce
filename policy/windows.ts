/**
 * When access may be held: on some days of the week, between two times of the day, in a named time zone. Days are as
 * long as the zone makes them: where the clocks change, a time that does not exist is the one an hour later, and of one
 * that comes twice the first counts.
 */
import { Temporal } from 'temporal-polyfill';
import { weekdays, type Window } from '../domain/plan.ts';
import { dayMs } from '../domain/time.ts';

/** A stretch of time in which access may be held. Epoch ms; `closesAt` is the first instant that is outside. */
export type Opening = { readonly opensAt: number; readonly closesAt: number; readonly zone: string };

/** No grant is longer than a week, so what comes after two is nobody's concern. */
const searchedDays = 15;

/**
 * The opening that holds this instant, undefined outside of all. Windows that meet or overlap are one opening: from
 * Monday to Friday all day is one stretch, and not five.
 */
export const windowAt = (windows: readonly Window[], at: number): Opening | undefined => segmentAt(windows, at).opening;

/** The first opening that begins after this instant; undefined where there is none in two weeks. */
export const nextOpening = (windows: readonly Window[], at: number): Opening | undefined => segmentAt(windows, at).next;

/** `Mon 08:00 Europe/Berlin`; with its date where it is six days away or more. */
export function formatOpening({ opensAt, zone }: Opening, now: number): string {
  const opens = inZone(opensAt, zone);
  const day = weekdays[opens.dayOfWeek - 1] ?? '';
  const date = opensAt - now < 6 * dayMs ? '' : ` ${opens.toPlainDate().toString()}`;
  const time = opens.toPlainTime().toString({ smallestUnit: 'minute' });
  return `${named(day)}${date} ${time} ${zone}`;
}

/** A stretch of time over which the answer is the same: open, or shut until `next`. */
type Segment = {
  readonly fromAt: number;
  readonly untilAt: number;
  readonly opening: Opening | undefined;
  readonly next: Opening | undefined;
};

/** Time zones cost microseconds and the answer lasts for hours: the last one is kept beside the windows. */
const lastSegment = new WeakMap<readonly Window[], Segment>();

function segmentAt(windows: readonly Window[], at: number): Segment {
  const last = lastSegment.get(windows);
  if (last && last.fromAt <= at && at < last.untilAt) return last;
  const segment = findSegment(windows, at);
  lastSegment.set(windows, segment);
  return segment;
}

function findSegment(windows: readonly Window[], at: number): Segment {
  const openings = joined(windows.flatMap((window) => openingsOf(window, at)));
  const opening = openings.find(({ opensAt, closesAt }) => opensAt <= at && at < closesAt);
  const next = openings.find(({ opensAt }) => opensAt > at);
  // NB. An opening that goes on for weeks is seen to the end of the search only, so it is looked at again each day.
  if (opening) return { fromAt: opening.opensAt, untilAt: Math.min(opening.closesAt, at + dayMs), opening, next };
  const before = openings.findLast(({ closesAt }) => closesAt <= at);
  return { fromAt: before?.closesAt ?? at, untilAt: next?.opensAt ?? at + dayMs, opening, next };
}

/** The openings of one window from the day before to two weeks after. */
function openingsOf(window: Window, at: number): readonly Opening[] {
  const today = inZone(at, window.zone).toPlainDate();
  const openings: Opening[] = [];
  for (let day = -1; day <= searchedDays; day += 1) {
    const date = today.add({ days: day });
    const name = weekdays[date.dayOfWeek - 1];
    if (name === undefined || !window.days.includes(name)) continue;
    const opensAt = instantOf(date, window.fromMinute, window.zone);
    const closesAt = instantOf(date, window.toMinute, window.zone);
    // NB. A window that lies in the hour that the clocks skip is not open on that day.
    if (opensAt < closesAt) openings.push({ opensAt, closesAt, zone: window.zone });
  }
  return openings;
}

function instantOf(date: Temporal.PlainDate, minute: number, zone: string): number {
  const [day, rest] = minute < 1_440 ? [date, minute] : [date.add({ days: 1 }), minute - 1_440];
  const plainTime = Temporal.PlainTime.from({ hour: Math.floor(rest / 60), minute: rest % 60 });
  return day.toZonedDateTime({ timeZone: zone, plainTime }).epochMilliseconds;
}

const inZone = (at: number, zone: string): Temporal.ZonedDateTime =>
  Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone);

/** In order of time, with those that meet made one. */
function joined(openings: readonly Opening[]): readonly Opening[] {
  const result: Opening[] = [];
  for (const opening of openings.toSorted((one, other) => one.opensAt - other.opensAt)) {
    const last = result.at(-1);
    if (last && opening.opensAt <= last.closesAt) {
      result[result.length - 1] = { ...last, closesAt: Math.max(last.closesAt, opening.closesAt) };
    } else result.push(opening);
  }
  return result;
}

/** Do the one windows hold every hour that the others hold? Told of each time zone by itself: of others they say no. */
export function covers(one: readonly Window[], other: readonly Window[]): boolean {
  return other.every((window) =>
    window.days.every((day) => {
      const same = one.filter(({ zone, days }) => zone === window.zone && days.includes(day));
      let reached = window.fromMinute;
      for (const { fromMinute, toMinute } of same.toSorted((a, b) => a.fromMinute - b.fromMinute)) {
        if (fromMinute <= reached) reached = Math.max(reached, toMinute);
      }
      return reached >= window.toMinute;
    }),
  );
}

/** `Mon to Fri 08:00 to 18:00 Europe/Berlin`. */
export const describeWindow = ({ days, fromMinute, toMinute, zone }: Window): string =>
  `${daysText(days)} ${clock(fromMinute)} to ${clock(toMinute)} ${zone}`;

const clock = (minute: number): string =>
  `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;

/** Three and more days in a row are told by the first and the last. */
function daysText(days: Window['days']): string {
  const held = weekdays.filter((day) => days.includes(day));
  const [first, last] = [held[0], held.at(-1)];
  if (first === undefined || last === undefined) return 'never';
  const row = weekdays.indexOf(last) - weekdays.indexOf(first) + 1 === held.length;
  return row && held.length > 2 ? `${named(first)} to ${named(last)}` : held.map(named).join(', ');
}

const named = (day: string): string => `${day.charAt(0).toUpperCase()}${day.slice(1)}`;
