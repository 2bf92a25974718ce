/** What a request that is not granted yet is judged again by, and what comes of it. */
import type { Decision } from '../domain/decision.ts';
import type { PersonId, RequestId } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import { stagesOf } from '../domain/plan.ts';
import { deciders, planFor } from '../policy/plan.ts';
import type { LoadedPolicy } from '../policy/policy.ts';
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
    return requester ? deciders(policy, { ...row, requester }) : [];
  });
  const decided = [...made.values()]
    .flat()
    .flatMap(({ person, facts }) => [person, ...(facts.person.standsInFor ?? []).map(({ id }) => id)]);
  const others = await factsMap(db, [...(await peopleMatching(db, named)), ...decided]);
  return { facts: new Map([...requesters, ...others]), decisions: made };
}

const factsMap = async (db: Db, ids: readonly PersonId[]): Promise<ReadonlyMap<PersonId, PersonFacts>> =>
  new Map((await factsOfMany(db, [...new Set(ids)])).map((one) => [one.id, one]));

export type Finding = { readonly fallen: Tally['fallen']; readonly reasons: readonly string[] };

/** As of the opening, so that a condition on the hour ends nothing by itself: it is the policy that is compared. */
export function judge(policy: LoadedPolicy, row: RequestRow, { facts, decisions: made }: Known): Finding {
  const requester = facts.get(row.person);
  if (!requester) return { fallen: [], reasons: [] };
  const live = made.get(row.id) ?? [];
  const { fallen } = tally({ ...row, requester, stages: stagesOf(row.plan) }, live, facts);
  const planned = planFor(policy, { ...row, requester }, [...facts.values()], row.openedAt);
  return { fallen, reasons: stricter(row, planned) };
}
