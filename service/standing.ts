/** Where a request stands, as the store alone tells it: the base of every judgement here. */
import type { Decision } from '../domain/decision.ts';
import { refuse, type Refusal } from '../domain/errors.ts';
import { isUuid, type PersonId, type RequestId } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import { stagesOf, stepsOf, type GrantablePlan } from '../domain/plan.ts';
import { openStages, type Approval, type RequestState } from '../domain/request.ts';
import type { RequestView } from '../domain/view.ts';
import type { Human } from '../policy/eligibility.ts';
import { tally, type Tally } from '../policy/tally.ts';
import * as decisions from '../store/decisions.ts';
import * as intents from '../store/intents.ts';
import { directoryFactsOf } from '../store/people.ts';
import type { Db } from '../store/pool.ts';
import * as projections from '../store/projections.ts';
import * as requests from '../store/requests.ts';
import type { RequestRow } from '../store/requests.ts';

export type Standing = {
  readonly row: RequestRow;
  /** As the directory has them now. */
  readonly requester: PersonFacts;
  /** The newest that its Workflow said; what it starts with where it said nothing yet. */
  readonly view: RequestView;
  /** Those that are not void, oldest first. */
  readonly decisions: readonly Decision[];
  /** The approvals among them, each in its seat, by what was known of their people when they decided. */
  readonly approvals: readonly Approval[];
  /** Everybody who has sat, those in whose place somebody decided included. */
  readonly humans: readonly Human[];
  /** Everything that asks for its end. */
  readonly intents: readonly intents.StoredIntent[];
  /** `view.state`, or further where decisions are recorded that the Workflow has not confirmed yet. */
  readonly state: RequestState;
  /** Approved: by when it must be claimed, epoch ms; never later than the decisions themselves allow. */
  readonly useByAt: number | null;
};

/** Calling transactions about one request take turns, until they end. What is no id has no turns. */
export async function takeTurn(tx: Db, requestId: string): Promise<void> {
  if (isUuid(requestId)) await requests.takeTurn(tx, requestId as RequestId);
}

export const noSuchRequest = refuse('UnknownRequest', 'There is no such request.');

/** @returns `UnknownRequest` for what is no id, or the id of nothing */
export async function standingOf(db: Db, id: string): Promise<Standing | Refusal> {
  const row = isUuid(id) ? await requests.byId(db, id as RequestId) : undefined;
  if (!row) return noSuchRequest;
  const requester = await directoryFactsOf(db, row.person);
  if (!requester) throw new Error('a request of nobody');
  const view = (await projections.viewOf(db, row.id)) ?? firstView(row);
  const live = (await decisions.of(db, row.id)).filter((decision) => decision.voidedAt === undefined);
  // NB. Whoever turned out since to be the requester sat there all the same: that they do not count is a judgement of now.
  const then = {
    ...requester,
    aliases: requester.aliases.filter((alias) => !live.some(({ person }) => person === alias)),
  };
  const said = tally({ ...row, requester: then, stages: stagesOf(row.plan) }, live, asRecorded(live));
  const { approvals, humans } = said;
  return {
    row,
    requester,
    view,
    decisions: live,
    approvals,
    humans,
    intents: await intents.ofRequest(db, row.id),
    state: stateOf(row.plan, view, said),
    useByAt: useBy(row, view, approvals),
  };
}

/** The people who decided, and in whose place, as they were known then. */
const asRecorded = (made: readonly Decision[]): ReadonlyMap<PersonId, PersonFacts> =>
  new Map(
    [...made.flatMap(({ facts }) => facts.person.standsInFor ?? []), ...made.map(({ facts }) => facts.person)].map(
      (one) => [one.id, one],
    ),
  );

/** What a request's Workflow will say first; version 0, so that whatever it says is newer. */
export function firstView(row: Pick<RequestRow, 'plan' | 'decideByAt' | 'openedAt' | 'startAt'>): RequestView {
  const state = folded(row.plan, { approvals: [], denied: false });
  const useByAt = state.kind === 'approved' ? usableUntil(row, row.openedAt) : null;
  return { version: 0, state, decideByAt: row.decideByAt, useByAt, noticed: false };
}

/** NB. A Workflow that is further than the decisions (granting, closed, ...) is believed; one that lags is not. */
const stateOf = (plan: GrantablePlan, view: RequestView, said: Pick<Tally, 'approvals' | 'denied'>): RequestState =>
  view.state.kind === 'awaiting' || view.state.kind === 'requested' || view.state.kind === 'approved'
    ? folded(plan, said)
    : view.state;

/** NB. An approval counts also where one of a step before it has become void since: it was made when that was there. */
function folded(plan: GrantablePlan, { approvals, denied }: Pick<Tally, 'approvals' | 'denied'>): RequestState {
  if (denied) return { kind: 'closed', outcome: 'denied', cause: 'an approver said no' };
  const stages = stagesOf(plan);
  const needs = stages.map((stage) => stage.need);
  const steps = stages.some((stage) => stage.together === true) ? { steps: stepsOf(stages) } : {};
  const [stage] = openStages({ needs, ...steps }, approvals);
  return stage === undefined
    ? { kind: 'approved', needs, ...steps, approvals }
    : { kind: 'awaiting', needs, ...steps, stage, approvals };
}

/**
 * The earlier of what the Workflow says and what follows from the decisions, or from the opening where none was needed:
 * a view is the worker's word, and must not be able to make an approval last longer than it was given for.
 */
function useBy(row: RequestRow, view: RequestView, approvals: readonly Approval[]): number | null {
  const automatic = stagesOf(row.plan).length === 0;
  const approvedAt = automatic ? row.openedAt : approvals.at(-1)?.at;
  if (approvedAt === undefined) return view.useByAt;
  return Math.min(usableUntil(row, approvedAt), view.useByAt ?? Number.POSITIVE_INFINITY);
}

/** The time to claim runs from the approval; with a scheduled start not before that. */
const usableUntil = ({ plan, startAt }: Pick<RequestRow, 'plan' | 'startAt'>, approvedAt: number): number =>
  Math.max(approvedAt, startAt ?? 0) + plan.limits.useWithinMs;

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
