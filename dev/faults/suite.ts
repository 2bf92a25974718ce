/** Experiments in the order that a seed gives, each with its own chance, others' traffic beside it and the checker after it. */
import { invariants } from '../../doctor/finding.ts';
import { secondMs } from '../../domain/time.ts';
import { messageOf } from '../trouble.ts';
import { nameOf } from './experiments.ts';
import type { Experiment } from './experiment.ts';
import { heal, quiet } from './quiet.ts';
import { scheduleOf } from './schedule.ts';
import { seeded, seedOf, shuffled } from './seeded.ts';
import { startTraffic } from './traffic.ts';
import type { World } from './world.ts';

export type Outcome = {
  /** As `--only` takes it: `F27`, or `F27#2` for its second time in a run. */
  readonly experiment: string;
  readonly name: string;
  readonly ok: boolean;
  readonly ms: number;
  /** What it measured, by name. */
  readonly figures: Readonly<Record<string, number>>;
  /** What was wrong, a sentence each. */
  readonly wrong: readonly string[];
};

export type Summary = {
  readonly seed: number;
  readonly ms: number;
  readonly operations: Readonly<Record<string, number>>;
  /** How often each fault was there. */
  readonly faults: Readonly<Record<string, number>>;
  /** How often each invariant was looked at: by the checker, and by the experiments themselves. */
  readonly invariants: Readonly<Record<string, number>>;
  readonly findings: readonly Outcome[];
};

export type Turn = { readonly experiment: Experiment; readonly id: string; readonly time: number };

/**
 * What is done in which order: each experiment once before any is repeated.
 * @param rounds how often all of them; Infinity: until whoever asks stops
 */
export function* turnsOf(seed: number, some: readonly Experiment[], rounds: number): Generator<Turn, void> {
  for (let round = 1; round <= rounds; round += 1) {
    for (const experiment of shuffled(seeded(seedOf(seed, 'round', round)), some)) {
      const id = nameOf(experiment);
      yield { experiment, id: round === 1 ? id : `${id}#${round}`, time: round };
    }
  }
}

/** An experiment that hangs, or does not come to rest, is a finding like any other. */
const patienceMs = 240_000;
const patienceFor = ({ takes }: Experiment): number => Math.max(patienceMs, 2 * takes * secondMs);

/** Plays one experiment, as the seed has it for this time, whatever was played before. */
export async function play(world: World, seed: number, { experiment, id, time }: Turn): Promise<Outcome> {
  const startedAt = performance.now();
  const chance = seeded(seedOf(seed, nameOf(experiment), time));
  world.history.begin(id);
  world.history.write('experiment', { name: experiment.name });
  const wrong: string[] = [];
  const beside = scheduleOf(seeded(seedOf(seed, nameOf(experiment), time, 'beside')), experiment.busy ? 4 : 0);
  const traffic = startTraffic(world, beside);
  try {
    await within(patienceFor(experiment), experiment.run(world, chance));
  } catch (error) {
    wrong.push(messageOf(error));
  }
  try {
    await heal(world);
    wrong.push(...(await traffic.over()), ...(await quiet(world, patienceFor(experiment))));
  } catch (error) {
    wrong.push(`it does not come to rest: ${messageOf(error)}`);
  }
  world.history.write('checked', { wrong });
  const ms = Math.round(performance.now() - startedAt);
  return { experiment: id, name: experiment.name, ok: wrong.length === 0, ms, figures: world.history.figures(), wrong };
}

function count(counts: Record<string, number>, names: readonly string[]): void {
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
}

/** No experiment is over sooner. */
const shortestMs = 10 * secondMs;

/** @param onOutcome told of each experiment as it ends */
export async function runSuite(
  world: World,
  seed: number,
  turns: Iterable<Turn>,
  forMs: number,
  onOutcome: (outcome: Outcome) => void,
): Promise<Summary> {
  const startedAt = performance.now();
  const faults: Record<string, number> = {};
  const looked: Record<string, number> = {};
  const findings: Outcome[] = [];
  for (const turn of turns) {
    const leftMs = forMs - (performance.now() - startedAt);
    if (leftMs < shortestMs) break;
    if (turn.experiment.takes * secondMs > leftMs) continue;
    const outcome = await play(world, seed, turn);
    count(faults, [`F${turn.experiment.fault}`]);
    count(looked, [...new Set([...invariants, ...turn.experiment.holds])]);
    if (!outcome.ok) findings.push(outcome);
    onOutcome(outcome);
  }
  const ms = Math.round(performance.now() - startedAt);
  return {
    seed,
    ms,
    operations: world.history.counts(),
    faults: inOrder(faults),
    invariants: inOrder(looked),
    findings,
  };
}

const inOrder = (counts: Readonly<Record<string, number>>): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Object.entries(counts).toSorted(([one], [other]) => Number(one.slice(1)) - Number(other.slice(1))),
  );

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const timer = new AbortController();
  try {
    return await Promise.race([
      work,
      new Promise<never>((_, reject) => {
        const late = setTimeout(() => reject(new Error(`not within ${ms / 1_000} s`)), ms);
        timer.signal.addEventListener('abort', () => clearTimeout(late));
      }),
    ]);
  } finally {
    timer.abort();
  }
}
