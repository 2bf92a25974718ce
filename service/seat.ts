/** Which seat of a request, or of an extension, somebody's word would fill at this instant. */
import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import { sameHuman, type PersonFacts } from '../domain/person.ts';
import type { Stage } from '../domain/plan.ts';
import { asOf } from '../domain/progress.ts';
import type { Approval } from '../domain/request.ts';
import { judge, seatOf, type Click, type Human, type Seat } from '../policy/eligibility.ts';
import type { Tallied } from '../policy/tally.ts';

/** How far the approvals are: what counts already, and which stages wait for somebody. */
export type Sitting = Tallied & {
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
  const people = [person, ...others.filter((other) => !sameHuman(other, person))];
  const seatsLeft = (taken: readonly Pick<Approval, 'stage'>[]): readonly Stage[] =>
    stages.flatMap((stage, index) => {
      const missing = stage.need - taken.filter((one) => one.stage === index).length;
      const from = [...stage.from, ...(stage.escalate?.to ?? [])];
      return Array.from({ length: Math.max(0, missing) }, () => ({ ...stage, from }));
    });
  const unfilled = (taken: readonly Pick<Approval, 'stage'>[], sat: readonly Human[]): Stage | undefined =>
    firstUnfilled(seatsLeft(taken), people, requester, sat);
  const [first] = able;
  if (!first || unfilled(approvals, counted)) return first ?? refuse('NotPending', 'There is no such step.');
  const after = able.map((chosen) => ({
    chosen,
    lacks: unfilled([...approvals, chosen], [...counted, ...chosen.seat.humans]),
  }));
  const fits = after.find(({ lacks }) => lacks === undefined);
  if (fits) return fits.chosen;
  const needed = seatsLeft([...approvals, first]).find(
    (stage) => !isRefusal(seatOf(person, stage, requester, counted)),
  );
  const name = (needed ?? after[0]?.lacks)?.name ?? 'another step';
  return refuse('ApproverNotEligible', `Your word is needed for "${name}", where too few others can give theirs.`);
}

/**
 * Gives each seat a different human, as far as that goes: augmenting paths in a bipartite graph (Kuhn 1955). Few seats,
 * so it is quick for many people.
 */
function firstUnfilled(
  seats: readonly Stage[],
  people: readonly PersonFacts[],
  requester: Human,
  sat: readonly Human[],
): Stage | undefined {
  const able = seats.map((stage) => people.filter((person) => !isRefusal(seatOf(person, stage, requester, sat))));
  const takenBy = new Map<PersonFacts, number>();
  const humanOf = (person: PersonFacts): PersonFacts => people.find((other) => sameHuman(other, person)) ?? person;
  const seatFor = (seat: number, tried: Set<PersonFacts>): boolean =>
    (able[seat] ?? []).map(humanOf).some((human) => {
      if (tried.has(human)) return false;
      tried.add(human);
      const holds = takenBy.get(human);
      if (holds !== undefined && !seatFor(holds, tried)) return false;
      takenBy.set(human, seat);
      return true;
    });
  return seats.find((_, seat) => !seatFor(seat, new Set()));
}
