import { isRefusal, type Refusal } from '../domain/errors.ts';
import type { CredentialId, DecisionId, PersonId } from '../domain/ids.ts';
import { stepsOf } from '../domain/plan.ts';
import type { OpenStage } from '../domain/progress.ts';
import {
  next,
  type Approval,
  type Extension,
  type RequestEvent,
  type RequestState,
  type StateKind,
} from '../domain/request.ts';
import type { RequestView } from '../domain/view.ts';
import type { AccessRequestInput, DecideInput, ExtendInput } from './contract.ts';
import { Seats } from './seats.ts';
import { hasTexts, isDecideInput, isExtendInput } from './shape.ts';
import { demand, early, malformed, notHeld, stillOpen } from './still-open.ts';
import { nextTellingAt, toldBy, type Told, type Waiting } from './waiting.ts';

/** A state that people are shown. `granting` and `revoking` are passed through in a moment. */
const shown: readonly StateKind[] = ['awaiting', 'approved', 'active', 'closed'];

/**
 * The state of one request's Workflow and everything that moves it. Its methods are synchronous: they are the handlers
 * of Updates and Signals, and the main loop calls the rest. Time is the Workflow's own.
 */
export class Life {
  readonly #input: AccessRequestInput;
  readonly #seats: Seats;
  #state: RequestState;
  #version = 0;
  #useByAt: number | null = null;
  #noticed = false;
  #told: Told = {};
  /** True while something is not told yet that must be. */
  untold = false;
  /** True once it closed without a revoke, which would have recorded that: then telling is also the record. */
  closedUnrecorded = false;
  /** True once it is over on its target and the store has the receipt: then there is nothing left to revoke. */
  endRecorded = false;

