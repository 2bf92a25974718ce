/** Sessions live on standbys too: a primary and a real one that streams from it, which falls behind, dies and comes back. */
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openProxy } from '../dev/faults/proxy.ts';
import type { Target } from '../targets/postgres/accessor.ts';
import { endGrants, type EndReceipt } from '../targets/postgres/end.ts';
import { until } from './support/postgres.ts';
import { granted, sqlstateOf, type Prepared } from './support/target.ts';
import { startTwoNodes, type TwoNodes } from './support/two-nodes.ts';

let two: TwoNodes;
let worker: Target;
let reaper: Target;
beforeAll(async () => {
  two = await startTwoNodes();
  worker = two.open('curfew_worker');
  reaper = two.open('curfew_reaper');
});
afterAll(() => two?.end());

const open: Client[] = [];
afterEach(async () => {
  for (const client of open.splice(0)) await client.end().catch(() => undefined);
  await two.primary.start();
  await two.standby.cluster.start();
  if ((await worker.whoami('standby').catch(() => undefined))?.inRecovery === false) return;
  await two.standby.resumeReplay();
  await two.standby.replayed();
});

type Session = { readonly client: Client; readonly isOpen: () => boolean };

/** A session of the holder's on one of the nodes. */
async function session(holder: Prepared, node: 'primary' | 'standby', options?: string): Promise<Session> {
  const { host, port } = two.on[node];
  const login = { user: holder.role, password: holder.password, database: 'orders', connectionTimeoutMillis: 5_000 };
  const client = new Client({ host, port, ...login, ...(options === undefined ? {} : { options }) });
  let isOpen = true;
  client.on('error', () => (isOpen = false));
  client.on('end', () => (isOpen = false));
  open.push(client);
  await client.connect();
  return { client, isOpen: () => isOpen };
}
const closed = ({ isOpen }: Session, withinMs = 10_000) => until(() => !isOpen(), 'its session is closed', withinMs);

/** Live on both nodes. */
async function held(more: Parameters<typeof granted>[1] = {}): Promise<Prepared> {
  const holder = await granted(worker, more);
  await two.standby.replayed();
  return holder;
}

const end = async ({ call }: Prepared, withinMs: number, target = worker): Promise<EndReceipt> => {
  const [receipt] = await endGrants(target, [call.grantId], { deadlineAt: Date.now() + withinMs });
  if (!receipt) throw new Error('no receipt');
  return receipt;
};
const loginOn = (holder: Prepared, node: 'primary' | 'standby') =>
  session(holder, node).then(
    async ({ client }) => (await client.end(), 'let in'),
    () => 'refused',
  );

test('a session on the standby is closed by the revoke, which is over when both nodes say so (F24, P9, I16)', async () => {
  const holder = await held();
  const [here, there] = [await session(holder, 'primary'), await session(holder, 'standby')];
  expect((await there.client.query('select count(*)::int as n from sales.orders')).rows).toEqual([{ n: 500 }]);
  const receipt = await end(holder, 5_000);
  expect(receipt).toMatchObject({
    ended: true,
    nodes: [
      { node: 'primary', ended: true, sessionsFound: 1, sessionsClosed: 1, facts: { inRecovery: false } },
      {
        node: 'standby',
        ended: true,
        sessionsFound: 1,
        sessionsClosed: 1,
        facts: { inRecovery: true, canLogin: false },
      },
    ],
  });
  await closed(here);
  await closed(there);
  expect([await loginOn(holder, 'primary'), await loginOn(holder, 'standby')]).toEqual(['refused', 'refused']);
});

