/**
 * Which of a request's decisions count, judged again one after the other by the facts of now: what the claim, the
 * grant, the re-judgement after a change and the checker all go by (I6, I8).
 */
import type { Decision } from '../domain/decision.ts';
import { isRefusal, type Refusal } from '../domain/errors.ts';
import type { Digest, PersonId } from '../domain/ids.ts';
import { sameHuman, type Delegator, type PersonFacts } from '../domain/person.ts';
import type { Stage } from '../domain/plan.ts';
import { fromNow } from '../domain/progress.ts';
import { openStages, type Approval } from '../domain/request.ts';
import { stepsOf } from '../domain/plan.ts';
import { judge, type Human } from './eligibility.ts';

export type Tallied = {
  readonly requester: Human;
  readonly digest: Digest;
  readonly stages: readonly Stage[];
  readonly openedAt: number;
};

export type Tally = {
  /** Those that count, oldest first. */
  readonly approvals: readonly Approval[];
  /** Everybody who has sat, those in whose place somebody decided included. */
  readonly humans: readonly Human[];
  /** Approvals that do not count any more, with the reason. */
  readonly fallen: readonly { readonly decision: Decision; readonly why: Refusal }[];
  readonly denied: boolean;
  /** Stages that lack people; empty: approved. */
  readonly open: readonly number[];
};

/**
 * @param decisions those that are not void, oldest first
 * @param facts of now, of at least everybody who decided and everybody in whose place one of them did; who is missing
 *   does not count
 */
export function tally(
  request: Tallied,
  decisions: readonly Decision[],
  facts: ReadonlyMap<PersonId, PersonFacts>,
): Tally {
  const approvals: Approval[] = [];
  const humans: Human[] = [];
  const fallen: { decision: Decision; why: Refusal }[] = [];
  for (const decision of decisions) {
    if (decision.verdict !== 'approve') continue;
    const { id, stage, person, madeAt } = decision;
    const stages = thatDay(request, approvals, madeAt);
    const click = {
      ...decision,
      facts: { person: today(decision, facts, request.requester), account: decision.facts.account },
    };
    const seat = judge({ ...request, stages }, click, humans);
    if (isRefusal(seat)) {
      fallen.push({ decision, why: seat });
      continue;
    }
    humans.push(...seat.humans);
    approvals.push({ decisionId: id, person, stage, at: madeAt, ...standing(seat.standsInFor) });
  }
  const needs = request.stages.map(({ need }) => need);
  const open = openStages({ needs, steps: stepsOf(request.stages) }, approvals);
  return { approvals, humans, fallen, denied: decisions.some(({ verdict }) => verdict === 'deny'), open };
}

/**
 * The stages with those to whom they had escalated when a decision was made.
 *
 * NB. Also where a step before it lacks people by now: whoever that was had approved then, and that they do not count
 * any more takes nothing from those who came after them.
 */
function thatDay({ stages, openedAt }: Tallied, approvals: readonly Approval[], madeAt: number): readonly Stage[] {
  const steps = stepsOf(stages);
  return stages.map((stage, index) => {
    if (!stage.escalate) return stage;
    const before = approvals.filter((approval) => (steps[approval.stage] ?? 0) < (steps[index] ?? 0));
    const sinceAt = Math.max(openedAt, ...before.map(({ at }) => at ?? openedAt));
    return { ...stage, from: fromNow(stage, sinceAt, madeAt) };
  });
}

const standing = (standsInFor: PersonId | undefined) => (standsInFor === undefined ? {} : { standsInFor });

/**
 * Who decided, as the directory has them now. A delegation is the one exception: it had to hold when they decided, and
 * may be over by now; but whoever they stood in for must still be somebody who may decide.
 */
function today({ person, facts }: Decision, now: ReadonlyMap<PersonId, PersonFacts>, requester: Human): PersonFacts {
  const known = now.get(person);
  if (!known) return { ...facts.person, state: 'left' };
  const recorded = facts.person.standsInFor?.flatMap((one): Delegator[] => {
    const delegator = now.get(one.id);
    return delegator ? [{ ...delegator, by: one.by }] : [];
  });
  // NB. Whom they stand in for today counts as well, but only against them: nobody decides for whoever they stand in for.
  const against = known.standsInFor?.filter((one) => sameHuman(one, requester)) ?? [];
  return { ...known, standsInFor: [...(recorded ?? []), ...against] };
}
