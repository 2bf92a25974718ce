import type { Conditions } from '../domain/condition.ts';
import { CurfewError, isRefusal } from '../domain/errors.ts';
import { grantMade } from '../domain/events/grant.ts';
import { graceOf, type Attestation, type GrantReceipt } from '../domain/grant.ts';
import { roleOf, type RequestId } from '../domain/ids.ts';
import { next } from '../domain/request.ts';
import { evidenceHash } from '../policy/digest.ts';
import * as alarms from '../store/alarms.ts';
import * as grants from '../store/grants.ts';
import type { Store } from '../store/pool.ts';
import * as projections from '../store/projections.ts';
import { storeIndex } from '../store/recovery.ts';
import type { Expected } from '../targets/postgres/accessor.ts';
import type { GrantCall, Granted } from '../targets/postgres/calls.ts';
import { TargetError } from '../targets/postgres/failures.ts';
import { probeAll } from '../targets/postgres/probe.ts';
import type { GrantActivities } from '../workflows/activities.ts';
import { attestationsOf } from './attestations.ts';
import type { Cluster, ClusterOf } from './clusters.ts';
import type { CurrentPolicy } from './current-policy.ts';
import { attemptDeadlineAt } from './deadline.ts';
import { failing, toFailure, type Log } from './failures.ts';
import { isDisturbed, readGrantCase, type GrantCase } from './grant-case.ts';
import { judgeGrant } from './judge-grant.ts';
import { noteRefusal } from './note-refusal.ts';
import { StoreBehind } from './store-behind.ts';
import { isStrange } from './strange.ts';

export type GrantDeps = {
  /** The login `curfew_worker`. */
  readonly store: Store;
  readonly policyOf: CurrentPolicy;
  readonly conditions: Conditions;
  readonly clusterOf: ClusterOf;
  readonly clock: () => number;
  readonly log: Log;
};

type Input = Parameters<GrantActivities['grant']>[0];

/**
 * Judge, probe, one call on the target, read back, record. Each step may be repeated: a process that dies after the
 * call finds the same login again, one that dies after recording finds the row, and whatever is not known (store, policy, directory, clock) is a no (I18).
 */
export const createGrant = (deps: GrantDeps): Pick<GrantActivities, 'grant'> => ({
  grant: failing({ log: deps.log, activity: 'grant', as: toFailure }, async (input) => {
    const deadlineAt = attemptDeadlineAt(deps.clock());
    try {
      return await grant(deps, input, deadlineAt);
    } catch (error) {
      await noteRefusal(deps, input.requestId, error);
      await alarmIfStrange(deps, input, error);
      throw error;
    }
  }),
});

async function grant(deps: GrantDeps, input: Input, deadlineAt: number): Promise<{ readonly endAt: number }> {
  const { store, clock } = deps;
  const { requestId, target, credentialId } = input;
  const cluster = deps.clusterOf(target);
  if (!cluster) throw new CurfewError('UnknownTarget', 'This worker does not serve that target.');

  // An attempt before this one made and recorded it, and its answer was lost: it was judged then, and it may be over by
  // now. What ends it early does not ask here.
  const made = await grants.byId(store, requestId);
  if (made?.endedAt === null) return { endAt: made.endAt };
  if (made) throw new CurfewError('NotPending', 'It was granted, and has ended.');

  const judge = async () => {
    const found = await readGrantCase(store, deps, requestId, clock());
    if (found.request.target !== target) throw new CurfewError('UnknownTarget', 'The request is for another target.');
    const judged = judgeGrant(found, credentialId, clock());
    if (isRefusal(judged)) throw new CurfewError(judged.code, judged.message);
    return { found, judged };
  };
  const first = await judge();
  await askForPassword(cluster, requestId, first.found.request.databases);
  // Somebody may have left while the target was asked (I8).
  const { found, judged } = (await isDisturbed(store, first.found)) ? await judge() : first;
  const { request } = found;
  const { claim } = judged;
  const grantedAt = clock();
  const call = {
    grantId: requestId,
    personId: request.person,
    template: request.template,
    verifier: claim.verifier,
    endAt: claim.endAt,
    attemptDeadlineAt: deadlineAt,
    keyId: claim.ticketKey,
    ticket: claim.ticket,
    graceMs: graceOf(request.plan.limits, claim.endAt - claim.acceptedAt),
  };
  const granted = await grantByStore(deps, cluster, call, judged.cluster);
  const receipt = await readBack(deps, cluster, found, granted, grantedAt);
  // A login that was taken away between the call and the look is nothing to tell anybody of.
  if (!receipt.canLogin) throw endedMeanwhile();
  await record(deps, input, found, cluster.target.name, receipt);
  return { endAt: granted.endAt };
}

