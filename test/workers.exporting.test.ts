/** Histories of closed Workflows are kept before Temporal forgets them, whatever dies meanwhile; and none twice. */
import { createHash, randomUUID } from 'node:crypto';
import { Client } from '@temporalio/client';
import canonicalize from 'canonicalize';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { bundlesOf, parseHistory, valuesOf, attributesOf } from '../audit/history/events.ts';
import { replayHistory } from '../audit/replay/replay.ts';
import type { RequestId } from '../domain/ids.ts';
import { hourMs, minuteMs } from '../domain/time.ts';
import * as alarms from '../store/alarms.ts';
import { entriesOf } from '../store/audit.ts';
import * as kept from '../store/histories.ts';
import * as projections from '../store/projections.ts';
import type { Store } from '../store/pool.ts';
import { dataConverterFor } from '../temporal/codec.ts';
import { createHistories, type Histories } from '../temporal/history-export.ts';
import { watchExporting } from '../workers/worker/export-watch.ts';
import { createExporting, keepExporting } from '../workers/worker/exporting.ts';
import { accessRequestId, accessRequestType, reconcileType } from '../workflows/contract.ts';
import { eventually } from './support/eventually.ts';
import { quiet } from './support/granting.ts';
import { fakeActivities, request } from './support/requests.ts';
import { running } from './support/running.ts';
import { addPerson, openRequest, sampleView } from './support/store-sample.ts';
import { startStore, type TestStore } from './support/store.ts';
import {
  placeIn,
  productBundle,
  startTestTemporal,
  startWorker,
  testKeys,
  type Activities,
  type Place,
  type TestTemporal,
} from './support/temporal.ts';

let store: TestStore;
let real: TestTemporal;
let histories: Histories;
let script: string;
beforeAll(async () => {
  [store, real, { code: script }] = await Promise.all([startStore(), startTestTemporal(), productBundle()]);
  const { address, namespace } = real.server;
  histories = createHistories({ address, namespace, codecKeys: testKeys, identity: 'test' });
}, 90_000);
afterAll(async () => {
  await histories.close();
  await real.end();
  await store.end();
});

let now = Date.now();
const clock = (): number => now;
beforeEach(() => {
  now = Date.now();
});

const optionsOf = (of: { readonly histories?: Histories; readonly store?: Store; readonly script?: string } = {}) => ({
  store: store.as.curfew_worker,
  histories,
  clock,
  log: quiet,
  script,
  ...of,
});

async function inPlace<T>(activities: Activities, work: (place: Place) => Promise<T>, code = script): Promise<T> {
  const place = placeIn(real);
  const worker = await startWorker(real, place, { activities, bundle: { code } });
  try {
    return await work(place);
  } finally {
    await worker.stop();
    await place.temporal.close();
  }
}

/** A request that somebody denied; its Workflow is closed. */
const denied = (): Promise<RequestId> =>
  inPlace(fakeActivities(), async ({ zone, temporal }) => {
    const input = request(zone);
    await temporal.startRequest(input);
    const it = running(real, temporal, input);
    await it.is('awaiting');
    await it.deny();
    expect(await it.outcome()).toBe('denied');
    return input.requestId;
  });

/** Temporal's list lags. */
const rounds = async (round: () => Promise<unknown>, id: RequestId): Promise<kept.KeptHistory> =>
  eventually('its history is kept', async () => {
    await round();
    return (await kept.historiesOf(store.admin, id))[0];
  });
const alarmsOf = async (code: string): Promise<readonly string[]> =>
  (await alarms.open(store.admin)).filter((alarm) => alarm.code === code).map(({ key }) => key);
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

const keptOf = async (ids: readonly string[]): Promise<readonly string[]> =>
  (
    await store.admin.query<{ id: string }>(
      'select workflow_id as id from curfew.history where workflow_id = any ($1::text[]) order by closed_at',
      [ids],
    )
  ).map(({ id }) => id);
