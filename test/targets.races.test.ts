import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TargetError } from '../targets/postgres/failures.ts';
import { makeVerifier } from '../targets/postgres/verifier.ts';
import { startPostgres, until, type Postgres } from './support/postgres.ts';
import { seeded } from '../dev/faults/seeded.ts';
import {
  extension,
  granted,
  installSample,
  makeSample,
  openWorker,
  prepareGrant,
  sqlstateOf,
  workerPassword,
  type Sample,
} from './support/target.ts';

let postgres: Postgres;
let sample: Sample;
beforeAll(async () => {
  postgres = await startPostgres();
  await makeSample(postgres);
  sample = await installSample(postgres);
});
afterAll(async () => {
  await sample?.close();
  await postgres?.stop();
});

const leaks = (): Promise<unknown> =>
  postgres.query(
    'control',
    `select (select count(*)::int from pg_roles where rolname ~ '^cfw_' and rolcanlogin) as enabled,
       (select count(*)::int from pg_auth_members m join pg_roles r on r.oid = m.member where r.rolname ~ '^cfw_') as memberships,
       (select count(*)::int from curfew.ledger where state = 'active') as active`,
  );
const none = [{ enabled: 0, memberships: 0, active: 0 }];

describe('grant against revoke', () => {
  test('300 pairs at once: whichever is first, nothing is left that can log in', async () => {
    const seed = Number(process.env['CURFEW_SEED'] ?? Date.now() % 1_000_000);
    const random = seeded(seed);
    const [granter, revoker] = [openWorker(postgres, undefined, 8), openWorker(postgres, undefined, 8)];
    const verifier = makeVerifier('the-same-for-all-of-them');
    const outcomes = { granted: 0, fenced: 0, other: [] as string[] };
    async function pair(): Promise<void> {
      const { call } = prepareGrant({ verifier });
      const [grantMs, revokeMs] = [random() * 2, random() * 2];
      const grant = sleep(grantMs).then(() => granter.grant(call));
      const revoke = sleep(revokeMs).then(() => revoker.revokeMany([call.grantId]));
      const [one, other] = await Promise.allSettled([grant, revoke]);
      if (one.status === 'fulfilled') outcomes.granted += 1;
      else if ((one.reason as TargetError).sqlstate === 'CF001') outcomes.fenced += 1;
      else outcomes.other.push(String(one.reason));
      if (other.status === 'rejected') outcomes.other.push(String(other.reason));
    }
    for (let done = 0; done < 300; done += 12) await Promise.all(Array.from({ length: 12 }, pair));
    await Promise.all([granter.close(), revoker.close()]);
    expect({ seed, other: outcomes.other }).toEqual({ seed, other: [] });
    expect(outcomes.granted + outcomes.fenced).toBe(300);
    expect(outcomes.granted).toBeGreaterThan(0);
    expect(outcomes.fenced).toBeGreaterThan(0);
    expect(await leaks()).toEqual(none);
  });

  test('12 equal grants at once make one login; an unequal one is refused', async () => {
    const { call } = prepareGrant();
    const answers = await Promise.all(Array.from({ length: 12 }, () => sample.worker.grant(call)));
    expect(answers.filter((answer) => answer.created)).toHaveLength(1);
    expect(new Set(answers.map((answer) => answer.role)).size).toBe(1);
    const unequal = prepareGrant({ grantId: call.grantId }).call;
    expect(await sqlstateOf(sample.worker.grant(unequal))).toBe('CF006');
    await sample.worker.revokeMany([call.grantId]);
    expect(await leaks()).toEqual(none);
  });

  test('two batches over the same grants in opposite order both succeed', async () => {
    const holders = await Promise.all(Array.from({ length: 20 }, () => granted(sample.worker)));
    const ids = holders.map((holder) => holder.call.grantId);
    const unknown: string[] = Array.from({ length: 20 }, () => randomUUID());
    const orders = [[...ids, ...unknown], [...ids, ...unknown].toReversed(), [...unknown, ...ids], ids];
    for (const rows of await Promise.all(orders.map((order) => sample.worker.revokeMany(order)))) {
      for (const row of rows)
        expect(row).toMatchObject({ outcome: unknown.includes(row.grantId) ? 'absent' : 'disabled', memberships: 0 });
    }
    expect(await leaks()).toEqual(none);
  });

  test('batches of 500 fresh tombstones in opposite orders do not deadlock', async () => {
    const ids = Array.from({ length: 500 }, () => randomUUID() as string);
    const shuffled = ids.map((_, at) => ids[(at * 7) % 500] ?? '');
    const batches = [ids, ids.toReversed(), shuffled, shuffled.toReversed()];
    for (const rows of await Promise.all(batches.map((batch) => sample.worker.revokeMany(batch))))
      expect(rows).toHaveLength(500);
  });

  test('a revoke and the reaper at the same grant agree', async () => {
    const holders = await Promise.all(
      Array.from({ length: 30 }, () => granted(sample.worker, { endAt: Date.now() + 800 })),
    );
    await until(() => holders.every((holder) => holder.call.endAt < Date.now()), 'all are due');
    const ids = holders.map((holder) => holder.call.grantId);
    await Promise.all([
      sample.reaper.reap(100),
      sample.worker.revokeMany(ids),
      sample.reaper.reap(100),
      ...ids.map((id) => sample.worker.revokeMany([id])),
    ]);
    expect(await leaks()).toEqual(none);
  });
});

