import { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { RequestView } from '../domain/view.ts';
import { sessionsClosed } from '../domain/grant.ts';
import { roleOf } from '../domain/ids.ts';
import * as alarms from '../store/alarms.ts';
import * as grants from '../store/grants.ts';
import * as intents from '../store/intents.ts';
import * as projections from '../store/projections.ts';
import { ok } from './support/company.ts';
import { after, ordersProd, startGranting, type Claimed, type Granting } from './support/granting.ts';

let world: Granting;
beforeAll(async () => {
  world = await startGranting();
});
afterAll(() => world.end());
beforeEach(async () => {
  await world.company.restore();
  await world.check();
});

type Options = Parameters<Granting['activities']>[0];
const order = (it: Claimed, view: RequestView) => ({ requestId: it.requestId, target: it.target, view });
const expiring = (it: Claimed): RequestView =>
  after(after(it.view, { kind: 'granted', endAt: it.endAt }), { kind: 'expired' });

const failureOf = async (work: Promise<unknown>): Promise<ApplicationFailure> => {
  const thrown: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(thrown instanceof ApplicationFailure)) throw new Error('it did not fail', { cause: thrown });
  return thrown;
};

async function held(more: Options = {}) {
  const it = await world.claimed();
  const activities = world.activities(more);
  await world.run(activities.grant, it);
  return { it, activities, view: expiring(it), admin: world.company.store.admin };
}
const entries = async (it: Claimed) =>
  (await world.company.audit(it.requestId)).filter(({ login }) => login === 'curfew_worker');
const kinds = async (it: Claimed): Promise<readonly string[]> => (await entries(it)).map(({ kind }) => kind);

/** A session of the holder in an open transaction, as the target sees it. */
async function working(it: Claimed, work: (lost: Promise<unknown>) => Promise<void>): Promise<void> {
  const login = { user: roleOf(it.requestId), password: it.password, database: 'orders' };
  await world.postgres.as(login, async (client) => {
    const lost = new Promise((resolve) => client.on('error', resolve));
    await client.query('begin; select * from sales.orders limit 1');
    await work(lost);
  });
}

test('a revoke closes the session, shows the evidence, and leaves receipt, entry, intents and view in one step', async () => {
  const { it, activities, view, admin } = await held();
  ok(await world.company.use.revoke({ requestId: it.requestId, person: world.company.id('carl') }));
  await working(it, async (lost) => {
    await world.run(activities.revoke, order(it, view));
    await lost;
  });

  expect(await world.canLogin(it.requestId)).toBe(false);
  const { revoke: receipt } = await grants.receipts(admin, it.requestId);
  if (!receipt) throw new Error('no receipt');
  expect(receipt.nodes).toMatchObject([
    { node: 'primary', sessionsFound: 1, sessionsLeft: 0, canLogin: false, ended: true },
  ]);
  expect(sessionsClosed(receipt)).toBe(1);
  expect(receipt.verifiedAt).toBeGreaterThanOrEqual(receipt.startedAt);
  expect(await projections.viewOf(admin, it.requestId)).toMatchObject({
    version: view.version + 1,
    state: { kind: 'closed', outcome: 'expired' },
  });
  expect(await grants.live(admin)).toEqual(
    expect.not.arrayContaining([expect.objectContaining({ requestId: it.requestId })]),
  );
  const asked = await intents.ofRequest(admin, it.requestId);
  expect(asked.map(({ outcomes }) => outcomes.map(({ target }) => target))).toEqual([[ordersProd]]);
  const [ended] = (await entries(it)).filter(({ kind }) => kind === 'grant.ended');
  expect(ended?.body).toMatchObject({ outcome: 'expired', sessionsClosed: 1, target: ordersProd });
});

test('a repeat changes nothing that was written', async () => {
  const { it, activities, view, admin } = await held();
  await world.run(activities.revoke, order(it, view));
  const before = [await grants.receipts(admin, it.requestId), await kinds(it)];
  await world.run(activities.revoke, order(it, view));
  expect([await grants.receipts(admin, it.requestId), await kinds(it)]).toEqual(before);
  // As after an operator's reset: what has ended is not granted again, and not taken for held.
  expect(await failureOf(world.run(activities.grant, it))).toMatchObject({ type: 'NotPending', nonRetryable: true });
});

test('a store that is down stops no revoke; the receipt comes later and counts what was closed then (I18)', async () => {
  const real = world.company.store.as.curfew_worker;
  let away = false;
  const store = {
    ...real,
    transaction: ((work) =>
      away ? Promise.reject(new Error('the store is away')) : real.transaction(work)) as typeof real.transaction,
  };
  const { it, activities, view, admin } = await held({ store });
  away = true;
  await working(it, async (lost) => {
    expect(await failureOf(world.run(activities.revoke, order(it, view)))).toMatchObject({ nonRetryable: false });
    await lost;
  });
  expect(await world.canLogin(it.requestId)).toBe(false);
  expect((await grants.receipts(admin, it.requestId)).revoke).toBeUndefined();
  away = false;
  const backAt = Date.now();
  await world.run(activities.revoke, order(it, view));
  const { revoke: receipt } = await grants.receipts(admin, it.requestId);
  expect(receipt && sessionsClosed(receipt)).toBe(1);
  expect(receipt?.rounds).toBe(2);
  // It was over then, whenever that could be said.
  expect(receipt?.verifiedAt).toBeLessThan(backAt);
});

