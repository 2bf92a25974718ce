/**
 * F37: a thousand races of two or three calls, from several processes of the API of which some die over their call,
 * with a relay beside them, through real servers. Afterwards store, audit log, Workflow and target must agree on one
 * outcome of each, and the checker must find nothing. `CURFEW_RACE_SEED` runs one schedule again.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startArena, type Arena } from './support/arena.ts';
import { policyText } from './support/company.ts';
import { wrongInStore } from './support/proof.ts';
import { decidedRaces, decideWithinMs } from './support/races-decided.ts';
import { heldRaces } from './support/races-held.ts';
import { holdsAlways, planned, type Kind, type Plan, type Played } from './support/races.ts';
import { seeded, shuffled } from '../dev/faults/seeded.ts';

const kinds: Readonly<Record<keyof typeof decidedRaces | keyof typeof heldRaces, Kind>> = {
  ...decidedRaces,
  ...heldRaces,
};
type KindName = keyof typeof kinds;
const names = Object.keys(kinds) as KindName[];

const policy = policyText((text) =>
  text
    .replace('limits: { max: 4h,', 'limits: { max: 4h, extend: 2,')
    .replace('role: write }, requesters', 'role: write }, limits: { extend: 2 }, requesters')
    .replace(
      'requesters: [group:engineers], approvals: automatic',
      `requesters: [group:engineers], limits: { decideWithin: ${decideWithinMs / 1_000}s }, approvals: [{ name: owners, from: [group:owners], need: 1 }]`,
    ),
);

let arena: Arena;
beforeAll(async () => {
  arena = await startArena(policy);
});
afterAll(() => arena?.end());

type Race = { readonly name: KindName; readonly plan: Plan };
const schedule = (seed: number): readonly Race[] => {
  const random = seeded(seed);
  const all = names.flatMap((name) => Array.from({ length: kinds[name].times }, () => name));
  return shuffled(random, all).map((name, number) => ({ name, plan: planned(random, number) }));
};

/** So many at once. */
const lanes = { working: 10, waiting: 16 };

/** What cannot even be run is a failure like any other. */
async function playAll(races: readonly Race[], failures: string[]): Promise<readonly (Race & { played: Played })[]> {
  const done: (Race & { played: Played })[] = [];
  const lane = async (queue: Iterable<Race>): Promise<void> => {
    for (const race of queue) {
      try {
        done.push({ ...race, played: await kinds[race.name].play(arena, race.plan) });
      } catch (error) {
        failures.push(`${race.name} #${race.plan.number}: ${String(error)}`);
      }
    }
  };
  const isWaiting = ({ name }: Race): boolean => kinds[name].waits === true;
  const work = (some: readonly Race[], many: number) => {
    const queue = some.values();
    return Array.from({ length: many }, () => lane(queue));
  };
  const working = races.filter((race) => !isWaiting(race));
  await Promise.all([...work(races.filter(isWaiting), lanes.waiting), ...work(working, lanes.working)]);
  return done;
}

/** A race, and the one on the same request that it followed. */
const withBefore = ({ name, plan, played }: Race & { played: Played }): readonly (Race & { played: Played })[] => [
  { name, plan, played },
  ...(played.before ? [{ name: played.before.name, plan, played: played.before.played }] : []),
];

test('in 1,000 races each request has one outcome, everybody is told, and nothing is broken (I6 I7 I8 I10; F37)', async () => {
  const seed = Number(process.env['CURFEW_RACE_SEED'] ?? Date.now() % 1_000_000);
  const races = schedule(seed);
  process.stdout.write(`CURFEW_RACE_SEED=${seed}\n`);
  const failures: string[] = [];
  const done = await playAll(races, failures);
  await arena.settled();
  const records = await arena.records();

  const went = new Map<string, Map<string, number>>(names.map((name) => [name, new Map<string, number>()]));
  for (const { name, plan, played } of done.flatMap(withBefore)) {
    try {
      const record = records.get(played.requestId);
      if (!record) throw new Error('the store knows nothing of it');
      holdsAlways(played, record);
      const way = kinds[name].judge(played, record, plan, arena);
      went.get(name)?.set(way, (went.get(name)?.get(way) ?? 0) + 1);
    } catch (error) {
      failures.push(`${name} ${JSON.stringify(plan)}: ${String(error)}`);
    }
  }
  const ways = [...went].flatMap(([name, ends]) => [...ends].map(([way, n]) => `${name}: ${way} ${n}`));
  process.stdout.write(`  ${ways.join('\n  ')}\n`);
  expect({ seed, failures: failures.slice(0, 5), more: failures.length }).toEqual({ seed, failures: [], more: 0 });
  // Where one side always won, nothing raced.
  const rare = names.flatMap((name) =>
    kinds[name].ways.filter((way) => (went.get(name)?.get(way) ?? 0) < 3).map((way) => `${name}: ${way}`),
  );
  expect({ seed, rare }).toEqual({ seed, rare: [] });
  expect(done.flatMap(withBefore).length).toBe(1_000);
  expect({ seed, errors: arena.errors.slice(0, 3) }).toEqual({ seed, errors: [] });
  expect({ seed, findings: await arena.findings() }).toEqual({ seed, findings: [] });
}, 600_000);

test('after all of it the whole log holds: every step, every judgement, every approval and every end (I11)', async () => {
  expect(await wrongInStore(arena.company.store)).toEqual([]);
}, 600_000);
