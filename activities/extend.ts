import { CurfewError, isRefusal } from '../domain/errors.ts';
import { extensionFailed, extensionMade } from '../domain/events/extension.ts';
import type { ExtensionReceipt } from '../domain/grant.ts';
import { next } from '../domain/request.ts';
import type { RequestView } from '../domain/view.ts';
import { evidenceHash } from '../policy/digest.ts';
import * as alarms from '../store/alarms.ts';
import { append } from '../store/audit.ts';
import * as extensions from '../store/extensions.ts';
import type { ExtensionRow } from '../store/extensions.ts';
import * as grants from '../store/grants.ts';
import type { Db } from '../store/pool.ts';
import * as projections from '../store/projections.ts';
import { storeIndex } from '../store/recovery.ts';
import type { GrantActivities } from '../workflows/activities.ts';
import type { Cluster } from './clusters.ts';
import { attemptDeadlineAt } from './deadline.ts';
import { readExtensionCase } from './extension-case.ts';
import { failing, toFailure } from './failures.ts';
import type { GrantDeps } from './grant.ts';
import { judgeExtension } from './judge-extension.ts';
import { StoreBehind } from './store-behind.ts';
import { isStrange } from './strange.ts';

type Input = Parameters<GrantActivities['extend']>[0];
type Moved = { readonly endAt: number };

/**
 * Judge, one call on the target, read back, record. As a grant's, each step may be repeated, and whatever is not known
 * is a no (I18): then the grant ends when it would have ended.
 */
export const createExtend = (deps: GrantDeps): Pick<GrantActivities, 'extend'> => ({
  extend: failing({ log: deps.log, activity: 'extend', as: toFailure }, async (input) => {
    const deadlineAt = attemptDeadlineAt(deps.clock());
    try {
      return (await before(deps, input)) ?? (await attempt(deps, input, deadlineAt));
    } catch (error) {
      await alarmIfStrange(deps, input, error);
      throw error;
    }
  }),
});

/** What an attempt before this one has recorded, its answer being lost. */
async function before({ store }: GrantDeps, { requestId, extensionId }: Input): Promise<Moved | undefined> {
  const [extension, outcome, grant] = await Promise.all([
    extensions.byId(store, extensionId),
    extensions.outcomeOf(store, extensionId),
    grants.byId(store, requestId),
  ]);
  if (!extension || extension.requestId !== requestId)
    throw new CurfewError('UnknownRequest', 'The store has no such extension of this request.');
  if (!grant || grant.endedAt !== null) throw new CurfewError('NotPending', 'Nothing is held any more.');
  if (outcome && outcome.kind !== 'extended') throw new CurfewError('NotPending', `The extension is ${outcome.kind}.`);
  return outcome ? { endAt: extension.endAt } : undefined;
}

async function attempt(deps: GrantDeps, input: Input, deadlineAt: number): Promise<Moved> {
  const cluster = deps.clusterOf(input.target);
  if (!cluster) throw new CurfewError('UnknownTarget', 'This worker does not serve that target.');
  if (input.over !== undefined) return settle(deps, cluster, input, input.over);
  const found = await readExtensionCase(deps.store, deps, input, deps.clock());
  if (found.request.target !== input.target)
    throw new CurfewError('UnknownTarget', 'The request is for another target.');
  const judged = judgeExtension(found, deps.clock());
  if (isRefusal(judged)) throw new CurfewError(judged.code, judged.message);
  const { ticket } = judged;
  const { extension } = found;
  // NB. The target asks for no index here: an extension only moves an end that it knows.
  if ((await storeIndex(deps.store)).behind) throw new StoreBehind();
  await cluster.target.extend(
    {
      grantId: input.requestId,
      endAt: extension.endAt,
      attemptDeadlineAt: deadlineAt,
      keyId: ticket.ticketKey,
      ticket: ticket.ticket,
    },
    judged.cluster,
  );
  const seen = await readBack(deps, input, cluster, extension);
  if (!seen) throw new CurfewError('NotPending', 'It was ended while it was extended.');
  return record(deps, input.view, extension, seen);
}

