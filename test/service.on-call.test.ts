import { describe, expect, test } from 'vitest';
import type { PersonId } from '../domain/ids.ts';
import { dayMs, hourMs } from '../domain/time.ts';
import { parseCalendar } from '../service/on-call-calendar.ts';
import { parseOnCallFile } from '../service/on-call-file.ts';
import { findPeople, horizonMs, type KnownPerson, type ParsedShifts } from '../service/on-call.ts';

const now = Date.parse('2026-10-20T00:00:00Z');
const at = (text: string): number => Date.parse(text);

const person = (handle: string, change: Partial<KnownPerson> = {}): KnownPerson => ({
  id: `id-${handle}` as PersonId,
  handle,
  email: `${handle}@example.com`,
  state: 'active',
  ...change,
});
const issuesOf = (parsed: ParsedShifts): readonly string[] =>
  parsed.ok ? [] : parsed.issues.map(({ line, column, code, message }) => `${line}:${column} ${code}: ${message}`);
const shiftsOf = (parsed: ParsedShifts): readonly string[] => {
  if (!parsed.ok) throw new Error(issuesOf(parsed).join('\n'));
  return parsed.shifts.map(
    ({ schedule, who, fromAt, untilAt }) =>
      `${schedule} ${who} ${new Date(fromAt).toISOString()}/${new Date(untilAt).toISOString()}`,
  );
};

const yaml = (text: string) => parseOnCallFile(text, 'shifts.yaml');
const shift = (who: string, from: number, until: number) => ({
  schedule: 's',
  who,
  fromAt: from,
  untilAt: until,
  issue: (code: string, message: string, warning = false) => ({
    severity: warning ? ('warning' as const) : ('error' as const),
    code,
    message,
    file: 'f',
    line: 1,
    column: 1,
    path: '',
  }),
});
const calendar = (...events: readonly (readonly string[])[]): string =>
  ['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//test//EN', ...events.flat(), 'END:VCALENDAR', ''].join('\r\n');
const event = (uid: string, ...lines: readonly string[]): readonly string[] => [
  'BEGIN:VEVENT',
  `UID:${uid}`,
  ...lines,
  'END:VEVENT',
];
const ics = (text: string) => parseCalendar(text, { file: 'x.ics', schedule: 'payments', now });
const berlin = (from: string, until: string) => [
  `DTSTART;TZID=Europe/Berlin:${from}`,
  `DTEND;TZID=Europe/Berlin:${until}`,
];

describe('a file of shifts', () => {
  test('says instants with their offset, in UTC or in a time zone', () => {
    const parsed = yaml(`schedule: payments
shifts:
  - { person: ada, from: 2026-10-24T09:00+02:00, until: 2026-10-24T17:00:30.000Z }
  - { person: ben@example.com, from: '2026-10-24T09:00[Europe/Berlin]', until: '2026-10-25T09:00[Europe/Berlin]' }
`);
    expect(shiftsOf(parsed)).toEqual([
      'payments ada 2026-10-24T07:00:00.000Z/2026-10-24T17:00:30.000Z',
      'payments ben@example.com 2026-10-24T07:00:00.000Z/2026-10-25T08:00:00.000Z',
    ]);
  });

  test('may have several schedules, also one on which nobody is', () => {
    const parsed = yaml(`schedules:
  - { schedule: payments, shifts: [{ person: ada, from: 2026-10-24T09:00Z, until: 2026-10-24T17:00Z }] }
  - { schedule: ledger, shifts: [] }
`);
    expect(parsed).toMatchObject({ ok: true, schedules: ['payments', 'ledger'], shifts: [{ schedule: 'payments' }] });
  });

  test('is told all its mistakes at once, each at its place', () => {
    const parsed = yaml(`schedules:
  - schedule: Payments
    shifts: []
  - schedule: ledger
    shifts:
      - { person: ada, from: 2026-10-24T09:00, until: 2026-10-24T17:00Z }
      - { person: ada, from: 2026-02-30T09:00Z, until: 2026-10-24T17:00Z }
      - { person: ada, from: '2026-03-29T02:30[Europe/Berlin]', until: 2026-10-24T17:00Z }
      - { person: ada, from: 2026-10-24T17:00Z, until: 2026-10-24T17:00Z }
      - { persn: ada, from: 2026-10-24T16:00Z, until: 2026-10-24T17:00Z }
  - { schedule: ledger, shifts: [] }
`);
    expect(issuesOf(parsed).map((line) => line.replace(/^(\S+ [a-z-]+).*/, '$1'))).toEqual([
      '2:15 bad-schedule',
      '6:30 bad-instant',
      '7:30 bad-instant',
      '8:30 bad-instant',
      '9:56 no-length',
      '10:9 missing-field',
      '10:11 unknown-field',
      '11:17 duplicate-schedule',
    ]);
  });

  test.each(['', '[]', 'x', 'schedules: 1', 'a: &a [*a]', 'schedule: x'])('never throws: %j', (text) => {
    expect(yaml(text).ok).toBe(false);
  });
});

