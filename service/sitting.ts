/** Who sits in a request's seats, who else could, and by when they must be filled. */
import type { PersonId } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import { stagesOf, type Stage } from '../domain/plan.ts';
import { openNow } from '../domain/progress.ts';
import { openStages } from '../domain/request.ts';
import type { Human } from '../policy/eligibility.ts';
import { factsOfMany, peopleMatching } from '../store/people.ts';
import type { Db } from '../store/pool.ts';
import type { Sitting } from './seat.ts';
import type { Standing } from './standing.ts';

/** Everybody who has had a word in this, and whoever has one now, as the directory has them at this moment. */
export async function peopleIn(
  db: Db,
  { humans, decisions: live }: Pick<Standing, 'humans' | 'decisions'>,
  clicker: PersonId,
): Promise<ReadonlyMap<PersonId, PersonFacts>> {
  const ids = [clicker, ...humans.map(({ id }) => id), ...live.map((decision) => decision.person)];
  return new Map((await factsOfMany(db, [...new Set(ids)])).map((person) => [person.id, person]));
}

/** Where the approvals of a request are, for a next one. */
export function sittingOf(
  { row, requester, state, approvals, humans }: Standing,
  people: ReadonlyMap<PersonId, PersonFacts>,
): Sitting {
  const counted = humans.map((human): Human => people.get(human.id) ?? human);
  const open = state.kind === 'awaiting' ? openStages(state, state.approvals) : [];
  return { ...row, requester, stages: stagesOf(row.plan), approvals, counted, open };
}

/** By when it must be decided: the request, and each stage that is open. */
export const lapseOf = ({ row, approvals }: Standing): number =>
  Math.min(
    row.decideByAt,
    ...openNow(stagesOf(row.plan), approvals, row.openedAt).map(({ lapseAt }) => lapseAt ?? Number.POSITIVE_INFINITY),
  );

/** Of a single stage nobody need be kept for another one. */
export async function whoCould(db: Db, stages: readonly Stage[]): Promise<readonly PersonFacts[]> {
  if (stages.length < 2) return [];
  const named = stages.flatMap(({ from, escalate }) => [...from, ...(escalate?.to ?? [])]);
  return factsOfMany(db, await peopleMatching(db, named));
}
