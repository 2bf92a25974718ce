/** Faults of grantees: what they open, keep and leave behind to have more than was given, or for longer. */
import { DatabaseError } from 'pg';
import { type RequestId } from '../../../domain/ids.ts';
import { controlDatabase } from '../../company/targets.ts';
import { superuserUrl } from '../../stack/environments.ts';
import { eventually, until } from '../eventually.ts';
import type { Experiment } from '../experiment.ts';
import { canLogin, granted, hold, isClosed, isOver, must, refusesLogin, releaseOf, stateOf } from '../grants.ts';
import { holdWith } from '../parts.ts';
import type { World } from '../world.ts';

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
  // NB. In a FROM the ten million would be made before the first is read.
  await held.session.query('declare c cursor for select generate_series(1, 10000000)');
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
  const { standby } = world;
  // A standby follows only where it has room for as much as its primary.
  await world.onStandby(`alter system set max_prepared_transactions = '5'`);
  await standby.cluster.restart();
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
    await standby.replayed();
    await world.onStandby('alter system reset max_prepared_transactions');
    await standby.cluster.restart();
  }
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

export const grantees: readonly Experiment[] = [
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
];