describe('people of shifts', () => {
  const [ada, gone] = [person('ada', { email: 'Ada@Example.com' }), person('gone', { state: 'left' })];

  test('are found by handle or e-mail address; what is over or far ahead is left out', () => {
    const found = findPeople(
      [
        shift('ada', now - 1, now + 1),
        shift('ADA@example.com', now + horizonMs, now + horizonMs + 1),
        shift('ada', now - 2, now),
        shift('ada', now + horizonMs + 1, now + horizonMs + 2),
        shift('ada', now - 1, now + 5),
      ],
      [ada],
      now,
    );
    expect(found).toEqual({
      ok: true,
      shifts: [
        { schedule: 's', person: ada.id, fromAt: now - 1, untilAt: now + 5 },
        { schedule: 's', person: ada.id, fromAt: now + horizonMs, untilAt: now + horizonMs + 1 },
      ],
      warnings: [],
      past: 1,
      later: 1,
    });
  });

  test('nobody knows, or of whom there are two, are mistakes; who is not active is left out aloud', () => {
    const twins = [person('one', { email: 'x@example.com' }), person('two', { email: 'X@example.com' })];
    const wrong = findPeople([shift('eda', now, now + 1), shift('x@example.com', now, now + 1)], [ada, ...twins], now);
    expect(wrong).toMatchObject({ ok: false, issues: [{ code: 'ambiguous-person' }, { code: 'unknown-person' }] });
    expect(wrong.ok ? '' : wrong.issues[1]?.message).toContain('did you mean "ada"?');
    expect(findPeople([shift('gone', now, now + 1)], [gone], now)).toMatchObject({
      ok: true,
      shifts: [],
      warnings: [{ code: 'not-active', severity: 'warning' }],
    });
  });
});

