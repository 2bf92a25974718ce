/** What a request is judged again by, and what comes of one that is not granted yet. */
import type { Decision } from '../domain/decision.ts';
import { CurfewError } from '../domain/errors.ts';
import type { PersonId, RequestId } from '../domain/ids.ts';
import { sameHuman, type PersonFacts } from '../domain/person.ts';
import { stagesOf, type Stage } from '../domain/plan.ts';
import { deciders, planFor } from '../policy/plan.ts';
import type { LoadedPolicy } from '../policy/policy.ts';
import { mostSeats } from '../policy/seats.ts';
import { stricter } from '../policy/stricter.ts';
import { tally, type Tally } from '../policy/tally.ts';
import * as decisions from '../store/decisions.ts';
import { factsOfMany, peopleMatching } from '../store/people.ts';
import type { Db } from '../store/pool.ts';
import type { RequestRow } from '../store/requests.ts';

/** The decisions on some requests, and everybody who has to do with them, as of now. */
export type Known = {
  readonly facts: ReadonlyMap<PersonId, PersonFacts>;
  readonly decisions: ReadonlyMap<RequestId, readonly Decision[]>;
};

/** A few statements for all of them. */
export async function read(db: Db, policy: LoadedPolicy, rows: readonly RequestRow[]): Promise<Known> {
  const made = await decisions.liveOf(
    db,
    rows.map(({ id }) => id),
  );
  const requesters = await factsMap(
    db,
    rows.map(({ person }) => person),
  );
  const named = rows.flatMap((row) => {
    const requester = requesters.get(row.person);
    const pinned = stagesOf(row.plan).flatMap(({ from, escalate }) => [...from, ...(escalate?.to ?? [])]);
    return requester ? [...deciders(policy, { ...row, requester }), ...pinned] : [];
  });
  const decided = [...made.values()]
    .flat()
    .flatMap(({ person, facts }) => [person, ...(facts.person.standsInFor ?? []).map(({ id }) => id)]);
  const others = await factsMap(db, [...(await peopleMatching(db, named)), ...decided]);
  return { facts: new Map([...requesters, ...others]), decisions: made };
}

const factsMap = async (db: Db, ids: readonly PersonId[]): Promise<ReadonlyMap<PersonId, PersonFacts>> =>
  new Map((await factsOfMany(db, [...new Set(ids)])).map((one) => [one.id, one]));

/**
 * Those of a batch of which something seems to have fallen; a few statements for all of them. What cannot be judged is
 * among them, and all are where they cannot be read together: each is looked at by itself then.
 */
export async function suspectsOf(
  db: Db,
  policy: LoadedPolicy,
  rows: readonly RequestRow[],
  isSuspect: (row: RequestRow, known: Known) => boolean,
): Promise<readonly RequestRow[]> {
  const known = await read(db, policy, rows).catch((error: unknown) => {
    if (error instanceof CurfewError) throw error;
    return undefined;
  });
  if (!known) return rows;
  return rows.filter((row) => {
    try {
      return isSuspect(row, known);
    } catch {
      return true;
    }
  });
}

export type Finding = {
  readonly fallen: Tally['fallen'];
  readonly reasons: readonly string[];
  /** The step that waits for people of whom too few are left; null: there are enough. */
  readonly stuck: string | null;
};

/** What they had open when they left was ended then; this came in between. */
const notActive = 'Whoever asked for it is not active any more.';

/** As of the opening, so that a condition on the hour ends nothing by itself: it is the policy that is compared. */
export function judge(policy: LoadedPolicy, row: RequestRow, { facts, decisions: made }: Known): Finding {
  const requester = facts.get(row.person);
  if (!requester) return { fallen: [], reasons: [], stuck: null };
  if (requester.state !== 'active') return { fallen: [], reasons: [notActive], stuck: null };
  const live = made.get(row.id) ?? [];
  const said = tally({ ...row, requester, stages: stagesOf(row.plan) }, live, facts);
  const planned = planFor(policy, { ...row, requester }, [...facts.values()], row.openedAt);
  const stuck = nobodyLeft(stagesOf(row.plan), said, requester, [...facts.values()]);
  return { fallen: said.fallen, reasons: stricter(row, planned), stuck };
}

/**
 * Whoever could decide may have left since it was opened, and then it would wait in vain until it lapses. Those who are
 * away may decide all the same.
 */
function nobodyLeft(
  stages: readonly Stage[],
  { approvals, humans, denied, open }: Tally,
  requester: PersonFacts,
  people: readonly PersonFacts[],
): string | null {
  const [first] = open;
  if (denied || first === undefined) return null;
  const missing = stages.map((stage, index) => ({
    ...stage,
    need: Math.max(0, stage.need - approvals.filter((one) => one.stage === index).length),
    from: [...stage.from, ...(stage.escalate?.to ?? [])],
  }));
  const free = people
    .filter((one) => !humans.some((other) => sameHuman(one, other)))
    .map(({ away: _away, ...one }): PersonFacts => one);
  const needed = missing.reduce((sum, { need }) => sum + need, 0);
  return mostSeats(missing, requester, free) < needed ? (stages[first]?.name ?? null) : null;
}
