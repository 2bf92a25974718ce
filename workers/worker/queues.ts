import {
  DefaultLogger,
  makeTelemetryFilterString,
  NativeConnection,
  Runtime,
  Worker,
  type LogEntry,
  type WorkerOptions,
} from '@temporalio/worker';
import { buildIdOf } from '../../audit/history/events.ts';
import type { WorkerConfig } from '../../config/worker.ts';
import type { Log } from '../../config/log.ts';
import { dataConverterFor } from '../../temporal/codec.ts';
import { secured } from '../../temporal/line.ts';
import { mainQueue, targetQueue } from '../../workflows/contract.ts';
import type { WorkflowBundle } from '../bundle.ts';
import type { Metrics } from './metrics.ts';

/** What to serve each queue with. A queue that is not served has nothing here. */
export type Served = {
  readonly main?: { readonly activities: object; readonly workflowBundle: WorkflowBundle };
  readonly zones: ReadonlyMap<string, object>;
};

export type Queues = {
  /** By task queue: the SDK's word for what its worker is doing. */
  states(): Readonly<Record<string, string>>;
  /** Resolves when all have stopped; rejects when one died. */
  readonly stopped: Promise<void>;
  /** Polls no more; lets work under way finish for at most the drain. */
  drain(): void;
  close(): Promise<void>;
};

let installed = false;

/**
 * Once a process. NB. The runtime takes the signals for itself by default, and would then wait for its workers for as
 * long as they take; here the composition root drains, and for a bounded time.
 * @param metricsPort where Temporal's library serves its own metrics, to this machine alone; absent: nowhere
 */
export function installRuntime(log: Log, metricsPort?: number): void {
  if (installed) return;
  installed = true;
  const filter = makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' });
  Runtime.install({
    logger: new DefaultLogger('WARN', (entry) => relayLog(log, entry)),
    telemetryOptions: {
      logging: { forward: {}, filter },
      ...(metricsPort === undefined
        ? {}
        : { metrics: { prometheus: { bindAddress: `127.0.0.1:${metricsPort}`, countersTotalSuffix: true } } }),
    },
    shutdownSignals: [],
  });
}

const relayLog = (log: Log, { level, message, meta }: LogEntry): void => {
  // A worker beside a target has none, on purpose.
  if (message.startsWith('No workflows registered')) return;
  const fields = { from: 'temporal', workflowId: meta?.['workflowId'], err: meta?.['error'] };
  if (level === 'ERROR') log.error(fields, message);
  else log.warn(fields, message);
};

/** @throws where the server cannot be reached now */
export async function openQueues(config: WorkerConfig, served: Served, metrics: Metrics): Promise<Queues> {
  const connection = await NativeConnection.connect({ address: config.temporal.address, ...secured(config.temporal) });
  const shared = {
    connection,
    namespace: config.temporal.namespace,
    identity: `${config.identity}-${process.pid}`,
    dataConverter: dataConverterFor(config.temporal.codecKeys),
    interceptors: { activity: [metrics.interceptor] },
    shutdownForceTime: config.drainMs,
  } satisfies Partial<WorkerOptions>;
  try {
    const workers = new Map<string, Worker>();
    const add = async (taskQueue: string, options: Partial<WorkerOptions>): Promise<void> => {
      workers.set(taskQueue, await Worker.create({ ...shared, ...options, taskQueue }));
    };
    if (served.main) await add(mainQueue, { ...served.main, ...named(served.main.workflowBundle) });
    for (const [zone, activities] of served.zones) await add(targetQueue(zone), { activities });
    return runAll(workers, connection);
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/**
 * Each history then says which script ran it. NB. As a means of versioning this option is no longer the library's choice,
 * and it is none here; as a name it is what stands in every completed task.
 */
const named = ({ code }: WorkflowBundle): Partial<WorkerOptions> => ({ buildId: buildIdOf(code) });

function runAll(workers: ReadonlyMap<string, Worker>, connection: NativeConnection): Queues {
  const drain = (): void => {
    for (const worker of workers.values()) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  const runs = [...workers.values()].map((worker) => worker.run());
  // One queue without its worker is a process that only looks alive: all stop, and whoever supervises starts it again.
  const stopped = Promise.all(runs).then(
    () => undefined,
    async (error: unknown) => {
      drain();
      await Promise.allSettled(runs);
      throw error;
    },
  );
  stopped.catch(() => undefined);
  return {
    states: () => Object.fromEntries([...workers].map(([queue, worker]) => [queue, worker.getState()])),
    stopped,
    drain,
    close: () => connection.close(),
  };
}
