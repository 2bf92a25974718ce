import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { entriesOf } from '../store/audit.ts';
import * as alarms from '../store/alarms.ts';
import * as deliveries from '../store/deliveries.ts';
import * as heartbeats from '../store/heartbeats.ts';
import * as outbox from '../store/outbox.ts';
import type { Store } from '../store/pool.ts';
import { startStore, type TestStore } from './support/store.ts';
import { until } from './support/postgres.ts';

let store: TestStore;
let api: Store;
let worker: Store;
let reaper: Store;
beforeAll(async () => {
  store = await startStore();
  api = store.as.curfew_api;
  worker = store.as.curfew_worker;
  reaper = store.as.curfew_reaper;
});
afterAll(() => store.end());
beforeEach(async () => {
  await store.admin.query('update curfew.outbox set done_at = now() where done_at is null');
});

const put = (key: string, delayMs = 0): Promise<number> =>
  api.transaction((tx) => outbox.enqueue(tx, { kind: 'start', key, payload: { key }, delayMs }));

/** The same, about one request. */
const about = (key: string, kind = 'decide'): Promise<number> =>
  api.transaction((tx) => outbox.enqueue(tx, { kind, key, payload: { requestId: 'r' } }));

test('a message of one kind and key is one row, whoever writes it', async () => {
  const ids = await Promise.all(Array.from({ length: 10 }, () => put('once')));
  expect(new Set(ids).size).toBe(1);
  expect(await outbox.take(worker, 10, 60_000)).toMatchObject([
    { id: ids[0], kind: 'start', key: 'once', payload: { key: 'once' }, attempts: 1 },
  ]);
});

test('what its writer still has time to send is not due', async () => {
  const id = await put('later', 60_000);
  expect(await outbox.take(worker, 10, 60_000)).toEqual([]);
  expect(await outbox.backlog(worker)).toMatchObject({ count: 1 });
  await outbox.done(api, id);
  expect(await outbox.backlog(worker)).toEqual({ count: 0, oldestAt: null });
});

test('ten relays that take at once never take the same row', async () => {
  for (let index = 0; index < 100; index += 1) await put(`many-${index}`);
  const taken = await Promise.all(Array.from({ length: 10 }, () => outbox.take(worker, 20, 60_000)));
  const ids = taken.flat().map((row) => row.id);
  expect(new Set(ids).size).toBe(ids.length);
  const rest = await outbox.take(worker, 100, 60_000);
  expect(ids.length + rest.length).toBe(100);
});

test('what a relay is just taking holds up no other, which takes what comes next', async () => {
  for (let index = 0; index < 40; index += 1) await put(`next-${index}`);
  await worker.transaction(async (tx) => {
    const first = await outbox.take(tx, 20, 60_000);
    const second = await outbox.take(worker, 20, 60_000);
    expect(new Set([...first, ...second].map((row) => row.id)).size).toBe(40);
  });
});

test('a row waits while something older of its request waits, is taken elsewhere, or is just being taken', async () => {
  const ids = async (limit = 10): Promise<readonly number[]> =>
    (await outbox.take(worker, limit, 60_000, ['revoke'])).map((row) => row.id);
  const first = await about('first', 'start');
  const second = await about('second');
  const end = await about('end', 'revoke');
  const third = await about('third');
  expect(await ids(1)).toEqual([first]);
  expect(await ids()).toEqual([end]);
  await outbox.failed(worker, first, 'NotConfirmed', Date.now() - 1);
  await worker.transaction(async (tx) => {
    expect((await outbox.take(tx, 1, 60_000, ['revoke'])).map((row) => row.id)).toEqual([first]);
    expect(await ids()).toEqual([]);
  });
  await outbox.done(worker, first);
  expect(await outbox.take(worker, 10, 60_000, ['revoke'])).toMatchObject([
    { id: second, attempts: 1 },
    { id: third, attempts: 1 },
  ]);
});

test('a taken row is due again after its lease, with one attempt more', async () => {
  const id = await put('dropped');
  expect(await outbox.take(worker, 10, 2_000)).toMatchObject([{ id, attempts: 1 }]);
  expect(await outbox.take(worker, 10, 2_000)).toEqual([]);
  const [again] = await until(async () => {
    const rows = await outbox.take(worker, 10, 60_000);
    return rows.length > 0 && rows;
  }, 'the lease is over');
  expect(again).toMatchObject({ id, attempts: 2 });
});

