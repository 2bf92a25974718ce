/** The store against Temporal: each open request has a Workflow, each Workflow a request, and both say the same. */
import type { Outcome } from '../domain/request.ts';
import type { RequestId, TargetName } from '../domain/ids.ts';
import { minuteMs } from '../domain/time.ts';
import type { RequestView } from '../domain/view.ts';
import { rowOf, type Found, type Gone } from '../doctor/reconcile/found.ts';
import * as compared from '../store/compared.ts';
import * as findings from '../store/findings.ts';
import * as intents from '../store/intents.ts';
import type { Db, Store } from '../store/pool.ts';
import type { WorkflowFate } from '../workflows/contract.ts';
import type { Log } from './failures.ts';
import { askEnd, closeUnheld, endOf, type Repaint } from './orphans.ts';
import type { Looked } from './reconcile.ts';

/** What Temporal says; `temporal/inspection.ts` is it. */
export type Workflows = {
  running(): Promise<ReadonlySet<RequestId>>;
  fateOf(id: RequestId): Promise<WorkflowFate>;
  viewOf(id: RequestId): Promise<RequestView | undefined>;
  cancel(id: RequestId): Promise<boolean>;
};

export type ReconcileRequestsDeps = {
  /** The login `curfew_worker`. */
  readonly store: Store;
  readonly workflows: Workflows;
  /** All that are looked after. */
  readonly targets: readonly TargetName[];
  readonly clock: () => number;
  readonly log: Log;
  readonly repaint?: Repaint;
};

/** A start, a close and their records take seconds; before this nobody wonders. */
const settleMs = 2 * minuteMs;
/** A Workflow that should have closed itself by then is asked, whatever Temporal's list says. */
const overdueMs = 5 * minuteMs;
/** Workflows asked one by one in a look, and at once; the next look asks the others. */
const mostAsked = 2_000;
const atOnce = 20;

/** @returns one look; it throws where the store does not answer. Two looks at once do no harm */
export function createReconcileRequests(deps: ReconcileRequestsDeps): () => Promise<Looked> {
  return async () => {
    const { store, log } = deps;
    const saw = await look(deps);
    const found = [...saw.found, ...(await waits(deps))];
    const kept = await store.transaction((tx) =>
      findings.keep(tx, { look: 'requests', found: found.map(rowOf), whole: saw.whole }),
    );
    for (const one of saw.found) {
      await act(deps, one, kept.met.includes(rowOf(one).key)).catch((err: unknown) =>
        log.error({ err, finding: one.kind, requestId: rowOf(one).subject }, 'a finding was not acted upon'),
      );
    }
    return { found: found.length, changed: kept.met.length + kept.gone.length };
  };
}

type Saw = { readonly found: readonly Found[]; readonly whole: boolean };

/** Temporal's list first, the store after it: a request is in the store before its Workflow runs. */
async function look(deps: ReconcileRequestsDeps): Promise<Saw> {
  const { workflows, clock } = deps;
  const startedAt = clock();
  const running = await workflows.running().catch(() => undefined);
  const open = await openOnes(deps);
  const due = open.filter(({ requestId, overAt }) => !running?.has(requestId) || overAt + overdueMs < startedAt);
  const asked = await stillOpen(deps, await ask(workflows, due, startedAt));
  const ahead = running ? await aheadOfStore(deps, running, open, startedAt) : [];
  return {
    found: [...asked.found, ...ahead, ...nobodyKnows(asked.unknown)],
    whole: running !== undefined && asked.unknown === 0 && !asked.left,
  };
}

const nobodyKnows = (requests: number): readonly Found[] =>
  requests > 0 ? [{ kind: 'temporal-unknown', requests }] : [];

async function openOnes({ store }: ReconcileRequestsDeps): Promise<readonly compared.OpenRequest[]> {
  const open: compared.OpenRequest[] = [];
  for (let after: RequestId | null = null; ;) {
    const page: readonly compared.OpenRequest[] = await compared.openRequests(store, after);
    open.push(...page);
    after = page.at(-1)?.requestId ?? null;
    if (page.length < compared.pageSize) return open;
  }
}

/** `left`: there are more, for the next look. */
type Asked = { readonly found: readonly Found[]; readonly unknown: number; readonly left: boolean };

/** NB. Whoever closed while Temporal was asked is in the store by now: a Workflow records its end before it is over. */
async function stillOpen({ store }: ReconcileRequestsDeps, { found, ...asked }: Asked): Promise<Asked> {
  const ids = found.flatMap((one) => ('requestId' in one ? [one.requestId] : []));
  const closed = new Set<RequestId>();
  for (let from = 0; from < ids.length; from += compared.pageSize) {
    const known = await compared.knownOf(store, ids.slice(from, from + compared.pageSize));
    for (const { requestId, closedAt } of known) if (closedAt !== null) closed.add(requestId);
  }
  return { found: found.filter((one) => !('requestId' in one && closed.has(one.requestId))), ...asked };
}

