/** Alarms that outlive the reaper that raised them (F6, F35). */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLog } from '../config/log.ts';
import type { TargetName } from '../domain/ids.ts';
import * as alarms from '../store/alarms.ts';
import { entriesOf } from '../store/audit.ts';
import { createBell } from '../workers/reaper/pace.ts';
import { createReports, type Reports } from '../workers/reaper/reports.ts';
import { watchCluster } from '../workers/reaper/watch.ts';
import { eventually } from './support/eventually.ts';
import { startPostgres, type Postgres } from './support/postgres.ts';
import { startStore, type TestStore } from './support/store.ts';
import { installSample, makeSample, type Sample } from './support/target.ts';

let postgres: Postgres;
let store: TestStore;
let sample: Sample;
const stopping = new AbortController();
const running: Promise<void>[] = [];

beforeAll(async () => {
  [postgres, store] = await Promise.all([startPostgres(), startStore()]);
  await makeSample(postgres);
  sample = await installSample(postgres);
});
afterAll(async () => {
  stopping.abort();
  await Promise.all(running);
  await sample?.close();
  await Promise.all([postgres?.stop(), store?.end()]);
});

/** A reaper's loops; what it has to tell stays with it until somebody flushes it. */
function begin(): Reports {
  const reports = createReports(store.as.curfew_reaper, Date.now);
  const watch = watchCluster({
    target: sample.reaper,
    names: ['orders-prod' as TargetName],
    store: store.as.curfew_reaper,
    reports,
    everyMs: 250,
    asked: createBell(),
    signal: stopping.signal,
    clock: Date.now,
    log: createLog('reaper', 'fatal'),
  });
  running.push(watch.stopped);
  return reports;
}

test('that a cluster cannot be reached, which a reaper said that died since, is over once the next one reaches it (F6, F35)', async () => {
  const blind = { key: 'reaper/orders-prod/blind', code: 'reaper-blind', subject: 'orders-prod', detail: 'x' };
  const before = (await entriesOf(store.admin, 'orders-prod')).length;
  await alarms.raise(store.as.curfew_reaper, blind);
  const reaper = begin();
  await eventually('it is over', async () => {
    await reaper.flush();
    return (await alarms.openAmong(store.admin, [blind.key])).length === 0;
  });
  // Without anything that was open nothing is said of it.
  const next = begin();
  await eventually('it has looked', () => next.backlog().waiting > 0);
  await next.flush();
  const said = (await entriesOf(store.admin, 'orders-prod')).slice(before).map(({ kind }) => kind);
  expect(said).toEqual(['alarm.raised', 'alarm.resolved']);
});
