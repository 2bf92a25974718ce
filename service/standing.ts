/** Where a request stands, as the store alone tells it: the base of every judgement here. */
import type { Decision } from '../domain/decision.ts';
import { refuse, type Refusal } from '../domain/errors.ts';
import { isUuid, type RequestId } from '../domain/ids.ts';
import { stagesOf, type GrantablePlan } from '../domain/plan.ts';
import { isRefusal } from '../domain/errors.ts';
import { next, type RequestEvent, type RequestState } from '../domain/request.ts';
import type { RequestView } from '../domain/view.ts';
import * as decisions from '../store/decisions.ts';
import * as intents from '../store/intents.ts';
import type { Db } from '../store/pool.ts';
import * as projections from '../store/projections.ts';
import * as requests from '../store/requests.ts';
import type { RequestRow } from '../store/requests.ts';

export type Standing = {
  readonly row: RequestRow;
  /** The newest that its Workflow said; what it starts with where it said nothing yet. */
  readonly view: RequestView;
  /** Those that count, oldest first. */
  readonly decisions: readonly Decision[];
  /** Everything that asks for its end. */
  readonly intents: readonly intents.StoredIntent[];
  /** `view.state`, or further where decisions are recorded that the Workflow has not confirmed yet. */
  readonly state: RequestState;
  /** Approved: by when it must be claimed, epoch ms; never later than the decisions themselves allow. */
  readonly useByAt: number | null;
};

/**
 * Lets the calling transactions about one request take turns, until they end. Not the row's own lock: nobody who may
 * decide or claim may also change a request, and a row lock takes that privilege. What is no id has no turns.
 */
export async function takeTurn(tx: Db, requestId: string): Promise<void> {
  if (!isUuid(requestId)) return;
  await tx.query(`select pg_advisory_xact_lock(hashtextextended('curfew.request ' || $1, 0))`, [requestId]);
}

/** @returns `UnknownRequest` for what is no id, or the id of nothing */
export async function standingOf(db: Db, id: string): Promise<Standing | Refusal> {
  const row = isUuid(id) ? await requests.byId(db, id as RequestId) : undefined;
  if (!row) return refuse('UnknownRequest', 'There is no such request.');
  const view = (await projections.viewOf(db, row.id)) ?? firstView(row.plan, row.decideByAt, row.openedAt);
  const live = (await decisions.of(db, row.id)).filter((decision) => decision.voidedAt === undefined);
  const state = stateOf(row.plan, view, live);
  return {
    row,
    view,
    decisions: live,
    intents: await intents.ofRequest(db, row.id),
    state,
    useByAt: useBy(row, view, live),
  };
}

/** What a request's Workflow will say first; version 0, so that whatever it says is newer. */
export function firstView(plan: GrantablePlan, decideByAt: number, openedAt: number): RequestView {
  const state = folded(plan, []);
  const useByAt = state.kind === 'approved' ? openedAt + plan.limits.useWithinMs : null;
  return { version: 0, state, decideByAt, useByAt, noticed: false };
}

/** NB. A Workflow that is further than the decisions (granting, closed, ...) is believed; one that lags is not. */
const stateOf = (plan: GrantablePlan, view: RequestView, live: readonly Decision[]): RequestState =>
  view.state.kind === 'awaiting' || view.state.kind === 'requested' || view.state.kind === 'approved'
    ? folded(plan, live)
    : view.state;

function folded(plan: GrantablePlan, live: readonly Decision[]): RequestState {
  const needs = stagesOf(plan).map((stage) => stage.need);
  const events: readonly RequestEvent[] = [{ kind: 'opened' }, ...live.map(eventOf)];
  return events.reduce<RequestState>(
    (state, event) => {
      const moved = next(state, event);
      return isRefusal(moved) ? state : moved;
    },
    { kind: 'requested', needs },
  );
}

const eventOf = ({ id, person, stage, verdict }: Decision): RequestEvent =>
  verdict === 'approve'
    ? { kind: 'approved', decisionId: id, person, stage }
    : { kind: 'denied', decisionId: id, person };

/**
 * The earlier of what the Workflow says and what follows from the decisions, or from the opening where none was needed:
 * a view is the worker's word, and must not be able to make an approval last longer than it was given for.
 */
function useBy({ plan, openedAt }: RequestRow, view: RequestView, live: readonly Decision[]): number | null {
  const automatic = stagesOf(plan).length === 0;
  const approvedAt = automatic ? openedAt : live.findLast(({ verdict }) => verdict === 'approve')?.madeAt;
  if (approvedAt === undefined) return view.useByAt;
  return Math.min(approvedAt + plan.limits.useWithinMs, view.useByAt ?? Number.POSITIVE_INFINITY);
}

/** Why nothing more can be done with a request that is not where it would have to be. */
export const notPending = (state: RequestState): Refusal =>
  refuse(
    'NotPending',
    state.kind === 'closed' ? `This request is closed: ${state.outcome}.` : `This request is ${words[state.kind]}.`,
  );

const words: Readonly<Record<Exclude<RequestState['kind'], 'closed'>, string>> = {
  requested: 'not open yet',
  awaiting: 'waiting for a decision',
  approved: 'approved already',
  granting: 'being granted',
  active: 'active',
  revoking: 'being ended',
};
