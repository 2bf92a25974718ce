/** Faults of PostgreSQL: it restarts, a backend dies or hangs, an administrator interferes, a grantee makes things. */
import { Client, DatabaseError } from 'pg';
import { roleOf, type RequestId } from '../../../domain/ids.ts';
import { controlDatabase } from '../../company/targets.ts';
import { superuserUrl } from '../../stack/environments.ts';
import { wholeCall } from '../call-watch.ts';
import { eventually, until } from '../eventually.ts';
import type { Experiment } from '../experiment.ts';
import {
  endsOnTime,
  granted,
  hold,
  isClosed,
  isOver,
  isShut,
  must,
  refusesLogin,
  releaseOf,
  stateOf,
  type Held,
} from '../grants.ts';
import { holdTemplate, holdWith, start, workerWaits } from '../parts.ts';
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
  const held = await hold(world, 12);
  await held.session.query('create temp table scratch as select generate_series(1, 1000) as n');
  await held.session.query('commit');
  await world.onTarget('revoke temporary on database models from models_read', [], 'models');
  process.kill(await pidOf(held.session), 'SIGKILL');
  world.history.write('fault', { kill: 'a backend' });
  await isClosed(held, 10_000);
  // The grant goes on: who has the password may come in again, until the end.
  const again = await eventually('it comes in again', () => world.connect(held.login), { withinMs: 8_000 });
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

const canLogin = async (world: World, requestId: RequestId): Promise<boolean | undefined> =>
  (
    await world.onTarget<{ can: boolean }>('select rolcanlogin as can from pg_roles where rolname = $1', [
      roleOf(requestId),
    ])
  )[0]?.can;

/** Every commit that waits for a standby that is not there would wait for ever. */
async function deadStandby(world: World): Promise<void> {
  world.history.write('fault', { standby: 'dead' });
  await world.onTarget(`alter system set synchronous_standby_names = 'nobody'`);
  await world.onTarget('select pg_reload_conf()');
  try {
    const held = await hold(world, 6);
    await endsOnTime(world, held);
    const released = await hold(world, 60);
    granted(await releaseOf(world, released));
    await isClosed(released, 10_000);
    await isOver(world, released.requestId, ['released']);
    await isOver(world, held.requestId, ['expired']);
  } finally {
    await world.onTarget('alter system reset synchronous_standby_names');
    await world.onTarget('select pg_reload_conf()');
  }
}

/** Logins that hang between their check and their start, as a client may ask for: whoever gets through reads nothing. */
async function slowLogins(world: World): Promise<void> {
  const held = await hold(world, 6);
  await until(held.login.endAt - 1_500);
  const options = ['-c post_auth_delay=6', '-c post_auth_delay=6 -c role=models_read', '-c post_auth_delay=7'];
  world.history.write('fault', { logins: options });
  const read = await Promise.all(
    options.map(async (each) => {
      const session = await world.connect({ ...held.login }, each).catch(() => undefined);
      if (!session) return false;
      const answer = await session.query('select count(*) from pg_class').then(
        () => true,
        () => false,
      );
      await session.end().catch(() => undefined);
      return answer;
    }),
  );
  must(!read.includes(true), 'a login that hung across the end was answered');
  await isOver(world, held.requestId, ['expired']);
}

async function cursorAndRole(world: World): Promise<void> {
  const held = await hold(world, 6);
  for (const role of ['models_read', 'models_write', 'curfew_owner', 'postgres', 'pg_read_all_data']) {
    const failed: unknown = await held.session.query(`savepoint s; set role ${role}`).then(
      () => undefined,
      (error: unknown) => error,
    );
    must(failed instanceof DatabaseError && failed.code === '42501', `a grantee became ${role}`);
    await held.session.query('rollback; begin');
  }
  const asRole: unknown = await world.connect(held.login, '-c role=models_read').then(
    (session) => session.end(),
    (error: unknown) => error,
  );
  must(asRole instanceof DatabaseError, 'a start-up option made a grantee its template');
  await held.session.query('declare c cursor for select * from generate_series(1, 10000000)');
  let read = 0;
  let lastAt = 0;
  try {
    for (; Date.now() < held.login.endAt + 10_000; read += 1) {
      await held.session.query('fetch 10 from c');
      lastAt = Date.now();
    }
  } catch {
    // The server ended it.
  }
  must(read > 10, 'the cursor gave nothing');
  must(lastAt <= held.login.endAt + 2_500, `the cursor read on for ${lastAt - held.login.endAt} ms`);
  await isOver(world, held.requestId, ['expired']);
}

/** Two-phase commit is off on every target that is fit; an administrator who turns it on later meets this. */
async function preparedTransaction(world: World): Promise<void> {
  await world.onTarget(`alter system set max_prepared_transactions = '5'`);
  await world.stack.target.restart();
  world.history.write('fault', { prepared: 'on' });
  try {
    const held = await hold(world, 60);
    await held.session.query(`select pg_advisory_xact_lock(7)`);
    await held.session.query('create temp table t (n int)').catch(() => undefined);
    await held.session.query(`rollback; begin; select lo_create(0); prepare transaction 'left behind'`);
    granted(await releaseOf(world, held));
    await isClosed(held, 10_000);
    await refusesLogin(world, held.login);
    await until(Date.now() + 2_000);
    must((await stateOf(world, held.requestId)) !== 'closed', 'it is called over with a prepared transaction left');
    await world.onTarget(`rollback prepared 'left behind'`, [], held.login.database);
    await isOver(world, held.requestId, ['released'], 90_000);
  } finally {
    await world.onTarget(`rollback prepared 'left behind'`, [], 'models').catch(() => undefined);
    await world.onTarget('alter system reset max_prepared_transactions');
    await world.stack.target.restart();
  }
}

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

