/** One fault, and what must be seen of it. What it breaks besides is found by the checker afterwards (`quiet.ts`). */
import type { Chance } from './seeded.ts';
import type { World } from './world.ts';

export type Experiment = {
  /** The n of Fn: the number that the design gave the fault. */
  readonly fault: number;
  /** A sentence: what is done, and what holds all the same. */
  readonly name: string;
  /** Invariants that it looks at itself; the checker looks at its own every time. */
  readonly holds: readonly string[];
  /** Others' requests run beside it; false where what they meet would be nothing but that everything is down. */
  readonly busy: boolean;
  /** Seconds that it takes, about; for whoever has few. */
  readonly takes: number;
  /** @throws Error saying what did not hold */
  readonly run: (world: World, chance: Chance) => Promise<void>;
};
