/** The fault suite's own rules: nothing forgotten, and one seed one schedule. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { experiments, nameOf } from '../dev/faults/experiments.ts';
import { scheduleOf } from '../dev/faults/schedule.ts';
import { seeded, seedOf } from '../dev/faults/seeded.ts';
import { turnsOf } from '../dev/faults/suite.ts';
import { faultTable } from '../dev/faults/table.ts';

const root = join(import.meta.dirname, '..');
/** As many as the design numbers. */
const all = Array.from({ length: 50 }, (_, n) => n + 1);

test('every fault of the design has its place: in the suite, in a test that says so, or with the reason why not', () => {
  expect(Object.keys(faultTable).map(Number)).toEqual(all);
  const run = new Set(experiments.map(({ fault }) => fault));
  expect(all.filter((n) => faultTable[n]?.kind === 'suite')).toEqual(all.filter((n) => run.has(n)));
  for (const place of Object.values(faultTable)) {
    if (place.kind === 'none') expect(place.why.length).toBeGreaterThan(40);
    if (place.kind !== 'test') continue;
    expect([place.file, existsSync(join(root, place.file))]).toEqual([place.file, true]);
    expect(readFileSync(join(root, place.file), 'utf8')).toContain(place.says);
  }
});

test('each experiment has a name of its own and says what holds', () => {
  expect(new Set(experiments.map(nameOf)).size).toBe(experiments.length);
  for (const { holds, takes } of experiments) {
    expect(holds.every((invariant) => /^I\d+$/.test(invariant))).toBe(true);
    expect(holds.length * takes).toBeGreaterThan(0);
  }
});

const order = (seed: number): readonly string[] => [...turnsOf(seed, experiments, 2)].map(({ id }) => id);
const stories = (seed: number) => scheduleOf(seeded(seedOf(seed, 'F27', 1)), 6);

test('equal seeds do equal things, other seeds others', () => {
  expect(order(7)).toEqual(order(7));
  expect(order(7)).not.toEqual(order(8));
  expect(new Set(order(7).slice(0, experiments.length)).size).toBe(experiments.length);
  expect(stories(7)).toEqual(stories(7));
  expect(stories(7)).not.toEqual(stories(8));
  expect(stories(7).every(({ steps }) => steps[0]?.act === 'ask')).toBe(true);
});
