/**
 * The Temporal worker: `node workers/main.ts`. Serves the main queue (Workflows, the store, Slack) and the queue of each
 * zone whose clusters its environment names, and runs the outbox relay. One process does all by default; beside a
 * database that must not be reached from elsewhere, one with `CURFEW_SERVES=targets` holds that credential alone.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { describeProblems } from '../config/field.ts';
import { createLog, type Log } from '../config/log.ts';
import { readWorkerConfig, type WorkerConfig } from '../config/worker.ts';
import { secondMs } from '../domain/time.ts';
import { healthOf, serveHealth, type Health } from './worker/health.ts';
import { startLoops } from './worker/loops.ts';
import { createMetrics } from './worker/metrics.ts';
import { closeParts, openParts } from './worker/parts.ts';
import { createPulse } from './worker/pulse.ts';
import { installRuntime, type Queues } from './worker/queues.ts';
import { serveWhenThere } from './worker/serving.ts';

export type WorkerProcess = {
  readonly health: () => Health;
  readonly healthPort: number;
  /** Resolves after `stop`; rejects when a queue's worker died, or the Workflows could not be bundled. */
  readonly stopped: Promise<void>;
  /** Takes nothing new, lets work under way finish for at most `drainMs`, then closes every connection. */
  stop(): Promise<void>;
};

/**
 * Waits for Temporal where it is not there yet; the store and the targets may come later.
 * @throws where the health port is taken
 */
export async function startWorker(
  config: WorkerConfig,
  log: Log,
  clock: () => number = Date.now,
): Promise<WorkerProcess> {
  installRuntime(log, config.temporalMetricsPort);
  const stopping = new AbortController();
  const metrics = createMetrics(config.temporalMetricsPort);
  const parts = openParts({ config, log, clock, signal: stopping.signal });

  let queues: Queues | undefined;
  const states = (): Health['queues'] => queues?.states() ?? {};
  const pulse = createPulse(parts, metrics, states);
  const health = (): Health => healthOf(states(), pulse.storeAnsweredAt(), clock());
  const server = await serveHealth({ host: config.host, port: config.healthPort }, health, metrics);
  const opened = serveWhenThere(parts, metrics).then((there) => (queues = there));
  const loops = [...startLoops(parts), pulse.keep()];

  const stopped = opened.then((there) => there?.stopped);
  // Whoever does not wait for it sees it in /healthz.
  stopped.catch(() => undefined);

  return {
    health,
    healthPort: server.port,
    stopped,
    async stop() {
      stopping.abort();
      queues?.drain();
      const drained = Promise.allSettled([opened, queues?.stopped, ...loops]);
      // The SDK gives up at the drain's end itself; a second more, and the process goes without it.
      await Promise.race([drained, pause(config.drainMs + secondMs, undefined, { ref: false })]);
      await Promise.allSettled([server.close(), queues?.close(), closeParts(parts)]);
    },
  };
}

if (import.meta.main) {
  const read = readWorkerConfig(process.env);
  if (read.ok) await run(read.config);
  else {
    process.stderr.write(`The worker is not configured:\n${describeProblems(read.problems)}\n`);
    process.exitCode = 2;
  }
}

async function run(config: WorkerConfig): Promise<void> {
  const log = createLog('worker', config.logLevel);
  const worker = await startWorker(config, log);
  log.info({ port: worker.healthPort }, '/healthz and /metrics are there');
  let stops = 0;
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      stops += 1;
      // A second signal does not wait for the drain.
      if (stops > 1) process.exit(1);
      log.info({ signal: name }, 'draining');
      void worker.stop().then(() => process.exit(0));
    });
  }
  await worker.stopped.catch((err: unknown) => {
    // While draining that only says that something was still under way at the end of the drain.
    if (stops > 0) return;
    log.fatal({ err }, 'a worker died; whoever supervises this process starts it again');
    process.exit(1);
  });
}
