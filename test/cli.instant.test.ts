import { expect, test } from 'vitest';
import { parseDay, parseInstant } from '../cli/instant.ts';
import { curfew } from './support/terminal.ts';

test('an instant is read with its time zone, and a day is its first instant in UTC', () => {
  const at = Date.UTC(2026, 11, 24, 7);
  const same = ['2026-12-24T07:00Z', '2026-12-24T07:00:00z', '2026-12-24T08:00+01:00'];
  expect(same.map(parseInstant)).toEqual([at, at, at]);
  expect(parseDay('2028-02-29')).toBe(Date.UTC(2028, 1, 29));
});

test('a day that there is not, a time without a zone, and words are nothing, and never another instant', () => {
  const never = [
    '2026-02-31T08:00Z',
    '2026-02-29T08:00Z',
    '2026-04-31T08:00+01:00',
    '2026-12-24T08:00',
    '2026-12-24T25:00Z',
    'Dec 24 08:00Z',
    '0001-08:00',
    '2026-12-24',
    '',
  ];
  expect(never.map(parseInstant)).toEqual(never.map(() => undefined));
  expect(['2026-02-31', '2026-13-01', '26-1-1'].map(parseDay)).toEqual([undefined, undefined, undefined]);
});

test.each([
  ['request', 'orders-prod', 'read', '1h', '--reason', 'x', '--start', '2026-02-31T08:00Z'],
  ['report', 'reciprocity', '--from', '2026-02-31'],
])('%s says so before anything is done', async (...words) => {
  const { code, out, err } = await curfew(words, { env: { CURFEW_API: 'http://127.0.0.1:1', CURFEW_CODE: 'AAAAA' } });
  expect([code, out]).toEqual([2, '']);
  expect(err).toMatch(/--(?:start|from)/);
});
