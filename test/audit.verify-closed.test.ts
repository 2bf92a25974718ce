import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { createClosed } from '../audit/verify/closed.ts';

const numbered = (n: number): string => `00000001-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;

test('ten thousand requests that are over are each known by their own id and instant, and no other is', () => {
  const closed = createClosed(4);
  const ids = Array.from({ length: 5_000 }, (_, n) => [numbered(n), randomUUID() as string]).flat();
  for (const [n, id] of ids.entries()) {
    expect(closed.at(id)).toBeUndefined();
    closed.add(id, n);
  }
  expect(ids.map((id) => closed.at(id))).toEqual(ids.map((_, n) => n));
  for (let n = 5_000; n < 10_000; n += 1) expect(closed.at(numbered(n))).toBeUndefined();
});

test('each digit of an id counts, and the latest instant', () => {
  const closed = createClosed();
  const id = '01234567-89ab-4cde-8f01-23456789abcd';
  closed.add(id, 1);
  closed.add(id, 2);
  expect(closed.at(id)).toBe(2);
  for (let place = 0; place < id.length; place += 1) {
    const digit = id[place];
    if (digit === '-') continue;
    const other = id.slice(0, place) + (digit === '0' ? '1' : '0') + id.slice(place + 1);
    expect(closed.at(other), other).toBeUndefined();
  }
});

test('an id that is none of a request is known as it is written', () => {
  const closed = createClosed();
  const id = '01234567-89AB-4CDE-8F01-23456789ABCD';
  for (const [n, odd] of ['', 'log', id, `${id.toLowerCase()} `].entries()) closed.add(odd, n);
  expect(['', 'log', id, `${id.toLowerCase()} `, id.toLowerCase()].map((odd) => closed.at(odd))).toEqual([
    0,
    1,
    2,
    3,
    undefined,
  ]);
});