const looked = async (activities: Partial<Activities>): Promise<string> =>
  inPlace(fakeActivities(activities), async ({ queue }) => {
    const workflowId = `reconcile-${randomUUID()}`;
    const handle = await real.client.workflow.start(reconcileType, { workflowId, taskQueue: queue });
    await handle.result().catch(() => undefined);
    return workflowId;
  });

const gone = (): Promise<never> => Promise.reject(new Error('away'));
const goneList: Histories['closedAfter'] = () => ({ [Symbol.asyncIterator]: () => ({ next: gone }) });

test('what a closed Workflow did is kept as canonical JSON in the clear, with its script, both hashes and one entry (I11)', async () => {
  const id = await denied();
  const history = await rounds(createExporting(optionsOf()), id);
  expect(sha256(history.bytes)).toBe(history.sha256);
  expect(canonicalize(JSON.parse(history.bytes.toString('utf8')))).toBe(history.bytes.toString('utf8'));
  const { events } = parseHistory(history.bytes);
  const [started] = events;
  expect(started && valuesOf(attributesOf(started)['input'])[0]).toMatchObject({ requestId: id });

  const { workflowId, runId } = history;
  const original = (await histories.fetch({ workflowId, runId }))?.original ?? Buffer.alloc(0);
  expect(original.toString('utf8')).not.toContain(Buffer.from(id).toString('base64').slice(0, 20));
  expect(sha256(original)).toBe(history.originalSha256);

  const own = sha256(Buffer.from(script));
  expect(history).toMatchObject({
    workflowId: accessRequestId(id),
    kind: 'accessRequest',
    bundle: own,
    bundles: [own],
  });
  const entries = await entriesOf(store.admin, id);
  expect(entries.map(({ kind, login, body }) => ({ kind, login, body }))).toEqual([
    {
      kind: 'history.exported',
      login: 'curfew_worker',
      body: {
        workflow: workflowId,
        run: runId,
        type: 'accessRequest',
        events: events.length,
        sha256: history.sha256,
        original: history.originalSha256,
        bundle: own,
        bundles: [own],
      },
    },
  ]);
  const bundle = await kept.bundleOf(store.admin, own);
  expect(bundle?.toString('utf8')).toBe(script);
  expect(await replayHistory({ bundle: bundle ?? Buffer.alloc(0), history: history.bytes, workflowId })).toBe('same');
});

test('however many workers keep it, and however often, it is kept once', async () => {
  const id = await denied();
  await rounds(createExporting(optionsOf()), id);
  const [one, other] = [createExporting(optionsOf()), createExporting(optionsOf())];
  const second = await denied();
  await eventually('both are kept', async () => {
    await Promise.all([one(), other()]);
    return (await kept.historiesOf(store.admin, second)).length > 0;
  });
  await Promise.all([one(), other()]);
  for (const of of [id, second]) {
    expect(await kept.historiesOf(store.admin, of)).toHaveLength(1);
    expect(await entriesOf(store.admin, of)).toHaveLength(1);
  }
});

test('a worker that dies while it keeps one leaves nothing, and the next one keeps it', async () => {
  const id = await denied();
  const worker = store.as.curfew_worker;
  let died = 0;
  const dying: Store = {
    ...worker,
    transaction: (work) =>
      worker.transaction(async (tx) => {
        await work(tx);
        died += 1;
        throw new Error('killed');
      }),
  };
  const round = createExporting(optionsOf({ store: dying }));
  await eventually('it died', async () => {
    await round();
    return died > 0;
  });
  expect(await kept.historiesOf(store.admin, id)).toEqual([]);
  expect(await entriesOf(store.admin, id)).toEqual([]);
  // Whoever comes after it looks from before what it could not keep.
  now += 2 * hourMs;
  await round();
  expect((await kept.through(store.admin)).mark ?? 0).toBeLessThan(now - hourMs);
  await rounds(createExporting(optionsOf()), id);
  expect(await entriesOf(store.admin, id)).toHaveLength(1);
});

