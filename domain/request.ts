import { refuse, type Refusal } from './errors.ts';
import type { CredentialId, DecisionId, PersonId } from './ids.ts';

/** How a request ended. `lapsed`: nobody decided, or nobody claimed. `cancelled`: by an operator. */
export const outcomes = [
  'expired',
  'released',
  'revoked',
  'withdrawn',
  'denied',
  'lapsed',
  'cancelled',
  'failed',
] as const;
export type Outcome = (typeof outcomes)[number];

/** One person's approval of one stage. Stages are counted from 0. */
export type Approval = { readonly decisionId: DecisionId; readonly person: PersonId; readonly stage: number };

/** Why a grant ends: who said so and for what reason, in words without names. */
export type End = { readonly outcome: Outcome; readonly cause: string };

/**
 * Where a request is. `needs[i]` is how many distinct people stage i takes; no stages means that the plan was
 * automatic. `ending` on `granting`: somebody ended it while the grant ran; it is revoked as soon as the grant
 * returned, because a grant under way cannot be called back.
 */
export type RequestState =
  | { readonly kind: 'requested'; readonly needs: readonly number[] }
  | {
      readonly kind: 'awaiting';
      readonly needs: readonly number[];
      readonly stage: number;
      readonly approvals: readonly Approval[];
    }
  | { readonly kind: 'approved'; readonly needs: readonly number[]; readonly approvals: readonly Approval[] }
  | {
      readonly kind: 'granting';
      readonly approvals: readonly Approval[];
      readonly credentialId: CredentialId;
      readonly ending?: End;
    }
  | { readonly kind: 'active'; readonly approvals: readonly Approval[]; readonly endAt: number }
  | { readonly kind: 'revoking'; readonly approvals: readonly Approval[]; readonly end: End; readonly endAt?: number }
  | { readonly kind: 'closed'; readonly outcome: Outcome; readonly cause: string };

export type StateKind = RequestState['kind'];

/** What can happen to a request. `ended` is anybody's but the holder's "End now"; `verified` is 0 sessions on every node. */
export type RequestEvent =
  | { readonly kind: 'opened' }
  | { readonly kind: 'approved'; readonly decisionId: DecisionId; readonly person: PersonId; readonly stage: number }
  | { readonly kind: 'denied'; readonly decisionId: DecisionId; readonly person: PersonId }
  | { readonly kind: 'voided'; readonly person: PersonId }
  | { readonly kind: 'lapsed'; readonly cause: string }
  | { readonly kind: 'claimed'; readonly credentialId: CredentialId }
  | { readonly kind: 'granted'; readonly endAt: number }
  | { readonly kind: 'grant-failed'; readonly cause: string }
  | { readonly kind: 'expired' }
  | { readonly kind: 'released' }
  | { readonly kind: 'withdrawn' }
  | { readonly kind: 'ended'; readonly cause: string }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'verified' };

type Open = Extract<RequestState, { kind: 'awaiting' | 'approved' }>;
type Held = Extract<RequestState, { kind: 'granting' | 'active' }>;

/**
 * The life of a request, whole: total and pure, never throws. Every pair of state and event gives the next state or a
 * refusal (`NotPending`, or `ApproverNotEligible` for a second seat).
 *
 * First terminal decision wins. Denied is final. From `granting` on there is one way out, through `revoking`, which
 * only `verified` leaves (I16, I17). An approval, a claim or an end that repeats what already holds returns the same
 * state, so that redelivery is harmless (I10).
 */
