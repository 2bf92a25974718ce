/** Temporal that is down, or a Schedule that somebody paused, must not blind the reconciler; a worker sees to it by itself. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createReconcile, createReconcileTargets, lookAt, lookedName, type Part } from '../activities/reconcile.ts';
import { minuteMs, secondMs } from '../domain/time.ts';
import { reconciled } from '../doctor/reconcile/told.ts';
import * as alarms from '../store/alarms.ts';
import * as heartbeats from '../store/heartbeats.ts';
import { watchReconciling } from '../workers/worker/reconciling.ts';
import { quiet, runActivity } from './support/granting.ts';
import { startStore, type TestStore } from './support/store.ts';

let store: TestStore;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store?.end());

let now: number;
const clock = (): number => now;
let looks: string[];
let made: boolean[];
let isThere: boolean;
beforeEach(async () => {
  now = Date.now();
  looks = [];
  made = [];
  isThere = true;
  await store.admin.query('truncate curfew.heartbeat');
});

const part = (name: string): Part => ({
  name,
  look: () => {
    looks.push(name);
    return Promise.resolve({ found: 0 });
  },
});
const parts = [part('requests'), part('cluster/main')];
const deps = () => ({ store: store.as.curfew_worker, clock, log: quiet });
const schedule = (anew: boolean): Promise<unknown> => {
  made.push(anew);
  return isThere ? Promise.resolve('there') : Promise.reject(new Error('away'));
};
const silent = async (): Promise<readonly string[]> =>
  (await alarms.open(store.admin)).filter(({ code }) => code === 'reconcile-silent').map(({ subject }) => subject);

test('while the Schedule looks nobody else does, and there is no alarm', async () => {
  const round = watchReconciling({ ...deps(), parts, schedule });
  for (let minute = 0; minute < 6; minute += 1) {
    for (const one of parts) await lookAt(deps(), one, 'schedule');
    looks = [];
    await round();
    expect(looks).toEqual([]);
    now += minuteMs;
  }
  expect(await silent()).toEqual([]);
});

test('a Schedule that is silent for three minutes is an alarm, and the worker looks each minute until it is back (F10)', async () => {
  const round = watchReconciling({ ...deps(), parts, schedule });
  await round();
  now += 2 * minuteMs;
  await round();
  expect(looks).toEqual([]);
  now += minuteMs + secondMs;
  await round();
  await round();
  expect(looks).toEqual(['requests', 'cluster/main']);
  expect((await silent()).toSorted()).toEqual(['cluster/main', 'requests']);
  now += minuteMs;
  await round();
  expect(looks).toHaveLength(4);
  expect((await heartbeats.of(store.admin, lookedName('requests')))?.body).toMatchObject({ by: 'worker' });
  for (const one of parts) await lookAt(deps(), one, 'schedule');
  looks = [];
  await round();
  expect(looks).toEqual([]);
  expect(await silent()).toEqual([]);
});

test('the Schedule is made at the start, and again after a server lost everything; away is tried again (F11)', async () => {
  const round = watchReconciling({ ...deps(), parts: [], schedule });
  isThere = false;
  await round();
  await round();
  isThere = true;
  await round();
  await round();
  // What is there at the start may be of an older version; later it is only looked for.
  expect(made).toEqual([true, true, true]);
  now += 20 * secondMs;
  await round();
  expect(made).toEqual([true, true, true, false]);
});

test('a part that cannot be looked at keeps no other from its look, and is not said to be looked at', async () => {
  const broken: Part = { name: 'cluster/broken', look: () => Promise.reject(new Error('away')) };
  const { reconcileTargets } = createReconcileTargets(deps(), [broken, ...parts]);
  await expect(runActivity(reconcileTargets, undefined)).rejects.toThrow();
  expect(looks).toEqual(['requests', 'cluster/main']);
  expect(await heartbeats.of(store.admin, lookedName('cluster/broken'))).toBeUndefined();
});

test('the zones are those that workers say they serve, and this process knows', async () => {
  await heartbeats.beat(store.as.curfew_worker, {
    name: 'there',
    at: now,
    body: { queues: { curfew: 'RUNNING', 'target-eu': 'RUNNING' } },
  });
  await heartbeats.beat(store.as.curfew_worker, {
    name: 'gone',
    at: now - 2 * minuteMs,
    body: { queues: { 'target-us': 'RUNNING' } },
  });
  const { reconcileRequests } = createReconcile(deps(), part('requests'), ['default']);
  expect(await runActivity(reconcileRequests, undefined)).toEqual({ changed: 0, zones: ['default', 'eu'] });
});

const found = (name: string, changed: number): Part => ({ name, look: () => Promise.resolve({ found: 9, changed }) });

test('a look says how many findings are new or gone, and a round says it of all its looks', async () => {
  const { reconcileRequests } = createReconcile(deps(), found('requests', 2), []);
  expect(await runActivity(reconcileRequests, undefined)).toMatchObject({ changed: 2 });
  const { reconcileTargets } = createReconcileTargets(deps(), [found('cluster/main', 1), found('cluster/other', 3)]);
  expect(await runActivity(reconcileTargets, undefined)).toEqual({ changed: 4 });
});

test('whoever asks is told when it looked last, or that it is silent', async () => {
  expect((await reconciled(store.admin, now)).told).toMatchObject({
    silent: true,
    sentence: expect.stringContaining('never'),
  });
  await lookAt(deps(), parts[0] as Part, 'worker');
  expect((await reconciled(store.admin, now + 12_000)).told).toEqual({
    silent: false,
    sentence: 'The reconciler looked last 12 s ago.',
  });
  expect((await reconciled(store.admin, now + 4 * minuteMs)).told).toEqual({
    silent: true,
    sentence: 'The reconciler has not looked for three minutes at: requests (4 min ago).',
  });
});
