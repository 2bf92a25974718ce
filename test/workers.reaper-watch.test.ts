import { afterAll, beforeAll, expect, test } from 'vitest';
import { open } from '../store/alarms.ts';
import { beat } from '../store/heartbeats.ts';
import { silentMs, watchReapers } from '../workers/worker/reaper-watch.ts';
import { startStore, type TestStore } from './support/store.ts';

let store: TestStore;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store?.end());

const alarmed = async (): Promise<readonly string[]> =>
  (await open(store.admin)).filter(({ code }) => code === 'reaper-silent').map(({ subject }) => subject);

test('a reaper that falls silent alarms within the minute, once, and the alarm ends when it is back', async () => {
  const startedAt = Date.now();
  let now = startedAt;
  const look = watchReapers({ store: store.as.curfew_worker, clusters: ['main', 'other'], clock: () => now });
  await beat(store.as.curfew_reaper, { name: 'reaper/main', at: now, body: {} });
  await beat(store.as.curfew_reaper, { name: 'reaper/other', at: now, body: {} });
  await look();
  expect(await alarmed()).toEqual([]);

  now += silentMs + 1_000;
  await beat(store.as.curfew_reaper, { name: 'reaper/other', at: now, body: {} });
  await look();
  await look();
  expect(await alarmed()).toEqual(['main']);
  expect(now - startedAt).toBeLessThan(60_000);

  await beat(store.as.curfew_reaper, { name: 'reaper/main', at: now, body: {} });
  await look();
  expect(await alarmed()).toEqual([]);
});

test('a cluster that no reaper ever looked after alarms too, but not while everything starts', async () => {
  let now = Date.now();
  const look = watchReapers({ store: store.as.curfew_worker, clusters: ['forgotten'], clock: () => now });
  await look();
  expect(await alarmed()).toEqual([]);
  now += silentMs + 1_000;
  await look();
  expect(await alarmed()).toEqual(['forgotten']);
  // Another worker that starts now finds it open and, once there is a sign of life, ends it.
  await beat(store.as.curfew_reaper, { name: 'reaper/forgotten', at: now, body: {} });
  await watchReapers({ store: store.as.curfew_worker, clusters: ['forgotten'], clock: () => now })();
  expect(await alarmed()).toEqual([]);
});
