/**
 * A short part of `npm run faults`, with a fixed seed: faults on the real stack, others' requests
 * beside it, and the checker of the invariants after each (I1-I10, I14-I17, I19, I21-I23).
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { experiments, nameOf } from '../dev/faults/experiments.ts';
import { play } from '../dev/faults/suite.ts';
import { openWorld, type World } from '../dev/faults/world.ts';

const seed = 20_261_121;
/** A few of each kind that are over soon; all the others are `npm run faults`. */
const some = ['F1', 'F3', 'F14', 'F27', 'F34d', 'F36', 'F37', 'F49'];

let world: World;
beforeAll(async () => {
  world = await openWorld({ step: (_name, work) => work(() => undefined), say: () => undefined });
}, 600_000);
afterAll(() => world?.end(false));

test.each(some)(
  'under %s every invariant holds',
  async (name) => {
    const experiment = experiments.find((each) => nameOf(each) === name);
    if (!experiment) throw new Error(`there is no experiment ${name}`);
    const { wrong } = await play(world, seed, { experiment, id: name, time: 1 });
    expect({ again: `npm run faults -- --seed ${seed} --only ${name}`, wrong }).toMatchObject({ wrong: [] });
  },
  240_000,
);
