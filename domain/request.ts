import { refuse, type Refusal } from './errors.ts';
import type { CredentialId, DecisionId, ExtensionId, PersonId } from './ids.ts';

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

/**
 * One person's approval of one stage. Stages are counted from 0. `at`: when it was made, by the store's writer.
 * `standsInFor`: the one who is away and in whose place it was given.
 */
export type Approval = {
  readonly decisionId: DecisionId;
  readonly person: PersonId;
  readonly stage: number;
  readonly at?: number;
  readonly standsInFor?: PersonId;
};

/** Why a grant ends: who said so and for what reason, in words without names. */
export type End = { readonly outcome: Outcome; readonly cause: string };

/** A later end for a grant that is held: asked of the approvers, or approved and on its way to the target. */
export type Extension = { readonly id: ExtensionId; readonly kind: 'asked' | 'moving'; readonly endAt: number };

/**
 * Where a request is. `needs[i]` is how many distinct people stage i takes; no stages means that the plan was
 * automatic. Stages with equal `steps[i]` are open together; without `steps` each stage waits for the one before it.
 * `stage` is the first of those that are open (`openStages` names all). `ending` on `granting`: somebody ended it while
 * the grant ran; it is revoked as soon as the grant returned, because a grant under way cannot be called back.
 */
export type RequestState =
  | { readonly kind: 'requested'; readonly needs: readonly number[]; readonly steps?: readonly number[] }
  | {
      readonly kind: 'awaiting';
      readonly needs: readonly number[];
      readonly steps?: readonly number[];
      readonly stage: number;
      readonly approvals: readonly Approval[];
    }
  | {
      readonly kind: 'approved';
      readonly needs: readonly number[];
      readonly steps?: readonly number[];
      readonly approvals: readonly Approval[];
    }
  | {
      readonly kind: 'granting';
      readonly approvals: readonly Approval[];
      readonly credentialId: CredentialId;
      readonly ending?: End;
    }
  | {
      readonly kind: 'active';
      readonly approvals: readonly Approval[];
      readonly endAt: number;
      readonly extension?: Extension;
    }
  | { readonly kind: 'revoking'; readonly approvals: readonly Approval[]; readonly end: End; readonly endAt?: number }
  | { readonly kind: 'closed'; readonly outcome: Outcome; readonly cause: string };

export type StateKind = RequestState['kind'];

/** What can happen to a request. `ended` is anybody's but the holder's "End now"; `verified` is 0 sessions on every node. */
export type RequestEvent =
  | { readonly kind: 'opened' }
  | ({ readonly kind: 'approved' } & Approval)
  | { readonly kind: 'denied'; readonly decisionId: DecisionId; readonly person: PersonId }
  | { readonly kind: 'voided'; readonly person: PersonId }
  | { readonly kind: 'lapsed'; readonly cause: string }
  | { readonly kind: 'claimed'; readonly credentialId: CredentialId }
  | { readonly kind: 'granted'; readonly endAt: number }
  | { readonly kind: 'grant-failed'; readonly cause: string }
  | { readonly kind: 'extension-asked'; readonly id: ExtensionId; readonly endAt: number }
  | { readonly kind: 'extension-approved'; readonly id: ExtensionId; readonly endAt: number }
  /** Denied, lapsed or failed: the end stays where it was. */
  | { readonly kind: 'extension-over'; readonly id: ExtensionId }
  | { readonly kind: 'extended'; readonly id: ExtensionId; readonly endAt: number }
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
      return state.kind === 'requested' ? settle(state, []) : closedTo(state);
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
    case 'extension-asked':
    case 'extension-approved':
    case 'extension-over':
    case 'extended':
      return state.kind === 'active' ? extend(state, event) : closedTo(state);
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

type Stages = { readonly needs: readonly number[]; readonly steps?: readonly number[] };

/** The stages that wait for somebody now: those of the first step that lacks people. Empty where nothing is missing. */
export function openStages({ needs, steps }: Stages, approvals: readonly Pick<Approval, 'stage'>[]): readonly number[] {
  const stepOf = (stage: number): number => steps?.[stage] ?? stage;
  const short = needs.flatMap((need, stage) =>
    approvals.filter((approval) => approval.stage === stage).length < need ? [stage] : [],
  );
  const step = Math.min(...short.map(stepOf));
  return short.filter((stage) => stepOf(stage) === step);
}

/** Waiting for the first step that lacks people, or approved when there is none. */
function settle({ needs, steps }: Stages, approvals: readonly Approval[]): RequestState {
  const stages = steps === undefined ? { needs } : { needs, steps };
  const [stage] = openStages(stages, approvals);
  return stage === undefined
    ? { kind: 'approved', ...stages, approvals }
    : { kind: 'awaiting', ...stages, stage, approvals };
}

function approve(
  state: Extract<RequestState, { kind: 'awaiting' }>,
  { decisionId, person, stage, at, standsInFor }: Extract<RequestEvent, { kind: 'approved' }>,
): RequestState | Refusal {
  const approval: Approval = {
    decisionId,
    person,
    stage,
    ...(at === undefined ? {} : { at }),
    ...(standsInFor === undefined ? {} : { standsInFor }),
  };
  const seated = state.approvals.flatMap((one) => [one.person, ...(one.standsInFor ? [one.standsInFor] : [])]);
  if (seated.includes(person) || (standsInFor && seated.includes(standsInFor))) {
    return refuse('ApproverNotEligible', 'You already approved this request: one person counts once.');
  }
  if (!openStages(state, state.approvals).includes(stage))
    return refuse('NotPending', 'That step is not one that waits for a decision.');
  return settle(state, [...state.approvals, approval]);
}

/** Approvals of somebody who may not approve any more do not count, nor does what was given in their place. */
function withdrawApprovals(state: Open, person: PersonId): RequestState {
  const left = state.approvals.filter((a) => a.person !== person && a.standsInFor !== person);
  return left.length === state.approvals.length ? state : settle(state, left);
}

/** One extension at a time, and no end moves back. A word that repeats what holds, or comes after its extension is over, changes nothing. */
function extend(
  state: Extract<RequestState, { kind: 'active' }>,
  event: Extract<RequestEvent, { id: ExtensionId }>,
): RequestState | Refusal {
  const { extension, ...held } = state;
  const mine = extension?.id === event.id ? extension : undefined;
  switch (event.kind) {
    case 'extension-asked':
    case 'extension-approved':
      if (extension && !mine) return refuse('NotPending', 'Another extension is under way.');
      if (mine?.kind === 'moving' || (mine && event.kind === 'extension-asked')) return state;
      if (event.endAt <= state.endAt) return refuse('NotPending', 'The grant lasts as long already.');
      return {
        ...held,
        extension: { id: event.id, kind: event.kind === 'extension-asked' ? 'asked' : 'moving', endAt: event.endAt },
      };
    case 'extension-over':
      return mine ? held : state;
    case 'extended':
      return mine?.kind === 'moving' ? { ...held, endAt: Math.max(state.endAt, event.endAt) } : state;
  }
}

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
