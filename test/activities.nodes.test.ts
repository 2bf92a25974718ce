/**
 * A target of two nodes between store and worker: a node out of reach is an alarm, and what a failover to a standby that
 * was behind, or a restored backup, brought back to life is found by one look of the reconciler and ended.
 */
import type { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Cluster } from '../activities/clusters.ts';
import { currentPolicy } from '../activities/current-policy.ts';
import { createReconcileTarget } from '../activities/reconcile-targets.ts';
import { takeBackup } from '../dev/standby.ts';
import { openAccess } from '../doctor/access.ts';
import { readTarget } from '../doctor/target-facts.ts';
import { roleOf } from '../domain/ids.ts';
import { minuteMs } from '../domain/time.ts';
import type { RequestView } from '../domain/view.ts';
import * as alarms from '../store/alarms.ts';
import * as findings from '../store/findings.ts';
import * as grants from '../store/grants.ts';
import * as checks from '../store/target-checks.ts';
import { openTarget } from '../targets/postgres/accessor.ts';
import { openCatalogs } from '../targets/postgres/catalogs.ts';
import { checkTarget } from '../targets/postgres/check.ts';
import type { Node } from '../targets/postgres/nodes.ts';
import { createRevoker } from '../targets/postgres/revoker.ts';
import { toRow } from '../temporal/messages.ts';
import {
  after,
  grantingKeys,
  ordersProd,
  quiet,
  startGranting,
  type Claimed,
  type Granting,
} from './support/granting.ts';
import { eventually } from './support/eventually.ts';
import type { Postgres } from './support/postgres.ts';
import { workerPassword } from './support/target.ts';
import { startTwoNodes, type TwoNodes } from './support/two-nodes.ts';

let two: TwoNodes;
let world: Granting;
beforeAll(async () => {
  two = await startTwoNodes({ ticketKeys: grantingKeys });
  world = await startGranting(two);
});
const closing: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const close of closing.splice(0)) await close();
  await world?.end();
  await two?.end();
});
beforeEach(async () => {
  await world.company.restore();
  await checked(two.on.primary);
});

const admin = () => world.company.store.admin;

/** `curfew target check` on this node, taken as it is. */
async function checked(on: Postgres): Promise<void> {
  const options = {
    controlDatabase: 'control',
    databases: ['orders', 'models'],
    templates: ['orders_read', 'orders_write'],
  };
  const result = await checkTarget(on.admin, options);
  await world.company.store.as.curfew_admin.transaction((tx) =>
    checks.insert(tx, { target: ordersProd, ok: true, result }, 'curfew_admin'),
  );
}

const settings = (nodes: readonly [Node, ...Node[]]) => ({
  name: 'orders-prod',
  controlDatabase: 'control',
  nodes,
  user: 'curfew_worker',
  password: workerPassword,
  applicationName: 'curfew-worker',
});

/** Curfew as it is configured with these nodes. */
function clusterOf(...nodes: readonly [Node, ...Node[]]): Cluster {
  const target = openTarget(settings(nodes));
  closing.push(() => target.close());
  return { target, revoker: createRevoker(target, { attemptMs: 1_500 }), nodes };
}

/** One look of the reconciler. @returns the open findings, as `kind subject` */
async function look(cluster: Cluster, aheadMs = 0): Promise<readonly string[]> {
  const catalogs = openCatalogs(settings(cluster.nodes as readonly [Node, ...Node[]]));
  try {
    const reconcile = createReconcileTarget({
      store: world.company.store.as.curfew_worker,
      policyOf: currentPolicy(),
      clock: () => Date.now() + aheadMs,
      log: quiet,
      revoke: ({ requestId, ...input }) => toRow({ kind: 'revoke', payload: { requestId, input } }),
    });
    await reconcile({ ...cluster, targets: [ordersProd], catalogs });
    return (await findings.open(admin())).map(({ kind, subject }) => `${kind} ${subject}`);
  } finally {
    await catalogs.close();
  }
}

type Held = Claimed & { readonly ending: RequestView };

