/**
 * Everything that somebody who left holds, ended and recorded together: what a thousand Workflows would do with an
 * activity each. They are told after it, and have only to close.
 */
import { heartbeat } from '@temporalio/activity';
import type { RevokeReceipt } from '../domain/grant.ts';
import { roleOf, type RequestId, type TargetName } from '../domain/ids.ts';
import type { End } from '../domain/request.ts';
import { secondMs } from '../domain/time.ts';
import * as alarms from '../store/alarms.ts';
import { appendAll } from '../store/audit.ts';
import * as extensions from '../store/extensions.ts';
import * as grants from '../store/grants.ts';
import * as intents from '../store/intents.ts';
import * as outbox from '../store/outbox.ts';
import type { Db, Store } from '../store/pool.ts';
import * as projections from '../store/projections.ts';
import * as targetChecks from '../store/target-checks.ts';
import type { TogetherActivities } from '../workflows/activities.ts';
import type { LeaveInput } from '../workflows/contract.ts';
import { attestationsOf } from './attestations.ts';
import type { Cluster, ClusterOf } from './clusters.ts';
import { Evidence, type Ended } from './evidence.ts';
import { failing, toRetry, type Log } from './failures.ts';
import { closeExtensions, endedEntry, keyOf } from './revoke.ts';

export type TogetherDeps = {
  /** The login `curfew_worker`. */
  readonly store: Store;
  readonly clusterOf: ClusterOf;
  /** The key of the outbox's row by which a request's Workflow is told that it ends. */
  readonly toldBy: (requestId: RequestId) => string;
  readonly clock: () => number;
  readonly log: Log;
};

/** In one transaction: some thousand rows, well within what one statement may take. */
const batch = 250;
const beatMs = 2 * secondMs;

export const createTogether = (deps: TogetherDeps): TogetherActivities => {
  const evidence = new Evidence();
  return {
    endTogether: failing({ log: deps.log, activity: 'endTogether', as: toRetry }, async (input) => {
      const beating = setInterval(() => heartbeat(), beatMs);
      try {
        return { ended: await endAll(deps, evidence, input) };
      } finally {
        clearInterval(beating);
      }
    }),
  };
};

async function endAll(
  deps: TogetherDeps,
  evidence: Evidence,
  { personId: person, cause, learnedAt }: LeaveInput,
): Promise<number> {
  const why = { outcome: 'revoked', cause: cause === 'left' ? 'the person left' : 'the person was suspended' } as const;
  // What they were given since, if they are back, is no part of it.
  const held = (await grants.live(deps.store, { person })).filter(({ grantedAt }) => grantedAt <= learnedAt);
  let ended = 0;
  for (const [target, some] of Map.groupBy(held, (grant) => grant.target)) {
    const cluster = deps.clusterOf(target);
    if (!cluster) continue;
    for (let from = 0; from < some.length; from += batch) {
      const ids = some.slice(from, from + batch).map(({ requestId }) => requestId);
      ended += await recordAll(deps, target, await receiptsOf(cluster, evidence, ids), why);
      for (const id of ids) evidence.forget(id);
      heartbeat();
    }
  }
  return ended;
}

/** Of those that every node calls ended (I16). A target that does not answer ends none: each Workflow goes on trying. */
async function receiptsOf(
  { revoker }: Cluster,
  evidence: Evidence,
  ids: readonly RequestId[],
): Promise<ReadonlyMap<RequestId, Ended>> {
  const tried = await Promise.allSettled(ids.map(async (id) => [id, evidence.add(id, await revoker.end(id))] as const));
  return new Map(
    tried.flatMap((one) => {
      if (one.status === 'rejected') return [];
      const [id, ended] = one.value;
      return ended ? [[id, ended] as const] : [];
    }),
  );
}

/** All that a revoke records (I11), for those that the store has as held; the others are their Workflows' to record. */
async function recordAll(
  { store, clock, toldBy }: TogetherDeps,
  target: TargetName,
  ended: ReadonlyMap<RequestId, Ended>,
  why: End,
): Promise<number> {
  return store.transaction(async (tx) => {
    const attestations = attestationsOf(await targetChecks.latest(tx, target));
    // First: what is read of them now nobody changes until all of it is written.
    await grants.takeTurns(tx, [...ended.keys()]);
    const views = await projections.viewsToChange(tx, [...ended.keys()]);
    const receipts = [...ended].flatMap(([requestId, evidence]): readonly RevokeReceipt[] =>
      views.get(requestId)?.state.kind === 'active'
        ? [{ kind: 'revoke', requestId, target, role: roleOf(requestId), ...evidence, attestations }]
        : [],
    );
    const fresh = await grants.endAll(tx, receipts);
    const recorded = receipts.filter(({ requestId }) => fresh.has(requestId));
    await appendAll(
      tx,
      recorded.map((receipt) => endedEntry(receipt, why)),
    );
    const ids = recorded.map(({ requestId }) => requestId);
    await answerIntents(tx, target, recorded);
    for (const id of await extensions.openAmong(tx, ids)) await closeExtensions(tx, id);
    // Two steps on: its Workflow goes through "revoking" to where this is.
    const closed = recorded.flatMap(({ requestId }) => {
      const view = views.get(requestId);
      const state = { kind: 'closed', ...why } as const;
      return view ? [[requestId, { ...view, version: view.version + 2, state }] as const] : [];
    });
    await projections.closeAll(tx, new Map(closed), clock());
    for (const key of await alarms.openAmong(tx, ids.map(keyOf))) await alarms.resolve(tx, key);
    await outbox.hasten(tx, 'revoke', ids.map(toldBy));
    return recorded.length;
  });
}

/** What asked for these grants' ends; what asked for all of a person's is the reaper's to answer. */
async function answerIntents(tx: Db, target: TargetName, receipts: readonly RevokeReceipt[]): Promise<void> {
  const by = new Map(receipts.map((receipt) => [receipt.requestId, receipt]));
  const rows = (await intents.unanswered(tx, [...by.keys()], target)).map(({ id, requestId }) => {
    const receipt = by.get(requestId);
    return { intentId: id, target, evidence: { by: 'worker', verifiedAt: receipt?.verifiedAt, nodes: receipt?.nodes } };
  });
  await intents.outcomes(tx, rows);
}
