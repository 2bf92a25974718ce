import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readInstant } from '../slack/parse-date.ts';
import { anyText } from './support/slack-models.ts';

/** A Wednesday, 23:30 in Prague and still 22:30 in UTC. */
const now = Date.parse('2026-03-11T23:30:00+01:00');
const read = (text: string, zone = 'Europe/Prague'): string | undefined => {
  const at = readInstant(text, { now, zone });
  return at === undefined ? undefined : new Date(at).toISOString();
};

describe('a day is its first minute where the person lives', () => {
  const cases: readonly [text: string, at: string][] = [
    ['tomorrow', '2026-03-11T23:00:00.000Z'],
    ['thursday', '2026-03-11T23:00:00.000Z'],
    ['Thu', '2026-03-11T23:00:00.000Z'],
    ['monday', '2026-03-15T23:00:00.000Z'],
    ['Monday,', '2026-03-15T23:00:00.000Z'],
    ['next monday', '2026-03-15T23:00:00.000Z'],
    ['wednesday', '2026-03-17T23:00:00.000Z'],
    ['2026-03-12', '2026-03-11T23:00:00.000Z'],
    ['2026-12-24', '2026-12-23T23:00:00.000Z'],
    ['2026-03-12 14:00', '2026-03-12T13:00:00.000Z'],
    ['2026-03-12T9:05', '2026-03-12T08:05:00.000Z'],
    // The clocks go forward in the night to the 29th.
    ['2026-03-30', '2026-03-29T22:00:00.000Z'],
  ];
  test.each(cases)('%s', (text, at) => expect(read(text)).toBe(at));

  test('the same word is another instant in another zone', () => {
    expect(read('tomorrow', 'UTC')).toBe('2026-03-12T00:00:00.000Z');
    expect(read('tomorrow', 'Pacific/Auckland')).toBe('2026-03-12T11:00:00.000Z');
    expect(read('thursday', 'Pacific/Auckland')).toBe('2026-03-18T11:00:00.000Z');
  });

  test('a zone that nobody knows is read as UTC', () => {
    expect(read('tomorrow', 'Mars/Olympus')).toBe('2026-03-12T00:00:00.000Z');
  });
});

test('a span is from now', () => {
  expect(read('3d')).toBe(new Date(now + 3 * 86_400_000).toISOString());
  expect(read('4h')).toBe(new Date(now + 4 * 3_600_000).toISOString());
});

test('what is over, is no day, or is nothing, is not read', () => {
  const never = [
    '2026-03-11',
    '2026-03-11 23:30',
    '2026-02-30',
    '2026-13-01',
    'yesterday',
    'today',
    'mo',
    'm',
    '',
    '-3d',
  ];
  expect(never.map((text) => read(text))).toEqual(never.map(() => undefined));
  expect(read('2026-03-12 25:00')).toBeUndefined();
});

test('whatever is typed, in whatever zone, is an instant to come or nothing', () => {
  const typed = fc.oneof(
    anyText,
    fc.constantFrom('monday', 'tomorrow', '2026-12-24', '9999-12-31', '275760-09-13', '999d'),
  );
  fc.assert(
    fc.property(typed, anyText, (text, zone) => {
      const at = readInstant(text, { now, zone });
      expect(at === undefined || (Number.isSafeInteger(at) && at > now)).toBe(true);
    }),
  );
});