describe('a calendar', () => {
  test('follows a recurrence in its own time zone over the end of summer time', () => {
    const weekly = event(
      'a',
      'SUMMARY:ada',
      ...berlin('20261012T090000', '20261013T090000'),
      'RRULE:FREQ=WEEKLY;COUNT=4',
    );
    expect(shiftsOf(ics(calendar(weekly)))).toEqual([
      'payments ada 2026-10-19T07:00:00.000Z/2026-10-20T07:00:00.000Z',
      'payments ada 2026-10-26T08:00:00.000Z/2026-10-27T08:00:00.000Z',
      'payments ada 2026-11-02T08:00:00.000Z/2026-11-03T08:00:00.000Z',
    ]);
  });

  test('keeps what was moved, and not what was taken out or cancelled', () => {
    const series = [
      ...event(
        'a',
        'SUMMARY:ada',
        ...berlin('20261026T090000', '20261026T170000'),
        'RRULE:FREQ=DAILY;COUNT=4',
        'EXDATE;TZID=Europe/Berlin:20261027T090000',
      ),
      ...event(
        'a',
        'SUMMARY:ben',
        'RECURRENCE-ID;TZID=Europe/Berlin:20261028T090000',
        ...berlin('20261028T120000', '20261028T130000'),
      ),
      ...event(
        'a',
        'STATUS:CANCELLED',
        'RECURRENCE-ID;TZID=Europe/Berlin:20261029T090000',
        ...berlin('20261029T090000', '20261029T170000'),
      ),
    ];
    expect(shiftsOf(ics(calendar(series)))).toEqual([
      'payments ada 2026-10-26T08:00:00.000Z/2026-10-26T16:00:00.000Z',
      'payments ben 2026-10-28T11:00:00.000Z/2026-10-28T12:00:00.000Z',
    ]);
  });

  test('names people by attendees, rooms and those who declined not counted, or by the summary', () => {
    const span = ['DTSTART:20261024T090000Z', 'DURATION:PT8H'];
    const text = calendar(
      event(
        'a',
        'SUMMARY:On call',
        ...span,
        'ATTENDEE;CN="Ada; B":mailto:ada@example.com',
        'ATTENDEE;CUTYPE=ROOM:mailto:room@example.com',
        'ATTENDEE;PARTSTAT=DECLINED:mailto:ben@example.com',
      ),
      event('b', 'SUMMARY:be', ' n', ...span),
      event('c', 'SUMMARY:x', ...span, 'ATTENDEE:mailto:eve@example.com', 'ATTENDEE:mailto:ada@example.com'),
    );
    expect(shiftsOf(ics(text)).map((line) => line.split(' ')[1])).toEqual([
      'ada@example.com',
      'ben',
      'eve@example.com',
      'ada@example.com',
    ]);
  });

  test('keeps a shift that began before and lasts', () => {
    const running = event('a', 'SUMMARY:ada', 'DTSTART:20261001T000000Z', 'DTEND:20261101T000000Z');
    expect(shiftsOf(ics(calendar(running)))).toHaveLength(1);
  });

  test.each([
    ['all-day', event('a', 'DTSTART;VALUE=DATE:20261024', 'DTEND:20261025T090000Z')],
    ['floating', event('a', 'DTSTART:20261024T090000', 'DTEND:20261024T100000Z')],
    ['unknown-zone', event('a', 'DTSTART;TZID=Foo/Bar:20261024T090000', 'DTEND:20261024T100000Z')],
    ['bad-instant', event('a', 'DTSTART:20261324T090000Z', 'DTEND:20261024T100000Z')],
    ['no-end', event('a', 'DTSTART:20261024T090000Z')],
    ['no-start', event('a', 'DTEND:20261024T090000Z')],
    ['no-length', event('a', 'DTSTART:20261024T090000Z', 'DTEND:20261024T080000Z')],
    ['unsupported', event('a', 'DTSTART:20261024T090000Z', 'DTEND:20261024T100000Z', 'RDATE:20261026T090000Z')],
    ['bad-rule', event('a', 'DTSTART:20261024T090000Z', 'DTEND:20261024T100000Z', 'RRULE:FREQ=SECONDLY')],
    ['bad-rule', event('a', 'DTSTART:20261024T090000Z', 'DTEND:20261024T100000Z', 'RRULE:FREQ=DAILY;INTERVAL=0')],
    ['too-old', event('a', 'DTSTART:19700101T090000Z', 'DTEND:19700101T100000Z', 'RRULE:FREQ=DAILY')],
    ['bad-uid', event('__proto__', 'DTSTART:20261024T090000Z', 'DTEND:20261024T100000Z')],
    ['bad-uid', event('', 'DTSTART:20261024T090000Z', 'DTEND:20261024T100000Z')],
    [
      'unsupported',
      event(
        'a',
        'RECURRENCE-ID;RANGE=THISANDFUTURE:20261024T090000Z',
        'DTSTART:20261024T090000Z',
        'DTEND:20261024T100000Z',
      ),
    ],
    [
      'duplicate-uid',
      [
        ...event('a', 'DTSTART:20261024T090000Z', 'DTEND:20261024T100000Z'),
        ...event('a', 'DTSTART:20261025T090000Z', 'DTEND:20261025T100000Z'),
      ],
    ],
  ])('what would be read wrongly is told with line and UID: %s', (code, lines) => {
    const parsed = ics(calendar(lines));
    expect(parsed.ok ? [] : parsed.issues.map((issue) => issue.code)).toEqual([code]);
    expect(issuesOf(parsed)[0]).toMatch(/^\d+:1 [a-z-]+: event "/);
  });

  test('all mistakes are told at once, at their lines', () => {
    const text = calendar(
      event('a', 'DTSTART:20261024T090000', 'DTEND:20261024T100000'),
      event('b', 'DTSTART:20261024T090000Z', 'RDATE:20261026T090000Z'),
    );
    expect(issuesOf(ics(text)).map((line) => line.split(':')[0])).toEqual(['6', '7', '9', '12']);
  });

  test('is the same in every time zone of the process', () => {
    const before = process.env['TZ'];
    const text = calendar(
      event('a', 'SUMMARY:ada', ...berlin('20261012T023000', '20261012T090000'), 'RRULE:FREQ=DAILY'),
    );
    try {
      const read = ['UTC', 'America/New_York', 'Pacific/Auckland'].map((zone) => {
        process.env['TZ'] = zone;
        return shiftsOf(ics(text));
      });
      expect(read[0]?.length).toBeGreaterThan(80);
      expect(read[1]).toEqual(read[0]);
      expect(read[2]).toEqual(read[0]);
    } finally {
      if (before === undefined) delete process.env['TZ'];
      else process.env['TZ'] = before;
    }
  });

  test('too large, too many, or no calendar at all: one issue, and nothing thrown', () => {
    expect(issuesOf(ics(' '.repeat(1_048_577)))).toEqual([expect.stringContaining('too-large')]);
    expect(issuesOf(ics('<html>'))).toEqual([expect.stringContaining('no-calendar')]);
    const many = Array.from({ length: 201 }, (_, index) =>
      event(`e${index}`, 'SUMMARY:ada', 'DTSTART:20261024T090000Z', 'DTEND:20261024T100000Z', 'RRULE:FREQ=DAILY'),
    );
    expect(issuesOf(ics(calendar(...many)))).toEqual([expect.stringContaining('too-many')]);
    const daily = Array.from({ length: 100 }, (_, index) =>
      event(`e${index}`, 'SUMMARY:ada', 'DTSTART:20261024T090000Z', 'DTEND:20261024T100000Z', 'RRULE:FREQ=DAILY'),
    );
    expect(issuesOf(ics(calendar(...daily)))).toEqual([expect.stringContaining('too-many')]);
  });

  test('lies ahead no further than the horizon', () => {
    const text = calendar(
      event('a', 'SUMMARY:ada', 'DTSTART:20261024T090000Z', 'DTEND:20261024T100000Z', 'RRULE:FREQ=DAILY'),
    );
    const parsed = ics(text);
    const last = parsed.ok ? (parsed.shifts.at(-1)?.fromAt ?? 0) : 0;
    expect(last).toBeGreaterThan(now + horizonMs - 2 * dayMs);
    expect(last).toBeLessThan(now + horizonMs + hourMs);
    expect(at('2026-10-24T09:00:00Z')).toBe(parsed.ok ? parsed.shifts[0]?.fromAt : 0);
  });
});
