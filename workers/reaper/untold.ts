import type { RequestId, TargetName } from '../../domain/ids.ts';
import { secondMs } from '../../domain/time.ts';
import { overdue } from '../../store/grants.ts';
import type { Db } from '../../store/pool.ts';
import { greatestBatch, type Target } from '../../targets/postgres/accessor.ts';
import type { Ending } from './ending.ts';
import { evidenceOf } from './evidence.ts';
import type { Reports } from './reports.ts';

export type UntoldOptions = {
  readonly store: Db;
  readonly target: Target;
  /** The targets of this cluster, as its configuration names them. */
  readonly names: readonly TargetName[];
  readonly ending: Ending;
  readonly reports: Reports;
  readonly clock: () => number;
};

/** Whoever ended it tells the store within a second or two of that, or is dead. Well within the half minute of an end (I2). */
const patienceMs = 8 * secondMs;

/**
 * Grants that are over on the target and live in the store: whoever ended them did not live to tell it, be it a reaper
 * or a worker. They are verified on every node once more, and told with the instant of that.
 *
 * NB. Not with the ledger's own instants: it has when the login was shut and when sessions were told to end, and a
 * session that left by itself after that leaves no trace. That nothing was left is known from when somebody looked.
 * @returns one look. What this process has ended itself is told by whoever had it ended.
 * @throws CurfewError `NotRecorded` when the store does not answer; TargetError when the cluster does not
 */
export function createUntold({ store, target, names, ending, reports, clock }: UntoldOptions): () => Promise<void> {
  const told = new Set<RequestId>();

  /** Not those that are live there: an extension may be made and not be written down yet. */
  async function overThere(ids: readonly RequestId[]): Promise<readonly RequestId[]> {
    const over = new Set<string>();
    for (let from = 0; from < ids.length; from += greatestBatch) {
      const seen = await target.verifyMany(target.primary(), ids.slice(from, from + greatestBatch));
      for (const { grantId, state } of seen) if (state !== 'active') over.add(grantId);
    }
    return ids.filter((id) => over.has(id));
  }

  async function tell(id: RequestId): Promise<void> {
    const { begun, sinceAt, ended } = ending.end(id);
    const receipt = await ended;
    if (begun && receipt)
      reports.add({ kind: 'untold', cluster: target.name, evidence: evidenceOf(receipt), foundAt: sinceAt });
  }

  return async () => {
    const listed = await overdue(store, names, clock() - patienceMs);
    for (const id of told) if (!listed.includes(id)) told.delete(id);
    for (const id of await overThere(listed.filter((one) => !told.has(one)))) {
      told.add(id);
      if (!ending.hasEnded(id)) void tell(id);
    }
  };
}
