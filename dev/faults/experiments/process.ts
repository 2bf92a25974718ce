/** Faults of processes: killed, frozen, gone while something is under way. */
import { secondMs } from '../../../domain/time.ts';
import { superuserUrl } from '../../stack/environments.ts';
import { controlDatabase } from '../../company/targets.ts';
import { nthRun, wholeCall } from '../call-watch.ts';
import { accessRequestId } from '../../../workflows/contract.ts';
import { eventually, until } from '../eventually.ts';
import type { Experiment } from '../experiment.ts';
import {
  approved,
  ask,
  becomes,
  codeFor,
  decide,
  endsOnTime,
  enter,
  granted,
  hold,
  isClosed,
  isOver,
  isShut,
  must,
  refusesLogin,
  releaseOf,
  revokeOf,
} from '../grants.ts';
import type { LineName } from '../lines.ts';
import { freeze, holdWith, kill, start } from '../parts.ts';
import { between, oneOf, type Chance } from '../seeded.ts';
import { owners } from '../staff.ts';
import type { Login, World } from '../world.ts';

/** Holds one of the worker's lines at a statement drawn by chance; resolves when it is held, or it never came to that. */
async function heldAt(world: World, chance: Chance, most: number): Promise<void> {
  const name = oneOf<LineName>(chance, ['worker-target', 'worker-store', 'worker-temporal']);
  const [nth, when] = [between(chance, 1, most), oneOf<'before' | 'after'>(chance, ['before', 'after'])];
  world.history.write('fault', { hold: name, statement: nth, when });
  await Promise.race([world.lines.line[name].holdAt(nthRun(nth), when), until(Date.now() + 3_000)]);
}

/** The worker is killed where its line is held, the line let go, and the worker started again. */
async function killHeld(world: World): Promise<void> {
  await kill(world, 'worker');
  world.lines.restore();
  await start(world, 'worker');
}

async function killedInGrant(world: World, chance: Chance): Promise<void> {
  const asked = await approved(world, 'models', 60);
  const code = await codeFor(world, asked);
  const held = heldAt(world, chance, 6);
  const claimed = world.claim(code);
  claimed.catch(() => undefined);
  await held;
  await killHeld(world);
  const session = await enter(world, asked, await claimed);
  const roles = await world.onTarget('select from pg_roles where rolname = $1 and rolcanlogin', [session.login.role]);
  must(roles.length === 1, `${roles.length} logins for one grant`);
  granted(await releaseOf(world, session));
  await isClosed(session, 10_000);
  await isOver(world, asked.requestId, ['released']);
}

async function killedInRevoke(world: World, chance: Chance): Promise<void> {
  const held = await hold(world, 60);
  const reached = heldAt(world, chance, 8);
  const released = releaseOf(world, held);
  await reached;
  await killHeld(world);
  await released;
  await isClosed(held, 10_000);
  await isOver(world, held.requestId, ['released']);
  await refusesLogin(world, held.login);
}

async function zombie(world: World, chance: Chance): Promise<void> {
  const asked = await approved(world, 'models', 120);
  const code = await codeFor(world, asked);
  const line = world.lines.line['worker-target'];
  const reached = line.holdAt(wholeCall('curfew.grant('), 'before');
  const claimed = world.claim(code, 25_000);
  claimed.catch(() => undefined);
  await reached;
  const frozen = freeze(world, 'worker');
  const revoked = chance() < 0.7;
  // Its attempt is over after ten seconds; without a revoke it is that which refuses the zombie.
  if (revoked) {
    await revokeOf(world, asked.requestId);
    await eventually(
      'the reaper has made its tombstone',
      async () => (await ledgerOf(world, asked.requestId)) === 'revoked',
    );
  }
  await until(Date.now() + (revoked ? 4_000 : 11_000));
  frozen.thaw();
  line.restore();
  if (revoked) {
    await isOver(world, asked.requestId, ['revoked']);
    await isShut(world, asked.requestId);
    return;
  }
  const login = await claimed;
  const roles = await world.onTarget('select from pg_roles where rolname = $1 and rolcanlogin', [login.role]);
  must(roles.length === 1, `${roles.length} logins for one grant`);
}

const ledgerOf = async (world: World, requestId: string): Promise<string | undefined> =>
  (
    await world.onTarget<{ state: string }>(
      'select state from curfew.ledger where grant_id = $1',
      [requestId],
      controlDatabase,
    )
  )[0]?.state;

/** A worker that paused between its call and its COMMIT, as far as the server can tell: the grant's row stays locked. */
async function pausedInTransaction(world: World): Promise<void> {
  const held = await hold(world, 8);
  const { ports, secrets } = world.stack.settings;
  const url = `postgres://curfew_worker:${secrets.targetWorker}@127.0.0.1:${ports.target}/${controlDatabase}`;
  const paused = await holdWith(url, [`select * from curfew.verify_many(array['${held.requestId}']::uuid[])`]);
  const locked = await holdWith(superuserUrl(world.stack.settings, 'target', controlDatabase), [
    // What the five seconds of the worker's own login end; a superuser's have to be said.
    `set local idle_in_transaction_session_timeout = '5s'`,
    `select from curfew.ledger where grant_id = '${held.requestId}' for update`,
  ]);
  await until(held.login.endAt - 1_000);
  await refusesAfterEnd(world, held.login);
  await isClosed(held, 20_000);
  await Promise.all([paused.release(), locked.release()]);
  await isOver(world, held.requestId, ['expired']);
}

