/** What is still open shortly before a grant's end, counted near its target, for whoever is told that the end is near. */
import type { RequestId, TargetName } from '../domain/ids.ts';
import { hourMs, minuteMs } from '../domain/time.ts';
import * as openWork from '../store/open-work.ts';
import { enqueue, type NewMessage } from '../store/outbox.ts';
import type { Store } from '../store/pool.ts';
import { greatestBatch, type Target } from '../targets/postgres/accessor.ts';
import type { OpenWork } from '../targets/postgres/calls.ts';
import type { Log } from './failures.ts';

export type LandingDeps = {
  /** The login `curfew_worker`. */
  readonly store: Store;
  readonly clock: () => number;
  readonly log: Log;
  /** The row by which a request is painted once more; absent where there is no Slack. */
  readonly repaint?: (requestId: RequestId, version: number) => NewMessage;
};

/** A cluster, and the targets in it whose grants are looked at. */
export type Landed = { readonly target: Target; readonly targets: readonly TargetName[] };

/** The longest grace, and the next look: before anybody is told, it is counted. */
const aheadMs = hourMs + 2 * minuteMs;
const mostAtOnce = 4 * greatestBatch;

/**
 * Counts open transactions of the grants of a cluster that are about to end, over all of its nodes, and has the messages
 * of those whose holders were told painted again where the count is another one.
 * @returns one look; a node that does not answer counts for nothing
 * @throws where the store does not answer
 */
export function createLanding(deps: LandingDeps): (cluster: Landed) => Promise<{ readonly counted: number }> {
  const { store, clock, repaint } = deps;
  return async ({ target, targets }) => {
    const grants = await openWork.landing(store, targets, clock(), aheadMs, mostAtOnce);
    for (let from = 0; from < grants.length; from += greatestBatch) {
      const batch = grants.slice(from, from + greatestBatch);
      const found = await countOnNodes(
        deps,
        target,
        batch.map(({ requestId }) => requestId),
      );
      for (const { requestId, noticed } of batch) {
        const work = found.get(requestId);
        if (!work) continue;
        await store.transaction(async (tx) => {
          const fresh = await openWork.keep(tx, requestId, work);
          if (fresh && noticed && repaint) await enqueue(tx, repaint(requestId, work.countedAt));
        });
      }
    }
    return { counted: grants.length };
  };
}

/** Sessions live on every node; of the oldest transaction the earliest beginning counts. */
async function countOnNodes(
  { clock, log }: LandingDeps,
  target: Target,
  ids: readonly RequestId[],
): Promise<ReadonlyMap<string, openWork.OpenWork>> {
  const all = await Promise.all(
    target.nodes.map((node) =>
      target.openWork(node, ids).catch((err: unknown): readonly OpenWork[] => {
        log.warn({ err, target: target.name, node }, 'what is open there cannot be counted');
        return [];
      }),
    ),
  );
  const countedAt = clock();
  const found = new Map<string, openWork.OpenWork>();
  for (const { grantId, sessions, openTransactions, oldestMs } of all.flat()) {
    const before = found.get(grantId);
    const since = [before?.oldestSinceAt ?? null, oldestMs === null ? null : countedAt - Math.round(oldestMs)];
    const known = since.filter((at) => at !== null);
    found.set(grantId, {
      sessions: (before?.sessions ?? 0) + sessions,
      transactions: (before?.transactions ?? 0) + openTransactions,
      oldestSinceAt: known.length > 0 ? Math.min(...known) : null,
      countedAt,
    });
  }
  return found;
}
