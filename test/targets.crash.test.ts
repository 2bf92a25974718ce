import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Target } from '../targets/postgres/accessor.ts';
import { endGrants } from '../targets/postgres/end.ts';
import { startPostgres, until, type Postgres } from './support/postgres.ts';
import {
  catalog,
  extension,
  granted,
  installSample,
  makeSample,
  openWorker,
  prepareGrant,
  workerPassword,
  type Prepared,
  type Sample,
} from './support/target.ts';

let postgres: Postgres;
let sample: Sample;
beforeAll(async () => {
  postgres = await startPostgres();
  await makeSample(postgres);
  await postgres.query('postgres', 'create role in_the_way nologin');
  sample = await installSample(postgres);
});
afterAll(async () => {
  await sample?.close();
  await postgres?.stop();
});

/** One step of a grant's life: how it begins, the statement that is struck, and what holds when it was done after all. */
type Step = {
  readonly name: string;
  /** The control database where absent. */
  readonly database?: string;
  readonly before: (target: Target) => Promise<Prepared>;
  readonly text: string;
  readonly values: (holder: Prepared) => unknown[];
  readonly retry: (target: Target, holder: Prepared) => Promise<unknown>;
  readonly done: Record<string, unknown>;
};
const until1h = (holder: Prepared): number => holder.call.endAt + 3_600_000;
const revoked = async (target: Target): Promise<Prepared> => {
  const holder = await granted(target);
  await target.revokeMany([holder.call.grantId]);
  return holder;
};
const steps: readonly Step[] = [
  {
    name: 'grant',
    before: async () => prepareGrant(),
    text: 'select * from curfew.grant($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)',
    values: ({ call }) => [
      call.grantId,
      call.personId,
      call.template,
      call.verifier,
      iso(call.endAt),
      iso(call.attemptDeadlineAt),
      call.keyId,
      call.ticket,
      '0 s',
      0,
    ],
    retry: (target, holder) => target.grant(holder.call),
    done: { state: 'active', login: true, members: 1 },
  },
  {
    name: 'extend',
    before: (target) => granted(target),
    text: 'select curfew.extend($1, $2, $3, $4, $5)',
    values: (holder) => {
      const call = extension(holder.call, until1h(holder));
      return [call.grantId, iso(call.endAt), iso(call.attemptDeadlineAt), call.keyId, call.ticket];
    },
    retry: (target, holder) => target.extend(extension(holder.call, until1h(holder))),
    done: { state: 'active', login: true, members: 1 },
  },
  {
    name: 'revoke',
    before: (target) => granted(target),
    text: 'select * from curfew.revoke_many($1)',
    values: ({ call }) => [[call.grantId]],
    retry: (target, { call }) => target.revokeMany([call.grantId]),
    done: { state: 'revoked', login: false, members: 0 },
  },
  {
    name: 'kill',
    before: revoked,
    text: 'select * from curfew.kill_many($1)',
    values: ({ call }) => [[call.grantId]],
    retry: (target, { call }) => target.killMany('primary', [call.grantId], 1_000),
    done: { state: 'revoked', login: false, members: 0 },
  },
  {
    name: 'drop',
    before: async (target) => {
      const holder = await revoked(target);
      await postgres.query(
        'control',
        "update curfew.ledger set disabled_at = disabled_at - interval '1 hour' where grant_id = $1",
        [holder.call.grantId],
      );
      return holder;
    },
    text: 'select * from curfew.drop_many($1)',
    values: ({ call }) => [[call.grantId]],
    retry: (target, { call }) => target.dropMany([call.grantId]),
    done: { state: 'dropped', login: null, members: 0 },
  },
  {
    name: 'clean',
    database: 'orders',
    before: async (target) => {
      const holder = await revoked(target);
      await postgres.query(
        'orders',
        `create schema if not exists attic; drop table if exists attic.t; create table attic.t (x int); alter table attic.t owner to ${holder.role}`,
      );
      return holder;
    },
    text: 'select * from curfew_db.clean($1)',
    values: ({ call }) => [call.grantId],
    retry: async (target, { call }) => {
      expect(await target.clean(call.grantId, 'orders')).toEqual({ outcome: 'clean', detail: null });
      const owner = "select relowner::regrole::text as owner from pg_class where oid = 'attic.t'::regclass";
      expect(await postgres.query('orders', owner)).toEqual([{ owner: 'curfew_quarantine' }]);
    },
    done: { state: 'revoked', login: false, members: 0 },
  },
];
const iso = (at: number): string => new Date(at).toISOString();

const stateOf = async ({ call, role }: Prepared): Promise<unknown> =>
  (
    await postgres.query(
      'control',
      `select l.state, r.rolcanlogin as login, (select count(*)::int from pg_auth_members m where m.member = r.oid) as members
         from curfew.ledger l left join pg_roles r on r.rolname = $2 where l.grant_id = $1`,
      [call.grantId, role],
    )
  )[0];

const asWorker = <T>(work: (client: Client) => Promise<T>, database = 'control'): Promise<T> =>
  postgres.as({ user: 'curfew_worker', password: workerPassword, database }, work);
const strike = (pid: unknown): Promise<unknown> =>
  postgres.query('postgres', 'select pg_terminate_backend($1, 5000)', [pid]);
const pidOf = async (client: Client): Promise<number> =>
  Number((await client.query('select pg_backend_pid() as pid')).rows[0]?.pid);

