/** The task queues that a worker's process serves, and with what. */
import { setTimeout as pause } from 'node:timers/promises';
import { leftOf } from '../../activities/channels.ts';
import { createMainActivities, createTargetActivities } from '../../activities/index.ts';
import { secondMs } from '../../domain/time.ts';
import { toRow } from '../../temporal/messages.ts';
import type { Metrics } from './metrics.ts';
import type { Parts } from './parts.ts';
import { openQueues, type Queues, type Served } from './queues.ts';

const connectAgainMs = secondMs;

/**
 * A server that is not there yet is waited for: processes start in any order, and after a power cut all at once.
 * @returns undefined where the process's end came first; it rejects where the Workflows could not be bundled
 */
export async function serveWhenThere(parts: Parts, metrics: Metrics): Promise<Queues | undefined> {
  const { config, log, signal } = parts;
  const served = await servedBy(parts);
  for (let tried = 0; !signal.aborted; tried += 1) {
    try {
      const queues = await openQueues(config, served, metrics);
      log.info({ queues: Object.keys(queues.states()) }, 'serving these task queues');
      if (signal.aborted) queues.drain();
      return queues;
    } catch (err) {
      if (tried % 30 === 0)
        log.warn({ err, address: config.temporal.address }, 'Temporal is not there yet; trying again');
      await pause(connectAgainMs, undefined, { signal }).catch(() => undefined);
    }
  }
  return undefined;
}

async function servedBy(parts: Parts): Promise<Served> {
  const { config, script } = parts;
  const zones = config.serves === 'workflows' ? [] : [...new Set(config.clusters.map(({ zone }) => zone))];
  return {
    ...(script && { main: { activities: mainActivities(parts), workflowBundle: await script } }),
    zones: new Map(zones.map((zone) => [zone, zoneActivities(parts, zone)])),
  };
}

const mainActivities = ({ store, clock, log, temporal, people, reconciling }: Parts): object => ({
  ...createMainActivities({
    store,
    clock,
    log,
    requests: temporal,
    ...people.showing,
    notice: (input, report) => toRow({ kind: 'left', payload: leftOf(input, report) }),
  }),
  ...reconciling.requests,
});

const zoneActivities = ({ store, clock, log, clusters, conditions, reconciling }: Parts, zone: string): object => ({
  ...createTargetActivities({
    store,
    clock,
    log,
    clusterOf: (target) => clusters.get(target),
    conditions,
    toldBy: (id) => `revoke:${id}`,
  }),
  ...reconciling.targets(zone),
});