/** What a grantee leaves in a database: nobody gets anything through it afterwards. */
async function ownsThings(world: World): Promise<void> {
  await world.onTarget(
    'grant create on schema ml to models_write; grant create on database models to models_write',
    [],
    'models',
  );
  try {
    const held = await hold(world, 60, 'labels');
    await held.session.query('commit');
    await held.session.query(`create schema trap; grant usage on schema trap to public;
      create table trap.copy as select 1 as secret; grant select on trap.copy to public;
      create view trap.seen as select * from trap.copy; grant select on trap.seen to public;
      create function trap.door() returns bigint language sql security definer as 'select count(*) from ml.example';
      alter default privileges grant select on tables to public; select lo_create(0)`);
    world.history.write('fault', { made: 'schema, table, view, function, default privileges, large object' });
    granted(await releaseOf(world, held));
    await isClosed(held, 10_000);
    await isOver(world, held.requestId, ['released']);
    await outOfGraveyard(world, held.requestId);
    // Where Curfew is no superuser it cannot take over what may not be taken over safely, and says so.
    const alarms = () =>
      world.inStore('select from curfew.alarm where subject = $1 and resolved_at is null', [held.requestId]);
    const told = async () => (await canLogin(world, held.requestId)) === undefined || (await alarms()).length > 0;
    await eventually('it is cleaned, or an alarm', told, { withinMs: 130_000, everyMs: 500 });
    const other = await hold(world, 60);
    const through: unknown = await other.session.query('select trap.door()').then(
      () => 'it went through',
      (error: unknown) => error,
    );
    must(through instanceof DatabaseError, 'what a grantee made still works for others');
    await world.onTarget('drop schema if exists trap cascade', [], 'models');
    await outOfGraveyard(world, held.requestId);
    const dropped = async () => (await canLogin(world, held.requestId)) === undefined;
    await eventually('its login is dropped', dropped, { withinMs: 130_000, everyMs: 500 });
  } finally {
    await world.onTarget(
      'revoke create on schema ml from models_write; revoke create on database models from models_write',
      [],
      'models',
    );
  }
}

/** As though it had rested there, and since the last look, for as long as it has to. */
const outOfGraveyard = (world: World, requestId: RequestId) =>
  world.onTarget(
    `update curfew.ledger set disabled_at = disabled_at - interval '50 minutes', drop_tried_at = drop_tried_at - interval '20 minutes' where grant_id = $1`,
    [requestId],
    controlDatabase,
  );

/** Somebody else's lock on what a grantee made is in the way of cleaning, and of nothing else. */
async function lockedByOthers(world: World): Promise<void> {
  await world.onTarget('grant create on database models to models_write', [], 'models');
  const held = await hold(world, 60, 'labels');
  const schema = `kept_${world.next()}`;
  await held.session.query('commit');
  await held.session.query(`create schema ${schema}; create table ${schema}.t (n int)`);
  const locked = await holdWith(superuserUrl(world.stack.settings, 'target', 'models'), [
    `lock table ${schema}.t in access exclusive mode`,
  ]);
  world.history.write('fault', { locked: `${schema}.t` });
  try {
    granted(await releaseOf(world, held));
    await isClosed(held, 10_000);
    await isOver(world, held.requestId, ['released']);
  } finally {
    await locked.release();
    await world.onTarget('revoke create on database models from models_write', [], 'models');
  }
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
    takes: 25,
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
    fault: 22,
    name: 'a dead synchronous standby holds up neither grants nor revokes',
    holds: ['I2', 'I3'],
    busy: false,
    takes: 15,
    run: deadStandby,
  },
  {
    fault: 26,
    name: 'logins that hang across the end, with and without a role, are never answered',
    holds: ['I2', 'I3'],
    busy: true,
    takes: 20,
    run: slowLogins,
  },
  {
    fault: 27,
    name: 'nobody becomes a template, and an open cursor ends with its grant',
    holds: ['I2'],
    busy: true,
    takes: 15,
    run: cursorAndRole,
  },
  {
    fault: 28,
    name: 'what a grantee made gives nobody anything after the end',
    holds: ['I22'],
    busy: false,
    takes: 90,
    run: ownsThings,
  },
  {
    fault: 29,
    name: 'a prepared transaction is not called ended, and its login is off all the same',
    holds: ['I2', 'I16'],
    busy: false,
    takes: 30,
    run: preparedTransaction,
  },
  {
    fault: 30,
    name: "somebody else's lock on what a grantee made holds up no revoke",
    holds: ['I2', 'I22'],
    busy: true,
    takes: 10,
    run: lockedByOthers,
  },
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
  {
    fault: 32,
    name: 'a server without a place for another login ends what is due all the same',
    holds: ['I2', 'I3'],
    busy: false,
    takes: 20,
    run: noPlaceLeft,
  },
];
