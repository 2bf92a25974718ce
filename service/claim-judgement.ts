/**
 * The API's own judgement of a claim, before it signs a ticket: everything that was true at the approval, once more.
 * The worker judges the same again inside the grant; neither believes the other (two-key rule, I7, I8).
 */
import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import type { PersonFacts } from '../domain/person.ts';
import { stagesOf } from '../domain/plan.ts';
import { digestOf } from '../policy/digest.ts';
import { stricter } from '../policy/stricter.ts';
import { tally } from '../policy/tally.ts';
import { factsOfMany } from '../store/people.ts';
import type { Db } from '../store/pool.ts';
import * as checks from '../store/target-checks.ts';
import type { LoadedPolicy } from '../policy/policy.ts';
import type { Context, TargetPlace } from './context.ts';
import { activePerson, planNow } from './planning.ts';
import { notPending, type Standing } from './standing.ts';

/** Is it approved, in time, and asked by nobody to end? Of what the store says alone. */
export function claimable({ state, view, intents, useByAt }: Standing, now: number): Refusal | undefined {
  if (state.kind !== 'approved') return notPending(state);
  if (intents.length > 0) return refuse('NotPending', 'This request is being ended.');
  if (view.state.kind !== 'approved') {
    return refuse('NotPending', 'The last approval is still being confirmed: try again in a moment.');
  }
  return useByAt !== null && now >= useByAt ? refuse('NotPending', 'The time to claim this is over.') : undefined;
}

/**
 * @param policy the one in force, read before the transaction: it takes a connection of its own
 * @returns where the grant will be, or why not: `NotPending`, `StaleView`, `ApproverNotEligible`, `PolicyDenied`,
 *   `UnknownTarget`, `TargetNotReady`, `NotAllowed`, `UnknownPerson`
 */
export async function judgeClaim(
  ctx: Context,
  tx: Db,
  policy: LoadedPolicy,
  standing: Standing,
  now: number,
): Promise<TargetPlace | Refusal> {
  const { row } = standing;
  const early = claimable(standing, now);
  if (early) return early;
  if (digestOf({ ...row, requestId: row.id, requester: row.person }) !== row.digest) {
    return refuse('StaleView', 'This request is not what was approved. Ask again.');
  }
  const requester = await activePerson(tx, row.person);
  if (isRefusal(requester)) return requester;
  return (
    (await approversStand(tx, standing, requester)) ??
    (await policyStands(tx, policy, standing, requester, now)) ??
    targetStands(ctx, tx, standing, now)
  );
}

/** Each stage still has its number of different people, every one of them active and eligible now (I6, I8). */
async function approversStand(
  tx: Db,
  { row, decisions }: Standing,
  requester: PersonFacts,
): Promise<Refusal | undefined> {
  const who = decisions.flatMap(({ person, facts }) => [
    person,
    ...(facts.person.standsInFor ?? []).map(({ id }) => id),
  ]);
  const facts = new Map((await factsOfMany(tx, [...new Set(who)])).map((one) => [one.id, one]));
  const { digest, openedAt } = row;
  const { open } = tally({ requester, digest, openedAt, stages: stagesOf(row.plan) }, decisions, facts);
  return open.length === 0
    ? undefined
    : refuse('ApproverNotEligible', 'Somebody who approved this may not approve any more. Withdraw it and ask again.');
}

/** A newer policy counts where it is stricter (I7). */
async function policyStands(
  tx: Db,
  policy: LoadedPolicy,
  { row }: Standing,
  requester: PersonFacts,
  at: number,
): Promise<Refusal | undefined> {
  const { kind, target, role, durationMs, ticket, startAt, plan, template, databases } = row;
  const now = await planNow(tx, policy, { kind, requester, target, role, durationMs, ticket, startAt }, at);
  const reasons = stricter({ plan, template, databases }, now);
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
