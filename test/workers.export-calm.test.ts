import { expect, test } from 'vitest';
import { createCalm } from '../workers/worker/export-calm.ts';

const closed = (count: number, closedAt: number) => Array.from({ length: count }, () => ({ closedAt }));

test('few histories are kept at once, and so are many that closed a while ago', () => {
  const isStorm = createCalm();
  expect(isStorm([], 0)).toBe(false);
  expect(isStorm(closed(25, 1_000), 1_000)).toBe(false);
  expect(isStorm(closed(10_000, 1_000), 6_000)).toBe(false);
});

test('while very many close their histories wait, and for two minutes at most', () => {
  const isStorm = createCalm();
  const waited = Array.from({ length: 50 }, (_, n) => isStorm(closed(26, n * 5_000), n * 5_000));
  expect(waited.indexOf(false)).toBe(24);
  expect(waited.lastIndexOf(false)).toBe(49);
  expect(waited.filter((waits) => !waits)).toHaveLength(2);
});
