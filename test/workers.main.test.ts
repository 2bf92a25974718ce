import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { freePort } from '../dev/ports.ts';
import { roleOf, type RequestId } from '../domain/ids.ts';
import type { StateKind } from '../domain/request.ts';
import { secondMs } from '../domain/time.ts';
import type { UseCases } from '../service/contract.ts';
import * as grants from '../store/grants.ts';
import { of } from '../store/heartbeats.ts';
import { reachOf } from '../store/log.ts';
import * as projections from '../store/projections.ts';
import { makeVerifier } from '../targets/postgres/verifier.ts';
import { createTemporal, type Temporal } from '../temporal/connection.ts';
import { ask, ok } from './support/company.ts';
import { eventually } from './support/eventually.ts';
import { startGranting, type Granting } from './support/granting.ts';
import { workerPassword } from './support/target.ts';
import { startTestTemporal, testKeys, type TestTemporal } from './support/temporal.ts';
import { startWorkerProcess, type WorkerUnderTest } from './support/worker-process.ts';

let world: Granting;
let real: TestTemporal;
let temporal: Temporal;
let use: UseCases;
const workers: WorkerUnderTest[] = [];

beforeAll(async () => {
  [world, real] = await Promise.all([startGranting(), startTestTemporal({ keepState: true })]);
  const { address, namespace } = real.server;
  temporal = createTemporal({ address, namespace, codecKeys: testKeys, identity: 'api' });
  use = world.company.with({ temporal, clock: Date.now });
});
afterAll(async () => {
  await temporal.close();
  await real.end();
  await world.end();
});
beforeEach(async () => {
  await world.company.restore();
  await world.check();
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.end()));
});

const startWorker = async (more: Record<string, string> = {}): Promise<WorkerUnderTest> => {
  const { host, port } = world.postgres;
  const worker = await startWorkerProcess({
    storeUrl: world.company.store.url('curfew_worker'),
    temporal: real.server,
    codecKeys: testKeys,
    clusters: [
      {
        name: 'main',
        targets: ['orders-prod'],
        database: 'control',
        user: 'curfew_worker',
        password: workerPassword,
        nodes: [{ name: 'primary', host, port }],
      },
    ],
    more,
  });
  workers.push(worker);
  return worker;
};

/** Opened, approved and claimed through the use cases, for a span; with the password that the claimant made. */
async function claim(durationMs: number): Promise<{ readonly requestId: RequestId; readonly password: string }> {
  const { company } = world;
  const { requestId } = ok(await use.open(ask(company, { durationMs })));
  const { digest } = ok(await use.reviewModel({ requestId, person: company.id('olga') }));
  const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: Date.now() };
  ok(await use.decide({ requestId, person: company.id('olga'), account, digest, verdict: 'approve' }));
  const { code } = ok(await use.mintCode({ requestId, person: company.id('ada') }));
  const password = randomBytes(24).toString('base64url');
  ok(await use.claim({ code, verifier: makeVerifier(password), address: '192.0.2.7' }));
  return { requestId, password };
}

const is = (id: RequestId, kind: StateKind) =>
  eventually(
    `${id} is ${kind}`,
    async () => {
      const view = await projections.viewOf(world.company.store.admin, id);
      return view?.state.kind === kind && view.state;
    },
    { withinMs: 30_000 },
  );

/** Without the export of its history, which comes when it comes. */
const kinds = async (id: RequestId): Promise<readonly string[]> =>
  (await world.company.audit(id)).map(({ kind }) => kind).filter((kind) => kind !== 'history.exported');

