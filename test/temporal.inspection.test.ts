/** What becomes of grants hangs on this: a Workflow is lost only where Temporal itself says so, of the right namespace. */
import { Client } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, afterEach, expect, test } from 'vitest';
import type { RequestId } from '../domain/ids.ts';
import { dataConverterFor } from '../temporal/codec.ts';
import { createInspection, type Inspection } from '../temporal/inspection.ts';
import { accessRequestId, accessRequestType, reconcileScheduleId } from '../workflows/contract.ts';
import { eventually } from './support/eventually.ts';
import { fakeActivities, newRequestId, request } from './support/requests.ts';
import {
  placeIn,
  startTestTemporal,
  startWorker,
  testKeys,
  type Place,
  type RunningWorker,
  type TestTemporal,
} from './support/temporal.ts';

let real: TestTemporal;
let place: Place;
let worker: RunningWorker;
let inspection: Inspection;
beforeAll(async () => {
  real = await startTestTemporal();
});
afterAll(() => real?.end());
beforeEach(async () => {
  place = placeIn(real);
  worker = await startWorker(real, place, { activities: fakeActivities() });
  inspection = inspect();
});
afterEach(async () => {
  await worker.stop();
  await Promise.all([place.temporal.close(), inspection.close()]);
});

const inspect = (change: Partial<Parameters<typeof createInspection>[0]> = {}): Inspection =>
  createInspection({
    address: real.server.address,
    namespace: real.server.namespace,
    codecKeys: testKeys,
    identity: 'test',
    queue: place.queue,
    ...change,
  });

async function started(): Promise<RequestId> {
  const input = request(place.zone);
  await place.temporal.startRequest(input);
  return input.requestId;
}
const handleOf = (id: RequestId) => real.client.workflow.getHandle(accessRequestId(id));

test('says of each Workflow what became of it, and lists those that run', async () => {
  const [running, withdrawn, terminated] = [await started(), await started(), await started()];
  await place.temporal.revoke(withdrawn, { actor: 'test', cause: 'a test' });
  await handleOf(withdrawn).result();
  await handleOf(terminated).terminate();
  expect(await inspection.fateOf(running)).toEqual({ kind: 'running' });
  expect(await inspection.fateOf(withdrawn)).toEqual({ kind: 'completed' });
  expect(await inspection.fateOf(terminated)).toEqual({ kind: 'gone', how: 'terminated' });
  expect(await inspection.fateOf(newRequestId())).toEqual({ kind: 'gone', how: 'lost' });
  expect((await inspection.viewOf(withdrawn))?.state).toMatchObject({ kind: 'closed', outcome: 'withdrawn' });
  await eventually('the list follows', async () => {
    const list = await inspection.running();
    return list.has(running) && !list.has(withdrawn) && !list.has(terminated);
  });
  expect(await inspection.cancel(running)).toBe(true);
  expect(await handleOf(running).result()).toBe('cancelled');
});

test('a Workflow that somebody else started with a memo that nobody can read hides none from the list', async () => {
  const { options, connection } = real.client;
  const dataConverter = dataConverterFor([{ id: 'unknown', key: Buffer.alloc(32, 9) }]);
  const stranger = new Client({ connection, namespace: options.namespace, dataConverter });
  const unread = newRequestId();
  const start = { workflowId: accessRequestId(unread), taskQueue: 'nobody', memo: { what: 'is this' } };
  const handle = await stranger.workflow.start(accessRequestType, start);
  const id = await started();
  await eventually('both are listed', async () => {
    const list = await inspection.running();
    return list.has(id) && list.has(unread);
  });
  expect(await inspection.fateOf(unread)).toEqual({ kind: 'running' });
  await handle.terminate();
});

test('nothing is lost because a namespace is wrong, or nobody answers', async () => {
  const id = await started();
  const elsewhere = inspect({ namespace: 'not-there' });
  const nowhere = inspect({ address: '127.0.0.1:1' });
  try {
    expect(await elsewhere.fateOf(id)).toEqual({ kind: 'unknown' });
    await expect(elsewhere.running()).rejects.toThrow();
    expect(await nowhere.fateOf(id)).toEqual({ kind: 'unknown' });
    expect(await nowhere.viewOf(id)).toBeUndefined();
    expect(await nowhere.cancel(id)).toBe(false);
    await expect(nowhere.ensureSchedule(true)).rejects.toThrow();
  } finally {
    await Promise.all([elsewhere.close(), nowhere.close()]);
  }
});

test('the Schedule is made, looks, is made again where it is gone, and stays paused where somebody paused it', async () => {
  const looks: string[] = [];
  await worker.stop();
  worker = await startWorker(real, place, {
    activities: fakeActivities({
      reconcileRequests: () => {
        looks.push('requests');
        return Promise.resolve({ zones: [place.zone] });
      },
      reconcileTargets: () => {
        looks.push('targets');
        return Promise.resolve();
      },
    }),
  });
  const handle = real.client.schedule.getHandle(reconcileScheduleId);
  expect(await inspection.ensureSchedule(true)).toBe('made');
  expect(await inspection.ensureSchedule(true)).toBe('there');
  expect(await handle.describe()).toMatchObject({
    spec: { intervals: [{ every: 60_000 }] },
    policies: { overlap: 'SKIP', catchupWindow: 10_000 },
  });
  await handle.trigger();
  await eventually('both were looked at', () => looks.length === 2);
  expect(looks).toEqual(['requests', 'targets']);
  await handle.pause('on purpose');
  await inspection.ensureSchedule(true);
  expect((await handle.describe()).state.paused).toBe(true);
  await handle.delete();
  expect(await inspection.ensureSchedule(false)).toBe('made');
  expect((await handle.describe()).state.paused).toBe(false);
  await handle.delete();
});