test('a failed row waits for its retry and keeps why; a done one never comes back', async () => {
  const id = await put('refused');
  await outbox.take(worker, 10, 60_000);
  await outbox.failed(worker, id, 'NotConfirmed'.padEnd(600, '.'), Date.now() + 60_000);
  expect(await outbox.take(worker, 10, 60_000)).toEqual([]);
  await outbox.failed(worker, id, 'NotConfirmed', Date.now() - 1);
  expect(await outbox.take(worker, 10, 60_000)).toMatchObject([{ id, attempts: 2 }]);
  await outbox.done(worker, id);
  await outbox.failed(worker, id, 'late', Date.now() - 1);
  expect(await outbox.take(worker, 10, 60_000)).toEqual([]);
});

test('a message goes away with its transaction', async () => {
  const failing = api.transaction(async (tx) => {
    await outbox.enqueue(tx, { kind: 'start', key: 'rolled-back', payload: null });
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect(await outbox.take(worker, 10, 60_000)).toEqual([]);
});

const newAlarm = (): alarms.Alarm => ({
  key: `revoke/${randomUUID()}`,
  code: 'revoke-late',
  subject: randomUUID(),
  detail: 'A grant is not ended 60 s after its end.',
});

test('an alarm is one while it is open, with one entry, and may be raised again once resolved', async () => {
  const alarm = newAlarm();
  const raised = await Promise.all([reaper, worker, reaper, worker, api].map((login) => alarms.raise(login, alarm)));
  expect(raised.filter(Boolean)).toHaveLength(1);
  expect((await alarms.open(api)).filter((open) => open.key === alarm.key)).toMatchObject([alarm]);
  expect(await alarms.resolve(worker, alarm.key)).toBe(true);
  expect(await alarms.resolve(reaper, alarm.key)).toBe(false);
  expect(await alarms.raise(store.as.curfew_directory, alarm)).toBe(true);
  const entries = await entriesOf(store.as.curfew_auditor, alarm.subject);
  expect(entries.map((entry) => entry.kind)).toEqual(['alarm.raised', 'alarm.resolved', 'alarm.raised']);
  expect(entries[2]).toMatchObject({
    login: 'curfew_directory',
    actor: 'curfew_directory',
    body: { code: 'revoke-late' },
  });
  await alarms.resolve(worker, alarm.key);
});

test('ten who begin one delivery at once: one is new, and the others are busy, then get its answer', async () => {
  const begun = await Promise.all(Array.from({ length: 10 }, () => deliveries.begin(api, 'slack', 'd1')));
  expect(begun.filter((one) => one === 'new')).toHaveLength(1);
  expect(begun.filter((one) => one === 'busy')).toHaveLength(9);
  expect(await deliveries.answerOf(api, 'slack', 'd1')).toBeUndefined();
  await deliveries.answer(api, 'slack', 'd1', { first: true });
  await deliveries.answer(api, 'slack', 'd1', { second: true });
  expect(await deliveries.begin(api, 'slack', 'd1')).toEqual({ answer: { first: true } });
  expect(await deliveries.begin(store.as.curfew_directory, 'hr', 'd1')).toBe('new');
});

test('an answer of null is an answer', async () => {
  await deliveries.begin(api, 'slack', 'd2');
  await deliveries.answer(api, 'slack', 'd2', null);
  expect(await deliveries.begin(api, 'slack', 'd2', 0)).toEqual({ answer: null });
});

test('a delivery whose process died is new again after a while, for one', async () => {
  expect(await deliveries.begin(api, 'slack', 'd3')).toBe('new');
  await until(async () => (await deliveries.begin(api, 'slack', 'd3', 50)) === 'new', 'it is taken for dead');
  expect(await deliveries.begin(api, 'slack', 'd3', 60_000)).toBe('busy');
});

test('the newest heartbeat stays', async () => {
  await heartbeats.beat(reaper, { name: 'reaper', at: 2_000, body: { due: 0 } });
  await heartbeats.beat(reaper, { name: 'reaper', at: 1_000, body: { due: 9 } });
  expect(await heartbeats.of(api, 'reaper')).toEqual({ name: 'reaper', at: 2_000, body: { due: 0 } });
  await heartbeats.beat(worker, { name: 'worker', at: 5, body: null });
  expect((await heartbeats.all(api)).map((beat) => beat.name)).toEqual(['reaper', 'worker']);
});
