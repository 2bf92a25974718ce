/** Faults of the lines between the worker and what it works with. The claimant's own line is honest. */
import { secondMs } from '../../../domain/time.ts';
import { nthRun, wholeCall } from '../call-watch.ts';
import { eventually, until } from '../eventually.ts';
import type { Experiment } from '../experiment.ts';
import {
  approved,
  codeFor,
  endsOnTime,
  enter,
  granted,
  hold,
  isClosed,
  isOver,
  must,
  refusesLogin,
  releaseOf,
} from '../grants.ts';
import type { LineName } from '../lines.ts';
import type { Matcher, Proxy } from '../proxy.ts';
import { between, oneOf, type Chance } from '../seeded.ts';
import type { World } from '../world.ts';

const faults: Readonly<Record<string, (line: Proxy) => void>> = {
  'black hole': (line) => line.blackhole(),
  reset: (line) => line.reset(),
  'two seconds late': (line) => line.delay(1_000),
  'byte by byte': (line) => line.dribble(),
  held: (line) => line.hold(),
  'cut now and then': (line) => line.cut(),
};
const kinds = Object.keys(faults);

/** A line is bad for some seconds while something is granted, something released and something runs out. */
async function badLine(world: World, chance: Chance, name: LineName): Promise<void> {
  const kind = oneOf(chance, [kinds[0] ?? '', ...kinds.slice(1)]);
  const line = world.lines.line[name];
  const [released, runsOut] = [await hold(world, 60), await hold(world, 8)];
  const asked = await approved(world, 'models', 40);
  const code = await codeFor(world, asked);
  world.history.write('fault', { line: name, is: kind });
  faults[kind]?.(line);
  const badUntil = Date.now() + between(chance, 4, 12) * secondMs;
  const claimed = world.claim(code);
  claimed.catch(() => undefined);
  await releaseOf(world, released);
  // The reaper's line is honest, and it needs no other.
  await isClosed(released, 10_000);
  await endsOnTime(world, runsOut, 3_000);
  await until(badUntil);
  line.restore();
  world.history.write('fault over', { line: name });
  const session = await claimed.then(
    (login) => enter(world, asked, login),
    () => undefined,
  );
  if (session) {
    granted(await releaseOf(world, session));
    await isClosed(session, 15_000);
  }
  await isOver(world, released.requestId, ['released'], 90_000);
  await isOver(world, runsOut.requestId, ['expired'], 90_000);
  await isOver(world, asked.requestId, ['released', 'failed'], 90_000);
}

/** What was committed and never answered is there, once, and is known to be (P26). */
async function cutAfterCommit(world: World, chance: Chance): Promise<void> {
  const asked = await approved(world, 'models', 40);
  const code = await codeFor(world, asked);
  const name = oneOf<LineName>(chance, ['worker-target', 'worker-store', 'worker-temporal']);
  const line = world.lines.line[name];
  // What goes to Temporal is compressed and cannot be read: there any run of bytes is as good as another.
  const after = (call: string): Matcher =>
    name === 'worker-temporal' ? nthRun(between(chance, 1, 6)) : wholeCall(name === 'worker-target' ? call : 'commit');
  world.history.write('fault', { line: name, cut: 'after COMMIT' });
  const cut = line.cutAfter(after('curfew.grant('));
  const claimed = world.claim(code);
  await Promise.race([cut, until(Date.now() + 5_000)]);
  const session = await enter(world, asked, await claimed);
  const again = line.cutAfter(after('curfew.revoke_many('));
  granted(await releaseOf(world, session));
  await Promise.race([again, until(Date.now() + 3_000)]);
  line.restore();
  await isClosed(session, 15_000);
  await isOver(world, asked.requestId, ['released'], 90_000);
  const [made] = await world.inStore<{ n: number }>(
    `select count(*)::int as n from audit.entry where subject = $1 and kind = 'grant.made'`,
    [asked.requestId],
  );
  must(made?.n === 1, `${made?.n} entries of one grant`);
}

/** Nobody of Curfew reaches the target for twice as long as the grant was. */
async function outOfReach(world: World, chance: Chance): Promise<void> {
  const held = await hold(world, 6);
  const both = [world.lines.line['worker-target'], world.lines.line['reaper-target']];
  const kind = oneOf(chance, ['black hole', 'reset', 'held']);
  world.history.write('fault', { line: 'everything to the target', is: kind });
  for (const line of both) faults[kind]?.(line);
  await until(held.login.endAt + 50);
  await refusesLogin(world, held.login);
  await until(held.login.endAt + 6 * secondMs);
  for (const line of both) line.restore();
  const backAt = Date.now();
  await isClosed(held, 30_000);
  await refusesLogin(world, held.login);
  world.history.measured({ closedAfterMs: Date.now() - backAt });
  await eventually('it is over', () => isOver(world, held.requestId, ['expired'], 90_000).then(() => true), {
    withinMs: 95_000,
  });
}

export const network: readonly Experiment[] = [
  {
    fault: 34,
    name: 'a bad line between worker and target delays what is granted and nothing that ends',
    holds: ['I2', 'I3', 'I17', 'I23'],
    busy: true,
    takes: 35,
    run: (world, chance) => badLine(world, chance, 'worker-target'),
  },
  {
    fault: 34,
    name: 'a bad line between worker and store delays what is granted and nothing that ends',
    holds: ['I2', 'I3', 'I18', 'I23'],
    busy: true,
    takes: 35,
    run: (world, chance) => badLine(world, chance, 'worker-store'),
  },
  {
    fault: 34,
    name: 'a bad line between worker and Temporal delays what is granted and nothing that ends',
    holds: ['I2', 'I3', 'I23'],
    busy: true,
    takes: 35,
    run: (world, chance) => badLine(world, chance, 'worker-temporal'),
  },
  {
    fault: 34,
    name: 'a line cut right after COMMIT is sent has the same one grant and the same one end',
    holds: ['I5', 'I10', 'I23'],
    busy: true,
    takes: 20,
    run: cutAfterCommit,
  },
  {
    fault: 35,
    name: 'a target out of reach for twice the grant lets nobody in, and closes what is left when it is back',
    holds: ['I2', 'I3', 'I17'],
    busy: true,
    takes: 40,
    run: outOfReach,
  },
];