async function held(cluster: Cluster): Promise<Held> {
  const it = await world.claimed();
  await eventually('it is granted', () => world.run(world.activities({ cluster }).grant, it).then(() => true));
  return { ...it, ending: after(after(it.view, { kind: 'granted', endAt: it.endAt }), { kind: 'expired' }) };
}
const revoke = (it: Held, cluster: Cluster, info: object = {}) =>
  world.run(
    world.activities({ cluster }).revoke,
    { requestId: it.requestId, target: ordersProd, view: it.ending },
    info,
  );
const notYet = (it: Held, cluster: Cluster, info: object = {}): Promise<ApplicationFailure> =>
  revoke(it, cluster, info).then(
    () => Promise.reject(new Error('it was called ended')),
    (error: unknown) => error as ApplicationFailure,
  );

const letsIn = (it: Claimed, on: Postgres): Promise<boolean> =>
  on
    .as({ user: roleOf(it.requestId), password: it.password, database: 'orders' }, (client) => client.query('select 1'))
    .then(
      () => true,
      () => false,
    );
const receiptOf = async (it: Claimed) => (await grants.receipts(admin(), it.requestId)).revoke;
const identityOf = async ({ target }: Cluster, node: string) => {
  const { systemIdentifier, timeline } = await target.whoami(node);
  return { systemIdentifier, timeline };
};

test('a node out of reach keeps a grant revoking, alarms within the minute, and the receipt names both when it is back (I16, I17)', async () => {
  const { cluster } = world;
  const it = await held(cluster);
  await two.standby.replayed();
  await two.standby.cluster.crash();
  const isOpen = async (): Promise<boolean> =>
    (await alarms.open(admin())).some(({ key }) => key === `revoke/${it.requestId}`);

  expect((await notYet(it, cluster)).message).toContain('standby');
  expect(await letsIn(it, two.on.primary)).toBe(false);
  expect([await receiptOf(it), await isOpen()]).toEqual([undefined, false]);
  // Temporal tries again, and knows since when.
  await notYet(it, cluster, { scheduledTimestampMs: Date.now() - 31_000 });
  expect([await receiptOf(it), await isOpen()]).toEqual([undefined, true]);
  expect(await look(cluster)).toContain('target-unknown orders-prod/standby');

  await two.standby.cluster.start();
  await eventually('it is over', () => revoke(it, cluster).then(() => true), { withinMs: 20_000 });
  expect((await receiptOf(it))?.nodes).toMatchObject([
    { node: 'primary', standby: false, ended: true, canLogin: false },
    { node: 'standby', standby: true, ended: true, canLogin: false },
  ]);
  expect(await isOpen()).toBe(false);
  expect(await look(cluster)).not.toContain('target-unknown orders-prod/standby');
});

test('a session that outlived its grant on a standby is found there and closed, though the primary knows of none (I2, P9)', async () => {
  const { cluster } = world;
  const it = await held(cluster);
  await two.standby.replayed();
  await two.on.standby.as({ user: roleOf(it.requestId), password: it.password, database: 'orders' }, async (client) => {
    const lost = new Promise((resolve) => client.on('error', resolve));
    await two.on.primary.query('control', `alter role ${roleOf(it.requestId)} nologin`);
    await two.on.primary.query(
      'control',
      `update curfew.ledger set state = 'revoked', revoked_at = clock_timestamp() - interval '1 minute' where grant_id = $1`,
      [it.requestId],
    );
    await two.standby.replayed();
    expect(await look(cluster)).toContain(`session-after-end ${it.requestId}`);
    await lost;
  });
  await revoke(it, cluster);
});

