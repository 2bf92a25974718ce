/** The store against each target's ledger and catalogs, both ways; what should not be there is ended, never adopted. */
import type { RequestId, TargetName } from '../domain/ids.ts';
import { minuteMs, secondMs } from '../domain/time.ts';
import type { End } from '../domain/request.ts';
import { compareCluster, endsIt, requestOfRole, type ClusterLook } from '../doctor/reconcile/cluster.ts';
import { rowOf, type Found } from '../doctor/reconcile/found.ts';
import * as compared from '../store/compared.ts';
import * as findings from '../store/findings.ts';
import * as grants from '../store/grants.ts';
import * as intents from '../store/intents.ts';
import { enqueue, type NewMessage } from '../store/outbox.ts';
import type { Db, Store } from '../store/pool.ts';
import * as requests from '../store/requests.ts';
import * as targetChecks from '../store/target-checks.ts';
import type { Catalogs } from '../targets/postgres/catalogs.ts';
import type { Live } from '../targets/postgres/calls.ts';
import type { Identity } from '../targets/postgres/connection.ts';
import type { Cluster } from './clusters.ts';
import type { CurrentPolicy } from './current-policy.ts';
import { Evidence } from './evidence.ts';
import { withSessionsOf } from './every-node.ts';
import type { Log } from './failures.ts';
import { askEnd, lastView, revokingView, type Repaint } from './orphans.ts';
import { endFound } from './reconcile-requests.ts';
import type { Looked } from './reconcile.ts';
import { endAndRecord } from './revoke.ts';

/** A cluster and what is in it, as this process reaches it. */
export type Reconciled = Cluster & { readonly targets: readonly TargetName[]; readonly catalogs: Catalogs };

export type ReconcileTargetsDeps = {
  /** The login `curfew_worker`. */
  readonly store: Store;
  readonly policyOf: CurrentPolicy;
  readonly clock: () => number;
  readonly log: Log;
  readonly repaint?: Repaint;
  /** The row by which a request's Workflow is told to end it. */
  readonly revoke: (input: {
    readonly requestId: RequestId;
    readonly actor: string;
    readonly cause: string;
  }) => NewMessage;
};

/** So many findings are one statement's work; and what follows from them takes so many at once, for so long at most. */
const mostFound = 2_000;
const atOnce = 100;
const actingMs = 20 * secondMs;

/** A Workflow that was told to end what is gone has this long to do it. */
const patienceMs = 3 * minuteMs;

/** @returns one look at one cluster; it throws where the store does not answer. Two looks at once do no harm */
export function createReconcileTarget(deps: ReconcileTargetsDeps): (cluster: Reconciled) => Promise<Looked> {
  const evidence = new Evidence();
  return async (cluster) => {
    const read = await readCluster(deps, cluster);
    const all = [...read.found, ...(read.look ? compareCluster(read.look) : [])];
    // What is more comes with the next look; until a look is whole nothing is called gone.
    const found = all.slice(0, mostFound);
    const look = `cluster/${cluster.target.name}`;
    const kept = await deps.store.transaction((tx) =>
      findings.keep(tx, { look, found: found.map(rowOf), whole: read.whole && all.length <= mostFound }),
    );
    await endWhatShouldNotBe(deps, cluster, found);
    await tellGone(deps, found);
    await recordOrphans(deps, cluster, evidence);
    return { found: found.length, changed: kept.met.length + kept.gone.length };
  };
}

type Read = { readonly look?: ClusterLook; readonly found: readonly Found[]; readonly whole: boolean };

