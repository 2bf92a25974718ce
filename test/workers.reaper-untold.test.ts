/** Ends of which whoever brought them about did not live to tell the store (I2, I9, F1, F2, F5, F6). */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { PersonId, RequestId, TargetName } from '../domain/ids.ts';
import * as alarms from '../store/alarms.ts';
import { entriesOf } from '../store/audit.ts';
import * as intents from '../store/intents.ts';
import type { Store } from '../store/pool.ts';
import type { Target } from '../targets/postgres/accessor.ts';
import { createLog } from '../config/log.ts';
import { createEnding } from '../workers/reaper/ending.ts';
import { followIntents } from '../workers/reaper/intents.ts';
import { createReports, type Reports } from '../workers/reaper/reports.ts';
import { createBell } from '../workers/reaper/pace.ts';
import { watchCluster, type Watch } from '../workers/reaper/watch.ts';
import { eventually, until } from './support/eventually.ts';
import { plantGrant, plantPerson, plantRequest } from './support/planted.ts';
import { startPostgres, type Postgres } from './support/postgres.ts';
import { startStore, type TestStore } from './support/store.ts';
import { extension, granted, installSample, makeSample, type Prepared, type Sample } from './support/target.ts';

let postgres: Postgres;
let store: TestStore;
let sample: Sample;
const orders = 'orders-prod' as TargetName;

beforeAll(async () => {
  [postgres, store] = await Promise.all([startPostgres(), startStore()]);
  await makeSample(postgres);
  sample = await installSample(postgres);
});
afterAll(async () => {
  await sample?.close();
  await Promise.all([postgres?.stop(), store?.end()]);
});

type Held = Prepared & { readonly id: RequestId; readonly person: PersonId };

/** On the target, and in the store as the worker writes it down. */
async function held(endAt: number): Promise<Held> {
  const { id: person } = await plantPerson(store);
  const request = await plantRequest(store, person);
  const holder = await granted(sample.worker, { grantId: request.id, personId: person, endAt });
  await plantGrant(store, request, endAt);
  return { ...holder, id: request.id, person };
}

type Process = { readonly reports: Reports; kill(): Promise<void> };
const running: Process[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.kill()));
});

/** A reaper's loops; what it has to tell stays with it until somebody flushes it, and dies with it. */
function begin(own: Store = store.as.curfew_reaper, clock = Date.now): Process {
  const stopping = new AbortController();
  const { signal } = stopping;
  const reports = createReports(own, clock);
  const watch: Watch = watchCluster({
    target: sample.reaper,
    names: [orders],
    store: own,
    reports,
    everyMs: 250,
    asked: createBell(),
    signal,
    clock,
    log: createLog('reaper', 'fatal'),
  });
  const kill = (): Promise<void> => {
    stopping.abort();
    return watch.stopped;
  };
  const process = { reports, kill };
  running.push(process);
  return process;
}

const endsOf = async (id: RequestId) =>
  (await entriesOf(store.admin, id)).flatMap((entry) => (entry.kind === 'reaper.ended' ? [entry] : []));
const isOver = async (target: Target, id: string): Promise<boolean> =>
  (await target.verifyMany(target.primary(), [id])).some(({ ended }) => ended);

const patience = { withinMs: 30_000, everyMs: 200 };

test('what a reaper ended and did not live to tell is told by the next one, with the instant at which that saw it over (I2, F6)', async () => {
  const endAt = Date.now() + 1_500;
  const { id } = await held(endAt);
  const first = begin();
  await eventually('it is over', () => isOver(sample.reaper, id), patience);
  await first.kill();
  expect(await endsOf(id)).toEqual([]);

  const againAt = Date.now();
  const second = begin();
  const [said] = await eventually(
    'somebody says so',
    async () => {
      await second.reports.flush();
      const found = await endsOf(id);
      return found.length > 0 && found;
    },
    patience,
  );
  expect(said?.body).toMatchObject({ cluster: 'orders-prod', cause: 'due', grantId: id, nodes: [{ ended: true }] });
  expect(said?.body.verifiedAt).toBeGreaterThanOrEqual(againAt);
  expect(said?.body.verifiedAt).toBeLessThan(endAt + 30_000);
  await second.kill();
});

