/** Faults of the target's second node: somebody reads from it, it is behind, or it is lost and its primary waits for it. */
import { standbyName } from '../../stack/environments.ts';
import type { Experiment } from '../experiment.ts';
import {
  becomes,
  endsOnTime,
  enter,
  granted,
  hold,
  isClosed,
  isOver,
  must,
  refusesLogin,
  releaseOf,
  stateOf,
  type Held,
} from '../grants.ts';
import { hrSays } from '../hr.ts';
import { oneOf, type Chance } from '../seeded.ts';
import type { World } from '../world.ts';

/** The same login, and a session of it on the standby. */
async function alsoOnStandby(world: World, held: Held): Promise<Held> {
  await world.standby.replayed();
  const { port } = world.standby.cluster;
  const there = await enter(world, held, { ...held.login, port });
  const { rows } = await there.session.query<{ standby: boolean }>('select pg_is_in_recovery() as standby');
  must(rows[0]?.standby, 'the other session is not on a standby');
  return there;
}

/** Whoever reads from the standby is out of it by time and by HR's word, whether it has heard of the end yet or not. */
async function sessionOnStandby(world: World, chance: Chance): Promise<void> {
  const runsOut = await hold(world, 15);
  const runsOutThere = await alsoOnStandby(world, runsOut);
  const leaves = await hold(world, 60);
  const leavesThere = await alsoOnStandby(world, leaves);
  const standby = oneOf<'in step' | 'behind'>(chance, ['in step', 'behind']);
  if (standby === 'behind') await world.standby.pauseReplay();
  world.history.write('fault', { standby, sessions: 2 });
  await hrSays(world, { handle: leaves.who.handle, state: 'left' });
  for (const one of [leaves, leavesThere]) await isClosed(one, 5_000);
  // By its clock alone: it knows the end from the beginning.
  for (const one of [runsOut, runsOutThere]) await endsOnTime(world, one, 4_000);
  if (standby === 'behind') {
    for (const { requestId } of [leaves, runsOut]) {
      must((await stateOf(world, requestId)) !== 'closed', 'it is called over and a node has not heard of it');
    }
    await world.standby.resumeReplay();
  }
  await isOver(world, leaves.requestId, ['revoked']);
  await isOver(world, runsOut.requestId, ['expired']);
  for (const one of [leaves, runsOut]) await everyNodeSaidSo(world, one);
  for (const one of [leaves, leavesThere, runsOut, runsOutThere]) await refusesLogin(world, one.login);
}

/** The receipt names each node, and each says that nobody is left (I16). */
async function everyNodeSaidSo(world: World, { requestId }: Held): Promise<void> {
  const [row] = await world.inStore<{ nodes: readonly { readonly node: string; readonly ended: boolean }[] }>(
    `select body -> 'nodes' as nodes from curfew.receipt where request_id = $1 and kind = 'revoke'`,
    [requestId],
  );
  const ended = (row?.nodes ?? []).filter((each) => each.ended).map(({ node }) => node);
  must(
    ended.length === 2 && ended.includes(standbyName),
    `the receipt of ${requestId} says ended of ${ended.join(', ') || 'no node'}`,
  );
}

/**
 * Every commit of others waits for it for ever, and Curfew's do not. Dead, it cannot be asked how it lets people in, so
 * nothing is granted; cut off from its primary, it can.
 */
async function lostStandby(world: World, chance: Chance): Promise<void> {
  const { standby } = world;
  const [released, runsOut] = [await hold(world, 60), await hold(world, 12)];
  const is = oneOf<'dead' | 'cut off'>(chance, ['dead', 'cut off']);
  await world.onTarget(`alter system set synchronous_standby_names = '${standbyName}'`);
  await world.onTarget('select pg_reload_conf()');
  world.history.write('fault', { standby: is });
  await (is === 'dead' ? standby.cluster.crash() : standby.disconnect());
  try {
    const begun = is === 'dead' ? [] : [await hold(world, 6)];
    granted(await releaseOf(world, released));
    await isClosed(released, 10_000);
    await refusesLogin(world, released.login);
    for (const one of [runsOut, ...begun]) await endsOnTime(world, one);
    // A node that has not heard of it, or cannot be asked, is not called clean.
    const all = [released, runsOut, ...begun];
    for (const { requestId } of all) await becomes(world, requestId, 'revoking');
    await (is === 'dead' ? standby.cluster.start() : standby.reconnect());
    for (const one of all) await isOver(world, one.requestId, [one === released ? 'released' : 'expired'], 90_000);
    for (const one of all) await everyNodeSaidSo(world, one);
  } finally {
    await world.onTarget('alter system reset synchronous_standby_names');
    await world.onTarget('select pg_reload_conf()');
    await standby.cluster.start();
    await standby.reconnect();
  }
}

export const standbys: readonly Experiment[] = [
  {
    fault: 22,
    name: 'a synchronous standby that is dead or cut off holds up no revoke, and nothing is called over before it is back',
    holds: ['I2', 'I3', 'I16'],
    busy: false,
    takes: 40,
    run: lostStandby,
  },
  {
    fault: 24,
    name: 'a session on a standby is closed by its time and by a leaving, whether or not the standby is behind',
    holds: ['I2', 'I3', 'I9', 'I16'],
    busy: true,
    takes: 30,
    run: sessionOnStandby,
  },
];