/** The cluster first, the store after it. A node that does not answer hides nothing that the others say. */
async function readCluster({ store, policyOf, clock, log }: ReconcileTargetsDeps, cluster: Reconciled): Promise<Read> {
  const { target, targets, catalogs } = cluster;
  const readAt = clock();
  const identities = new Map<string, Identity>();
  const away: Found[] = [];
  for (const node of target.nodes) {
    const identity = await target.whoami(node).catch(() => undefined);
    if (identity) identities.set(node, identity);
    else away.push({ kind: 'target-unknown', cluster: target.name, node });
  }
  const live = await target.listLive().catch((err: unknown) => {
    log.warn({ err, target: target.name }, 'what is live there cannot be read');
    return undefined;
  });
  const [writes, primary] = [...identities].find(([, { inRecovery }]) => !inRecovery) ?? [];
  if (!live || !primary) return { found: away, whole: false };
  let whole = away.length === 0;
  const orNothing = async <T>(what: string, reading: Promise<readonly T[]>): Promise<readonly T[]> =>
    reading.catch((err: unknown) => {
      log.warn({ err, target: target.name, what }, 'its catalogs cannot be read');
      whole = false;
      return [];
    });
  const others = [...identities.keys()].filter((node) => node !== writes);
  const everywhere = await orNothing('sessions', withSessionsOf(target, others, live));
  const shared = await orNothing('members', catalogs.sharedRoles());
  const lint = await orNothing('lint', lintOf(store, policyOf, cluster, live));
  const checks = new Map<TargetName, targetChecks.TargetCheck | undefined>();
  for (const name of targets) checks.set(name, await targetChecks.latest(store, name));
  const look = {
    cluster: target.name,
    targets,
    readAt,
    targetAt: primary.at,
    identities,
    live: everywhere.length === 0 ? live : everywhere,
    shared,
    lint,
    grants: await readGrants(store, targets, live),
    checks,
  };
  return { look, found: away, whole };
}

async function readGrants(
  store: Db,
  targets: readonly TargetName[],
  live: readonly Live[],
): Promise<ReadonlyMap<string, compared.StoreGrant>> {
  const ids = new Set(live.flatMap(({ grantId }) => (grantId === null ? [] : [grantId])));
  for (let after: string | null = null; ;) {
    const page: readonly RequestId[] = await compared.liveIds(store, targets, after);
    for (const id of page) ids.add(id);
    after = page.at(-1) ?? null;
    if (page.length < compared.pageSize) break;
  }
  const all = [...ids];
  const known = new Map<string, compared.StoreGrant>();
  for (let from = 0; from < all.length; from += compared.pageSize)
    for (const grant of await compared.grantsOf(store, all.slice(from, from + compared.pageSize)))
      known.set(grant.requestId, grant);
  return known;
}

/** Every template that somebody holds, in every database that its holders may connect to (I15). */
async function lintOf(
  store: Db,
  policyOf: CurrentPolicy,
  { targets, catalogs }: Reconciled,
  live: readonly Live[],
): Promise<ClusterLook['lint']> {
  const held = live.flatMap(({ state, template }) => (state === 'active' && template !== null ? [template] : []));
  const templates = [...new Set(held)];
  if (templates.length === 0) return [];
  const policy = await policyOf(store);
  const databases = new Set(targets.flatMap((name) => policy.targets.get(name)?.databases ?? []));
  const errors = [];
  for (const database of databases) errors.push(...(await catalogs.lint(database, templates)));
  return errors;
}

/** Asked for, so that the reaper does it without end, and done at once as well. More than a batch comes with the next look. */
async function endWhatShouldNotBe(
  deps: ReconcileTargetsDeps,
  { targets, revoker }: Reconciled,
  found: readonly Found[],
): Promise<void> {
  const [anywhere] = targets;
  if (anywhere === undefined) return;
  const surplus = new Map<RequestId, { readonly target: TargetName; readonly kind: string }>();
  for (const one of found) {
    const requestId =
      one.kind === 'member-of-grant' ? requestOfRole(one.role) : endsIt(one) ? one.requestId : undefined;
    if (requestId === undefined) continue;
    const target = 'target' in one ? targets.find((name) => name === one.target) : undefined;
    surplus.set(requestId, { target: target ?? anywhere, kind: one.kind });
  }
  await inBatches(deps.clock, [...surplus], async ([requestId, { target, kind }]) => {
    await deps.store.transaction(async (tx) => {
      // Of a request that the store does not have it can hold no intent: each look ends it.
      if (!(await requests.byId(tx, requestId))) return;
      if (isGoingOn(kind)) await askEnd(tx, { requestId, target, finding: kind });
      await tellWorkflow(deps, tx, requestId, 'what was granted is not what its target has');
    });
    await revoker.end(requestId);
  });
}