  constructor(input: AccessRequestInput) {
    this.#input = input;
    this.#seats = new Seats(input, input.openedAt ?? Date.now());
    const { stages } = this.#seats;
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
    const own = { version: this.#version, state: this.#state, decideByAt };
    return { ...own, useByAt: this.#useByAt, noticed: this.#noticed, ...this.#told };
  }

  /** Decide-by, or an open stage's own end, while it awaits decisions; then use-by. */
  lapseAt(): number {
    return this.#useByAt ?? Math.min(this.#input.decideByAt, ...this.#open().map(({ lapseAt }) => lapseAt ?? Infinity));
  }

  /** The one pending deadline before a grant: the lapse, or what people are told before it. */
  pendingAt(): number {
    return Math.min(this.lapseAt(), nextTellingAt(this.#waiting(), this.#told));
  }

  /** People are told what has come while it waits. */
  remind(): void {
    this.#told = toldBy(this.#waiting(), this.#told, Date.now());
    this.#changed();
  }

  #open(): readonly OpenStage[] {
    return this.#state.kind === 'awaiting' ? this.#seats.open(this.#state.approvals) : [];
  }

  #approvals(): readonly Approval[] {
    return 'approvals' in this.#state ? this.#state.approvals : [];
  }

  /** Without Slack there is nobody to tell, so nothing to wait for. */
  #waiting(): Waiting {
    const { slack, startAt, plan } = this.#input;
    if (!slack) return { open: [], startAt: null };
    // Use-by counts from the start only where that comes after the approval.
    const ahead = startAt !== undefined && this.#useByAt === startAt + plan.limits.useWithinMs;
    return { open: this.#open(), startAt: ahead ? startAt : null };
  }

  /** What happens next to a grant that is held: the notice, if one is due and in time, else the end. */
  holdAt(): number {
    if (this.#state.kind !== 'active') return 0;
    const { endAt } = this.#state;
    const noticeAt = endAt - this.#input.noticeMs;
    const noticeAhead = this.#input.slack && this.#input.noticeMs > 0 && !this.#noticed && noticeAt > Date.now();
    return noticeAhead ? noticeAt : endAt;
  }

  /** The extension that the target is to be asked for. Passed through in a moment, so nobody is shown it. */
  moving(): Extension | undefined {
    const extension = this.#state.kind === 'active' ? this.#state.extension : undefined;
    return extension?.kind === 'moving' ? extension : undefined;
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
    if (result.kind === 'approved')
      this.#useByAt ??= Math.max(Date.now(), this.#input.startAt ?? 0) + this.#input.plan.limits.useWithinMs;
    if (event.kind === 'extended') this.#noticed = false;
    this.#told = toldBy(this.#waiting(), this.#told, Date.now());
    this.#changed(closedByRevoke);
    return undefined;
  }

  #changed(recorded = false): void {
    this.#version += 1;
    // Without Slack nobody is shown anything, but a close must be recorded, unless the revoke did that.
    this.closedUnrecorded = this.is('closed') && !recorded;
    this.untold ||= this.closedUnrecorded || (this.#input.slack && this.is(...shown) && !this.moving());
  }

  // == Validators: shape, and "still open". What they reject leaves no event. ==================================

  readonly mayDecide = (input: DecideInput): void =>
    demand(isDecideInput(input) ? this.#stillOpen('awaiting') : malformed);

  readonly mayClaim = (input: { readonly credentialId: CredentialId }): void =>
    demand(
      hasTexts(input, 'credentialId')
        ? (early(this.#input.startAt, Date.now()) ?? this.#stillOpen('approved', 'granting'))
        : malformed,
    );

  readonly mayEnd = (input: { readonly actor: PersonId }): void =>
    demand(
      hasTexts(input, 'actor') ? this.#stillOpen('awaiting', 'approved', 'granting', 'active', 'revoking') : malformed,
    );

  readonly mayExtend = (input: ExtendInput): void =>
    demand(isExtendInput(input) ? (notHeld(this.#state, Date.now()) ?? this.#stillOpen('active')) : malformed);

  #stillOpen(...kinds: readonly StateKind[]): Refusal | undefined {
    return stillOpen(this.#state, kinds, this.lapseAt(), Date.now());
  }

  // == Update handlers: judge purely, move the state, answer with the view. A refusal stands in the history. ===

  readonly decide = (input: DecideInput): RequestView => {
    const event = this.#seats.decide(input, this.#approvals());
    return this.#answer(isRefusal(event) ? event : this.happened(event));
  };

  readonly claim = (input: { readonly credentialId: CredentialId }): RequestView =>
    this.#answer(this.happened({ kind: 'claimed', credentialId: input.credentialId }));

  readonly extend = ({ extensionId: id, step, endAt }: ExtendInput): RequestView =>
    this.#answer(
      this.happened(step === 'over' ? { kind: 'extension-over', id } : { kind: `extension-${step}`, id, endAt }),
    );

  readonly release = (): RequestView => this.#answer(this.happened({ kind: 'released' }));

  readonly withdraw = (): RequestView => this.#answer(this.happened({ kind: 'withdrawn' }));

  #answer(refusal: Refusal | undefined): RequestView {
    demand(refusal);
    return this.view();
  }

  // == Signal handlers: nobody waits for an answer, redelivery is harmless, and what does not fit is ignored. ===

  /** NB. A malformed revoke is a revoke all the same: ending too much is the safe mistake. */
  readonly revoke = (input?: { readonly cause?: unknown; readonly recorded?: unknown }): void => {
    // Only of what is held: what is still being granted, or moved, is revoked after that, whoever has recorded an end.
    if (this.is('active') && !this.moving())
      this.endRecorded = this.#input.endsByRecord === true && input?.recorded === true;
    this.happened({ kind: 'ended', cause: hasTexts(input, 'cause') ? String(input?.cause) : 'it was ended' });
  };

  /** With a decision's id only while that one counts: a late signal must not take a newer approval of the same person. */
  readonly voidDecisions = (input?: { readonly personId: PersonId; readonly decisionId?: DecisionId }): void => {
    if (!input || !hasTexts(input, 'personId')) return;
    const { personId, decisionId } = input;
    if (decisionId !== undefined && !this.#approvals().some((approval) => approval.decisionId === decisionId)) return;
    this.happened({ kind: 'voided', person: personId });
  };

  /** An operator cancelled the Workflow. */
  readonly cancel = (): void => {
    this.happened({ kind: 'cancelled' });
  };
}
