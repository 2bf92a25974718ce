import { activityInfo, heartbeat } from '@temporalio/activity';
import { CurfewError, isRefusal } from '../domain/errors.ts';
import { extensionFailed } from '../domain/events/extension.ts';
import { grantEnded, grantFailed } from '../domain/events/grant.ts';
import { sessionsClosed, type RevokeReceipt } from '../domain/grant.ts';
import { roleOf, type RequestId, type TargetName } from '../domain/ids.ts';
import type { AuditEntry } from '../domain/events.ts';
import { next, type End } from '../domain/request.ts';
import { secondMs } from '../domain/time.ts';
import type { RequestView } from '../domain/view.ts';
import { evidenceHash } from '../policy/digest.ts';
import * as alarms from '../store/alarms.ts';
import { append } from '../store/audit.ts';
import * as extensions from '../store/extensions.ts';
import * as grants from '../store/grants.ts';
import * as intents from '../store/intents.ts';
import type { Db, Store } from '../store/pool.ts';
import * as projections from '../store/projections.ts';
import * as targetChecks from '../store/target-checks.ts';
import type { EndReceipt } from '../targets/postgres/end.ts';
import type { RevokeActivities } from '../workflows/activities.ts';
import { attestationsOf } from './attestations.ts';
import type { ClusterOf } from './clusters.ts';
import { Evidence } from './evidence.ts';
import { failing, toRetry, type Log } from './failures.ts';

export type RevokeDeps = {
  /** The login `curfew_worker`. */
  readonly store: Store;
  readonly clusterOf: ClusterOf;
  readonly clock: () => number;
  readonly log: Log;
};

type Order = {
  readonly requestId: RequestId;
  readonly target: TargetName;
  readonly view: RequestView;
  readonly orphaned?: true;
};

const beatMs = 2 * secondMs;
/** The next attempt may be half a minute away, and the alarm must be heard within a minute (I17). */
const alarmAfterMs = 30 * secondMs;

/**
 * The target first, the store afterwards: a store that is down stops no revoke (I18), it only delays the receipt.
 * Every failure is retried, without end; each attempt may repeat the last one.
 */
export const createRevoke = (deps: RevokeDeps): RevokeActivities => {
  const evidence = new Evidence();
  return {
    revoke: failing({ log: deps.log, activity: 'revoke', as: toRetry }, async (order) => {
      const beating = setInterval(() => heartbeat(), beatMs);
      try {
        await endAndRecord(deps, evidence, order);
      } catch (error) {
        await alarmIfLate(deps, order, error);
        throw error;
      } finally {
        clearInterval(beating);
      }
    }),
  };
};

/**
 * Ends a grant and records it, by the evidence. Also for whoever ends one whose Workflow is gone: `orphaned`.
 * @throws CurfewError `TargetUnavailable` where a node does not call it ended yet: nothing is recorded then
 */
export async function endAndRecord(deps: RevokeDeps, evidence: Evidence, order: Order): Promise<void> {
  await record(deps, order, await end(deps, evidence, order));
  evidence.forget(order.requestId);
}

async function end({ clusterOf }: RevokeDeps, evidence: Evidence, { requestId, target }: Order) {
  const cluster = clusterOf(target);
  if (!cluster) throw new CurfewError('UnknownTarget', 'This worker does not serve that target.');
  const receipt = await cluster.revoker.end(requestId);
  const ended = evidence.add(requestId, receipt);
  if (!ended) throw new CurfewError('TargetUnavailable', `Not ended yet: ${whatIsLeft(receipt)}.`);
  return ended;
}

const whatIsLeft = ({ outcome, nodes }: EndReceipt): string =>
  [
    `the login is ${outcome}`,
    ...nodes.filter((node) => !node.ended).map(({ node, problem, facts }) => `${node} ${problem ?? left(facts)}`),
  ].join(', ');

const left = (facts: EndReceipt['nodes'][number]['facts']): string =>
  facts
    ? `has ${facts.sessions} sessions, ${facts.inFlight.length} logins under way, ${facts.prepared} prepared transactions`
    : 'did not answer';

