import { ApplicationFailure } from '@temporalio/workflow';
import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import type { CredentialId, DecisionId, PersonId } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import { stagesOf, stepsOf } from '../domain/plan.ts';
import { asOf } from '../domain/progress.ts';
import { next, type RequestEvent, type RequestState, type StateKind } from '../domain/request.ts';
import type { RequestView } from '../domain/view.ts';
import { judge, type Judged } from '../policy/eligibility.ts';
import type { AccessRequestInput, DecideInput, ExtendInput } from './contract.ts';
import { hasTexts, isDecideInput, isExtendInput } from './shape.ts';

/** A state that people are shown. `granting` and `revoking` are passed through in a moment. */
const shown: readonly StateKind[] = ['awaiting', 'approved', 'active', 'closed'];

/**
 * The state of one request's Workflow and everything that moves it. Its methods are synchronous: they are the handlers
 * of Updates and Signals, and the main loop calls the rest. Time is the Workflow's own.
 */
export class Life {
  readonly #input: AccessRequestInput;
  readonly #judged: Judged;
  readonly #openedAt: number;
  /** Everybody whose approval counted once, with their other ids; who counts now stands in the state. */
  readonly #seated: Pick<PersonFacts, 'id' | 'aliases'>[] = [];
  #state: RequestState;
  #version = 0;
  #useByAt: number | null = null;
  #noticed = false;
  /** True while something is not told yet that must be. */
  untold = false;
  /** True once it closed without a revoke, which would have recorded that: then telling is also the record. */
  closedUnrecorded = false;

  constructor(input: AccessRequestInput) {
    const stages = stagesOf(input.plan);
    this.#input = input;
    this.#judged = { requester: input.requester, digest: input.digest, stages };
    this.#openedAt = input.openedAt ?? Date.now();
    const needs = stages.map((stage) => stage.need);
    const together = stages.some((stage) => stage.together === true);
    this.#state = together ? { kind: 'requested', needs, steps: stepsOf(stages) } : { kind: 'requested', needs };
    this.happened({ kind: 'opened' });
  }

  get state(): RequestState {
    return this.#state;
  }