test('and what a worker ended and did not live to record, but not what is live there or has been recorded (I2, F2)', async () => {
  const endAt = Date.now() + 2_000;
  const [died, longer, recorded] = [await held(endAt), await held(endAt), await held(endAt)];
  await sample.worker.extend(extension(longer.call, endAt + 600_000));
  await sample.worker.revokeMany([died.id, recorded.id]);
  await until(endAt);
  const reaper = begin(store.as.curfew_reaper, () => Date.now() + 10_000);
  await eventually('both are found', () => reaper.reports.backlog().waiting >= 2, patience);
  await store.admin.query('update curfew.access_grant set ended_at = clock_timestamp() where request_id = $1', [
    recorded.id,
  ]);
  await reaper.reports.flush();
  expect((await endsOf(died.id)).map(({ body }) => body.cause)).toEqual(['due']);
  expect(await endsOf(recorded.id)).toEqual([]);
  expect(await endsOf(longer.id)).toEqual([]);
  expect(await isOver(sample.reaper, longer.id)).toBe(false);
});

test('what it ended itself it tells once, however long nobody records it', async () => {
  const { id } = await held(Date.now() + 1_500);
  const { curfew_reaper: real } = store.as;
  let [looks, aheadMs] = [0, 0];
  const query: Store['query'] = async (text, values) => {
    const rows = await real.query(text, values);
    if (text.includes('end_at < $2') && rows.some((row) => Object.values(row as object).includes(id))) looks += 1;
    return rows as never;
  };
  const reaper = begin({ ...real, query }, () => Date.now() + aheadMs);
  await eventually('it is told', async () => {
    await reaper.reports.flush();
    return (await endsOf(id)).length === 1;
  });
  aheadMs = 60_000;
  await eventually('it is found overdue again and again', () => looks > 2, patience);
  await reaper.reports.flush();
  expect(await endsOf(id)).toHaveLength(1);
});

test('of a leaver it tells also what somebody ended a moment before and did not live to record (I9, F38)', async () => {
  const endAt = Date.now() + 600_000;
  const { id, person } = await held(endAt);
  const since = await held(endAt);
  await sample.worker.revokeMany([id, since.id]);
  const intent = { id: randomUUID(), scope: { kind: 'person', person } as const };
  await intents.insertAll(store.as.curfew_directory, [{ ...intent, actor: 'curfew_directory', cause: 'left' }]);
  const stopping = new AbortController();
  const following = followIntents({
    store: store.as.curfew_reaper,
    target: sample.reaper,
    names: [orders],
    ending: createEnding(sample.reaper, { signal: stopping.signal, clock: Date.now }),
    onFailure: (error) => expect.fail(String(error)),
  });
  await following.round();
  await eventually('it is answered', async () => (await intents.ofRequest(store.admin, id))[0]?.outcomes.length === 1);
  stopping.abort();
  expect((await endsOf(id)).map(({ body }) => body)).toMatchObject([{ cause: 'asked', nodes: [{ ended: true }] }]);
  expect(await endsOf(since.id)).toEqual([]);
});

test('that a cluster cannot be reached, which a reaper said that died since, is over once the next one reaches it (F6, F35)', async () => {
  const blind = { key: 'reaper/orders-prod/blind', code: 'reaper-blind', subject: 'orders-prod', detail: 'x' };
  const before = (await entriesOf(store.admin, 'orders-prod')).length;
  await alarms.raise(store.as.curfew_reaper, blind);
  const reaper = begin();
  await eventually('it is over', async () => {
    await reaper.reports.flush();
    return (await alarms.openAmong(store.admin, [blind.key])).length === 0;
  });
  // Without anything that was open nothing is said of it.
  const next = begin();
  await eventually('it has looked', () => next.reports.backlog().waiting > 0);
  await next.reports.flush();
  const said = (await entriesOf(store.admin, 'orders-prod')).slice(before).map(({ kind }) => kind);
  expect(said).toEqual(['alarm.raised', 'alarm.resolved']);
});
