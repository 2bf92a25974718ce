import { randomUUID } from 'node:crypto';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTarget, type Target } from '../targets/postgres/accessor.ts';
import type { StatementEvent } from '../targets/postgres/connection.ts';
import { endGrants } from '../targets/postgres/end.ts';
import { TargetError, toTargetError } from '../targets/postgres/failures.ts';
import { createRevoker } from '../targets/postgres/revoker.ts';
import { startPostgres, until, type Postgres } from './support/postgres.ts';
import {
  asHolder,
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

/** A target whose round trips are counted; one on a new connection that asks who is there is none of the call's. */
function counted(maxConnections?: number): { target: Target; calls: () => string[]; events: StatementEvent[] } {
  const events: StatementEvent[] = [];
  const target = openWorker(postgres, (event) => events.push(event), maxConnections);
  return { target, events, calls: () => events.filter((event) => event.purpose === 'call').map((event) => event.call) };
}

const transactions = async (): Promise<number> =>
  Number((await postgres.query('control', 'select pg_current_xact_id()::text as id'))[0]?.['id']);

describe('round trips', () => {
  test('a grant is one, in one transaction; a revoke is one, a kill and a verify one each a round', async () => {
    const { target, calls, events } = counted();
    const { call } = prepareGrant();
    await target.grant(call);
    const before = await transactions();
    const second = prepareGrant();
    await target.grant(second.call);
    // NB. The grant's own, its CREATE ROLE's subtransaction, and the one that reads the counter.
    expect((await transactions()) - before).toBe(3);
    expect(calls()).toEqual(['grant', 'grant']);
    await endGrants(target, [call.grantId, second.call.grantId], { deadlineAt: Date.now() + 5_000 });
    expect(calls()).toEqual(['grant', 'grant', 'revoke', 'kill', 'verify']);
    expect(events.filter((event) => event.purpose === 'connect').length).toBeGreaterThan(0);
    await target.close();
  });

  test('40 concurrent single revokes are gathered into one batch, and each gets its own receipt', async () => {
    const holders = await Promise.all(Array.from({ length: 40 }, () => granted(sample.worker)));
    const { target, calls } = counted();
    const revoker = createRevoker(target);
    const receipts = await Promise.all(holders.map((holder) => revoker.end(holder.call.grantId)));
    expect(receipts.map((receipt) => receipt.grantId)).toEqual(holders.map((holder) => holder.call.grantId));
    expect(receipts.every((receipt) => receipt.ended && receipt.outcome === 'disabled')).toBe(true);
    expect(calls()).toEqual(['revoke', 'kill', 'verify']);
    await target.close();
  });

  test('501 are two batches, and more than 500 ids a call are refused', async () => {
    const { target, calls } = counted();
    const revoker = createRevoker(target);
    const receipts = await Promise.all(Array.from({ length: 501 }, () => revoker.end(randomUUID())));
    expect(receipts.every((receipt) => receipt.ended && receipt.outcome === 'absent')).toBe(true);
    expect(calls().filter((call) => call === 'revoke')).toHaveLength(2);
    expect(() => target.revokeMany(Array.from({ length: 501 }, () => randomUUID()))).toThrow('at most 500');
    await target.close();
  });

  test('one that cannot be ended yet does not hold up the others of its batch', async () => {
    const [stuck, easy] = [await granted(sample.worker), await granted(sample.worker)];
    await postgres.query('postgres', `grant orders_write to ${stuck.role}`);
    const revoker = createRevoker(sample.worker, { attemptMs: 4_000 });
    let isOver = false;
    const late = revoker.end(stuck.call.grantId).finally(() => (isOver = true));
    expect(await revoker.end(easy.call.grantId)).toMatchObject({ ended: true });
    expect(isOver).toBe(false);
    expect(await late).toMatchObject({ ended: false, memberships: 1 });
    await postgres.query('postgres', `revoke orders_write from ${stuck.role}`);
  });
});

const twoNodes = (port: number, first = true): Target => {
  const good = { name: 'primary', host: postgres.host, port: postgres.port };
  const bad = { name: 'standby', host: postgres.host, port };
  return openTarget({
    name: 'orders-prod',
    controlDatabase: 'control',
    nodes: first ? [good, bad] : [bad, good],
    user: 'curfew_worker',
    password: workerPassword,
    applicationName: 'curfew-worker',
  });
};

test('the reaper’s login ends a grant as the worker’s does, for a revoke intent', async () => {
  const holder = await granted(sample.worker);
  await asHolder(postgres, holder, async () => {
    const [receipt] = await endGrants(sample.reaper, [holder.call.grantId], { deadlineAt: Date.now() + 5_000 });
    expect(receipt).toMatchObject({ ended: true, nodes: [{ sessionsFound: 1, sessionsClosed: 1 }] });
  });
});

test('sessions that the reaper closed first are in the receipt of whoever verifies later, each once', async () => {
  const holder = await granted(sample.worker);
  await asHolder(postgres, holder, () =>
    asHolder(postgres, holder, async () => {
      await sample.reaper.revokeMany([holder.call.grantId]);
      await sample.reaper.killMany('primary', [holder.call.grantId], 1_000);
    }),
  );
  const [receipt] = await endGrants(sample.worker, [holder.call.grantId], { deadlineAt: Date.now() + 5_000 });
  expect(receipt).toMatchObject({ ended: true, nodes: [{ sessionsFound: 2, sessionsClosed: 2 }] });
  const swept = await granted(sample.worker);
  await asHolder(postgres, swept, async () => {
    await sample.reaper.revokeMany([swept.call.grantId]);
    await sample.reaper.reapKill(1_000);
  });
  const [after] = await endGrants(sample.worker, [swept.call.grantId], { deadlineAt: Date.now() + 5_000 });
  expect(after).toMatchObject({ ended: true, nodes: [{ sessionsFound: 1, sessionsClosed: 1 }] });
});

test('a login in flight on a node that had not replayed the revoke is watched from when it has (P3, P9, I16)', async () => {
  const grantId = randomUUID();
  const asked: (readonly string[] | undefined)[] = [];
  // A lagging standby, as the accessor would tell of it: first it knows nothing, then a login is past its check.
  const lagging = {
    name: 'lagging',
    nodes: ['standby'],
    revokeMany: async () => [{ grantId, outcome: 'disabled', memberships: 0 }],
    killMany: async () => [{ grantId, sessionsLeft: 0, signalled: [] }],
    verifyMany: async (_node: string, _ids: readonly string[], watch?: readonly string[]) => {
      asked.push(watch);
      const off = asked.length > 1;
      const inFlight = off && asked.length < 4 ? ['4242:3/17'].filter((one) => watch?.includes(one) ?? true) : [];
      const state = off ? 'revoked' : 'active';
      const facts = { roleExists: true, canLogin: !off, memberships: 0, sessions: 0, prepared: 0, closed: 0 };
      return [{ grantId, state, ...facts, inFlight, ended: off && inFlight.length === 0, inRecovery: true }];
    },
  } as unknown as Target;
  const [receipt] = await endGrants(lagging, [grantId], { deadlineAt: Date.now() + 5_000 });
  expect(receipt?.ended).toBe(true);
  expect(asked).toEqual([undefined, undefined, ['4242:3/17'], ['4242:3/17']]);
});

test('a login of somebody else that began after the revoke is not waited for', async () => {
  const [holder, stranger] = [await granted(sample.worker), await granted(sample.worker)];
  await postgres.query('postgres', `grant orders_write to ${holder.role}`);
  const deadlineAt = Date.now() + 10_000;
  // NB. What was in flight at the revoke's own first look is watched, so the login may begin only after that one.
  const { target, calls } = counted();
  const ended = endGrants(target, [holder.call.grantId], { deadlineAt });
  await until(async () => calls().includes('verify'), 'the first answer');
  // A server may say that it is ready before it sees that it is told to go; it answers nothing any more.
  const options = '-c post_auth_delay=60';
  const held = asHolder(postgres, stranger, (client) => client.query('select 1'), { options }).then(
    () => 'let in',
    () => 'ended',
  );
  await until(
    async () => (await sample.worker.verifyMany('primary', [holder.call.grantId]))[0]?.inFlight.length === 1,
    'the login is in flight',
  );
  await postgres.query('postgres', `revoke orders_write from ${holder.role}`);
  expect(await ended).toMatchObject([{ ended: true, nodes: [{ facts: { inFlight: [] } }] }]);
  const [late] = (await sample.worker.verifyMany('primary', [holder.call.grantId]))[0]?.inFlight ?? [];
  expect(late, 'it is in flight all the while').toBeDefined();
  await postgres.query('postgres', `select pg_terminate_backend(${Number.parseInt(late ?? '', 10)})`);
  expect(await held).toBe('ended');
  await sample.worker.revokeMany([stranger.call.grantId]);
  await target.close();
});

describe('a node that does not answer', () => {
  let silent: Server;
  let silentPort: number;
  beforeAll(async () => {
    silent = createServer((socket) => socket.on('error', () => undefined));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    silentPort = (silent.address() as AddressInfo).port;
  });
  afterAll(() => silent.close());

  test.each([
    ['refuses connections', () => 1, 'orders-prod: kill on standby: ECONNREFUSED'],
    ['is a black hole', () => silentPort, 'not asked yet'],
  ])('and %s is named, and the grant is not ended', async (_, port, problem) => {
    const target = twoNodes(port());
    const holder = await granted(sample.worker);
    await asHolder(postgres, holder, async () => {
      const startedAt = Date.now();
      const [receipt] = await endGrants(target, [holder.call.grantId], { deadlineAt: startedAt + 1_500 });
      // The black hole would be given up after three.
      expect(Date.now() - startedAt).toBeLessThan(2_900);
      expect(receipt).toMatchObject({ ended: false, outcome: 'disabled', verifiedAt: null });
      expect(receipt?.nodes[0]).toMatchObject({
        node: 'primary',
        ended: true,
        sessionsFound: 1,
        sessionsClosed: 1,
        problem: null,
      });
      expect(receipt?.nodes[1]).toMatchObject({
        node: 'standby',
        ended: false,
        facts: null,
        problem,
      });
    });
    await target.close();
  });

  test('and comes first in the list does not keep a grant or a revoke from the primary', async () => {
    const target = twoNodes(1, false);
    const holder = await granted(target);
    expect(await target.revokeMany([holder.call.grantId])).toMatchObject([{ outcome: 'disabled' }]);
    await target.close();
  });

  test('and is the only one fails the revoke, within its time', async () => {
    const target = openTarget({
      name: 'orders-prod',
      controlDatabase: 'control',
      nodes: [{ name: 'primary', host: postgres.host, port: silentPort }],
      user: 'curfew_worker',
      password: workerPassword,
      applicationName: 'curfew-worker',
    });
    const startedAt = Date.now();
    await expect(endGrants(target, [randomUUID()], { deadlineAt: startedAt + 300 })).rejects.toMatchObject({
      code: 'TargetUnavailable',
    });
    expect(Date.now() - startedAt).toBeLessThan(2_900);
    await expect(createRevoker(target, { attemptMs: 300 }).end(randomUUID())).rejects.toMatchObject({
      code: 'TargetUnavailable',
    });
    await target.close();
  });
});

describe('who answers', () => {
  test('another cluster or timeline than was checked refuses grants, never revokes', async () => {
    const identity = await sample.worker.whoami('primary');
    expect(identity).toMatchObject({ inRecovery: false, timeline: 1, skewMs: 0 });
    const { call } = prepareGrant();
    for (const expected of [
      { ...identity, timeline: 2 },
      { ...identity, systemIdentifier: '1' },
    ]) {
      await expect(sample.worker.grant(call, expected)).rejects.toMatchObject({ code: 'TargetNotReady' });
    }
    expect(await sample.worker.grant(call, identity)).toMatchObject({ created: true });
    expect(await sample.worker.revokeMany([call.grantId])).toMatchObject([{ outcome: 'disabled' }]);
  });

  test('a target whose whoami fails refuses grants, and still revokes', async () => {
    const holder = await granted(sample.worker);
    await postgres.query('control', 'revoke execute on function curfew.whoami() from curfew_worker');
    const target = openWorker(postgres);
    await expect(target.grant(prepareGrant().call)).rejects.toMatchObject({ code: 'TargetUnavailable' });
    expect(await endGrants(target, [holder.call.grantId], { deadlineAt: Date.now() + 5_000 })).toMatchObject([
      { ended: true },
    ]);
    await postgres.query('control', 'grant execute on function curfew.whoami() to curfew_worker');
    await target.close();
  });

  test('a clock that is off by more than two seconds refuses grants, and still revokes', async () => {
    const holder = await granted(sample.worker);
    const real = Date.now;
    const target = openWorker(postgres);
    try {
      // What a slow answer may be the reason of counts for no difference.
      Date.now = () => real() + 10_000;
      await expect(target.grant(prepareGrant().call)).rejects.toMatchObject({
        code: 'TargetNotReady',
        message: expect.stringContaining('clock'),
      });
      expect(await target.revokeMany([holder.call.grantId])).toMatchObject([{ outcome: 'disabled' }]);
    } finally {
      Date.now = real;
    }
    // The connection that saw it is not used again, so the next one sees that it is over.
    expect(await target.grant(prepareGrant().call)).toMatchObject({ created: true });
    await target.close();
  });

  test('a server that restarted is found again by the next call', async () => {
    const holder = await granted(sample.worker);
    await postgres.crash();
    const receipts = await until(
      () => endGrants(sample.worker, [holder.call.grantId], { deadlineAt: Date.now() + 2_000 }).catch(() => undefined),
      'the end',
    );
    expect(receipts).toMatchObject([{ ended: true }]);
  });
});

/** As node-postgres throws it. */
const server = (code: string): Error =>
  Object.assign(new Error('SECRET'), { code, severity: 'ERROR', detail: 'SECRET' });

describe('failures', () => {
  test.each([
    ...['28P01', '28000', '42501', '42883', '22P02', '23505', 'CF001', 'CF002', 'CF013'].map(
      (code) => [code, 'TargetRejected'] as const,
    ),
    ...['08006', '57P01', '57014', '53300', '40P01', '40001', '55P03', 'XX000', 'CF007', '25006', '58030'].map(
      (code) => [code, 'TargetUnavailable'] as const,
    ),
  ])('%s is %s, with its SQLSTATE and none of the server’s words', (sqlstate, code) => {
    const error = toTargetError(server(sqlstate), 'orders-prod: grant');
    expect(error).toMatchObject({ code, sqlstate, name: code });
    expect(error.message).toContain(sqlstate);
    expect(error.message).not.toContain('SECRET');
    expect(error.cause).toBeUndefined();
  });

  test('sockets and timeouts are unavailable, without what they said', () => {
    expect(
      toTargetError(
        Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:5432'), { code: 'ECONNREFUSED' }),
        'x: grant',
      ).message,
    ).toBe('x: grant: ECONNREFUSED');
    expect(toTargetError(new Error('postgres://user:SECRET@host'), 'x: grant').message).toBe(
      'x: grant: no answer in time',
    );
    expect(toTargetError('SECRET', 'x: grant')).toMatchObject({
      code: 'TargetUnavailable',
      message: 'x: grant: no answer in time',
    });
  });

  test('an error that was mapped stays as it is', async () => {
    const error = new TargetError('TargetRejected', 'x', '42501');
    expect(toTargetError(error, 'y')).toBe(error);
    expect(await sqlstateOf(Promise.reject(error))).toBe('42501');
  });
});
