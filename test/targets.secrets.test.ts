import { afterAll, beforeAll, expect, test } from 'vitest';
import { endGrants } from '../targets/postgres/end.ts';
import { installTarget } from '../targets/postgres/install.ts';
import { makeVerifier } from '../targets/postgres/verifier.ts';
import { startPostgres, until, type Postgres } from './support/postgres.ts';
import {
  asHolder,
  extension,
  granted,
  installOptions,
  installSample,
  makeSample,
  openWorker,
  prepareGrant,
  reaperPassword,
  ticketKey,
  workerPassword,
  type Prepared,
  type Sample,
} from './support/target.ts';

let postgres: Postgres;
let sample: Sample;
beforeAll(async () => {
  postgres = await startPostgres({
    config: {
      log_statement: 'all',
      log_min_duration_statement: '0',
      log_min_error_statement: 'debug5',
      log_error_verbosity: 'verbose',
      log_connections: 'on',
    },
  });
  await makeSample(postgres);
  sample = await installSample(postgres);
});
afterAll(async () => {
  await sample?.close();
  await postgres?.stop();
});

/** Everything of an error that a log line, a history or a person might get to see. */
const whole = (error: unknown): string => {
  const seen: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) {
    seen.push(at.message, String(at.stack), JSON.stringify(at, Object.getOwnPropertyNames(at)));
  }
  return seen.join('\n');
};
/** In every form in which it could turn up. The digest of the verifier is no secret. */
const secretsOf = ({ call, password }: Prepared): string[] => [
  password,
  call.verifier,
  ...call.verifier.split(/[$:]/).filter((part) => part.length > 20),
  Buffer.from(call.ticket).toString('hex'),
  Buffer.from(call.ticket).toString('base64'),
];

async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => new Error('was not refused'),
    (error: unknown) => error,
  );
}

const rawGrant = ({ call }: Prepared): Promise<unknown> =>
  postgres.as({ user: 'curfew_worker', password: workerPassword, database: 'control' }, (client) =>
    client.query('select * from curfew.grant($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)', [
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
    ]),
  );

test('no password, verifier, ticket or key is in any error text or in the server’s log, whatever goes wrong', async () => {
  const holders: Prepared[] = [];
  const errors: unknown[] = [];
  const fresh = (more: Parameters<typeof prepareGrant>[0] = {}): Prepared => {
    const holder = prepareGrant(more);
    holders.push(holder);
    return holder;
  };
  const fails = async (holder: Prepared): Promise<void> => {
    errors.push(await failure(sample.worker.grant(holder.call)));
  };

  const good = await granted(sample.worker);
  holders.push(good);
  await sample.worker.extend(extension(good.call, good.call.endAt + 1_000));
  await asHolder(postgres, good, (client) => client.query('select 1'));
  await fails(fresh({ template: 'nobody' }));
  await fails(fresh({ ticket: Buffer.from('ticket-canary-ticket-canary-0000') }));
  await fails(fresh({ endAt: Date.now() - 1 }));
  await fails(fresh({ attemptDeadlineAt: Date.now() - 1 }));
  await fails(fresh({ verifier: 'clear-text-canary-password' }));
  await fails(fresh({ grantId: good.call.grantId }));
  const known = fresh();
  await postgres.query('postgres', `create role ${known.role}`);
  await fails(known);
  await postgres.query('postgres', `drop role ${known.role}`);

  // In the middle of CREATE ROLE: an error there carries the statement as its context, a FATAL logs it by itself.
  for (const strike of ['pg_cancel_backend', 'pg_terminate_backend']) {
    const holder = fresh();
    await postgres.as({ database: 'control' }, async (blocker) => {
      await blocker.query('begin; lock table pg_authid in share mode');
      // Once as the accessor tells it and once as node-postgres does, with the server's context.
      const worker = openWorker(postgres, undefined, 1);
      const late = failure(strike === 'pg_cancel_backend' ? rawGrant(holder) : worker.grant(holder.call));
      const pid = await until(async () => {
        await blocker.query('select pg_stat_clear_snapshot()');
        return (
          await blocker.query(
            "select pid from pg_stat_activity where usename = 'curfew_worker' and wait_event_type = 'Lock'",
          )
        ).rows[0]?.pid as number;
      }, 'the grant waits in CREATE ROLE');
      await blocker.query(`select ${strike}($1)`, [pid]);
      errors.push(await late);
      await blocker.query('rollback');
      await worker.close();
    });
  }
  await endGrants(sample.worker, [good.call.grantId], { deadlineAt: Date.now() + 5_000 });
  errors.push(await failure(asHolder(postgres, good, async () => undefined)));

  const closed = openWorker({ ...postgres, port: 1 });
  errors.push(await failure(closed.grant(fresh().call)));
  await closed.close();

  const secrets = [
    ...holders.flatMap(secretsOf),
    workerPassword,
    reaperPassword,
    ticketKey.toString('hex'),
    ticketKey.toString('base64'),
    'ticket-canary',
  ];
  const texts = errors.map(whole);
  expect(texts.filter((text) => text.includes('was not refused'))).toEqual([]);
  const log = postgres.log();
  expect(log).toContain('curfew.grant(');
  for (const secret of secrets) {
    expect([secret, texts.some((text) => text.includes(secret))]).toEqual([secret, false]);
    expect([secret, log.split('\n').filter((line) => line.includes(secret))]).toEqual([secret, []]);
  }
});

test('installing by a login that cannot silence the log shows a verifier there, never a password', async () => {
  const password = 'an-administrator-of-some-cloud';
  await postgres.query(
    'postgres',
    `create role cloud_admin login createrole password '${makeVerifier(password)}'; grant create on database control, orders, models to cloud_admin;
     grant connect on database control, orders, models to cloud_admin; grant pg_signal_backend to cloud_admin with admin option;
     grant orders_read, orders_write, curfew_owner, curfew_worker, curfew_reaper, curfew_quarantine to cloud_admin with admin option`,
  );
  const notes = await installTarget({ ...postgres.admin, user: 'cloud_admin', password }, installOptions());
  expect(notes).toEqual([expect.stringContaining('Rotate the key')]);
  const lines = postgres.log().split('\n');
  expect(lines.some((line) => line.includes('alter role "curfew_worker" login password'))).toBe(true);
  for (const secret of [workerPassword, reaperPassword, password])
    expect(lines.filter((line) => line.includes(secret))).toEqual([]);
});