/**
 * The target is told how far the store is, and refuses a store that is behind what it has seen (CF015). An entry may be
 * written and marked there between the reading and the call, so the store is asked anew before that is believed.
 */
async function grantByStore(
  { store }: GrantDeps,
  { target }: Cluster,
  call: Omit<GrantCall, 'storeIndex'>,
  expected: Expected,
): Promise<Granted> {
  for (let tries = 3; ; tries -= 1) {
    const { newest, behind } = await storeIndex(store);
    if (behind) throw new StoreBehind();
    try {
      return await target.grant({ ...call, storeIndex: newest }, expected);
    } catch (error) {
      if (!(error instanceof TargetError) || error.sqlstate !== 'CF015') throw error;
      if (tries <= 1) throw new StoreBehind();
    }
  }
}

/** Under the future login's name: a server that lets it in without a password would outlive every revoke (P1). */
async function askForPassword({ nodes }: Cluster, id: RequestId, databases: readonly string[]): Promise<void> {
  const answer = await probeAll(nodes, databases, roleOf(id));
  if (answer.kind === 'sasl') return;
  const code = answer.kind === 'refused' ? 'TargetNotReady' : 'TargetUnavailable';
  throw new CurfewError(code, `The target was asked how it lets the login in: ${answer.why}.`);
}

/** What a later transaction reads from the catalogs of the node that can be written to. */
async function readBack(
  { clock }: GrantDeps,
  { target }: Cluster,
  { request, check }: GrantCase,
  { role, endAt }: Granted,
  grantedAt: number,
): Promise<GrantReceipt> {
  let trouble: unknown;
  for (const node of target.nodes) {
    try {
      const [seen] = await target.verifyMany(node, [request.id]);
      if (!seen || seen.inRecovery) continue;
      const attestations: readonly Attestation[] = attestationsOf(check);
      const { canLogin, memberships } = seen;
      const evidence = { role, template: request.template, endAt, grantedAt, readAt: clock(), canLogin, memberships };
      return { kind: 'grant', requestId: request.id, target: request.target, ...evidence, attestations };
    } catch (error) {
      trouble = error;
    }
  }
  throw trouble ?? new CurfewError('TargetUnavailable', 'No node of the target told what was granted.');
}

const endedMeanwhile = (): CurfewError => new CurfewError('NotPending', 'It was ended while it was granted.');

/** Grant, receipt, entry and view in one transaction (I11); a repeat finds them and changes nothing. */
async function record(
  { store, clock }: GrantDeps,
  { view, credentialId: credential }: Input,
  { request }: GrantCase,
  cluster: string,
  receipt: GrantReceipt,
): Promise<void> {
  const { requestId, target, template, role, grantedAt, endAt, canLogin, memberships } = receipt;
  const seen = { target, cluster, template, role, credential, grantedAt, endAt, canLogin, memberships };
  const entry = grantMade(request.person, requestId, { ...seen, receipt: evidenceHash(receipt) });
  await store.transaction(async (tx) => {
    const row = { requestId, target, template, role, grantedAt, endAt, person: request.person };
    if ((await grants.insert(tx, row, receipt, entry)) === 'over') throw endedMeanwhile();
    const state = next(view.state, { kind: 'granted', endAt });
    if (!isRefusal(state))
      await projections.save(tx, requestId, { ...view, version: view.version + 1, state }, clock());
  });
}

async function alarmIfStrange({ store, log }: GrantDeps, { requestId, target }: Input, error: unknown): Promise<void> {
  if (!isStrange(error)) return;
  log.error({ requestId, target, code: error.code }, 'a grant was refused that should not have been');
  const alarm = { key: `grant/${requestId}`, code: 'grant-refused', subject: requestId, detail: error.message };
  await alarms.raise(store, alarm).catch(() => undefined);
}
