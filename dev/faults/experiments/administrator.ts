/** Faults of the administrators of a target, who change by hand what is not theirs. */
import { eventually, until } from '../eventually.ts';
import type { Experiment } from '../experiment.ts';
import { granted, hold, isClosed, isOver, isShut, refusesLogin, releaseOf, type Held } from '../grants.ts';
import { oneOf, type Chance } from '../seeded.ts';
import type { World } from '../world.ts';

/** What a database's own administrator may do to a login that is not theirs. @returns for the end: undoes it */
const meddlings: Readonly<Record<string, (world: World, held: Held) => Promise<(() => Promise<unknown>) | undefined>>> =
  {
    'a second membership': async (world, { login }) => {
      await world.onTarget(`grant orders_read to ${login.role}`);
      return () => world.onTarget(`revoke orders_read from ${login.role} cascade`).catch(() => undefined);
    },
    'another name': async (world, { login, session }) => {
      await session.query('commit');
      await world.onTarget(`alter role ${login.role} rename to somebody_else_${world.next()}`);
      return undefined;
    },
    'no end': async (world, { login }) => {
      await world.onTarget(`alter role ${login.role} valid until 'infinity'`);
      return undefined;
    },
    'a login that is off': async (world, { login }) => {
      await world.onTarget(`alter role ${login.role} nologin`);
      return undefined;
    },
  };

async function meddled(world: World, chance: Chance): Promise<void> {
  const names = Object.keys(meddlings);
  const name = oneOf(chance, [names[0] ?? '', ...names.slice(1)]);
  const held = await hold(world, 8);
  world.history.write('fault', { meddled: name });
  const undo = await meddlings[name]?.(world, held);
  await isClosed(held, held.login.endAt - Date.now() + 5_000);
  await refusesLogin(world, held.login);
  // Where the membership is another's and Curfew may not take it, it says so and does not call it over (P20).
  await until(held.login.endAt + 4_000);
  await undo?.();
  await isOver(world, held.requestId, ['expired', 'revoked', 'failed'], 90_000);
}

/** Enabled again after its end, by hand, with a password: the next round of the reaper takes it back. */
async function enabledAgain(world: World): Promise<void> {
  const held = await hold(world, 60);
  granted(await releaseOf(world, held));
  await isOver(world, held.requestId, ['released']);
  const { role } = held.login;
  world.history.write('fault', { enabled: role });
  const [own, foreign] = [1, 2].map(() => `cfw_${(world.next() + 65_536).toString(16).padStart(32, '0')}`);
  // Where Curfew is no superuser it can take back only a login that was handed to it; of the other one it must tell.
  await world.onTarget(
    `alter role ${role} login connection limit 5 valid until 'infinity' password 'again'; create role ${own} login password 'again';
     grant ${own} to curfew_owner with admin true; create role ${foreign} login password 'again'`,
  );
  try {
    const on = () => world.onTarget('select from pg_roles where rolname = any($1) and rolcanlogin', [[role, own]]);
    await eventually('both are off again', async () => (await on()).length === 0);
    await isShut(world, held.requestId);
    const alarms = () =>
      world.inStore(`select from curfew.alarm where resolved_at is null and position(subject in $1) > 0`, [
        `${foreign} ${asUuid(foreign ?? '')}`,
      ]);
    await eventually('the other one is an alarm', async () => (await alarms()).length > 0, { withinMs: 75_000 });
  } finally {
    await world.onTarget(`drop role ${own}; drop role ${foreign}`);
  }
}

const asUuid = (role: string): string => role.slice(4).replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5');

export const administrators: readonly Experiment[] = [
  {
    fault: 31,
    name: 'an administrator who changes a login by hand keeps nobody in',
    holds: ['I2', 'I19'],
    busy: true,
    takes: 20,
    run: meddled,
  },
  {
    fault: 31,
    name: 'an ended login that is enabled by hand, and one that Curfew never made, are taken back',
    holds: ['I4', 'I19'],
    busy: true,
    takes: 15,
    run: enabledAgain,
  },
];
