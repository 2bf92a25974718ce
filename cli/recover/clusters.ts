/** The clusters as a recovery sees them: how far they have seen the store, and what is live there. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Cluster } from '../../config/targets.ts';
import type { TargetName } from '../../domain/ids.ts';
import { minuteMs, secondMs } from '../../domain/time.ts';
import type { Store } from '../../store/pool.ts';
import { acceptStore } from '../../targets/postgres/accept-store.ts';
import { greatestBatch, openTarget, type Target } from '../../targets/postgres/accessor.ts';
import { endGrants } from '../../targets/postgres/end.ts';
import { readStoreMark } from '../../targets/postgres/store-mark.ts';
import { administratorOf } from '../target/administrator.ts';

export type Seen = {
  readonly cluster: string;
  readonly targets: readonly TargetName[];
  /** How far it has seen the store. */
  readonly mark: number;
  /** Grants that let somebody in. */
  readonly live: number;
  /** Of them, what the store does not know, or has as ended. */
  readonly unknown: number;
};

/** One cluster, with an administrator's login. */
export type Site = {
  readonly name: string;
  look(store: Store): Promise<Seen>;
  /** Ends everything that is live, whatever the store says. @returns how many are ended; `left` could not be verified */
  endAll(): Promise<{ readonly ended: number; readonly left: number }>;
  accept(index: number): Promise<void>;
  close(): Promise<void>;
};

/** The ends of a batch are tried for this long, and so often, before an operator is told what is left. */
const attemptMs = 10 * secondMs;
const longestMs = 2 * minuteMs;

export function openSite(cluster: Cluster): Site {
  const { name, database, nodes, user, password, targets } = cluster;
  const target = openTarget({
    name,
    controlDatabase: database,
    nodes,
    user,
    password,
    applicationName: 'curfew-recover',
  });
  const admin = administratorOf(cluster, nodes[0]);
  return {
    name,
    async look(store) {
      const mark = await readStoreMark(admin, database);
      const live = await liveOn(target);
      return { cluster: name, targets, mark, live: live.length, unknown: live.length - (await knownOf(store, live)) };
    },
    endAll: () => endAll(target),
    accept: (index) => acceptStore(admin, database, index),
    close: () => target.close(),
  };
}

/** Active in the ledger, or let in all the same. */
async function liveOn(target: Target): Promise<readonly string[]> {
  const rows = await target.listLive();
  return rows.flatMap((row) =>
    row.grantId !== null && (row.state === 'active' || row.canLogin === true || row.sessions > 0) ? [row.grantId] : [],
  );
}

async function knownOf(store: Store, ids: readonly string[]): Promise<number> {
  const [row] = await store.query<{ known: number }>(
    `select count(*) as known from curfew.access_grant where request_id = any($1::uuid[]) and ended_at is null`,
    [ids],
  );
  return row?.known ?? 0;
}

async function endAll(target: Target): Promise<{ readonly ended: number; readonly left: number }> {
  const deadlineAt = Date.now() + longestMs;
  const ended = new Set<string>();
  for (;;) {
    const live = await liveOn(target);
    if (live.length === 0) return { ended: ended.size, left: 0 };
    for (let from = 0; from < live.length; from += greatestBatch) {
      const some = live.slice(from, from + greatestBatch);
      const receipts = await endGrants(target, some, { deadlineAt: Date.now() + attemptMs });
      for (const receipt of receipts) if (receipt.ended) ended.add(receipt.grantId);
    }
    const left = live.filter((id) => !ended.has(id));
    if (left.length === 0) return { ended: ended.size, left: 0 };
    if (Date.now() >= deadlineAt) return { ended: ended.size, left: left.length };
    await pause(secondMs);
  }
}
