/**
 * The book-keeping of a leaver: from the webhook until Temporal has closed every Workflow, each with its receipt in the
 * store, against as many bare Workflows that are sent a Signal and end.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { RequestId } from '../../domain/ids.ts';
import { hourMs } from '../../domain/time.ts';
import type { UseCases } from '../../service/contract.ts';
import { bundleWorkflows } from '../../workers/bundle.ts';
import { accessRequestType } from '../../workflows/contract.ts';
import { stop, type FloorActivities } from '../floor-workflow.ts';
import type { Metric } from '../metric.ts';
import type { Ground } from './ground.ts';
import { tellOfLeaver } from './leave.ts';
import { idOf, realGrants, untilAll } from './real.ts';

const leaver = 'mei';
const hands = 50;

export async function measureClosed(ground: Ground, useCases: UseCases, count: number): Promise<Metric> {
  const person = await idOf(ground, leaver);
  const ids = await realGrants(ground, useCases, { person, count, endAt: Date.now() + 0.9 * hourMs });
  const { address, namespace } = ground.stack.temporal;
  const connection = await Connection.connect({ address });
  try {
    const client = new Client({ connection, namespace });
    await untilRunning(client, accessRequestType, count);
    const startedAt = performance.now();
    await tellOfLeaver(ground, { id: person, handle: leaver });
    const recorded = untilAll(ground, ids, 'closed', 600_000).then(() => performance.now() - startedAt);
    await untilRunning(client, accessRequestType, 0);
    const ownMs = performance.now() - startedAt;
    ground.say(`recorded after ${Math.round(await recorded)} ms, closed after ${Math.round(ownMs)} ms`);
    const receipts = await receiptsOf(ground, ids);
    if (receipts !== count) throw new Error(`of ${count} ends ${receipts} have a receipt`);
    const floorMs = await bareSignals(ground, client, count);
    const value = Number((ownMs / floorMs).toFixed(3));
    const spread = { p25: value, p75: value, ownMs: Math.round(ownMs), floorMs: Math.round(floorMs), pairs: 1 };
    return { metric: `leave.${count}.closed.ratio`, value, budget: 1.3, ok: value <= 1.3, spread };
  } finally {
    await connection.close();
  }
}

async function receiptsOf({ store }: Ground, ids: readonly RequestId[]): Promise<number> {
  const { rows } = await store.query<{ n: number }>(
    `select count(*)::int as n from curfew.receipt where kind = 'revoke' and request_id = any ($1::uuid[])`,
    [ids],
  );
  return rows[0]?.n ?? 0;
}

/** Until Temporal has so many of them open: the same look for both sides, ten times a second. */
async function untilRunning(client: Client, type: string, wanted: number): Promise<void> {
  const query = `WorkflowType = '${type}' AND ExecutionStatus = 'Running'`;
  for (const giveUpAt = Date.now() + 600_000; ;) {
    const { count } = await client.workflow.count(query);
    if (count === wanted) return;
    if (Date.now() > giveUpAt) throw new Error(`${count} of type ${type} are open, and not ${wanted}`);
    await pause(100);
  }
}

/**
 * Milliseconds from the first Signal until the last Workflow has ended; starting them is not counted. A bare Workflow
 * runs no activity: it was started, waits, and returns once it has the Signal.
 */
async function bareSignals({ stack }: Ground, client: Client, count: number): Promise<number> {
  Runtime.install({ logger: new DefaultLogger('ERROR', () => undefined), shutdownSignals: [] });
  const { address, namespace } = stack.temporal;
  const own = await NativeConnection.connect({ address });
  const activities: FloorActivities = { touch: () => Promise.resolve() };
  const taskQueue = 'bench-storm-floor';
  const path = fileURLToPath(new URL('../floor-workflow.ts', import.meta.url));
  const worker = await Worker.create({
    connection: own,
    namespace,
    taskQueue,
    activities,
    workflowBundle: await bundleWorkflows({ path }),
    shutdownForceTime: '2s',
  });
  const running = worker.run();
  try {
    const handles: WorkflowHandle[] = [];
    await inHands(count, async (n) => {
      handles.push(await client.workflow.start('floor', { taskQueue, workflowId: `bench-storm-${Date.now()}-${n}` }));
    });
    await untilRunning(client, 'floor', count);
    const startedAt = performance.now();
    await inHands(count, async (n) => handles[n]?.signal(stop));
    await untilRunning(client, 'floor', 0);
    return performance.now() - startedAt;
  } finally {
    worker.shutdown();
    await running;
    await own.close();
  }
}

async function inHands(count: number, work: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(hands, count) }, async () => {
      while (next < count) await work(next++);
    }),
  );
}