describe('a standby that has not replayed the revoke', () => {
  test('answers "not yet", has its sessions closed all the same, and ends the grant when it has (F24, I16)', async () => {
    const holder = await held();
    const there = await session(holder, 'standby');
    await two.standby.pauseReplay();
    const receipt = await end(holder, 1_500);
    expect(receipt).toMatchObject({
      ended: false,
      outcome: 'disabled',
      nodes: [
        { node: 'primary', ended: true },
        {
          node: 'standby',
          ended: false,
          sessionsFound: 1,
          facts: { state: 'active', canLogin: true, inRecovery: true },
        },
      ],
    });
    await closed(there);
    // Its password is good there until the node hears of the revoke: whoever comes in is met by the next round.
    const again = await until(() => session(holder, 'standby').catch(() => undefined), 'it is let in');
    expect(await end(holder, 1_000)).toMatchObject({ ended: false });
    await closed(again);
    await two.standby.resumeReplay();
    expect(await end(holder, 10_000)).toMatchObject({ ended: true, nodes: [{ ended: true }, { ended: true }] });
    expect(await loginOn(holder, 'standby')).toBe('refused');
  });

  test('and not even the grant ends it as soon as it has both', async () => {
    await two.standby.pauseReplay();
    const holder = await granted(worker);
    expect(await end(holder, 600)).toMatchObject({
      ended: false,
      nodes: [{ ended: true }, { ended: false, problem: 'standby does not know the revoke yet' }],
    });
    const ending = end(holder, 10_000);
    await two.standby.resumeReplay();
    expect(await ending).toMatchObject({ ended: true });
  });
});

describe('a node out of reach', () => {
  test('that is stopped is named, keeps the grant from being ended, and lets it end when it is back (I16, I17)', async () => {
    const holder = await held();
    await two.standby.cluster.crash('immediate');
    const receipt = await end(holder, 800);
    expect(receipt).toMatchObject({
      ended: false,
      outcome: 'disabled',
      verifiedAt: null,
      nodes: [{ ended: true }, { ended: false, facts: null }],
    });
    expect(receipt.nodes[1]?.problem).toMatch(/standby/);
    expect(await loginOn(holder, 'primary')).toBe('refused');
    await two.standby.cluster.start();
    expect(await end(holder, 15_000)).toMatchObject({ ended: true });
  });

  test('that is a black hole does the same, and holds up no other node (P26)', async () => {
    const line = await openProxy({ to: { host: two.on.standby.host, port: two.on.standby.port } });
    const target = two.open('curfew_worker', line.port);
    try {
      const holder = await held();
      const [here, there] = [await session(holder, 'primary'), await session(holder, 'standby')];
      line.blackhole();
      const startedAt = performance.now();
      const ending = end(holder, 4_000, target);
      // A connection to it is given up after three seconds, a call after more than twenty.
      await closed(here, 2_500);
      expect(await ending).toMatchObject({
        ended: false,
        nodes: [{ ended: true, sessionsClosed: 1 }, { ended: false }],
      });
      expect(there.isOpen()).toBe(true);
      expect(performance.now() - startedAt).toBeLessThan(15_000);
      line.restore();
      expect(await end(holder, 15_000, target)).toMatchObject({ ended: true });
      await closed(there);
    } finally {
      await line.close();
    }
  });

  test('that is the synchronous standby holds up no grant and no revoke: logins are off while it is away (F22, P8)', async () => {
    const sync = async (names: string): Promise<void> => {
      await two.on.primary.query('postgres', `alter system set synchronous_standby_names = '${names}'`);
      await two.on.primary.query('postgres', 'select pg_reload_conf()');
      await until(
        async () =>
          (await two.on.primary.query('postgres', 'show synchronous_standby_names'))[0]?.[
            'synchronous_standby_names'
          ] === names,
        'the setting',
      );
    };
    await sync('standby');
    await two.standby.cluster.crash('immediate');
    try {
      // Whoever waits for the standby, waits: so nothing else made the calls below quick.
      const waits = new Client({ ...two.on.primary.admin, database: 'orders' });
      waits.on('error', () => undefined);
      open.push(waits);
      await waits.connect();
      let isDone = false;
      const waiting = waits.query('create table sales.late (id int)').then(
        () => (isDone = true),
        () => undefined,
      );
      const holder = await granted(worker);
      const here = await session(holder, 'primary');
      const startedAt = performance.now();
      expect(await worker.revokeMany([holder.call.grantId])).toMatchObject([{ outcome: 'disabled' }]);
      // One that waited would be given up after twenty seconds.
      expect(performance.now() - startedAt).toBeLessThan(10_000);
      expect(await loginOn(holder, 'primary')).toBe('refused');
      await worker.killMany('primary', [holder.call.grantId], 1_000);
      await closed(here);
      expect(isDone).toBe(false);
      await two.standby.cluster.start();
      await waiting;
      expect(isDone).toBe(true);
      expect(await end(holder, 10_000)).toMatchObject({ ended: true });
    } finally {
      await sync('');
    }
  });
});