/** Receipt, entry, intents, extensions, closed view and the end of an alarm: one transaction (I11). A repeat changes nothing. */
async function record(
  { store, clock }: RevokeDeps,
  order: Order,
  ended: Awaited<ReturnType<typeof end>>,
): Promise<void> {
  const { requestId, target, view } = order;
  await store.transaction(async (tx) => {
    const attestations = attestationsOf(await targetChecks.latest(tx, target));
    const receipt: RevokeReceipt = {
      kind: 'revoke',
      requestId,
      target,
      role: roleOf(requestId),
      ...ended,
      attestations,
    };
    if ((await grants.end(tx, requestId, receipt)) === 'recorded') await enter(tx, order, receipt);
    await closeIntents(tx, receipt);
    await closeExtensions(tx, requestId);
    const state = next(view.state, { kind: 'verified' });
    if (!isRefusal(state))
      await projections.save(tx, requestId, { ...view, version: view.version + 1, state }, clock());
    await alarms.resolve(tx, keyOf(requestId));
  });
}

/** `grant.failed` too, where there never was a grant: that is all that tells an auditor why nobody had access. */
async function enter(tx: Db, { view: { state }, orphaned }: Order, receipt: RevokeReceipt): Promise<void> {
  const { requestId, target } = receipt;
  const why = state.kind === 'revoking' ? state.end : ({ outcome: 'revoked', cause: 'unknown' } as const);
  const made = orphaned === true && (await grants.byId(tx, requestId)) !== undefined;
  if (why.outcome === 'failed' && !made) {
    await append(tx, grantFailed(actor, requestId, { target, cause: why.cause }));
  }
  await append(tx, endedEntry(receipt, why));
}

/** What the audit log says of a grant that is over. */
export function endedEntry(receipt: RevokeReceipt, { outcome, cause }: Pick<End, 'outcome' | 'cause'>): AuditEntry {
  const { requestId, target, role, verifiedAt } = receipt;
  const seen = { verifiedAt, sessionsClosed: sessionsClosed(receipt), receipt: evidenceHash(receipt) };
  return grantEnded(actor, requestId, { target, role, outcome, cause, ...seen });
}

/** What asked for this one grant's end is answered; what asked for all of a person's is the reaper's to answer. */
async function closeIntents(tx: Db, { requestId, target, nodes, verifiedAt }: RevokeReceipt): Promise<void> {
  const asked = await intents.ofRequest(tx, requestId);
  const own = asked.filter(
    (intent) => intent.scope.kind === 'grant' && !intent.outcomes.some((one) => one.target === target),
  );
  await intents.outcomes(
    tx,
    own.map(({ id }) => ({ intentId: id, target, evidence: { by: 'worker', verifiedAt, nodes } })),
  );
}

/** An extension that nothing has come of ends with its grant. */
export async function closeExtensions(tx: Db, requestId: RequestId): Promise<void> {
  const cause = 'the grant has ended';
  for (const { id, number, outcome } of await extensions.ofRequest(tx, requestId)) {
    if (outcome !== null) continue;
    if (!(await extensions.saveOutcome(tx, { extensionId: id, kind: 'failed', cause, evidence: null }))) continue;
    await append(tx, extensionFailed(actor, requestId, { extension: id, number, cause }));
  }
}

const actor = 'curfew_worker';

/** Of the alarm that one does not come to an end. */
export const keyOf = (id: RequestId): string => `revoke/${id}`;

async function alarmIfLate(
  { store, clock, log }: RevokeDeps,
  { requestId, target }: Order,
  error: unknown,
): Promise<void> {
  const lateMs = clock() - activityInfo().scheduledTimestampMs;
  if (lateMs < alarmAfterMs) return;
  const detail = error instanceof CurfewError ? error.message : 'an unexpected failure; see the log';
  log.error({ requestId, target, lateMs }, 'a revoke does not come to an end');
  const alarm = { key: keyOf(requestId), code: 'revoke-late', subject: requestId, detail };
  await alarms
    .raise(store, alarm)
    .catch((cause: unknown) => log.error({ requestId, err: cause }, 'the alarm was not recorded'));
}