test('what was never granted is ended too: a tombstone, and the entry of a grant that failed', async () => {
  const it = await world.claimed();
  const view = after(it.view, { kind: 'grant-failed', cause: 'the grant did not answer in time' });
  await world.run(world.activities().revoke, order(it, view));
  expect(await kinds(it)).toEqual(['grant.failed', 'grant.ended']);
  const late = await failureOf(world.run(world.activities().grant, it));
  expect(late.message).toContain('CF001');
  expect(await world.canLogin(it.requestId)).toBeUndefined();
});

test('a target out of reach is retried without end, heard of within a minute, and the alarm ends with the revoke (I17)', async () => {
  const { it, activities, view, admin } = await held();
  const away = { ...world.cluster, revoker: { end: () => Promise.reject(new Error('ECONNREFUSED password=canary')) } };
  const broken = world.activities({ cluster: away });
  const first = await failureOf(world.run(broken.revoke, order(it, view)));
  expect(first.nonRetryable).toBe(false);
  expect(first.message).not.toContain('canary');
  const isOpen = async (): Promise<boolean> =>
    (await alarms.open(admin)).some(({ key }) => key === `revoke/${it.requestId}`);
  expect(await isOpen()).toBe(false);

  const halfAMinuteLater = { scheduledTimestampMs: Date.now() - 31_000 };
  await failureOf(world.run(broken.revoke, order(it, view), halfAMinuteLater));
  await failureOf(world.run(broken.revoke, order(it, view), halfAMinuteLater));
  expect(await isOpen()).toBe(true);
  expect(JSON.stringify(await alarms.open(admin))).not.toContain('canary');
  await world.run(activities.revoke, order(it, view));
  expect(await isOpen()).toBe(false);
});

test('a session that is frozen is alarmed about, and the alarm ends once the session is gone (F21, I16, I17)', async () => {
  const { it, activities, view, admin } = await held();
  const login = { user: roleOf(it.requestId), password: it.password, database: 'orders' };
  await world.postgres.as(login, async (client) => {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    const pid = rows[0]?.pid ?? 0;
    process.kill(pid, 'SIGSTOP');
    try {
      const late = { scheduledTimestampMs: Date.now() - 31_000 };
      await failureOf(world.run(activities.revoke, order(it, view), late));
      expect(await alarms.open(admin)).toMatchObject([{ code: 'revoke-late', subject: it.requestId }]);
      expect((await grants.receipts(admin, it.requestId)).revoke).toBeUndefined();
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await world.run(activities.revoke, order(it, view));
  });
  expect(await alarms.open(admin)).toEqual([]);
  expect((await grants.receipts(admin, it.requestId)).revoke?.nodes).toMatchObject([{ ended: true, sessionsLeft: 0 }]);
});

test('a session that does not go is not "ended": the attempt says what is left, and the next one finishes (I16)', async () => {
  const { it, activities, view, admin } = await held();
  const [node] = world.cluster.target.nodes;
  if (!node) throw new Error('no node');
  const stubborn = {
    ...world.cluster,
    revoker: {
      end: async (id: string) => {
        const receipt = await world.cluster.revoker.end(id);
        const [one] = receipt.nodes;
        if (!one?.facts) throw new Error('no answer');
        return { ...receipt, ended: false, nodes: [{ ...one, ended: false, facts: { ...one.facts, sessions: 1 } }] };
      },
    },
  };
  const thrown = await failureOf(world.run(world.activities({ cluster: stubborn }).revoke, order(it, view)));
  expect(thrown.message).toMatch(/Not ended yet: .*primary has 1 sessions/);
  expect((await grants.receipts(admin, it.requestId)).revoke).toBeUndefined();
  expect((await projections.viewOf(admin, it.requestId))?.state.kind).not.toBe('closed');
  await world.run(activities.revoke, order(it, view));
  expect((await projections.viewOf(admin, it.requestId))?.state.kind).toBe('closed');
});

test('a target that this worker does not serve is somebody else’s to end: retried, never given up', async () => {
  const it = await world.claimed();
  const unknown = { ...order(it, expiring(it)), target: 'models-prod' as never };
  expect(await failureOf(world.run(world.activities().revoke, unknown))).toMatchObject({
    type: 'UnknownTarget',
    nonRetryable: false,
  });
});

test('ten at once go in few calls and each gets its own receipt', async () => {
  const activities = world.activities();
  const { admin } = world.company.store;
  const all = await Promise.all(Array.from({ length: 10 }, () => world.claimed()));
  for (const it of all) await world.run(activities.grant, it);
  world.statements.length = 0;
  await Promise.all(all.map((it) => world.run(activities.revoke, order(it, expiring(it)))));
  const revokes = world.statements.filter(({ call }) => call === 'revoke').length;
  expect(revokes).toBeLessThanOrEqual(2);
  const receipts = await Promise.all(all.map((it) => grants.receipts(admin, it.requestId)));
  expect(receipts.every(({ revoke }) => revoke?.nodes.every(({ ended }) => ended))).toBe(true);
  expect(await Promise.all(all.map((it) => world.canLogin(it.requestId)))).toEqual(all.map(() => false));
});