/** Where the first ones get no answer nobody else is asked: Temporal is away. */
async function ask(workflows: Workflows, due: readonly compared.OpenRequest[], now: number): Promise<Asked> {
  const found: Found[] = [];
  let answered = 0;
  for (let from = 0; from < Math.min(due.length, mostAsked); from += atOnce) {
    const some = due.slice(from, from + atOnce);
    const fates = await Promise.all(some.map(({ requestId }) => workflows.fateOf(requestId)));
    const heard = fates.filter(({ kind }) => kind !== 'unknown').length;
    if (heard === 0) break;
    answered += heard;
    for (const [index, request] of some.entries()) {
      const one = await foundOf(workflows, request, fates[index], now);
      if (one) found.push(one);
    }
  }
  return { found, unknown: Math.min(due.length, mostAsked) - answered, left: due.length > mostAsked };
}

async function foundOf(
  workflows: Workflows,
  { requestId, target, held, openedAt }: compared.OpenRequest,
  fate: WorkflowFate | undefined,
  now: number,
): Promise<Found | undefined> {
  // A start may be on its way; what was terminated has been there.
  if (fate?.kind === 'gone' && fate.how === 'lost' && openedAt + settleMs > now) return undefined;
  if (fate?.kind === 'gone') return { kind: 'request-without-workflow', requestId, target, held, how: fate.how };
  if (fate?.kind !== 'completed') return undefined;
  const state = (await workflows.viewOf(requestId))?.state;
  const end = state?.kind === 'closed' ? { outcome: state.outcome, cause: state.cause } : null;
  return { kind: 'workflow-is-over', requestId, target, held, end };
}

/** Workflows that run although the store has no such request, or has it closed; each asked once more before it is believed. */
async function aheadOfStore(
  { store, workflows }: ReconcileRequestsDeps,
  running: ReadonlySet<RequestId>,
  open: readonly compared.OpenRequest[],
  startedAt: number,
): Promise<readonly Found[]> {
  const isOpen = new Set(open.map(({ requestId }) => requestId));
  const others = [...running].filter((id) => !isOpen.has(id));
  const found: Found[] = [];
  for (let from = 0; from < others.length; from += compared.pageSize) {
    const ids = others.slice(from, from + compared.pageSize);
    const known = new Map((await compared.knownOf(store, ids)).map((one) => [one.requestId, one]));
    for (const requestId of ids) {
      if (found.length >= mostAsked) return found;
      const one = known.get(requestId);
      const closed = one?.closedAt != null && one.closedAt + settleMs < startedAt;
      if ((one && !closed) || (await workflows.fateOf(requestId)).kind !== 'running') continue;
      const { target, outcome } = one ?? {};
      if (target === undefined) found.push({ kind: 'workflow-without-request', requestId });
      else if (outcome != null)
        found.push({ kind: 'workflow-goes-on', requestId, target, outcome: outcome satisfies Outcome });
    }
  }
  return found;
}

async function waits({ store, targets }: ReconcileRequestsDeps): Promise<readonly Found[]> {
  const { intents: ends, messages, reviews } = await compared.waiting(store, targets);
  return [
    ...(ends > 0 ? [{ kind: 'intents-wait', count: ends } as const] : []),
    ...(messages > 0 ? [{ kind: 'outbox-waits', count: messages } as const] : []),
    ...(reviews > 0 ? [{ kind: 'review-debt', count: reviews } as const] : []),
  ];
}

/**
 * What is held is asked to end, and closed by whoever looks at its target; all else is closed here.
 * @param isNew an operator's hand: a Workflow is cancelled once, and not every minute
 */
async function act(
  { store, workflows, clock, repaint }: ReconcileRequestsDeps,
  found: Found,
  isNew: boolean,
): Promise<void> {
  if (found.kind === 'workflow-without-request' || found.kind === 'workflow-goes-on') {
    if (isNew) await workflows.cancel(found.requestId);
    return;
  }
  if (found.kind !== 'request-without-workflow' && found.kind !== 'workflow-is-over') return;
  const { requestId, target } = found;
  const end = endFound(found);
  await store.transaction(async (tx) => {
    if (await closeUnheld(tx, requestId, end, clock(), repaint)) return;
    if (found.held && !(await wasAsked(tx, requestId))) await askEnd(tx, { requestId, target, finding: found.kind });
  });
}

/** Once for ever: its grant is over when the reaper has answered, however long nobody closes the request. */
const wasAsked = async (tx: Db, requestId: RequestId): Promise<boolean> =>
  (await intents.ofRequest(tx, requestId)).some(({ scope }) => scope.kind === 'grant');

/** How a request is closed that its Workflow did not close, by what was found of it. */
export const endFound = (
  found:
    { readonly kind: 'request-without-workflow'; readonly how: Gone } | Extract<Found, { kind: 'workflow-is-over' }>,
) =>
  found.kind === 'request-without-workflow'
    ? endOf(found.how)
    : (found.end ?? ({ outcome: 'failed', cause: 'its Workflow is over, and does not say how' } as const));
