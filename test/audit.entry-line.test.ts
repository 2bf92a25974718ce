/** A leaf's bytes: one form for each entry, and no other form is read. */
import canonicalize from 'canonicalize';
import { describe, expect, test } from 'vitest';
import { entryLine, parseLine } from '../audit/entry-line.ts';
import { isRefusal } from '../domain/errors.ts';

const parts = {
  id: 41,
  at: '2026-11-21T21:00:00.123456Z',
  login: 'curfew_api',
  kind: 'request.opened',
  actor: '00000000-0000-4000-8000-000000000001',
  subject: 'r',
  body: Buffer.from('{"a":[1,{"b":null}],"c":"x"}'),
};

const nasty = [
  '',
  '"',
  '\\',
  '\\"',
  '"}',
  '","id":1,"kind":"a","login":"b","subject":"c"}',
  '\u0000\u001f\u007f',
  'é\u2028😀',
  '{"actor":"',
];

describe('an entry as a line', () => {
  test('is what RFC 8785 makes of the whole entry', () => {
    expect(entryLine(parts).toString()).toBe(
      '{"actor":"00000000-0000-4000-8000-000000000001","at":"2026-11-21T21:00:00.123456Z",' +
        '"body":{"a":[1,{"b":null}],"c":"x"},"id":41,"kind":"request.opened","login":"curfew_api","subject":"r"}',
    );
    for (const actor of nasty) {
      for (const text of nasty) {
        const body = { a: text, [text]: { id: 5, kind: text, login: 'x', subject: text } };
        const entry = { ...parts, actor, subject: text, body: Buffer.from(canonicalize(body) ?? '') };
        expect(entryLine(entry).toString()).toBe(canonicalize({ ...entry, body }));
        const read = parseLine(entryLine(entry));
        expect(read).toEqual({ ...entry, body, atMs: Date.parse('2026-11-21T21:00:00.123Z') });
      }
    }
  });

  test('has an id that a number can hold and an instant to the microsecond', () => {
    expect(() => entryLine({ ...parts, id: 2 ** 53 })).toThrow(RangeError);
    expect(() => entryLine({ ...parts, at: '2026-11-21T21:00:00Z' })).toThrow(RangeError);
  });

  test.each([
    ['a space', (l: string) => l.replace(',"at"', ', "at"')],
    [
      'keys in another order',
      (l: string) => l.replace('"login":"curfew_api","subject":"r"', '"subject":"r","login":"curfew_api"'),
    ],
    ['a key twice', (l: string) => l.replace('"subject":"r"', '"subject":"r","subject":"r"')],
    ['two bodies', (l: string) => l.replace('"c":"x"}', '"c":"x"},"body":{}')],
    ['an id before its place', (l: string) => l.replace('"c":"x"}', '"c":"x"},"id":4')],
    ['a key more', (l: string) => l.replace('"id":41', '"id":41,"index":3')],
    ['a body that is a list', (l: string) => l.replace(/"body":\{.*\},"id"/, '"body":[],"id"')],
    ['a body that is nothing', (l: string) => l.replace(/"body":\{.*\},"id"/, '"body":null,"id"')],
    ['an instant in another form', (l: string) => l.replace('.123456Z', '.123Z')],
    ['an instant that is none', (l: string) => l.replace('2026-11-21', '2026-13-41')],
    ['an id that is no number', (l: string) => l.replace('"id":41', '"id":"41"')],
    ['an end that is missing', (l: string) => l.slice(0, -1)],
    ['something after its end', (l: string) => `${l} `],
    ['a byte order mark', (l: string) => `\ufeff${l}`],
    ['nothing', () => ''],
  ])('with %s is not read', (_, spoil) => {
    expect(isRefusal(parseLine(Buffer.from(spoil(entryLine(parts).toString()))))).toBe(true);
  });

  test('with bytes that are no UTF-8 is not read', () => {
    expect(isRefusal(parseLine(Buffer.concat([entryLine(parts), Buffer.of(0xff)])))).toBe(true);
  });
});
