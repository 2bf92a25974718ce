import { isRefusal, type Refusal } from '../domain/errors.ts';
import type { PersonFacts } from '../domain/person.ts';
import { stagesOf, type Stage } from '../domain/plan.ts';
import { asOf, openNow, type OpenStage } from '../domain/progress.ts';
import type { Approval, RequestEvent } from '../domain/request.ts';
import { judge, type Judged } from '../policy/eligibility.ts';
import type { AccessRequestInput, DecideInput } from './contract.ts';

/** Who may sit in a request's seats, and everybody who ever sat with their other ids; who counts now is the state's. */
export class Seats {
  readonly stages: readonly Stage[];
  readonly #judged: Judged;
  readonly #openedAt: number;
  readonly #seated: Pick<PersonFacts, 'id' | 'aliases'>[] = [];

  constructor({ requester, digest, plan }: AccessRequestInput, openedAt: number) {
    this.stages = stagesOf(plan);
    this.#judged = { requester, digest, stages: this.stages };
    this.#openedAt = openedAt;
  }

  open(approvals: readonly Approval[]): readonly OpenStage[] {
    return openNow(this.stages, approvals, this.#openedAt);
  }

  /**
   * @param approvals those that count
   * @returns what the decision comes to, or why it does not count
   */
  decide(input: DecideInput, approvals: readonly Approval[]): RequestEvent | Refusal {
    const { decisionId, stage, madeAt: at, verdict } = input;
    const stages = asOf(this.stages, approvals, this.#openedAt, at);
    const counted = this.#seated.filter(({ id }) =>
      approvals.some(({ person, standsInFor }) => person === id || standsInFor === id),
    );
    const seat = judge({ ...this.#judged, stages }, input, counted);
    if (isRefusal(seat)) return seat;
    const person = input.facts.person.id;
    if (verdict === 'deny') return { kind: 'denied', decisionId, person };
    // Before the state moves: the seat must be known to whoever asks for the same one next.
    this.#seated.push(...seat.humans.map(({ id, aliases }) => ({ id, aliases })));
    const { standsInFor } = seat;
    return { kind: 'approved', decisionId, person, stage, at, ...(standsInFor === undefined ? {} : { standsInFor }) };
  }
}
