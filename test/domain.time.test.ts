import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  dayMs,
  formatInstant,
  formatSpan,
  hourMs,
  longestGrantMs,
  minuteMs,
  parseSpan,
  secondMs,
} from '../domain/time.ts';

describe('a span that somebody wrote', () => {
  test.each([
    ['90s', 90 * secondMs],
    ['45m', 45 * minuteMs],
    ['2h', 2 * hourMs],
    ['1h30m', 90 * minuteMs],
    ['1d', dayMs],
    ['1d 2h 3m 4s', dayMs + 2 * hourMs + 3 * minuteMs + 4 * secondMs],
    [' 2 H ', 2 * hourMs],
    ['366d', 366 * dayMs],
    ['0h1s', secondMs],
  ])('%s is read', (text, ms) => {
    expect(parseSpan(text)).toBe(ms);
  });

  test.each([
    '',
    ' ',
    '0',
    '0s',
    '0d0h',
    '5',
    'h',
    'm5',
    '-1h',
    '+1h',
    '1.5h',
    '1,5h',
    '1e3s',
    '1h1h',
    '1w',
    '1y',
    '1ms',
    '367d',
    '999999d',
    '1h 30',
    '1h;',
    '٣h',
    '1ｈ',
    'Infinity',
    'NaN',
    '0x10s',
    '1000000s',
    `${'0'.repeat(30)}1s`,
  ])('%j is not', (text) => {
    expect(parseSpan(text)).toBeUndefined();
  });

  test('is undefined, or a positive whole number of milliseconds of at most a year, whatever the text', () => {
    const close = fc.stringMatching(/^[0-9dhms .+-]{0,12}$/);
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), close), (text) => {
        const ms = parseSpan(text);
        if (ms === undefined) return;
        expect(Number.isSafeInteger(ms) && ms > 0 && ms <= 366 * dayMs).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('a span that is shown', () => {
  test.each([
    [0, '0 s'],
    [400, '0.4 s'],
    [1_000, '1 s'],
    [9_949, '9.9 s'],
    [45_000, '45 s'],
    [59_600, '1 min'],
    [90_000, '1 min 30 s'],
    [2 * hourMs, '2 h'],
    [90 * minuteMs, '1 h 30 min'],
    [dayMs + 2 * hourMs + 3 * minuteMs, '1 d 2 h'],
    [longestGrantMs, '7 d'],
  ])('%d ms is %s', (ms, text) => {
    expect(formatSpan(ms)).toBe(text);
  });

  test('can be read again where it is whole seconds in two neighbouring units', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 59 }), fc.integer({ min: 10, max: 59 }), (minutes, seconds) => {
        const ms = minutes * minuteMs + seconds * secondMs;
        expect(parseSpan(formatSpan(ms).replace('min', 'm'))).toBe(ms);
      }),
    );
  });

  test('an instant is shown in UTC', () => {
    expect(formatInstant(0)).toBe('1970-01-01T00:00:00.000Z');
  });
});