describe('a zombie attempt', () => {
  test('that comes after its deadline is refused (CF003)', async () => {
    const { call } = prepareGrant({ attemptDeadlineAt: Date.now() - 1 });
    expect(await sqlstateOf(sample.worker.grant(call))).toBe('CF003');
    expect(await leaks()).toEqual(none);
  });

  test('that was held up inside the target past its deadline takes everything back (CF003)', async () => {
    const { call } = prepareGrant({ attemptDeadlineAt: Date.now() + 400 });
    await postgres.as({ database: 'control' }, async (blocker) => {
      await blocker.query('begin; create role in_the_way nologin; grant orders_read to in_the_way');
      const late = sqlstateOf(sample.worker.grant(call));
      await until(() => Date.now() > call.attemptDeadlineAt, 'the deadline');
      await blocker.query('rollback');
      expect(await late).toBe('CF003');
    });
    expect(await leaks()).toEqual(none);
  });

  test.each([
    ['a later deadline meets the tombstone (CF001)', 60_000, 'CF001'],
    ['a passed deadline is refused by it (CF003)', 300, 'CF003'],
  ])('of a process that was stopped, was overtaken by a revoke and goes on: %s', async (_, deadlineMs, sqlstate) => {
    const { call } = prepareGrant({ attemptDeadlineAt: Date.now() + deadlineMs });
    const script = `
      const { openTarget } = await import(${JSON.stringify(new URL('../targets/postgres/accessor.ts', import.meta.url).href)});
      const target = openTarget(${JSON.stringify({
        name: 'orders-prod',
        controlDatabase: 'control',
        nodes: [{ name: 'primary', host: postgres.host, port: postgres.port }],
        user: 'curfew_worker',
        password: workerPassword,
        applicationName: 'zombie',
      })});
      const call = ${JSON.stringify({ ...call, ticket: undefined })};
      call.ticket = Buffer.from('${Buffer.from(call.ticket).toString('hex')}', 'hex');
      await target.whoami('primary');
      console.log('ready');
      process.stdin.once('data', () => target.grant(call).then(() => 'granted', (error) => error.sqlstate).then((said) => { console.log(said); process.exit(0); }));`;
    const zombie = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let said = '';
    zombie.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    try {
      await until(() => said.includes('ready'), 'the process is about to grant');
      zombie.kill('SIGSTOP');
      zombie.stdin.write('go\n');
      await sample.worker.revokeMany([call.grantId]);
      if (sqlstate === 'CF003') await until(() => Date.now() > call.attemptDeadlineAt, 'the deadline');
      zombie.kill('SIGCONT');
      await until(() => zombie.exitCode !== null, 'the process has tried');
    } finally {
      zombie.kill('SIGKILL');
    }
    expect(said.trim().split('\n').at(-1)).toBe(sqlstate);
    expect(await leaks()).toEqual(none);
  });

  test('that sits in its transaction is ended by the server, and the revoke goes through', async () => {
    const { call } = prepareGrant();
    await postgres.as({ user: 'curfew_worker', password: workerPassword, database: 'control' }, async (zombie) => {
      await zombie.query('begin');
      await zombie.query('select * from curfew.grant($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)', [
        call.grantId,
        call.personId,
        call.template,
        call.verifier,
        new Date(call.endAt).toISOString(),
        new Date(call.attemptDeadlineAt).toISOString(),
        call.keyId,
        call.ticket,
        '0 s',
        0,
      ]);
      // 55P03 after 5 s of waiting, or in time because the zombie's own 5 s were over first: either way the retry ends it.
      const outcome = await until(
        async () => (await sample.worker.revokeMany([call.grantId]).catch(() => undefined))?.[0]?.outcome,
        'the revoke',
        15_000,
      );
      expect(['absent', 'disabled']).toContain(outcome);
    });
    expect(await leaks()).toEqual(none);
  });
});

const configure = (text: string): Promise<unknown> =>
  postgres.as({}, async (client) => {
    await client.query(text);
    await client.query('select pg_reload_conf()');
  });

test('a synchronous standby that is dead holds up neither a grant nor a revoke (F22, P8)', async () => {
  await configure("alter system set synchronous_standby_names = 'dead'");
  try {
    await until(async () => {
      const rows = await postgres.query<{ synchronous_standby_names: string }>(
        'postgres',
        'show synchronous_standby_names',
      );
      return rows[0]?.synchronous_standby_names === 'dead';
    }, 'the setting');
    const startedAt = performance.now();
    const holder = await granted(sample.worker);
    await sample.worker.extend(extension(holder.call, holder.call.endAt + 1_000));
    expect(await sample.worker.revokeMany([holder.call.grantId])).toMatchObject([{ outcome: 'disabled' }]);
    await sample.reaper.reapKill(0);
    // Whoever waits for it waits until its statement is given up, each for twenty seconds.
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  } finally {
    await configure('alter system reset synchronous_standby_names');
  }
});
