/** Faults of PostgreSQL: it restarts, is full, or one of its backends dies or hangs. */
import { Client } from 'pg';
import { wholeCall } from '../call-watch.ts';
import { eventually, until } from '../eventually.ts';
import type { Experiment } from '../experiment.ts';
import {
  canLogin,
  endsOnTime,
  granted,
  hold,
  isClosed,
  isOver,
  must,
  refusesLogin,
  releaseOf,
  stateOf,
} from '../grants.ts';
import { holdTemplate, start, workerWaits } from '../parts.ts';
import { oneOf, type Chance } from '../seeded.ts';
import type { World } from '../world.ts';

/** The server crashes before, or right after, a revoke commits. */
async function restartInRevoke(world: World, chance: Chance): Promise<void> {
  const held = await hold(world, 60);
  const how = oneOf<'immediate' | 'kill'>(chance, ['immediate', 'kill']);
  if (chance() < 0.5) {
    // Before: it waits for a template that somebody else is changing.
    const template = await holdTemplate(world, 'models_read');
    granted(await releaseOf(world, held));
    await workerWaits(world, 'target');
    await crash(world, how);
    await template.release();
  } else {
    // After: the call is at the server, and its answer never arrives.
    const cut = world.lines.line['worker-target'].cutAfter(wholeCall('curfew.revoke_many('));
    granted(await releaseOf(world, held));
    await Promise.race([cut, isClosed(held, 10_000)]);
    await crash(world, how);
  }
  await start(world, 'target');
  await isOver(world, held.requestId, ['released']);
  await refusesLogin(world, held.login);
}

async function crash(world: World, how: 'immediate' | 'kill'): Promise<void> {
  world.history.write('fault', { crash: 'target', how });
  await world.stack.target.crash(how);
}

async function restartInKill(world: World): Promise<void> {
  const held = await hold(world, 60);
  const reached = world.lines.line['worker-target'].holdAt(wholeCall('curfew.kill_many('), 'after');
  granted(await releaseOf(world, held));
  await Promise.race([reached, until(Date.now() + 5_000)]);
  world.history.write('fault', { restart: 'target' });
  await world.stack.target.restart();
  world.lines.restore();
  await isOver(world, held.requestId, ['released']);
  await refusesLogin(world, held.login);
}

const pidOf = async (session: Client): Promise<number> =>
  Number((await session.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid);

/** PostgreSQL ends every session then, and recovers. What the dead backend had made is an orphan. */
async function backendKilled(world: World): Promise<void> {
  await world.onTarget('grant temporary on database models to models_read', [], 'models');
  // A server that was interrupted writes its whole folder to the disk first, which takes its time on a busy one.
  const held = await hold(world, 30);
  await held.session.query('create temp table scratch as select generate_series(1, 1000) as n');
  await held.session.query('commit');
  await world.onTarget('revoke temporary on database models from models_read', [], 'models');
  process.kill(await pidOf(held.session), 'SIGKILL');
  world.history.write('fault', { kill: 'a backend' });
  await isClosed(held, 10_000);
  // The grant goes on: who has the password may come in again, until the end.
  const again = await eventually('it comes in again', () => world.connect(held.login), { withinMs: 25_000 });
  await again.query('select 1');
  await until(held.login.endAt + 2_500);
  const over: unknown = await again.query('select 1').then(
    () => 'it was answered',
    () => undefined,
  );
  must(over === undefined, 'a session was answered after the end');
  await isOver(world, held.requestId, ['expired']);
}

/** A backend that does not run cannot be told to go: it is never called gone, and there is an alarm until it is. */
async function backendFrozen(world: World): Promise<void> {
  const held = await hold(world, 120);
  const pid = await pidOf(held.session);
  process.kill(pid, 'SIGSTOP');
  world.history.write('fault', { freeze: 'a backend' });
  try {
    granted(await releaseOf(world, held));
    await eventually('its login is off', async () => (await canLogin(world, held.requestId)) === false);
    await refusesLogin(world, held.login);
    const alarms = () =>
      world.inStore('select from curfew.alarm where subject = $1 and resolved_at is null', [held.requestId]);
    await eventually('it is an alarm', async () => (await alarms()).length > 0, { withinMs: 75_000, everyMs: 500 });
    must((await stateOf(world, held.requestId)) === 'revoking', 'it is called over with a session left');
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await isClosed(held, 10_000);
  await isOver(world, held.requestId, ['released']);
}

/** No place is left for an ordinary login: those who end access have theirs already, or a reserved one. */
async function noPlaceLeft(world: World): Promise<void> {
  const held = await hold(world, 10);
  const { ports } = world.stack.settings;
  const role = `crowd_${world.next()}`;
  await world.onTarget(`create role ${role} login password 'crowd'; grant connect on database models to ${role}`);
  const crowd: Client[] = [];
  try {
    for (let tried = 0; tried < 80; tried += 1) {
      const client = new Client({
        host: '127.0.0.1',
        port: ports.target,
        user: role,
        password: 'crowd',
        database: 'models',
        connectionTimeoutMillis: 5_000,
      });
      client.on('error', () => undefined);
      const came = await client.connect().then(
        () => true,
        () => false,
      );
      if (!came) break;
      crowd.push(client);
    }
    world.history.write('fault', { crowd: crowd.length });
    must(crowd.length > 20, 'there was no crowd');
    await endsOnTime(world, held, 4_000);
  } finally {
    await Promise.all(crowd.map((client) => client.end().catch(() => undefined)));
    await eventually('the crowd is gone', () =>
      world.onTarget(`drop owned by ${role}; drop role ${role}`, [], 'models').then(
        () => true,
        () => false,
      ),
    );
  }
  await isOver(world, held.requestId, ['expired']);
}

export const postgres: readonly Experiment[] = [
  {
    fault: 18,
    name: 'a server that crashes before or after the COMMIT of a revoke has it carried out',
    holds: ['I2', 'I4', 'I16', 'I17'],
    busy: true,
    takes: 15,
    run: restartInRevoke,
  },
  {
    fault: 19,
    name: 'a server that restarts while sessions are killed has it carried out',
    holds: ['I2', 'I16'],
    busy: true,
    takes: 15,
    run: restartInKill,
  },
  {
    fault: 20,
    name: 'a backend killed with temporary tables takes no grant with it, and keeps none',
    holds: ['I2'],
    busy: true,
    takes: 45,
    run: backendKilled,
  },
  {
    fault: 21,
    name: 'a frozen session is an alarm, is never called ended, and is closed as soon as it can be',
    holds: ['I16', 'I17'],
    busy: false,
    takes: 80,
    run: backendFrozen,
  },
  {
    fault: 32,
    name: 'a server without a place for another login ends what is due all the same',
    holds: ['I2', 'I3'],
    busy: false,
    takes: 20,
    run: noPlaceLeft,
  },
];
