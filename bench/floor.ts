/** A bare Temporal Update that makes an activity run, on the server that the stack uses: what a click is held against. */
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { bundleWorkflows } from '../workers/bundle.ts';
import { press, stop, type FloorActivities } from './floor-workflow.ts';

export type Floor = {
  /** Milliseconds from the Update's call until the activity runs. */
  readonly press: () => Promise<number>;
  readonly end: () => Promise<void>;
};

const queue = 'bench-floor';

export async function startFloor({
  address,
  namespace,
}: {
  readonly address: string;
  readonly namespace: string;
}): Promise<Floor> {
  Runtime.install({ logger: new DefaultLogger('ERROR', () => undefined), shutdownSignals: [] });
  const waiting: (() => void)[] = [];
  const activities: FloorActivities = { touch: () => Promise.resolve(waiting.pop()?.()) };
  const workflowBundle = await bundleWorkflows({
    path: fileURLToPath(new URL('./floor-workflow.ts', import.meta.url)),
  });
  const own = await NativeConnection.connect({ address });
  const worker = await Worker.create({
    connection: own,
    namespace,
    taskQueue: queue,
    workflowBundle,
    activities,
    shutdownForceTime: '2s',
  });
  const running = worker.run();
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace });
  const handle = await client.workflow.start('floor', { taskQueue: queue, workflowId: `bench-floor-${Date.now()}` });
  return {
    press: async () => {
      const ran = new Promise<void>((resolve) => {
        waiting.push(resolve);
      });
      const startedAt = performance.now();
      await Promise.all([handle.executeUpdate(press), ran]);
      return performance.now() - startedAt;
    },
    end: async () => {
      await handle.signal(stop);
      await handle.result();
      worker.shutdown();
      await running;
      await connection.close();
      await own.close();
    },
  };
}