/**
 * No attempt follows: what one of them did without recording it is recorded now, and else that nothing came of it.
 * A target that does not answer leaves it open, until the grant has ended.
 */
async function settle(deps: GrantDeps, cluster: Cluster, input: Input, cause: string): Promise<Moved> {
  const { requestId, extensionId, view } = input;
  const extension = await extensions.byId(deps.store, extensionId);
  const seen = extension && (await readBack(deps, input, cluster, extension));
  if (seen) return record(deps, view, extension, seen);
  await deps.store.transaction(async (tx) => {
    await grants.takeTurns(tx, [requestId]);
    if (!extension || !(await extensions.saveOutcome(tx, { extensionId, kind: 'failed', cause, evidence: null })))
      return;
    await append(tx, extensionFailed(extension.requester, extension.requestId, { ...madeOf(extension), cause }));
    await keepView(tx, deps, extension, view, { kind: 'extension-over', id: extensionId });
  });
  throw new CurfewError('NotPending', 'The extension did not come about.');
}

/** What a later transaction reads: login and ledger have the same new end. Undefined: they have not, or not any more. */
async function readBack(
  { clock }: GrantDeps,
  { target: name }: Input,
  { target }: Cluster,
  { id: extension, requestId, endAt }: ExtensionRow,
): Promise<ExtensionReceipt | undefined> {
  const live = (await target.listLive()).find(({ grantId }) => grantId === requestId);
  if (live?.state !== 'active' || live.canLogin !== true || live.endAt !== endAt) return undefined;
  if (live.validUntilAt !== endAt - (live.graceMs ?? 0)) {
    throw new CurfewError('TargetRejected', 'The login runs out at another time than the ledger says.');
  }
  const { role, validUntilAt, canLogin } = live;
  return {
    kind: 'extension',
    requestId,
    extension,
    target: name,
    role,
    endAt,
    validUntilAt,
    canLogin,
    readAt: clock(),
  };
}

/** The new end, the outcome with its receipt, entry and view in one transaction (I11); a repeat changes nothing. */
async function record(
  deps: GrantDeps,
  view: RequestView,
  extension: ExtensionRow,
  receipt: ExtensionReceipt,
): Promise<Moved> {
  const { id, requestId, requester, endAt } = extension;
  await deps.store.transaction(async (tx) => {
    // First, as whoever records an end: both write the grant, its extensions and its view.
    await grants.takeTurns(tx, [requestId]);
    const moved = await extensions.moveEnd(tx, requestId, endAt);
    const first = await extensions.saveOutcome(tx, {
      extensionId: id,
      kind: 'extended',
      cause: null,
      evidence: receipt,
    });
    if (first !== moved) throw new CurfewError('NotPending', 'It was over when its extension was recorded.');
    if (first) {
      const body = { ...madeOf(extension), endAt, receipt: evidenceHash(receipt) };
      await append(tx, extensionMade(requester, requestId, body));
    }
    await keepView(tx, deps, extension, view, { kind: 'extended', id, endAt });
  });
  return { endAt };
}

const madeOf = ({ id, number, fromAt }: ExtensionRow) => ({ extension: id, number, fromAt });

async function keepView(
  tx: Db,
  { clock }: GrantDeps,
  { requestId }: ExtensionRow,
  view: RequestView,
  event: Parameters<typeof next>[1],
): Promise<void> {
  const state = next(view.state, event);
  if (!isRefusal(state)) await projections.save(tx, requestId, { ...view, version: view.version + 1, state }, clock());
}

async function alarmIfStrange({ store, log }: GrantDeps, input: Input, error: unknown): Promise<void> {
  if (!isStrange(error)) return;
  const { requestId, target, extensionId } = input;
  log.error({ requestId, target, extensionId, code: error.code }, 'an extension was refused that should not have been');
  const alarm = { key: `extend/${extensionId}`, code: 'extension-refused', subject: requestId, detail: error.message };
  await alarms.raise(store, alarm).catch(() => undefined);
}
