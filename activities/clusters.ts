import type { TargetName } from '../domain/ids.ts';
import type { Target } from '../targets/postgres/accessor.ts';
import type { Node } from '../targets/postgres/nodes.ts';
import type { Revoker } from '../targets/postgres/revoker.ts';

/** One PostgreSQL cluster as this process reaches it, with the worker's login. */
export type Cluster = {
  readonly target: Target;
  /** Gathers revokes that come at once into batches. */
  readonly revoker: Revoker;
  readonly nodes: readonly Node[];
};

/** Which cluster a target is in; undefined for one that this process does not serve. From the environment, never the store. */
export type ClusterOf = (target: TargetName) => Cluster | undefined;