async function refusesAfterEnd(world: World, login: Login): Promise<void> {
  await until(login.endAt + 100);
  await refusesLogin(world, login);
}

async function reaperAlone(world: World): Promise<void> {
  const held = await hold(world, 6);
  await kill(world, 'worker');
  await endsOnTime(world, held);
  await until(held.login.endAt + 6 * secondMs);
  await start(world, 'worker');
  await isOver(world, held.requestId, ['expired']);
}

async function withoutReaper(world: World): Promise<void> {
  await kill(world, 'reaper');
  const killedAt = Date.now();
  const held = await hold(world, 6);
  // The Workflow's own timer is enough, a second late as timers are.
  await endsOnTime(world, held, 5_000);
  await isOver(world, held.requestId, ['expired']);
  const alarm = () =>
    world.inStore(`select from curfew.alarm where code ~ 'reaper' and resolved_at is null and raised_at > $1`, [
      new Date(killedAt),
    ]);
  await eventually('its silence is an alarm', async () => (await alarm()).length > 0, { withinMs: 75_000 });
  await start(world, 'reaper');
  await eventually('and is resolved', async () => (await alarm()).length === 0, { withinMs: 90_000 });
}

async function everythingDead(world: World, chance: Chance): Promise<void> {
  const held = await hold(world, 7);
  await kill(world, 'worker', 'api', 'reaper', 'temporal');
  must(Date.now() < held.login.endAt, 'it ended before everything was dead');
  await until(held.login.endAt + 50);
  await refusesLogin(world, held.login);
  // VALID UNTIL closes no session (P1): that takes somebody alive. Whoever is first back is enough.
  await held.session.query('select 1');
  if (chance() < 0.5) {
    await start(world, 'reaper');
    await isClosed(held, 30_000);
    await start(world, 'temporal', 'worker', 'api');
  } else {
    await start(world, 'temporal', 'worker', 'api');
    await isClosed(held, 30_000);
    await start(world, 'reaper');
  }
  await isOver(world, held.requestId, ['expired']);
}

async function diedBeforeTemporal(world: World): Promise<void> {
  const asked = await ask(world, 'orders', 20, { by: 'cut' });
  await becomes(world, asked.requestId, 'awaiting');
  await decide(world, asked.requestId, owners.orders[0], 'approve', 'cut');
  await becomes(world, asked.requestId, 'approved');
  const held = await enter(world, asked, await world.claim(await codeFor(world, asked)));
  await releaseOf(world, held, 'cut');
  await isClosed(held, 10_000);
  await isOver(world, asked.requestId, ['released']);
  const [opened] = await world.inStore<{ n: number }>(
    `select count(*)::int as n from audit.entry where subject = $1 and kind in ('request.opened', 'decision.made')`,
    [asked.requestId],
  );
  must(opened?.n === 2, `${opened?.n} entries of one request and one decision`);
}

async function apiKilled(world: World): Promise<void> {
  await kill(world, 'temporal');
  const asked = await ask(world, 'models', 60);
  await kill(world, 'api');
  await start(world, 'temporal', 'api');
  const handle = world.temporal.workflow.getHandle(accessRequestId(asked.requestId));
  await eventually('its Workflow runs', async () => (await handle.describe()).status.name === 'RUNNING', {
    withinMs: 30_000,
    everyMs: 200,
  });
  const held = await enter(world, asked, await world.claim(await codeFor(world, asked)));
  granted(await releaseOf(world, held));
  await isOver(world, asked.requestId, ['released']);
}

export const processes: readonly Experiment[] = [
  {
    fault: 1,
    name: 'a worker killed at any statement of a grant makes one login, or none',
    holds: ['I1', 'I5', 'I23'],
    busy: true,
    takes: 20,
    run: killedInGrant,
  },
  {
    fault: 2,
    name: 'a worker killed at any statement of a revoke leaves it to be ended all the same',
    holds: ['I2', 'I17', 'I23'],
    busy: true,
    takes: 20,
    run: killedInRevoke,
  },
  {
    fault: 3,
    name: 'a worker that wakes up with its grant in hand, after the revoke, is refused',
    holds: ['I4'],
    busy: false,
    takes: 20,
    run: zombie,
  },
  {
    fault: 4,
    name: 'a paused transaction holds up a revoke no longer than the idle timeout, and no end of logins',
    holds: ['I2', 'I3'],
    busy: true,
    takes: 20,
    run: pausedInTransaction,
  },
  {
    fault: 5,
    name: 'without any worker the reaper alone ends what is due',
    holds: ['I2', 'I3'],
    busy: true,
    takes: 20,
    run: reaperAlone,
  },
  {
    fault: 6,
    name: 'without a reaper there is an alarm within the minute, and the Workflow ends what is due',
    holds: ['I2', 'I17'],
    busy: true,
    takes: 80,
    run: withoutReaper,
  },
  {
    fault: 7,
    name: 'with everything but PostgreSQL dead no login comes in after the end, and the restart ends the rest',
    holds: ['I2', 'I3'],
    busy: false,
    takes: 25,
    run: everythingDead,
  },
  {
    fault: 8,
    name: 'what an API wrote that died before Temporal heard of it reaches Temporal, once',
    holds: ['I10'],
    busy: true,
    takes: 15,
    run: diedBeforeTemporal,
  },
  {
    fault: 8,
    name: 'an API killed with Temporal out of reach has its request started once',
    holds: ['I10'],
    busy: false,
    takes: 20,
    run: apiKilled,
  },
];
