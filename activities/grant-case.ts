import { CurfewError } from '../domain/errors.ts';
import type { PersonId, RequestId } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import { planFor, deciders, type Planned } from '../policy/plan.ts';
import * as claims from '../store/claims.ts';
import * as decisions from '../store/decisions.ts';
import * as intents from '../store/intents.ts';
import * as people from '../store/people.ts';
import type { Db } from '../store/pool.ts';
import * as requests from '../store/requests.ts';
import * as targetChecks from '../store/target-checks.ts';
import type { CurrentPolicy } from './current-policy.ts';

/** Everything that the store and the policy say of a request at this moment: what a grant is judged by. */
export type GrantCase = {
  readonly request: requests.RequestRow;
  readonly claim: claims.ClaimRow | undefined;
  /** Oldest first, void ones too. */
  readonly decisions: readonly decisions.StoredDecision[];
  /** As the directory has them now: the requester and whoever decided. */
  readonly facts: ReadonlyMap<PersonId, PersonFacts>;
  /** What the policy of this moment says of the same ask. */
  readonly planned: Planned;
  /** Something has asked for its end already. */
  readonly endAsked: boolean;
  readonly check: targetChecks.TargetCheck | undefined;
};

/**
 * Reads the case. Facts are read last, so that they are the newest of what is judged.
 * @throws CurfewError `UnknownRequest`, `PolicyDenied` without a policy, `NotRecorded` without a store
 */
export async function readGrantCase(db: Db, policyOf: CurrentPolicy, id: RequestId, now: number): Promise<GrantCase> {
  const request = await requests.byId(db, id);
  if (!request) throw new CurfewError('UnknownRequest', 'The store has no such request.');
  const [policy, claim, made, asked, check] = await Promise.all([
    policyOf(db),
    claims.of(db, id),
    decisions.of(db, id),
    intents.ofRequest(db, id),
    targetChecks.latest(db, request.target),
  ]);
  const requester = await people.factsOf(db, request.person);
  if (!requester) throw new CurfewError('UnknownPerson', 'The directory does not know the requester any more.');
  const { kind, target, role, durationMs, ticket, startAt } = request;
  const ask = { kind, requester, target, role, durationMs, ticket, startAt };
  const named = await people.peopleMatching(db, deciders(policy, ask));
  const decided = made.flatMap(({ person, facts }) => [
    person,
    ...(facts.person.standsInFor ?? []).map(({ id }) => id),
  ]);
  const ids = [...new Set([request.person, ...named, ...decided])];
  const all = await people.factsOfMany(db, ids);
  const facts = new Map(all.map((one) => [one.id, one]));
  const planned = planFor(policy, { ...ask, requester: facts.get(request.person) ?? requester }, all, now);
  return { request, claim, decisions: made, facts, planned, endAsked: asked.length > 0, check };
}