test('who called a Workflow, and why they said that they did, is not kept; the hash of what Temporal had is', async () => {
  const { workflowService, options, connection } = real.client;
  const identity = 'temporal-cli:bob@laptop';
  const bob = new Client({ connection, namespace: options.namespace, identity });
  const id = await inPlace(fakeActivities(), async ({ zone, temporal }) => {
    const input = request(zone);
    await temporal.startRequest(input);
    const it = running(real, temporal, input);
    await it.is('awaiting');
    const workflowId = accessRequestId(input.requestId);
    const [namespace, reason] = [options.namespace, 'bob says so'];
    const { runId } = await bob.workflow.getHandle(workflowId).describe();
    const workflowExecution = { workflowId, runId };
    await workflowService.requestCancelWorkflowExecution({ namespace, workflowExecution, reason, identity });
    expect(await it.outcome()).toBe('cancelled');
    const again = { namespace, workflowExecution, reason, identity, requestId: randomUUID() };
    const { events } = await bob.workflow.getHandle(workflowId, runId).fetchHistory();
    const eventId = events?.find((event) => event.workflowTaskCompletedEventAttributes)?.eventId;
    if (!eventId) return expect.fail('it has run no task');
    await workflowService.resetWorkflowExecution({ ...again, workflowTaskFinishEventId: eventId });
    await eventually(
      'it runs again',
      async () => (await bob.workflow.getHandle(workflowId).describe()).runId !== runId,
    );
    await bob.workflow
      .getHandle(workflowId)
      .terminate(reason)
      .catch(() => undefined);
    return input.requestId;
  });
  const round = createExporting(optionsOf());
  const both = await eventually('both runs are kept', async () => {
    await round();
    const all = await kept.historiesOf(store.admin, id);
    return all.length === 2 && all;
  });
  const bundle = (await kept.bundleOf(store.admin, sha256(Buffer.from(script)))) ?? Buffer.alloc(0);
  for (const { workflowId, runId, bytes, originalSha256 } of both) {
    const original = (await histories.fetch({ workflowId, runId }))?.original ?? Buffer.alloc(0);
    expect(original.toString('utf8')).toContain('bob says so');
    expect(original.toString('utf8')).toContain(identity);
    expect(sha256(original)).toBe(originalSha256);
    expect(bytes.toString('utf8')).not.toMatch(/bob|identity/);
    expect(await replayHistory({ bundle, history: bytes, workflowId })).toBe('same');
  }
});

test('a Workflow that somebody else started with a key that nobody has is in nobody’s way', async () => {
  const { options, connection } = real.client;
  const dataConverter = dataConverterFor([{ id: 'unknown', key: Buffer.alloc(32, 9) }]);
  const stranger = new Client({ connection, namespace: options.namespace, dataConverter });
  const workflowId = accessRequestId(randomUUID() as RequestId);
  const start = { workflowId, taskQueue: 'nobody', args: ['what'], memo: { what: 'is this' } };
  await (await stranger.workflow.start(accessRequestType, start)).terminate();
  await eventually(
    'it is listed',
    async () => (await stranger.workflow.count(`WorkflowId = '${workflowId}'`)).count > 0,
  );
  const id = await denied();
  const round = createExporting(optionsOf());
  await rounds(round, id);
  expect((await round()).left).toBeGreaterThan(0);
  expect(await histories.find(workflowId)).toMatchObject({ workflowId, how: 'TERMINATED' });
});

test('every script that ran a part of it is named, the last one apart; one that no worker kept is an alarm', async () => {
  const later = `;\n${script}`;
  const [first, last] = [sha256(Buffer.from(script)), sha256(Buffer.from(later))];
  const place = placeIn(real);
  const input = request(place.zone);
  const before = await startWorker(real, place, { activities: fakeActivities(), bundle: { code: script } });
  await place.temporal.startRequest(input);
  const it = running(real, place.temporal, input);
  await it.is('awaiting');
  await before.stop();
  const after = await startWorker(real, place, { activities: fakeActivities(), bundle: { code: later } });
  await it.deny();
  await it.outcome();
  await after.stop();
  await place.temporal.close();

  const history = await rounds(createExporting(optionsOf()), input.requestId);
  expect(history).toMatchObject({ bundles: [first, last], bundle: last });
  expect(bundlesOf(parseHistory(history.bytes))).toMatchObject({ all: [first, last], last });
  expect(await alarmsOf('bundle-unknown')).toEqual([`bundle-unknown/${last}`]);
});

