/**
 * The book-keeping of a leaver: from the webhook until every Workflow is closed, with its receipt in the store, against
 * as many bare Workflows that are sent a Signal and end.
 */
import { fileURLToPath } from 'node:url';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { hourMs } from '../../domain/time.ts';
import type { UseCases } from '../../service/contract.ts';
import { bundleWorkflows } from '../../workers/bundle.ts';
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
  const startedAt = performance.now();
  await tellOfLeaver(ground, { id: person, handle: leaver });
  await untilAll(ground, ids, 'closed', 600_000);
  const ownMs = performance.now() - startedAt;
  const floorMs = await bareSignals(ground, count);
  const value = Number((ownMs / floorMs).toFixed(3));
  const spread = { p25: value, p75: value, ownMs: Math.round(ownMs), floorMs: Math.round(floorMs), pairs: 1 };
  return { metric: `leave.${count}.closed.ratio`, value, budget: 1.3, ok: value <= 1.3, spread };
}

/** Milliseconds from the first Signal until the last Workflow has ended; starting them is not counted. */
async function bareSignals({ stack }: Ground, count: number): Promise<number> {
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
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace });
  try {
    const handles: WorkflowHandle[] = [];
    await inHands(count, async (n) => {
      handles.push(await client.workflow.start('floor', { taskQueue, workflowId: `bench-storm-${Date.now()}-${n}` }));
    });
    const startedAt = performance.now();
    await inHands(count, async (n) => {
      await handles[n]?.signal(stop);
      await handles[n]?.result();
    });
    return performance.now() - startedAt;
  } finally {
    worker.shutdown();
    await running;
    await connection.close();
    await own.close();
  }
}

async function inHands(count: number, work: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(hands, count) }, async () => {
      while (next < count) await work(next++);
    }),
  );
}
