import { secondMs } from '../../domain/time.ts';
import { beat } from '../../store/heartbeats.ts';
import { backlog } from '../../store/outbox.ts';
import { again } from './again.ts';
import type { Metrics } from './metrics.ts';
import type { Parts } from './parts.ts';
import { spokenThrough } from './speaking.ts';

export type Pulse = {
  /** Epoch ms; null: not since the process started. */
  storeAnsweredAt(): number | null;
  /** Until the process's end. */
  keep(): Promise<void>;
};

const beatMs = 5 * secondMs;

/** Writes down every few seconds that this worker is alive, and what its queues do. The store being away shows in /healthz. */
export function createPulse(
  { config, store, clock, signal }: Parts,
  metrics: Metrics,
  queues: () => Readonly<Record<string, string>>,
): Pulse {
  let answeredAt: number | null = null;
  const channels = spokenThrough(config);
  const once = async (): Promise<void> => {
    await beat(store, { name: config.identity, at: clock(), body: { queues: queues(), channels } });
    answeredAt = clock();
    metrics.outboxWaiting.set((await backlog(store)).count);
  };
  return { storeAnsweredAt: () => answeredAt, keep: () => again(beatMs, once, signal) };
}