describe('the reaper on a standby', () => {
  test('closes what is past its end though nothing of that is replayed there (I2)', async () => {
    const holder = await held({ endAt: Date.now() + 5_000 });
    const there = await session(holder, 'standby');
    await two.standby.pauseReplay();
    expect(await reaper.sweep('standby', 200)).toMatchObject({ ended: 0, sessionsLeft: 0 });
    expect(there.isOpen()).toBe(true);
    await until(async () => (await reaper.sweep('standby', 200)).ended === 1, 'it is swept');
    await closed(there);
    expect(await loginOn(holder, 'standby')).toBe('refused');
  });

  test('closes it with the primary dead as well, and so does a revoke that finds no primary (I2)', async () => {
    const [due, asked] = [await held({ endAt: Date.now() + 4_000 }), await held()];
    const [first, second] = [await session(due, 'standby'), await session(asked, 'standby')];
    await two.primary.crash('immediate');
    await expect(end(asked, 2_000)).rejects.toMatchObject({ code: 'TargetUnavailable' });
    await closed(second);
    await until(async () => (await reaper.sweep('standby', 200)).ended === 1, 'it is swept', 8_000);
    await closed(first);
  });

  test('closes what is left of a grant that somebody else disabled, and nobody else’s session (P9)', async () => {
    const [over, live] = [await held(), await held()];
    const [left, stays] = [await session(over, 'standby'), await session(live, 'standby')];
    await two.sample.worker.revokeMany([over.call.grantId]);
    await two.standby.replayed();
    expect(left.isOpen()).toBe(true);
    expect(await reaper.sweep('standby', 500)).toMatchObject({ ended: 1, sessionsLeft: 0 });
    await closed(left);
    expect((await stays.client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  test('ends a login that is held open there on purpose, once it is told that it is (P3, F26)', async () => {
    const holder = await held();
    const coming = session(holder, 'standby', '-c post_auth_delay=60');
    coming.catch(() => undefined);
    const late = await until(async () => {
      const { inFlight } = await reaper.sweep('standby', 0);
      return inFlight.length > 0 && inFlight;
    }, 'the login is in flight');
    expect(await end(holder, 1_000)).toMatchObject({
      ended: false,
      nodes: [{ ended: true }, { facts: { inFlight: late } }],
    });
    const ending = end(holder, 10_000);
    await reaper.sweep('standby', 0, late);
    expect(await ending).toMatchObject({ ended: true });
    // A server may say that it is ready before it sees that it is told to go; it answers nothing any more.
    await coming.then(closed, () => undefined);
  });

  test('writes nothing, and no call that writes is taken for done there', async () => {
    expect(await sqlstateOf(two.on.standby.query('control', 'select * from curfew.reap_kill(1)'))).toBe('25006');
    expect(await worker.whoami('standby')).toMatchObject({ inRecovery: true, timeline: 1 });
  });
});

test('where two nodes take writes, as when an old primary comes back, a revoke is carried out on both (F23, P10)', async () => {
  const holder = await held();
  const [here, there] = [await session(holder, 'primary'), await session(holder, 'standby')];
  await two.standby.promote();
  expect(await worker.whoami('standby')).toMatchObject({ inRecovery: false, timeline: 2 });
  expect(await end(holder, 10_000)).toMatchObject({
    ended: true,
    nodes: [{ sessionsClosed: 1 }, { sessionsClosed: 1 }],
  });
  await closed(here);
  await closed(there);
  expect([await loginOn(holder, 'primary'), await loginOn(holder, 'standby')]).toEqual(['refused', 'refused']);
});