describe.each(steps)('$name (F1, F2, F18)', (step) => {
  test('ended before COMMIT leaves nothing, and the retry does it', async () => {
    const holder = await step.before(sample.worker);
    const before = await catalog(postgres);
    await asWorker(async (client) => {
      const pid = await pidOf(client);
      await client.query('begin');
      await client.query(step.text, step.values(holder));
      await strike(pid);
    }, step.database);
    expect(await catalog(postgres)).toBe(before);
    await step.retry(sample.worker, holder);
    expect(await stateOf(holder)).toEqual(step.done);
  });

  test('whose reply was lost after COMMIT had happened, and the retry says the same', async () => {
    const holder = await step.before(sample.worker);
    await asWorker(async (client) => {
      const pid = await pidOf(client);
      await client.query(step.text, step.values(holder));
      await strike(pid);
    }, step.database);
    expect(await stateOf(holder)).toEqual(step.done);
    await step.retry(sample.worker, holder);
    expect(await stateOf(holder)).toEqual(step.done);
  });

  test('survives a crash of the server right after it, and the rest of the life goes on', async () => {
    const holder = await step.before(sample.worker);
    await asWorker((client) => client.query(step.text, step.values(holder)), step.database);
    await postgres.crash();
    expect(await stateOf(holder)).toEqual(step.done);
    // NB. Every pooled connection is dead now: each call finds that out once, as a worker would, and is tried again.
    await until(
      () =>
        step.retry(sample.worker, holder).then(
          () => true,
          () => false,
        ),
      'the retry',
    );
    const ended = await until(async () => {
      const [receipt] = await endGrants(sample.worker, [holder.call.grantId], { deadlineAt: Date.now() + 3_000 }).catch(
        () => [],
      );
      return receipt?.ended;
    }, 'the end');
    expect(ended).toBe(true);
  });
});

/** Where each statement inside a call can be held up, so that it can be struck exactly there. */
const places = [
  ['grant', 'at its ledger row', 'lock table curfew.ledger in share mode'],
  ['grant', 'in CREATE ROLE', 'lock table pg_authid in share mode'],
  ['grant', 'in GRANT', 'grant orders_read to in_the_way'],
  ['extend', 'in ALTER ROLE', 'lock table pg_authid in share mode'],
  ['revoke', 'at its ledger row', 'lock table curfew.ledger in share mode'],
  ['revoke', 'in REVOKE', 'grant orders_read to in_the_way'],
  ['clean', 'in REASSIGN OWNED', 'lock table attic.t in access share mode'],
] as const;

describe.each(places)('%s, struck %s', (name, _, lock) => {
  test.each(['terminated', 'cancelled'])('and %s: nothing has happened, and the retry does it', async (how) => {
    const step = steps.find((candidate) => candidate.name === name);
    if (!step) throw new Error(`no step ${name}`);
    const holder = await step.before(sample.worker);
    const before = await catalog(postgres);
    const struck = openWorker(postgres, undefined, 1);
    await postgres.as({ database: step.database ?? 'control' }, async (blocker) => {
      await blocker.query(`begin; ${lock}`);
      const fate = step.retry(struck, holder).then(
        () => 'done',
        (error: { code: string }) => error.code,
      );
      const pid = await until(async () => {
        // NB. On the blocker's own connection: a new one could not log in while pg_authid is locked against writers of its kind.
        const { rows } = await blocker.query<{ pid: number }>(
          "select pid from pg_stat_activity where usename = 'curfew_worker' and wait_event_type = 'Lock'",
        );
        await blocker.query('select pg_stat_clear_snapshot()');
        return rows[0]?.pid;
      }, 'the call is held up');
      await blocker.query(`select ${how === 'terminated' ? 'pg_terminate_backend' : 'pg_cancel_backend'}($1)`, [pid]);
      expect(await fate).toBe('TargetUnavailable');
      await blocker.query('rollback');
    });
    await struck.close();
    expect(await catalog(postgres)).toBe(before);
    await step.retry(sample.worker, holder);
    expect(await stateOf(holder)).toEqual(step.done);
  });
});

test('a backend that is killed -9 under a call fails that call, and not the process that made it (I17, F18)', async () => {
  const holder = prepareGrant();
  const struck = openWorker(postgres, undefined, 1);
  const fate = await postgres.as({ database: 'control' }, async (blocker) => {
    blocker.on('error', () => undefined);
    await blocker.query('begin; grant orders_read to in_the_way');
    const call = struck.grant(holder.call).then(
      () => 'done',
      (error: { code: string }) => error.code,
    );
    const pid = await until(async () => {
      const [row] = await postgres.query<{ pid: number }>(
        'postgres',
        "select pid from pg_stat_activity where usename = 'curfew_worker' and wait_event_type = 'Lock'",
      );
      return row?.pid;
    }, 'the call is held up');
    // No last word to its client, unlike the server's own ways of ending a backend; all others go down with it.
    process.kill(pid, 'SIGKILL');
    return call;
  });
  expect(fate).toBe('TargetUnavailable');
  await until(
    () =>
      struck.grant(holder.call).then(
        () => true,
        () => false,
      ),
    'the retry',
  );
  expect(await stateOf(holder)).toEqual({ state: 'active', login: true, members: 1 });
  await struck.close();
});