/** What is left when the time is up comes with the next look. @returns of each item that was begun, what became of it */
async function inBatches<Item>(
  clock: () => number,
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<readonly PromiseSettledResult<void>[]> {
  const endAt = clock() + actingMs;
  const done: PromiseSettledResult<void>[] = [];
  for (let from = 0; from < items.length && clock() < endAt; from += atOnce)
    done.push(...(await Promise.allSettled(items.slice(from, from + atOnce).map(work))));
  return done;
}

/** The others have ended already, or are about to: their end is asked for by what ended them. */
const isGoingOn = (kind: string): boolean =>
  ['surplus-grant', 'login-gone', 'role-altered', 'other-membership', 'member-of-grant'].includes(kind);

/** Its Workflow closes by its normal exit, if there is one. */
async function tellWorkflow(
  { revoke }: ReconcileTargetsDeps,
  tx: Db,
  requestId: RequestId,
  cause: string,
): Promise<void> {
  const view = await lastView(tx, requestId);
  if (view && view.state.kind !== 'closed' && view.state.kind !== 'revoking')
    await enqueue(tx, revoke({ requestId, actor: 'curfew_worker', cause }));
}

async function tellGone(deps: ReconcileTargetsDeps, found: readonly Found[]): Promise<void> {
  for (const one of found)
    if (one.kind === 'gone-grant')
      await deps.store.transaction((tx) => tellWorkflow(deps, tx, one.requestId, 'it is over on its target'));
}

const orphaned = ['request-without-workflow', 'workflow-is-over', 'gone-grant'] as const;

/** Ends what nobody else will record: verified on every node first, and then with receipt, entry and closed view. */
async function recordOrphans(deps: ReconcileTargetsDeps, cluster: Reconciled, evidence: Evidence): Promise<void> {
  const { store, clock, log } = deps;
  const open = await findings.openOf(store, orphaned, cluster.targets, mostFound);
  const due = open.filter(({ kind, firstSeenAt }) => kind !== 'gone-grant' || firstSeenAt + patienceMs < clock());
  const done = await inBatches(clock, due, (finding) => recordOne(deps, cluster, evidence, finding));
  for (const [index, one] of done.entries())
    if (one.status === 'rejected')
      log.warn({ err: one.reason, requestId: due[index]?.subject }, 'its end is not verified and recorded yet');
}

async function recordOne(
  deps: ReconcileTargetsDeps,
  cluster: Reconciled,
  evidence: Evidence,
  { subject, target, kind, facts }: findings.StoredFinding,
): Promise<void> {
  const { store, repaint } = deps;
  const requestId = subject as RequestId;
  const view = await lastView(store, requestId);
  const isHeld = kind === 'gone-grant' || (facts as { readonly held?: unknown }).held === true;
  if (!view || view.state.kind === 'closed' || !isHeld) return;
  const found = { kind, ...(facts as object) } as Found;
  const end =
    found.kind === 'request-without-workflow' || found.kind === 'workflow-is-over'
      ? endFound(found)
      : await endOfGone(deps, requestId);
  const order = { requestId, target: target as TargetName, view: revokingView(view, end), orphaned: true } as const;
  await endAndRecord({ ...deps, clusterOf: () => cluster }, evidence, order);
  // What is gone on its target alone may have a Workflow yet, that should hear what was said to it.
  await store.transaction(async (tx) => {
    if (kind !== 'gone-grant') await compared.dropMessages(tx, requestId);
    if (repaint) await enqueue(tx, repaint(requestId, view.version + 1));
  });
}

/** It was over before anybody recorded that: by its time, or because somebody asked for it. */
async function endOfGone({ store, clock }: ReconcileTargetsDeps, requestId: RequestId): Promise<End> {
  const grant = await grants.byId(store, requestId);
  const [asked] = await intents.ofRequest(store, requestId);
  if (grant && grant.endAt <= Math.min(asked?.askedAt ?? Infinity, clock()))
    return { outcome: 'expired', cause: 'time is up' };
  if (!asked) return { outcome: 'failed', cause: 'it was not on its target any more' };
  return asked.cause === 'released'
    ? { outcome: 'released', cause: 'the holder was done' }
    : { outcome: 'revoked', cause: 'its end was asked for' };
}
