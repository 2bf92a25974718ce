/**
 * Are there people for all seats of all stages at once? Counted are different humans: nobody sits twice in a request,
 * by whatever account and in whosever place (I6). Who is away may still decide but is not counted on.
 */
import { isRefusal } from '../domain/errors.ts';
import { sameHuman, type PersonFacts } from '../domain/person.ts';
import type { Selector, Stage } from '../domain/plan.ts';
import { seatOf, type Human, type Seat } from './eligibility.ts';
import { describeSelectors, distinct, namesPerson, selectorKey } from './selectors.ts';

/**
 * The different humans who could fill a seat of this stage, each by one of their accounts; never the requester (I6).
 * @param most enough: the rest is not looked at
 */
export function ableToSit(
  stage: Stage,
  requester: PersonFacts,
  people: readonly PersonFacts[],
  most = Infinity,
): readonly PersonFacts[] {
  const able: PersonFacts[] = [];
  for (const person of people) {
    if (able.length >= most) break;
    if (seatFor(person, stage, requester) && !able.some((other) => sameHuman(person, other))) able.push(person);
  }
  return able;
}

/** The seat of somebody who is counted on; those whom a stage is plainly not about are not asked further. */
function seatFor(person: PersonFacts, stage: Stage, requester: PersonFacts): Seat | undefined {
  if (person.away === true || !(namesPerson(stage.from, person) || person.standsInFor?.length)) return undefined;
  const seat = seatOf(person, stage, requester);
  return isRefusal(seat) ? undefined : seat;
}

function hasSitter(stage: Stage, requester: PersonFacts, people: readonly PersonFacts[]): boolean {
  for (const person of people) if (seatFor(person, stage, requester)) return true;
  return false;
}

export type Seated =
  | { readonly ok: true; readonly stages: readonly Stage[] }
  | { readonly ok: false; readonly reasons: readonly string[] };

/**
 * Finds a seat for as many different people as the stages need. Where a stage's own are too few, the owners of the
 * target may decide as well; where that is not enough either there are reasons, and never fewer seats.
 */
export function seatAll(
  stages: readonly Stage[],
  owners: readonly Selector[],
  requester: PersonFacts,
  people: readonly PersonFacts[],
): Seated {
  // Most requests take one word: whoever is found first will do.
  const [only] = stages;
  if (!only || (stages.length === 1 && only.need === 1 && hasSitter(only, requester, people)))
    return { ok: true, stages };
  let tried = stages.map((stage) =>
    ableToSit(stage, requester, people, stage.need).length < stage.need ? withOwners(stage, owners) : stage,
  );
  const total = stages.reduce((sum, { need }) => sum + need, 0);
  let filled = mostSeats(tried, requester, people);
  for (let index = 0; index < tried.length && filled < total; index += 1) {
    const wider = tried.map((stage, at) => (at === index ? withOwners(stage, owners) : stage));
    const more = mostSeats(wider, requester, people);
    if (more > filled) [tried, filled] = [wider, more];
  }
  if (filled >= total) return { ok: true, stages: tried };
  const short = stages.flatMap((stage) => shortfall(withOwners(stage, owners), requester, people));
  const together = `The steps together need ${total} different people besides you; there ${filled === 1 ? 'is' : 'are'} only ${filled}.`;
  return { ok: false, reasons: short.length > 0 ? short : [together] };
}

/** The rule's own words stay with the stage, so that it can be compared with what another policy would make of it. */
function withOwners(stage: Stage, owners: readonly Selector[]): Stage {
  const from = distinct([...stage.from, ...owners]);
  if (from.length === stage.from.length) return stage;
  return { ...stage, from, as: stage.as ?? stage.from.map(selectorKey), ownersToo: true };
}

function shortfall(stage: Stage, requester: PersonFacts, people: readonly PersonFacts[]): readonly string[] {
  const able = ableToSit(stage, requester, people, stage.need).length;
  if (able >= stage.need) return [];
  const there = able === 0 ? 'nobody' : `only ${able}`;
  return [`"${stage.name}" needs ${stage.need} of ${describeDeciders(stage)} besides you; there is ${there}.`];
}

/** Who decides a stage, in words and without names: `your manager or the group data-owners`. */
export function describeDeciders({ from, as }: Pick<Stage, 'from' | 'as'>): string {
  const words = [
    ...(as?.includes('manager') ? ['your manager'] : []),
    ...(as?.includes('managers-manager') ? ["your manager's manager"] : []),
  ];
  // NB. Of a manager there is the person as well, which is no other one.
  const own = words.length === 0 ? from : from.filter((one) => one.kind !== 'person' || as?.includes(selectorKey(one)));
  return [...words, ...(own.length > 0 ? [describeSelectors(own)] : [])].join(' or ');
}

/** How many seats can be filled at once: a largest matching of seats and humans (Kuhn's augmenting paths). */
export function mostSeats(stages: readonly Stage[], requester: PersonFacts, people: readonly PersonFacts[]): number {
  const able = humansOf(stages, requester, people);
  const seats = able.flatMap((humans, stage) => Array.from({ length: stages[stage]?.need ?? 0 }, () => humans));
  const seatOfHuman = new Map<number, number>();
  const place = (seat: number, seen: Set<number>): boolean => {
    for (const human of seats[seat] ?? []) {
      if (seen.has(human)) continue;
      seen.add(human);
      const other = seatOfHuman.get(human);
      if (other !== undefined && !place(other, seen)) continue;
      seatOfHuman.set(human, seat);
      return true;
    }
    return false;
  };
  return seats.filter((_, seat) => place(seat, new Set())).length;
}

/** Of each stage the humans who could sit there, by number. Who stands in for somebody is one human with them. */
function humansOf(
  stages: readonly Stage[],
  requester: PersonFacts,
  people: readonly PersonFacts[],
): readonly (readonly number[])[] {
  const accounts: { readonly human: Human; number: number }[] = [];
  const numberOf = (humans: readonly Human[]): number => {
    const same = accounts.filter((one) => humans.some((human) => sameHuman(human, one.human)));
    const number = same[0]?.number ?? accounts.length;
    const others = new Set(same.map((one) => one.number));
    for (const one of accounts) if (others.has(one.number)) one.number = number;
    for (const human of humans)
      if (!accounts.some((one) => one.human.id === human.id)) accounts.push({ human, number });
    return number;
  };
  const total = stages.reduce((sum, { need }) => sum + need, 0);
  const sitters = stages.map((stage) => {
    const found: Human[] = [];
    const numbers = new Set<number>();
    for (const person of people) {
      // With as many humans as there are seats at all, this stage takes nobody from another one.
      if (numbers.size >= total) break;
      const seat = seatFor(person, stage, requester);
      if (!seat) continue;
      numbers.add(numberOf(seat.humans));
      found.push(person);
    }
    return found;
  });
  // Numbers may have become one since they were given: two accounts, and then the alias that joins them.
  return sitters.map((found) => [...new Set(found.map((person) => numberOf([person])))]);
}