test('of rounds of looks those are kept that changed something or failed somewhere', async () => {
  const quietOne = await looked({ reconcileRequests: async () => ({ zones: [], changed: 0 }) });
  const changed = await looked({ reconcileRequests: async () => ({ zones: [], changed: 1 }) });
  const failed = await looked({ reconcileRequests: () => Promise.reject(new Error('away')) });
  const round = createExporting(optionsOf());
  const all = [quietOne, changed, failed];
  await eventually('the last one is kept', async () => {
    await round();
    return (await keptOf(all)).includes(failed);
  });
  expect(await keptOf(all)).toEqual([changed, failed]);
});

test('while Temporal is away it tries again, somebody hears of it in time, and it is over when all is kept', async () => {
  const away: Histories = { ...histories, closedAfter: goneList, find: gone, fetch: gone, retentionMs: gone };
  await createExporting(optionsOf())();
  const watch = watchExporting(optionsOf({ histories: away }));
  const round = createExporting(optionsOf({ histories: away }));
  await expect(round()).rejects.toThrow();
  await watch();
  expect(await alarmsOf('history-late')).toEqual([]);
  now += hourMs + minuteMs;
  await expect(round()).rejects.toThrow();
  await watch();
  expect(await alarmsOf('history-late')).toEqual(['history-late']);

  now = Date.now();
  await createExporting(optionsOf())();
  await watchExporting(optionsOf())();
  expect(await alarmsOf('history-late')).toEqual([]);
});

test('the loop does not die of a Temporal that is away, and keeps what closed meanwhile', async () => {
  const id = await denied();
  let isAway = true;
  const flaky: Histories = {
    ...histories,
    closedAfter: (at, types) => (isAway ? goneList(at, types) : histories.closedAfter(at, types)),
  };
  const stopping = new AbortController();
  const loop = keepExporting(optionsOf({ histories: flaky }), stopping.signal);
  await eventually('it has failed once', async () => (await kept.unknownBundles(store.admin, ['none'])).length > 0);
  isAway = false;
  await eventually('it is kept', async () => (await kept.historiesOf(store.admin, id)).length > 0, {
    withinMs: 20_000,
  });
  stopping.abort();
  await loop;
});

test('a request that closed, and whose history Temporal does not have, is said to have lost it, once', async () => {
  const person = await addPerson(store.as.curfew_directory, `somebody-${randomUUID()}`);
  const { id } = await openRequest(store.as.curfew_api, person);
  const closed = sampleView(9, { kind: 'closed', outcome: 'denied', cause: 'an approver said no' });
  await projections.save(store.as.curfew_worker, id, closed, now);
  await createExporting(optionsOf())();
  expect(await alarmsOf('history-lost')).toEqual([]);
  now += 11 * minuteMs;
  await createExporting(optionsOf())();
  expect(await alarmsOf('history-lost')).toEqual([`history-lost/${id}`]);
  await alarms.resolve(store.as.curfew_worker, `history-lost/${id}`);
  await createExporting(optionsOf())();
  expect(await alarmsOf('history-lost')).toEqual([]);
});

test('nobody changes what was kept, not even the owner of the store', async () => {
  for (const statement of [
    `update curfew.history set events = 1`,
    `delete from curfew.history`,
    `truncate curfew.history`,
    `update curfew.bundle set bytes = ''`,
    `delete from curfew.bundle`,
    `truncate curfew.bundle`,
  ]) {
    await expect(store.admin.query(statement), statement).rejects.toThrow('is not changed any more');
  }
});