export function next(state: RequestState, event: RequestEvent): RequestState | Refusal {
  switch (event.kind) {
    case 'opened':
      return state.kind === 'requested' ? settle(state.needs, []) : closedTo(state);
    case 'approved':
      if ('approvals' in state && state.approvals.some((a) => a.decisionId === event.decisionId)) return state;
      return state.kind === 'awaiting' ? approve(state, event) : closedTo(state);
    case 'denied':
      return state.kind === 'awaiting' ? close('denied', 'an approver said no') : closedTo(state);
    case 'voided':
      return state.kind === 'awaiting' || state.kind === 'approved'
        ? withdrawApprovals(state, event.person)
        : closedTo(state);
    case 'lapsed':
      return state.kind === 'awaiting' || state.kind === 'approved' ? close('lapsed', event.cause) : closedTo(state);
    case 'claimed':
      return claim(state, event.credentialId);
    case 'granted':
      if (state.kind !== 'granting') return closedTo(state);
      return state.ending
        ? { kind: 'revoking', approvals: state.approvals, end: state.ending, endAt: event.endAt }
        : { kind: 'active', approvals: state.approvals, endAt: event.endAt };
    case 'grant-failed':
      if (state.kind !== 'granting') return closedTo(state);
      // NB. A grant that failed may yet have happened (a lost reply), so it is revoked like any other.
      return {
        kind: 'revoking',
        approvals: state.approvals,
        end: state.ending ?? { outcome: 'failed', cause: event.cause },
      };
    case 'expired':
      return state.kind === 'active' ? revoking(state, { outcome: 'expired', cause: 'time is up' }) : closedTo(state);
    case 'released':
      // NB. Also while the grant runs: the holder may be told that it is there before this is, and must not be refused.
      return state.kind === 'granting' || state.kind === 'active' || state.kind === 'revoking'
        ? end(state, { outcome: 'released', cause: 'the holder was done' }, 'the holder was done')
        : closedTo(state);
    case 'withdrawn':
      return end(state, { outcome: 'withdrawn', cause: 'the requester withdrew it' }, 'the holder was done');
    case 'ended':
      return end(state, { outcome: 'revoked', cause: event.cause }, event.cause);
    case 'cancelled':
      return end(state, { outcome: 'cancelled', cause: 'an operator cancelled it' }, 'an operator cancelled it');
    case 'verified':
      return state.kind === 'revoking' ? close(state.end.outcome, state.end.cause) : closedTo(state);
  }
}

/** Which stage waits for whom: the first whose need is not met, or approved when there is none. */
function settle(needs: readonly number[], approvals: readonly Approval[]): RequestState {
  const stage = needs.findIndex((need, index) => approvals.filter((a) => a.stage === index).length < need);
  return stage < 0 ? { kind: 'approved', needs, approvals } : { kind: 'awaiting', needs, stage, approvals };
}

function approve(state: Extract<RequestState, { kind: 'awaiting' }>, event: Approval): RequestState | Refusal {
  if (state.approvals.some((a) => a.person === event.person)) {
    return refuse('ApproverNotEligible', 'You already approved this request: one person counts once.');
  }
  if (event.stage !== state.stage) return refuse('NotPending', 'That step is not the one that waits for a decision.');
  const approval = { decisionId: event.decisionId, person: event.person, stage: event.stage };
  return settle(state.needs, [...state.approvals, approval]);
}

/** Approvals of somebody who may not approve any more do not count; the stage opens again. */
const withdrawApprovals = (state: Open, person: PersonId): RequestState =>
  state.approvals.some((a) => a.person === person)
    ? settle(
        state.needs,
        state.approvals.filter((a) => a.person !== person),
      )
    : state;

function claim(state: RequestState, credentialId: CredentialId): RequestState | Refusal {
  if (state.kind === 'approved') return { kind: 'granting', approvals: state.approvals, credentialId };
  return state.kind === 'granting' && state.credentialId === credentialId ? state : closedTo(state);
}

const revoking = (state: Extract<Held, { kind: 'active' }>, why: End): RequestState => ({
  kind: 'revoking',
  approvals: state.approvals,
  end: why,
  endAt: state.endAt,
});

/** Ends a request from wherever it is: before a grant it closes; from `granting` on it is revoked, the first end wins. */
function end(state: RequestState, why: End, heldCause: string): RequestState | Refusal {
  switch (state.kind) {
    case 'requested':
    case 'awaiting':
    case 'approved':
      // Nothing was granted, so nothing is revoked: whoever ends it, the request is withdrawn.
      return close(why.outcome === 'cancelled' ? 'cancelled' : 'withdrawn', why.cause);
    case 'granting':
      return state.ending ? state : { ...state, ending: heldEnd(why, heldCause) };
    case 'active':
      return revoking(state, heldEnd(why, heldCause));
    case 'revoking':
      return state;
    case 'closed':
      return closedTo(state);
  }
}

/** A requester who withdraws what is already held releases it. */
const heldEnd = (why: End, cause: string): End => ({
  outcome: why.outcome === 'withdrawn' ? 'released' : why.outcome,
  cause,
});

const close = (outcome: Outcome, cause: string): RequestState => ({ kind: 'closed', outcome, cause });

const closedTo = (state: RequestState): Refusal =>
  refuse(
    'NotPending',
    state.kind === 'closed' ? `This request is closed: ${state.outcome}.` : `This request is ${state.kind}.`,
  );
