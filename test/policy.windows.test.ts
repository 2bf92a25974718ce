import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { weekdays, type Window } from '../domain/plan.ts';
import { dayMs, hourMs } from '../domain/time.ts';
import { covers, describeWindow, formatOpening, nextOpening, windowAt } from '../policy/windows.ts';

const office: Window = {
  days: ['mon', 'tue', 'wed', 'thu', 'fri'],
  fromMinute: 480,
  toMinute: 1_080,
  zone: 'Europe/Berlin',
};
const at = (text: string): number => Date.parse(text);
const iso = (opening: { readonly opensAt: number; readonly closesAt: number } | undefined): readonly string[] =>
  opening ? [opening.opensAt, opening.closesAt].map((instant) => new Date(instant).toISOString()) : [];
const day = (from: number, to: number, zone = 'Europe/Berlin'): readonly Window[] => [
  { days: weekdays, fromMinute: from, toMinute: to, zone },
];

describe('a window', () => {
  test('holds from its first minute to before its last, by the clock of its zone', () => {
    const open = ['2026-03-04T07:00:00.000Z', '2026-03-04T17:00:00.000Z'];
    expect(iso(windowAt([office], at('2026-03-04T07:00:00Z')))).toEqual(open);
    expect(iso(windowAt([office], at('2026-03-04T16:59:59.999Z')))).toEqual(open);
    expect(windowAt([office], at('2026-03-04T06:59:59.999Z'))).toBeUndefined();
    expect(windowAt([office], at('2026-03-04T17:00:00Z'))).toBeUndefined();
  });

  test('is on its days only, and says when it opens next', () => {
    const saturday = at('2026-03-07T10:00:00Z');
    expect(windowAt([office], saturday)).toBeUndefined();
    const next = nextOpening([office], saturday);
    expect(iso(next)).toEqual(['2026-03-09T07:00:00.000Z', '2026-03-09T17:00:00.000Z']);
    expect(next && formatOpening(next, saturday)).toBe('Mon 08:00 Europe/Berlin');
    expect(next && formatOpening(next, saturday - 7 * dayMs)).toBe('Mon 2026-03-09 08:00 Europe/Berlin');
  });

  test('says from inside of it when the next one opens', () => {
    expect(iso(nextOpening([office], at('2026-03-04T10:00:00Z')))[0]).toBe('2026-03-05T07:00:00.000Z');
    expect(iso(nextOpening([office], at('2026-03-06T10:00:00Z')))[0]).toBe('2026-03-09T07:00:00.000Z');
  });

  test('keeps its clock over the changes of summer time', () => {
    expect(iso(windowAt([office], at('2026-03-27T10:00:00Z')))[0]).toBe('2026-03-27T07:00:00.000Z');
    expect(iso(windowAt([office], at('2026-03-30T10:00:00Z')))[0]).toBe('2026-03-30T06:00:00.000Z');
    expect(iso(windowAt([office], at('2026-10-26T10:00:00Z')))[0]).toBe('2026-10-26T07:00:00.000Z');
  });

  test('is an hour shorter or longer in the night in which the clocks change', () => {
    const night = day(0, 360);
    const hours = (text: string): number => {
      const open = windowAt(night, at(text));
      return open ? (open.closesAt - open.opensAt) / hourMs : 0;
    };
    expect(hours('2026-03-28T23:30:00Z')).toBe(5);
    expect(hours('2026-10-24T22:30:00Z')).toBe(7);
    expect(hours('2026-06-01T22:30:00Z')).toBe(6);
  });

  test('in the hour that is skipped is not open that day', () => {
    const skipped = day(130, 170);
    expect(windowAt(skipped, at('2026-03-29T00:20:00Z'))).toBeUndefined();
    // 02:10 to 02:50 does not exist: both are an hour later, by the clock of summer.
    expect(iso(windowAt(skipped, at('2026-03-29T01:20:00Z')))).toEqual([
      '2026-03-29T01:10:00.000Z',
      '2026-03-29T01:50:00.000Z',
    ]);
  });

  test('to midnight meets the one from midnight, and both are one opening', () => {
    const weekend: readonly Window[] = [{ ...office, days: ['sat', 'sun'], fromMinute: 0, toMinute: 1_440 }];
    expect(iso(windowAt(weekend, at('2026-03-07T22:59:00Z')))).toEqual([
      '2026-03-06T23:00:00.000Z',
      '2026-03-08T23:00:00.000Z',
    ]);
    const always = windowAt(day(0, 1_440), at('2026-03-07T22:59:00Z'));
    expect(always && always.closesAt - at('2026-03-07T22:59:00Z')).toBeGreaterThan(7 * dayMs);
  });

  test('overlapping another one of another zone is one opening with it', () => {
    const both = [...day(480, 1_080), ...day(480, 1_080, 'America/New_York')];
    expect(iso(windowAt(both, at('2026-01-14T20:00:00Z')))).toEqual([
      '2026-01-14T07:00:00.000Z',
      '2026-01-14T23:00:00.000Z',
    ]);
  });

  test('of no day never opens', () => {
    const never: readonly Window[] = [{ ...office, days: [] }];
    expect(windowAt(never, at('2026-03-04T10:00:00Z'))).toBeUndefined();
    expect(nextOpening(never, at('2026-03-04T10:00:00Z'))).toBeUndefined();
    expect(windowAt([], 0)).toBeUndefined();
  });

  test('is told by its days, hours and zone', () => {
    expect(describeWindow(office)).toBe('Mon to Fri 08:00 to 18:00 Europe/Berlin');
    expect(describeWindow({ ...office, days: ['sun', 'wed'], toMinute: 1_440 })).toBe(
      'Wed, Sun 08:00 to 24:00 Europe/Berlin',
    );
  });
});