test('the checker reads ledger and roles where they are written, and sessions on every node', async () => {
  const { cluster } = world;
  const read = (first: 'primary' | 'standby', other: 'primary' | 'standby') =>
    readTarget(
      openAccess(two.on[first].admin, {
        cluster: 'main',
        targets: [ordersProd],
        controlDatabase: 'control',
        databases: ['orders'],
        node: first,
        standbys: [{ name: other, admin: two.on[other].admin }],
      }),
    );
  const it = await held(cluster);
  await two.standby.replayed();
  await two.on.standby.as({ user: roleOf(it.requestId), password: it.password, database: 'orders' }, async () => {
    await two.standby.pauseReplay();
    const newer = await held(cluster);
    for (const facts of [await read('primary', 'standby'), await read('standby', 'primary')]) {
      expect(facts.ledger.map(({ grantId }) => grantId)).toContain(newer.requestId);
      expect(facts.sessions).toMatchObject([{ node: 'standby', role: roleOf(it.requestId) }]);
    }
    await two.standby.resumeReplay();
    await two.standby.replayed();
    for (const one of [it, newer]) await revoke(one, cluster);
  });
  await two.standby.cluster.crash();
  await expect(read('primary', 'standby')).rejects.toThrow('main/standby cannot be read');
  await two.standby.cluster.start();
});

test('a backup that was put back in the place of a target is the same to all but the reconciler, which ends what it brought back (F25, I19)', async () => {
  const [first] = two.nodes;
  const cluster = clusterOf(first);
  const [over, stays] = [await held(cluster), await held(cluster)];
  await two.standby.stop();
  const before = await identityOf(cluster, first.name);
  const backup = await takeBackup(two.primary);
  try {
    await eventually('it is over', () => revoke(over, cluster).then(() => true), { withinMs: 20_000 });
    const later = await held(cluster);
    await backup.restore();

    await eventually('it answers', async () => (await identityOf(cluster, first.name)).timeline === before.timeline);
    expect(await identityOf(cluster, first.name)).toEqual(before);
    expect([await letsIn(over, two.on.primary), await letsIn(later, two.on.primary)]).toEqual([true, false]);

    expect(await look(cluster, 3 * minuteMs)).toEqual(
      expect.arrayContaining([`surplus-grant ${over.requestId}`, `gone-grant ${later.requestId}`]),
    );
    expect([await letsIn(over, two.on.primary), await letsIn(stays, two.on.primary)]).toEqual([false, true]);
    expect(await look(cluster, 3 * minuteMs)).not.toContain(`surplus-grant ${over.requestId}`);
  } finally {
    await two.standby.cluster.start();
    await two.standby.replayed();
  }
});

test('a standby that was behind takes over: no grants until it is checked, and what had ended is ended again (F23, P10, I19)', async () => {
  const [first, second] = two.nodes;
  // Nobody told Curfew of the standby, so a grant could be called over that is alive there.
  const [unaware, failedOver] = [clusterOf(first), clusterOf({ ...second, name: first.name })];
  const [over, stays, ending] = [await held(unaware), await held(unaware), await held(unaware)];
  await two.standby.replayed();
  await two.standby.disconnect();
  await revoke(over, unaware);
  // Where Curfew knows both, nothing is called over that the standby could bring back.
  await notYet(ending, world.cluster);
  expect([await letsIn(over, two.on.primary), await letsIn(ending, two.on.primary)]).toEqual([false, false]);
  await two.primary.crash();
  await two.standby.promote();
  expect(await letsIn(over, two.on.standby)).toBe(true);

  const next = await world.claimed();
  const refused: unknown = await world
    .run(world.activities({ cluster: failedOver }).grant, next)
    .catch((error: unknown) => error);
  expect(refused).toMatchObject({ message: expect.stringContaining('check it again') });
  expect(await world.canLogin(next.requestId).catch(() => false)).toBe(false);

  const found = await look(failedOver, 10_000);
  expect(found).toEqual(expect.arrayContaining([`surplus-grant ${over.requestId}`, `cluster-changed ${ordersProd}`]));
  expect([await letsIn(over, two.on.standby), await letsIn(stays, two.on.standby)]).toEqual([false, true]);
  // The revoke that was under way goes on, on whatever node takes it.
  await notYet(ending, world.cluster);
  expect(await letsIn(ending, two.on.standby)).toBe(false);

  await checked(two.on.standby);
  expect(await look(failedOver, 10_000)).not.toContain(`cluster-changed ${ordersProd}`);
  await world.run(world.activities({ cluster: failedOver }).grant, next);
  expect(await letsIn(next, two.on.standby)).toBe(true);
});
