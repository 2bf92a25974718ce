/**
 * The API's own judgement of a claim, before it signs a ticket: everything that was true at the approval, once more.
 * The worker judges the same again inside the grant; neither believes the other (two-key rule, I7, I8).
 */
import type { Decision } from '../domain/decision.ts';
import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import type { PersonId } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import { stagesOf } from '../domain/plan.ts';
import { formatInstant } from '../domain/time.ts';
import { digestOf } from '../policy/digest.ts';
import { stricter } from '../policy/stricter.ts';
import { tally, type Tally } from '../policy/tally.ts';
import { factsOfMany } from '../store/people.ts';
import type { Db } from '../store/pool.ts';
import * as checks from '../store/target-checks.ts';
import type { LoadedPolicy } from '../policy/policy.ts';
import type { Context, TargetPlace } from './context.ts';
import { closingOf, conditionStands, type AskedBefore } from './bounds.ts';
import { activePerson, plannedAgain } from './planning.ts';
import { notPending, type Standing } from './standing.ts';
import { notWhileBehind } from './store-behind.ts';

/** Is it approved, in time, and asked by nobody to end? Of what the store says alone. */
export function claimable({ row, state, view, intents, useByAt }: Standing, now: number): Refusal | undefined {
  if (state.kind !== 'approved') return notPending(state);
  if (intents.length > 0) return refuse('NotPending', 'This request is being ended.');
  if (view.state.kind !== 'approved') {
    return refuse('NotPending', 'The last approval is still being confirmed: try again in a moment.');
  }
  if (row.startAt !== null && now < row.startAt) {
    return refuse('NotPending', `It starts at ${formatInstant(row.startAt)}, and cannot be claimed before.`);
  }
  return useByAt !== null && now >= useByAt ? refuse('NotPending', 'The time to claim this is over.') : undefined;
}

/** Where the grant will be, and until when at most: the window closes; and the people by whom it was judged. */
export type Fit = {
  readonly place: TargetPlace;
  readonly closesAt: number;
  readonly facts: { readonly requester: PersonFacts; readonly approvers: readonly PersonFacts[] };
};

/**
 * @returns where the grant will be, or why not: `NotPending`, `StaleView`, `ApproverNotEligible`, `PolicyDenied`,
 *   `UnknownTarget`, `TargetNotReady`, `NotAllowed`, `UnknownPerson`
 */
export async function judgeClaim(
  ctx: Context,
  tx: Db,
  { policy, condition }: AskedBefore,
  standing: Standing,
  now: number,
): Promise<Fit | Refusal> {
  const { row } = standing;
  const early = claimable(standing, now);
  if (early) return early;
  if (digestOf({ ...row, requestId: row.id, requester: row.person }) !== row.digest) {
    return refuse('StaleView', 'This request is not what was approved. Ask again.');
  }
  const requester = await activePerson(tx, row.person);
  if (isRefusal(requester)) return requester;
  const seated = await tallyNow(tx, standing, requester);
  const wrong =
    approversStand(seated) ??
    (await policyStands(tx, policy, standing, requester, now)) ??
    conditionStands(row.plan.until, condition);
  if (wrong) return wrong;
  const behind = await notWhileBehind(tx);
  if (behind) return behind;
  const place = await targetStands(ctx, tx, standing, now);
  if (isRefusal(place)) return place;
  const closesAt = closingOf(row.plan.limits.windows, now);
  return isRefusal(closesAt) ? closesAt : { place, closesAt, facts: { requester, approvers: seated.people } };
}

/** Each stage still has its number of different people, every one of them active and eligible now (I6, I8). */
const approversStand = ({ open }: Pick<Tally, 'open'>): Refusal | undefined =>
  open.length === 0
    ? undefined
    : refuse(
        'ApproverNotEligible',
        'Somebody who approved this may not approve any more: it waits for another approval now.',
      );

/** Which decisions count by the directory of this moment, and those of whom it was asked. */
export async function tallyNow(
  db: Db,
  { row, decisions }: Standing,
  requester: PersonFacts,
): Promise<Tally & { readonly people: readonly PersonFacts[] }> {
  const people = await factsOfMany(db, namedIn(decisions));
  const facts = new Map(people.map((one) => [one.id, one]));
  return { ...tally({ ...row, requester, stages: stagesOf(row.plan) }, decisions, facts), people };
}

/** Whoever decided, and in whose place. */
export const namedIn = (decisions: readonly Decision[]): readonly PersonId[] => [
  ...new Set(
    decisions.flatMap(({ person, facts }) => [person, ...(facts.person.standsInFor ?? []).map(({ id }) => id)]),
  ),
];

/** A newer policy counts where it is stricter (I7). */
async function policyStands(
  tx: Db,
  policy: LoadedPolicy,
  { row }: Standing,
  requester: PersonFacts,
  now: number,
): Promise<Refusal | undefined> {
  const reasons = stricter(row, await plannedAgain(tx, policy, row, requester, now));
  return reasons.length === 0
    ? undefined
    : refuse('PolicyDenied', `The policy has become stricter since this was approved. ${reasons.join(' ')}`);
}

async function targetStands(ctx: Context, tx: Db, { row }: Standing, now: number): Promise<TargetPlace | Refusal> {
  const place = ctx.targets.find(({ name }) => name === row.target);
  if (!place) return refuse('UnknownTarget', 'This installation does not serve that target any more.');
  const check = await checks.latest(tx, row.target);
  if (!check) return refuse('TargetNotReady', 'The target was never checked: an operator runs `curfew target check`.');
  if (!check.ok) return refuse('TargetNotReady', 'The target failed its last check: an operator has to mend it first.');
  return check.checkedAt > now - checks.checkHoldsMs
    ? place
    : refuse('TargetNotReady', 'The target was not checked for a week: an operator runs `curfew target check`.');
}
