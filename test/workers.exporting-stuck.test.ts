/** Histories that cannot be kept are in nobody's way, however many they are. Temporal is a list of runs here; the store is real. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { RequestId } from '../domain/ids.ts';
import { dayMs, hourMs, minuteMs } from '../domain/time.ts';
import * as alarms from '../store/alarms.ts';
import * as kept from '../store/histories.ts';
import * as projections from '../store/projections.ts';
import type { Store } from '../store/pool.ts';
import type { ClosedRun, Histories } from '../temporal/history-export.ts';
import { createCalm } from '../workers/worker/export-calm.ts';
import { watchExporting } from '../workers/worker/export-watch.ts';
import { createExporting } from '../workers/worker/exporting.ts';
import { accessRequestId, accessRequestType } from '../workflows/contract.ts';
import { quiet } from './support/granting.ts';
import { addPerson, openRequest, sampleView } from './support/store-sample.ts';
import { startStore, type TestStore } from './support/store.ts';

let store: TestStore;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.end());

let now = Date.now();
const clock = (): number => now;
beforeEach(() => {
  now = Date.now();
});

const closed = (closedAt: number, id: string = randomUUID()): ClosedRun => ({
  workflowId: accessRequestId(id as RequestId),
  runId: randomUUID(),
  type: accessRequestType,
  how: 'COMPLETED',
  closedAt,
});
const text = Buffer.from(
  '{"events":[{"eventId":"1","eventTime":"2026-01-01T00:00:00Z","eventType":"EVENT_TYPE_UNSPECIFIED"}]}',
);

/** @param bad whose payloads nobody can read */
function listing(runs: readonly ClosedRun[], bad: ReadonlySet<string> = new Set()) {
  const asked = { after: [] as (number | undefined)[] };
  const histories: Histories = {
    async *closedAfter(at, types) {
      if (!types.includes(accessRequestType)) return;
      asked.after.push(at);
      const some = runs.filter(({ closedAt }) => closedAt > (at ?? -Infinity));
      for (let from = 0; from < some.length; from += 1_000) yield some.slice(from, from + 1_000);
    },
    find: (workflowId) => Promise.resolve(runs.find((run) => run.workflowId === workflowId) ?? 'gone'),
    fetch: ({ runId }) =>
      bad.has(runId)
        ? Promise.reject(new Error('no key of that id'))
        : Promise.resolve({ clear: text, original: text }),
    retentionMs: () => Promise.resolve(3 * dayMs),
    close: () => Promise.resolve(),
  };
  return { histories, asked };
}

const exporting = (histories: Histories, more: { readonly store?: Store; readonly mostUntried?: number } = {}) =>
  createExporting({ store: store.as.curfew_worker, histories, clock, log: quiet, script: 'a script', ...more });
const notKept = async (runs: readonly ClosedRun[]): Promise<number> => (await kept.notKept(store.admin, runs)).length;
const late = async (): Promise<boolean> => (await alarms.open(store.admin)).some(({ code }) => code === 'history-late');

test('however many histories can never be kept, all the others are, and the oldest is what the mark waits for', async () => {
  const bad = Array.from({ length: 30 }, (_, n) => closed(now - hourMs + n));
  const good = Array.from({ length: 50 }, (_, n) => closed(now - 20 * minuteMs + n));
  const { histories, asked } = listing([...bad, ...good], new Set(bad.map(({ runId }) => runId)));
  const round = exporting(histories);
  for (let rounds = 0; rounds < 5; rounds += 1) await round();
  expect(await notKept(good)).toBe(0);
  expect(await round()).toEqual({ kept: 0, left: 30 });
  expect((await kept.through(store.admin)).mark).toBe((bad[0]?.closedAt ?? 0) - 1);
  // What is left is known: Temporal's list is not read again since then.
  expect(asked.after.at(-1)).toBeGreaterThan(now - 15 * minuteMs);
});

test('what was kept although its keeper did not hear of it is not waited for, and nobody is woken', async () => {
  const run = closed(now - minuteMs);
  const { histories } = listing([run]);
  const worker = store.as.curfew_worker;
  let isCut = true;
  const cut: Store = {
    ...worker,
    transaction: async (work) => {
      const done = await worker.transaction(work);
      if (!isCut) return done;
      isCut = false;
      throw new Error('the reply was lost');
    },
  };
  const round = exporting(histories, { store: cut });
  expect(await round()).toEqual({ kept: 0, left: 1 });
  expect(await notKept([run])).toBe(0);
  expect(await round()).toEqual({ kept: 0, left: 0 });
  now += 2 * hourMs;
  await round();
  await watchExporting({ store: worker, histories, clock: Date.now })();
  expect(await late()).toBe(false);
  expect((await kept.through(store.admin)).mark ?? 0).toBeGreaterThan(run.closedAt);
});

test('however many close, whether to wait for them is told', () => {
  const many = Array.from({ length: 200_000 }, () => ({ closedAt: now - dayMs }));
  expect(createCalm()(many, now)).toBe(false);
});

const away = (): Promise<never> => Promise.reject(new Error('away'));

test('more that closed than one round takes are all reached, and until then the mark does not pass them', async () => {
  const old = closed(now - 2 * dayMs);
  const many = Array.from({ length: 3_000 }, () => closed(now - dayMs));
  const { histories } = listing([...many, old]);
  let isAway = true;
  const fetch: Histories['fetch'] = (run) => (isAway ? away() : histories.fetch(run));
  const round = exporting({ ...histories, fetch }, { mostUntried: 2_000 });
  const before = now - 3 * dayMs;
  await store.admin.query('update curfew.history_mark set through = $1', [new Date(before)]);
  expect(await round()).toEqual({ kept: 0, left: 2_000 });
  expect((await round()).left).toBeGreaterThan(2_000);
  expect((await kept.through(store.admin)).mark).toBe(before);
  await store.admin.query(
    `insert into curfew.history (workflow_id, run_id, kind, events, bytes, sha256, original_sha256, bundles, closed_at)
     select w.id, w.run, 'accessRequest', 1, '', repeat('0', 64), repeat('0', 64), '{}', now()
     from unnest($1::text[], $2::text[]) w (id, run)`,
    [many.map(({ workflowId }) => workflowId), many.map(({ runId }) => runId)],
  );
  isAway = false;
  expect(await round()).toEqual({ kept: 1, left: 0 });
  expect(await notKept([old])).toBe(0);
});

test('of requests without a history each is looked at, however many before it still run', async () => {
  const person = await addPerson(store.as.curfew_directory, `somebody-${randomUUID()}`);
  const requests = [];
  for (let n = 0; n < 103; n += 1) {
    const { id } = await openRequest(store.as.curfew_api, person);
    const view = sampleView(9, { kind: 'closed', outcome: 'denied', cause: 'an approver said no' });
    await projections.save(store.as.curfew_worker, id, view, now - hourMs + (n < 101 ? 0 : n));
    requests.push(id);
  }
  await store.admin.query(`update migration.applied set applied_at = now() - interval '1 day'`);
  const [last = ''] = requests.slice(-1);
  const unlisted = closed(now - hourMs, last);
  const { histories } = listing([]);
  const found: Histories['find'] = (id) => Promise.resolve(id === unlisted.workflowId ? unlisted : 'running');
  const round = exporting({ ...histories, find: found });
  await round();
  await round();
  expect(await notKept([unlisted])).toBe(0);
});
