import { activityInfo } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { NotYourTurn } from '../domain/errors.ts';
import { requestClosed } from '../domain/events/request.ts';
import type { PersonId, RequestId } from '../domain/ids.ts';
import type { Outcome, RequestState } from '../domain/request.ts';
import { minuteMs } from '../domain/time.ts';
import type { RequestView } from '../domain/view.ts';
import { SlackBusy } from '../slack/views/message.ts';
import type { RequestModel, Workspace } from '../slack/views/model.ts';
import { paint } from '../slack/views/paint.ts';
import * as alarms from '../store/alarms.ts';
import { append } from '../store/audit.ts';
import * as grants from '../store/grants.ts';
import { enqueue, type NewMessage } from '../store/outbox.ts';
import type { Db, Store } from '../store/pool.ts';
import * as projections from '../store/projections.ts';
import * as requests from '../store/requests.ts';
import type { BoundedActivities } from '../workflows/activities.ts';
import { concernedBy } from './concerned.ts';
import { failing, toFailure, type Log } from './failures.ts';
import { askEnd, lastView, revokingView } from './orphans.ts';
import type { Painter } from './painter.ts';
import { requestModel } from './request-model.ts';
import { keyOf } from './revoke.ts';

export type TellDeps = {
  /** The login `curfew_worker`. */
  readonly store: Store;
  /** Absent where there is no Slack: then telling is recording. */
  readonly slack?: {
    readonly workspace: Workspace;
    readonly painter: Painter;
    /** The row by which the outbox paints a request once more; the kinds of messages are `temporal/`'s to know. */
    readonly repaint: (requestId: RequestId, version: number) => NewMessage;
    /** Paints the App Homes of these people soon; nobody waits for it. */
    readonly homes?: (people: readonly PersonId[]) => void;
  };
  readonly clock: () => number;
  readonly log: Log;
};

/**
 * How long a Workflow waits out Slack's trouble. What it could not show by then the outbox shows, however long that
 * takes: after a close nothing changes any more that would.
 */
const patienceMs = minuteMs;

/** Records what a Workflow says of itself, then shows it to people. Recording is not given up; showing is, in the end. */
export const createTell = (deps: TellDeps): Pick<BoundedActivities, 'tell'> => ({
  tell: failing({ log: deps.log, activity: 'tell', as: toTelling }, async ({ requestId, view }) => {
    const shown = await record(deps, requestId, view);
    if (deps.slack) await show(deps, deps.slack, requestId, shown);
  }),
});

/**
 * The entry `request.closed` where a close was recorded here first; where a grant had to end, the revoke wrote its own (I11).
 * @returns what may be shown
 */
function record({ store, clock }: TellDeps, requestId: RequestId, view: RequestView): Promise<RequestView> {
  return store.transaction(async (tx) => {
    const { state } = view;
    const ended = state.kind === 'closed' && (await grants.endedAmong(tx, [requestId])).size > 0;
    if (state.kind === 'closed' && !ended && (held.includes(state.outcome) || (await grants.byId(tx, requestId))))
      return doubt(tx, requestId, { ...view, state }, clock());
    const newer = await projections.save(tx, requestId, view, clock());
    if (newer && state.kind === 'closed' && !ended) {
      const { outcome, cause } = state;
      await append(tx, requestClosed('curfew_worker', requestId, { outcome, cause }));
    }
    return view;
  });
}

type Closed = RequestView & { readonly state: Extract<RequestState, { kind: 'closed' }> };

/** Only what was claimed ends so, and only through a revoke, whose receipt is in the store before its Workflow closes. */
const held: readonly Outcome[] = ['expired', 'released', 'revoked', 'failed'];

/**
 * A close of what was held, and no receipt of its end: somebody forged a Signal, or an activity's answer. Nothing is
 * called over on Temporal's word (I16). Its end is asked for; the reconciler, which finds its Workflow closed, records
 * that end once it is verified, and then it is shown.
 */
async function doubt(tx: Db, requestId: RequestId, told: Closed, now: number): Promise<RequestView> {
  const kept = await lastView(tx, requestId);
  const request = await requests.byId(tx, requestId);
  if (!kept || !request || !(await projections.save(tx, requestId, ending(kept, told), now))) return kept ?? told;
  await askEnd(tx, { requestId, target: request.target, finding: 'closed-without-receipt' });
  const detail = 'its Workflow says that it is over, and no receipt does: its end is asked for';
  await alarms.raise(tx, { key: keyOf(requestId), code: 'revoke-late', subject: requestId, detail });
  return ending(kept, told);
}

const ending = (kept: RequestView, { version, state }: Closed): RequestView => ({
  ...revokingView(kept, state),
  version,
});

/** Paints the newest view, which may be newer than the one told: it is one card, whoever comes last. */
async function show(
  { store, clock, log }: TellDeps,
  { workspace, painter, repaint, homes }: NonNullable<TellDeps['slack']>,
  requestId: RequestId,
  told: RequestView,
): Promise<void> {
  try {
    let model: RequestModel | undefined;
    const gone = await painter(store, requestId, async () => {
      const kept = await projections.viewOf(store, requestId);
      const view = kept && kept.version > told.version ? kept : told;
      model = await requestModel(store, workspace, requestId, view, clock());
      return model ? paint(model) : [];
    });
    // The outbox asks again until somebody has mended the channel.
    if (gone.length > 0) await enqueue(store, { ...repaint(requestId, told.version), delayMs: 2 * patienceMs });
    if (model && homes) homes(await concernedBy(store, model));
  } catch (error) {
    // NB. At the first trouble, not at the last: the attempt that would notice the last one may be cut off.
    await enqueue(store, { ...repaint(requestId, told.version), delayMs: 2 * patienceMs });
    if (clock() - activityInfo().scheduledTimestampMs < patienceMs) throw error;
    log.error({ requestId, err: error }, 'not shown yet: Slack was out of reach, or busy, for too long');
  }
}

/** Slack says itself how long to wait, and so does whoever keeps the turns. */
function toTelling(error: unknown): Error {
  const afterMs =
    error instanceof SlackBusy ? error.retryAfterMs : error instanceof NotYourTurn ? error.inMs : undefined;
  if (afterMs === undefined) return toFailure(error);
  return ApplicationFailure.create({
    type: 'SlackBusy',
    message: error instanceof Error ? error.message : 'busy',
    nonRetryable: false,
    nextRetryDelay: Math.min(Math.max(afterMs, 0), patienceMs),
  });
}