test('a request goes from the question to the receipt, and the claimant works with what was given', async () => {
  const running = await startWorker({ CURFEW_TEMPORAL_METRICS_PORT: String(await freePort()) });
  await running.ready();
  const { requestId, password } = await claim(6_000);
  await is(requestId, 'active');
  const login = { user: roleOf(requestId), password, database: 'orders' };
  await world.postgres.as(login, async (client) => {
    const lost = new Promise((resolve) => client.on('error', resolve));
    await client.query('begin; select count(*) from sales.orders');
    await lost;
  });
  expect(await is(requestId, 'closed')).toMatchObject({ outcome: 'expired' });
  const { grant, revoke } = await grants.receipts(world.company.store.admin, requestId);
  expect(grant?.canLogin).toBe(true);
  expect(revoke?.nodes).toMatchObject([{ sessionsFound: 1, sessionsLeft: 0, ended: true }]);
  expect(await kinds(requestId)).toEqual([
    'request.opened',
    'decision.made',
    'code.minted',
    'claim.accepted',
    'grant.made',
    'grant.ended',
  ]);
  const metrics = await running.metrics();
  expect(metrics).toMatch(/curfew_activity_attempts_total\{activity="revoke",outcome="done"\} 1/);
  expect(metrics).toMatch(/^temporal_activity_execution_latency_count\{.*activity_type="grant"/m);
});

test('killed in the middle of a hold and started again, it ends the grant as if nothing had been (I23)', async () => {
  const first = await startWorker();
  await first.ready();
  const { requestId } = await claim(8_000);
  await is(requestId, 'active');
  await first.process.kill('SIGKILL');
  const second = await startWorker();
  await second.ready();
  expect(await is(requestId, 'closed')).toMatchObject({ outcome: 'expired' });
  expect(await world.canLogin(requestId)).toBe(false);
});

test('killed with the server in the middle of a hold, both started again in any order, it ends the grant (F10)', async () => {
  const first = await startWorker();
  await first.ready();
  const { requestId } = await claim(8_000);
  await is(requestId, 'active');
  await real.server.kill();
  await first.process.kill('SIGKILL');
  const second = await startWorker();
  await eventually('it says that it is not ready', async () => (await second.health())?.status === 503);
  await real.server.start();
  await second.ready();
  expect(await is(requestId, 'closed')).toMatchObject({ outcome: 'expired' });
});

test('a request whose start was lost with the API is started from the outbox (F8)', async () => {
  const { company } = world;
  const dead = company.with({
    temporal: { ...temporal, startRequest: () => Promise.reject(new Error('killed')) },
    clock: Date.now,
  });
  const { requestId, confirmed } = ok(await dead.open(ask(company)));
  expect(confirmed).toBe(false);
  await startWorker();
  await eventually('it is started', () => real.client.workflow.getHandle(`access-request/${requestId}`).describe(), {
    withinMs: 30_000,
  });
  await eventually('its row is done', async () => (await company.outbox()).every(({ done }) => done), {
    withinMs: 30_000,
  });
});

test('told to stop it finishes what is under way, tells nobody that it is ready, and is gone in time', async () => {
  const running = await startWorker();
  await running.ready();
  const startedAt = Date.now();
  const exit = await running.process.stop();
  expect(exit).toEqual({ code: 0, signal: null });
  expect(Date.now() - startedAt).toBeLessThan(8_000);
  expect(await running.health()).toBeUndefined();
});

test('a worker for Workflows alone has no credential and serves no target', async () => {
  const running = await startWorker({ CURFEW_SERVES: 'workflows' });
  await running.ready();
  expect((await running.health())?.body['queues']).toEqual({ curfew: 'RUNNING' });
});

test('a worker beside a target leaves what is the store’s to others: it relays nothing and places nothing', async () => {
  const { company } = world;
  const { admin } = company.store;
  const running = await startWorker({ CURFEW_SERVES: 'targets' });
  await running.ready();
  expect((await running.health())?.body['queues']).toEqual({ 'target-default': 'RUNNING' });
  const dead = company.with({
    temporal: { ...temporal, startRequest: () => Promise.reject(new Error('killed')) },
    clock: Date.now,
  });
  const waiting = async (): Promise<number> => (await company.outbox()).filter(({ done }) => !done).length;
  const before = await waiting();
  const { size } = await reachOf(admin);
  const { confirmed } = ok(await dead.open(ask(company)));
  expect(confirmed).toBe(false);
  const openedAt = Date.now();
  // Each of its beats is five rounds of a relay, and twenty of a sequencer.
  const lived = async (): Promise<boolean> => ((await of(admin, 'curfew-worker'))?.at ?? 0) > openedAt + 4 * secondMs;
  await eventually('it has lived on for seconds', lived, { withinMs: 30_000 });
  expect(await waiting()).toBe(before + 1);
  expect(await reachOf(admin)).toMatchObject({ size });
});

test('nothing that it logs holds a password, a verifier or a key (I12)', async () => {
  const running = await startWorker({ CURFEW_LOG_LEVEL: 'trace' });
  await running.ready();
  const { requestId, password } = await claim(5_000);
  await is(requestId, 'closed');
  const log = running.process.lastLines(10_000);
  expect(log).toContain('serving these task queues');
  const key = testKeys[0]?.key.toString('base64') ?? 'none';
  for (const secret of [password, workerPassword, world.company.store.passwords.curfew_worker, key, 'SCRAM-SHA-256$']) {
    expect(log).not.toContain(secret);
  }
});