const zones = ['Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe', 'UTC'] as const;
const someWindow: fc.Arbitrary<Window> = fc
  .record({
    days: fc.uniqueArray(fc.constantFrom(...weekdays), { minLength: 1 }),
    minutes: fc.tuple(fc.nat(1_439), fc.nat(1_440)),
    zone: fc.constantFrom(...zones),
  })
  .filter(({ minutes: [from, to] }) => from < to)
  .map(({ days, minutes: [fromMinute, toMinute], zone }) => ({ days, fromMinute, toMinute, zone }));
const someInstant = fc.integer({ min: Date.UTC(2026, 0, 1), max: Date.UTC(2027, 0, 1) });

describe('whatever windows', () => {
  test('agree with the clock that the platform shows, minute by minute', () => {
    fc.assert(
      fc.property(someWindow, someInstant, (window, instant) => {
        const shown = new Intl.DateTimeFormat('en-GB', {
          timeZone: window.zone,
          weekday: 'short',
          hour: '2-digit',
          minute: '2-digit',
          hourCycle: 'h23',
        }).formatToParts(instant);
        const part = (type: string): string => shown.find((one) => one.type === type)?.value ?? '';
        const minute = Number(part('hour')) * 60 + Number(part('minute'));
        const held = window.days.some((name) => name === part('weekday').toLowerCase());
        const expected = held && minute >= window.fromMinute && minute < window.toMinute;
        // In the three hours around a change of the clocks what the clock shows is no answer.
        const offsets = [-3, 0, 3].map(
          (hours) =>
            new Intl.DateTimeFormat('en', { timeZone: window.zone, timeZoneName: 'longOffset' })
              .format(instant + hours * hourMs)
              .split('GMT')[1],
        );
        if (new Set(offsets).size > 1) return;
        expect(windowAt([window], instant) !== undefined).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });

  test('answer the same whether they were asked before or not, and what they answer holds the instant', () => {
    fc.assert(
      fc.property(
        fc.array(someWindow, { minLength: 1, maxLength: 3 }),
        fc.array(someInstant, { maxLength: 6 }),
        (windows, instants) => {
          for (const instant of instants) {
            const [warm, cold] = [windowAt(windows, instant), windowAt([...windows], instant)];
            // Of an opening without end only as much is seen as a grant can last.
            if (cold && cold.closesAt - instant < 7 * dayMs) expect(warm?.closesAt).toBe(cold.closesAt);
            expect(warm === undefined).toBe(cold === undefined);
            if (warm) expect(warm.opensAt <= instant && instant < warm.closesAt).toBe(true);
            else expect(nextOpening(windows, instant)?.opensAt ?? Infinity).toBeGreaterThan(instant);
            expect(nextOpening(windows, instant)?.opensAt).toBe(nextOpening([...windows], instant)?.opensAt);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('windows cover others', () => {
  test('where every hour of these is one of theirs', () => {
    expect(covers([office], [office])).toBe(true);
    expect(covers([office], [{ ...office, days: ['mon'], toMinute: 600 }])).toBe(true);
    expect(covers([office], [{ ...office, toMinute: 1_081 }])).toBe(false);
    expect(covers([office], [{ ...office, days: ['sat'] }])).toBe(false);
    expect(
      covers(
        [
          { ...office, toMinute: 700 },
          { ...office, fromMinute: 700 },
        ],
        [office],
      ),
    ).toBe(true);
    expect(
      covers(
        [
          { ...office, toMinute: 700 },
          { ...office, fromMinute: 701 },
        ],
        [office],
      ),
    ).toBe(false);
    expect(covers([office], [{ ...office, zone: 'Europe/Paris' }])).toBe(false);
  });

  test('and then any instant that the others hold is one that they hold', () => {
    const inOneZone = fc.array(
      someWindow.map((window) => ({ ...window, zone: 'Europe/Berlin' })),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(inOneZone, inOneZone, someInstant, (one, other, instant) => {
        if (covers(one, other) && windowAt(other, instant)) expect(windowAt(one, instant)).toBeDefined();
      }),
      { numRuns: 300 },
    );
  });
});

test('an opening without end is seen further each day, however often it is asked for', () => {
  const windows = day(0, 1_440);
  const start = at('2026-03-04T10:00:00Z');
  for (let instant = start; instant < start + 60 * dayMs; instant += 7 * hourMs) {
    expect((windowAt(windows, instant)?.closesAt ?? 0) - instant).toBeGreaterThan(7 * dayMs);
  }
});
