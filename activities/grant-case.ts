import { CurfewError } from '../domain/errors.ts';
import { asPlanned, type Conditions, type ConditionState } from '../domain/condition.ts';
import type { Decision } from '../domain/decision.ts';
import type { PersonId, RequestId } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import { planFor, deciders, type Ask, type Planned } from '../policy/plan.ts';
import type { LoadedPolicy } from '../policy/policy.ts';
import * as announcements from '../store/announcements.ts';
import type { AnnouncementChannel } from '../store/announcements.ts';
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
  /** Of the incident, ticket or shift that the plan binds it to; `holds` where there is none. */
  readonly condition: ConditionState;
  /** Of a break-glass: the kinds of channels through which its announcement was committed, with its entry in the log. */
  readonly announced: readonly AnnouncementChannel[];
};

/** What a case is read from. */
export type Sources = {
  readonly policyOf: CurrentPolicy;
  readonly conditions: Conditions;
};

/**
 * Reads the case. Facts are read last, so that they are the newest of what is judged.
 * @throws CurfewError `UnknownRequest`, `PolicyDenied` without a policy, `NotRecorded` without a store
 */
export async function readGrantCase(db: Db, sources: Sources, id: RequestId, now: number): Promise<GrantCase> {
  const request = await requestOf(db, id);
  const [policy, claim, made, asked, check, announced] = await Promise.all([
    sources.policyOf(db),
    claims.of(db, id),
    decisions.of(db, id),
    intents.ofRequest(db, id),
    targetChecks.latest(db, request.target),
    announcements.of(db, id),
  ]);
  const { facts, requester, all } = await readPeople(db, policy, request, made);
  const condition = await conditionOf(sources, request, requester);
  const planned = planFor(policy, askOf(request, requester), all, now);
  const through = announced.map(({ channel }) => channel);
  const endAsked = asked.length > 0;
  return { request, claim, decisions: made, facts, planned, endAsked, check, condition, announced: through };
}

export async function requestOf(db: Db, id: RequestId): Promise<requests.RequestRow> {
  const request = await requests.byId(db, id);
  if (!request) throw new CurfewError('UnknownRequest', 'The store has no such request.');
  return request;
}

/** Everybody whom the policy names for it and everybody who decided, as the directory has them now. */
export async function readPeople(
  db: Db,
  policy: LoadedPolicy,
  request: requests.RequestRow,
  made: readonly Pick<Decision, 'person' | 'facts'>[],
) {
  const before = await people.factsOf(db, request.person);
  if (!before) throw new CurfewError('UnknownPerson', 'The directory does not know the requester any more.');
  const named = await people.peopleMatching(db, deciders(policy, askOf(request, before)));
  const decided = made.flatMap(({ person, facts }) => [
    person,
    ...(facts.person.standsInFor ?? []).map(({ id }) => id),
  ]);
  const all = await people.factsOfMany(db, [...new Set([request.person, ...named, ...decided])]);
  const facts: ReadonlyMap<PersonId, PersonFacts> = new Map(all.map((one) => [one.id, one]));
  return { all, facts, requester: facts.get(request.person) ?? before };
}

export const askOf = (
  { kind, target, role, durationMs, ticket, startAt }: requests.RequestRow,
  requester: PersonFacts,
): Ask => ({ kind, requester, target, role, durationMs, ticket, startAt });

export const conditionOf = async (
  { conditions }: Pick<Sources, 'conditions'>,
  { plan }: Pick<requests.RequestRow, 'plan'>,
  requester: PersonFacts,
): Promise<ConditionState> => (plan.until ? asPlanned(plan, await conditions(plan.until, requester)) : 'holds');

/**
 * Has anything happened since the case was read that its judgement may hang on: an end that was asked for, a void, one
 * of its people who is not active? One statement, so that it can be asked right before the call on the target.
 */
export async function isDisturbed(db: Db, { request, facts, decisions: made }: GrantCase): Promise<boolean> {
  const live = made.filter(({ voidedAt }) => voidedAt === undefined).map(({ id }) => id);
  const disturbed = await db.query(
    `select where exists (select from curfew.revoke_intent i where i.request_id = $1)
       or exists (select from curfew.decision_void v where v.decision_id = any ($2::text[]))
       or exists (select from curfew.person p where p.id = any ($3::uuid[]) and p.state <> 'active')`,
    [request.id, live, [request.person, ...facts.keys()]],
  );
  return disturbed.length > 0;
}
