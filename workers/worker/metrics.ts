import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { secondMs } from '../../domain/time.ts';

/** What one worker process counts of itself, beside what Temporal counts. */
export type Metrics = {
  readonly contentType: string;
  text(): Promise<string>;
  /** Counts attempts and their time. */
  readonly interceptor: ActivityInterceptorsFactory;
  readonly outboxWaiting: Gauge;
};

/** Longer than a loopback answer takes, and shorter than any scraper waits. */
const temporalMs = secondMs;

/** @param temporalPort where Temporal's library serves its own metrics on this machine, if it does */
export function createMetrics(temporalPort?: number): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'curfew_worker_' });
  const attempts = new Counter({
    name: 'curfew_activity_attempts_total',
    help: 'Attempts at activities, by how they ended',
    labelNames: ['activity', 'outcome'],
    registers: [registry],
  });
  const seconds = new Histogram({
    name: 'curfew_activity_seconds',
    help: 'Time of one attempt at an activity',
    labelNames: ['activity'],
    buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
    registers: [registry],
  });
  const outboxWaiting = new Gauge({
    name: 'curfew_outbox_waiting',
    help: 'Messages in the outbox that are not sent yet',
    registers: [registry],
  });
  return {
    contentType: registry.contentType,
    text: async () => (await registry.metrics()) + (temporalPort === undefined ? '' : await temporals(temporalPort)),
    outboxWaiting,
    interceptor: (context) => ({
      inbound: {
        async execute(input, next) {
          const activity = context.info.activityType;
          const stop = seconds.startTimer({ activity });
          let outcome = 'failed';
          try {
            const result = await next(input);
            outcome = 'done';
            return result;
          } finally {
            stop();
            attempts.inc({ activity, outcome });
          }
        },
      },
    }),
  };
}

/** Temporal's own, as its library tells them; where it does not, ours are told alone. */
async function temporals(port: number): Promise<string> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(temporalMs) });
    return response.ok ? await response.text() : '';
  } catch {
    return '';
  }
}
