/** Which seat of a request, or of an extension, somebody's word would fill at this instant. */
import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import { sameHuman, type PersonFacts } from '../domain/person.ts';
import type { Stage } from '../domain/plan.ts';
import { asOf } from '../domain/progress.ts';
import type { Approval } from '../domain/request.ts';
import { judge, seatOf, type Click, type Human, type Seat } from '../policy/eligibility.ts';
import { mostSeats } from '../policy/seats.ts';
import type { Tallied } from '../policy/tally.ts';

/** How far the approvals are: what counts already, and which stages wait for somebody. */
export type Sitting = Tallied & {
  readonly requester: PersonFacts;
  readonly approvals: readonly Approval[];
  /** Everybody who has sat, as the directory has them now. */
  readonly counted: readonly Human[];
  /** Empty where nothing waits any more: then it is only said whether this person could have decided at all. */
  readonly open: readonly number[];
};

export type Chosen = { readonly stage: number; readonly seat: Seat };

/**
 * The first open stage that this person may fill now, escalation and delegation included, so that people are still left
 * for all others. A denial may come from whoever may sit in any open stage.
 * @param others everybody who could be asked; without them nobody looks at who is left
 * @returns the refusal of the first open stage where they may fill none
 */
export function chooseSeat(
  sitting: Sitting,
  click: Omit<Click, 'stage'>,
  others: readonly PersonFacts[] = [],
): Chosen | Refusal {
  const stages = asOf(sitting.stages, sitting.approvals, sitting.openedAt, click.madeAt);
  const any = stages.length > 0 ? [...stages.keys()] : [0];
  const asked = sitting.open.length > 0 ? sitting.open : any;
  const judged = asked.map((stage) => ({
    stage,
    seat: judge({ ...sitting, stages }, { ...click, stage }, sitting.counted),
  }));
  const able = judged.flatMap(({ stage, seat }): Chosen[] => (isRefusal(seat) ? [] : [{ stage, seat }]));
  const [first] = able;
  if (!first) return judged.map(({ seat }) => seat).find(isRefusal) ?? refuse('NotPending', 'There is no such step.');
  const alone = sitting.stages.length < 2 || sitting.open.length === 0 || click.verdict === 'deny';
  return alone ? first : leavingEnough(sitting, able, click.facts.person, others);
}

/**
 * NB. Only where somebody else could have taken the seat: what cannot be completed anyway is no reason to refuse a word.
 */
function leavingEnough(
  { requester, stages, approvals, counted }: Sitting,
  able: readonly Chosen[],
  person: PersonFacts,
  others: readonly PersonFacts[],
): Chosen | Refusal {
  const missing = (taken: readonly Pick<Approval, 'stage'>[]): readonly Stage[] =>
    stages.map((stage, index) => ({
      ...stage,
      need: Math.max(0, stage.need - taken.filter((one) => one.stage === index).length),
      from: [...stage.from, ...(stage.escalate?.to ?? [])],
    }));
  const people = [person, ...others.filter((other) => other.id !== person.id)];
  const suffices = (left: readonly Stage[], sat: readonly Human[]): boolean => {
    const free = people.filter((one) => !sat.some((other) => sameHuman(one, other)));
    return mostSeats(left, requester, free) === left.reduce((sum, { need }) => sum + need, 0);
  };
  const fits = able.find((chosen) => suffices(missing([...approvals, chosen]), [...counted, ...chosen.seat.humans]));
  const [first] = able;
  if (fits || !first) return fits ?? refuse('NotPending', 'There is no such step.');
  if (!suffices(missing(approvals), counted)) return first;
  const needed = missing([...approvals, first]).find(
    (stage) => stage.need > 0 && !isRefusal(seatOf(person, stage, requester, counted)),
  );
  const name = needed?.name ?? 'another step';
  return refuse('ApproverNotEligible', `Your word is needed for "${name}", where too few others can give theirs.`);
}
