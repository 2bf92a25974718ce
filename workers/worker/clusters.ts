import type { Cluster } from '../../activities/clusters.ts';
import type { WorkerConfig } from '../../config/worker.ts';
import type { TargetName } from '../../domain/ids.ts';
import { openTarget } from '../../targets/postgres/accessor.ts';
import { createRevoker } from '../../targets/postgres/revoker.ts';

/** One pool a cluster, however many targets are in it. */
export function openClusters(config: Pick<WorkerConfig, 'serves' | 'clusters'>): ReadonlyMap<TargetName, Cluster> {
  if (config.serves === 'workflows') return new Map();
  return new Map(
    config.clusters.flatMap(({ name, database, nodes, user, password, targets }) => {
      const target = openTarget({
        name,
        controlDatabase: database,
        nodes,
        user,
        password,
        applicationName: 'curfew-worker',
      });
      const cluster: Cluster = { target, revoker: createRevoker(target), nodes };
      return targets.map((each): [TargetName, Cluster] => [each, cluster]);
    }),
  );
}

/** Each pool once. */
export async function closeClusters(clusters: ReadonlyMap<TargetName, Cluster>): Promise<void> {
  const targets = new Set([...clusters.values()].map(({ target }) => target));
  await Promise.allSettled([...targets].map((target) => target.close()));
}