  is(...kinds: readonly StateKind[]): boolean {
    return kinds.includes(this.#state.kind);
  }

  view(): RequestView {
    const { decideByAt } = this.#input;
    return { version: this.#version, state: this.#state, decideByAt, useByAt: this.#useByAt, noticed: this.#noticed };
  }

  /** Decide-by while it awaits decisions, then use-by; the one pending deadline before a grant. */
  lapseAt(): number {
    return this.#useByAt ?? this.#input.decideByAt;
  }

  /** What happens next to a grant that is held: the notice, if one is due and in time, else the end. */
  holdAt(): number {
    if (this.#state.kind !== 'active') return 0;
    const { endAt } = this.#state;
    const noticeAt = endAt - this.#input.noticeMs;
    const noticeAhead = this.#input.slack && this.#input.noticeMs > 0 && !this.#noticed && noticeAt > Date.now();
    return noticeAhead ? noticeAt : endAt;
  }

  /** Its holder is told that the end is near. */
  notice(): void {
    this.#noticed = true;
    this.#changed();
  }

  /** Moves the state. An event that repeats what holds already changes nothing; one that does not fit is refused. */
  happened(event: RequestEvent): Refusal | undefined {
    const result = next(this.#state, event);
    if (isRefusal(result)) return result;
    if (result === this.#state) return undefined;
    const closedByRevoke = this.#state.kind === 'revoking';
    this.#state = result;
    if (result.kind === 'awaiting') this.#useByAt = null;
    if (result.kind === 'approved') this.#useByAt ??= Date.now() + this.#input.plan.limits.useWithinMs;
    this.#changed(closedByRevoke);
    return undefined;
  }

  #changed(recorded = false): void {
    this.#version += 1;
    // Without Slack nobody is shown anything, but a close must be recorded, unless the revoke did that.
    this.closedUnrecorded = this.is('closed') && !recorded;
    this.untold ||= this.closedUnrecorded || (this.#input.slack && this.is(...shown));
  }

  // == Validators: shape, and "still open". What they reject leaves no event. ==================================

  readonly mayDecide = (input: DecideInput): void => demand(isDecideInput(input) ? this.#open('awaiting') : malformed);

  readonly mayClaim = (input: { readonly credentialId: CredentialId }): void =>
    demand(hasTexts(input, 'credentialId') ? this.#open('approved', 'granting') : malformed);

  readonly mayEnd = (input: { readonly actor: PersonId }): void =>
    demand(hasTexts(input, 'actor') ? this.#open('awaiting', 'approved', 'granting', 'active', 'revoking') : malformed);

  /** NB. The store knows of a grant a moment before this does; what comes in between is sent again. */
  readonly mayExtend = (input: ExtendInput): void =>
    demand(!isExtendInput(input) ? malformed : this.is('granting') ? tooEarly : this.#open('active'));

  #open(...kinds: readonly StateKind[]): Refusal | undefined {
    const state = this.#state;
    if (state.kind === 'closed') return refuse('NotPending', `This request is closed: ${state.outcome}.`);
    if (!kinds.includes(state.kind)) return refuse('NotPending', `This request is ${state.kind}.`);
    // The timer may fire a second late, or after a time without workers: what is over by the clock is over.
    const late = this.is('awaiting', 'approved') && Date.now() >= this.lapseAt();
    return late ? refuse('NotPending', 'The time for this is over.') : undefined;
  }

  // == Update handlers: judge purely, move the state, answer with the view. A refusal stands in the history. ===

  readonly decide = (input: DecideInput): RequestView => this.#answer(this.#decided(input));

  readonly claim = (input: { readonly credentialId: CredentialId }): RequestView =>
    this.#answer(this.happened({ kind: 'claimed', credentialId: input.credentialId }));

  readonly extend = ({ extensionId: id, step, endAt }: ExtendInput): RequestView =>
    this.#answer(
      this.happened(step === 'over' ? { kind: 'extension-over', id } : { kind: `extension-${step}`, id, endAt }),
    );

  readonly release = (): RequestView => this.#answer(this.happened({ kind: 'released' }));

  readonly withdraw = (): RequestView => this.#answer(this.happened({ kind: 'withdrawn' }));

  #decided(input: DecideInput): Refusal | undefined {
    const { person } = input.facts;
    const { approvals } = { approvals: [], ...this.#state };
    const stages = asOf(this.#judged.stages, approvals, this.#openedAt, input.madeAt);
    const seat = judge({ ...this.#judged, stages }, input, this.#counted());
    if (isRefusal(seat)) return seat;
    const { decisionId, stage, madeAt } = input;
    if (input.verdict === 'deny') return this.happened({ kind: 'denied', decisionId, person: person.id });
    // Before the state moves: the seat must be known to whoever asks for the same one next.
    this.#seated.push(...seat.humans.map(({ id, aliases }) => ({ id, aliases })));
    const standsInFor = seat.standsInFor === undefined ? {} : { standsInFor: seat.standsInFor };
    return this.happened({ kind: 'approved', decisionId, person: person.id, stage, at: madeAt, ...standsInFor });
  }

  #counted(): readonly Pick<PersonFacts, 'id' | 'aliases'>[] {
    const approvals = 'approvals' in this.#state ? this.#state.approvals : [];
    return this.#seated.filter((seat) =>
      approvals.some((approval) => approval.person === seat.id || approval.standsInFor === seat.id),
    );
  }

  #answer(refusal: Refusal | undefined): RequestView {
    demand(refusal);
    return this.view();
  }

  // == Signal handlers: nobody waits for an answer, redelivery is harmless, and what does not fit is ignored. ===

  /** NB. A malformed revoke is a revoke all the same: ending too much is the safe mistake. */
  readonly revoke = (input?: { readonly cause?: unknown }): void => {
    this.happened({ kind: 'ended', cause: hasTexts(input, 'cause') ? String(input?.cause) : 'it was ended' });
  };

  /** With a decision's id only while that one counts: a late signal must not take a newer approval of the same person. */
  readonly voidDecisions = (input?: { readonly personId: PersonId; readonly decisionId?: DecisionId }): void => {
    if (!input || !hasTexts(input, 'personId')) return;
    const { personId, decisionId } = input;
    const approvals = 'approvals' in this.#state ? this.#state.approvals : [];
    if (decisionId !== undefined && !approvals.some((approval) => approval.decisionId === decisionId)) return;
    this.happened({ kind: 'voided', person: personId });
  };

  /** An operator cancelled the Workflow. */
  readonly cancel = (): void => {
    this.happened({ kind: 'cancelled' });
  };
}

const tooEarly = refuse('NotConfirmed', 'The grant is on its way.');
const malformed = refuse('InvalidInput', 'The message does not look as it should.');

function demand(refusal: Refusal | undefined): void {
  if (!refusal) return;
  throw ApplicationFailure.create({ type: refusal.code, message: refusal.message, nonRetryable: true });
}
