/** A real Temporal server for one test file, and Workflows on it with activities that the test writes. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, makeTelemetryFilterString, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { buildIdOf } from '../../audit/history/events.ts';
import { findTemporal, startTemporal, type TemporalServer } from '../../dev/temporal.ts';
import { createTemporal, type Temporal } from '../../temporal/connection.ts';
import { dataConverterFor, type CodecKey } from '../../temporal/codec.ts';
import { requesterKey, targetKey, targetQueue } from '../../workflows/contract.ts';
import type {
  BoundedActivities,
  GrantActivities,
  LeaveActivities,
  ReconcileActivities,
  ReconcileTargetActivities,
  RevokeActivities,
  SettlingActivities,
  TogetherActivities,
} from '../../workflows/activities.ts';
import { bundleWorkflows, type WorkflowBundle } from '../../workers/bundle.ts';

export type Activities = BoundedActivities &
  GrantActivities &
  RevokeActivities &
  LeaveActivities &
  SettlingActivities &
  ReconcileActivities &
  ReconcileTargetActivities &
  TogetherActivities;

export const testKeys: readonly CodecKey[] = [{ id: 'test-1', key: Buffer.alloc(32, 7) }];

let installed = false;
/** Once a process; quiet, because tests that break things on purpose fill a screen. */
export function installRuntime(): void {
  if (installed) return;
  installed = true;
  const telemetryOptions = { logging: { filter: makeTelemetryFilterString({ core: 'ERROR' }) } };
  Runtime.install({ logger: new DefaultLogger('ERROR', () => undefined), shutdownSignals: [], telemetryOptions });
}

export type TestTemporal = {
  readonly server: TemporalServer;
  /** The same codec and converter as the product's, to look at what happened. */
  readonly client: Client;
  end(): Promise<void>;
};

/** @param keepState in a file, so that the server may be killed and started again */
export async function startTestTemporal({ keepState = false } = {}): Promise<TestTemporal> {
  installRuntime();
  const folder = mkdtempSync(join(tmpdir(), 'curfew-temporal-'));
  const source = await findTemporal({ env: process.env, progress: () => undefined });
  const server = await startTemporal({
    source,
    namespace: 'test',
    searchAttributes: { [targetKey.name]: 'Keyword', [requesterKey.name]: 'Keyword' },
    logFile: join(folder, 'temporal.log'),
    ...(keepState ? { dbFile: join(folder, 'temporal.db') } : {}),
  });
  const connection = await Connection.connect({ address: server.address });
  const client = new Client({
    connection,
    namespace: server.namespace,
    identity: 'test',
    dataConverter: dataConverterFor(testKeys),
  });
  return {
    server,
    client,
    end: async () => {
      await connection.close();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Task queues and ids of one test, and the product's own client for them. */
export type Place = { readonly queue: string; readonly zone: string; readonly temporal: Temporal };

export function placeIn({ server }: TestTemporal, deadlineMs = 10_000): Place {
  const queue = `test-${randomUUID()}`;
  const temporal = createTemporal({
    address: server.address,
    namespace: server.namespace,
    codecKeys: testKeys,
    identity: 'test',
    queue,
    deadlineMs,
  });
  return { queue, zone: queue, temporal };
}

export type WorkerOptions = {
  readonly activities: Activities;
  readonly bundle?: WorkflowBundle;
  readonly maxCachedWorkflows?: number;
  readonly keys?: readonly CodecKey[];
};

let ownBundle: Promise<WorkflowBundle> | undefined;
/** Made once a process. */
export const productBundle = (): Promise<WorkflowBundle> => (ownBundle ??= bundleWorkflows());

export type RunningWorker = { stop(): Promise<void> };

/** Both queues of a place, as the product's worker serves them. */
export async function startWorker(
  { server }: TestTemporal,
  place: Place,
  options: WorkerOptions,
): Promise<RunningWorker> {
  const connection = await NativeConnection.connect({ address: server.address });
  const workflowBundle = options.bundle ?? (await productBundle());
  const shared = {
    connection,
    namespace: server.namespace,
    identity: 'test-worker',
    dataConverter: dataConverterFor(options.keys ?? testKeys),
    activities: options.activities,
    shutdownForceTime: '2s',
  } as const;
  const workers = await Promise.all([
    Worker.create({
      ...shared,
      taskQueue: place.queue,
      workflowBundle,
      buildId: buildIdOf(workflowBundle.code),
      ...(options.maxCachedWorkflows === undefined ? {} : { maxCachedWorkflows: options.maxCachedWorkflows }),
    }),
    Worker.create({ ...shared, taskQueue: targetQueue(place.zone) }),
  ]);
  const runs = Promise.allSettled(workers.map((worker) => worker.run()));
  return {
    stop: async () => {
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
      await runs;
      await connection.close();
    },
  };
}
