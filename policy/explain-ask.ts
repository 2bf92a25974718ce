/** Why the policy says what it says of one request: everything that it looked at, with its value. */
import { isRefusal } from '../domain/errors.ts';
import type { PersonId } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import { stagesOf, type Limits, type Plan, type Stage } from '../domain/plan.ts';
import { seatOf } from './eligibility.ts';
import { explainPlan } from './explain.ts';
import type { Place as FilePlace } from './issue.ts';
import { unmetLimits } from './limits.ts';
import { clausesOf, conditionFacts, conflictReason, lacks, placeOf, ruleFor, type Ask, type Place } from './match.ts';
import { planFor } from './plan.ts';
import type { BreakGlassRule, ConditionResult, LoadedPolicy, Rule } from './policy.ts';
import { describeDeciders } from './seats.ts';
import { describeSelectors, namesPerson } from './selectors.ts';

export type Explained = {
  readonly plan: Plan;
  /** The plan in one line. */
  readonly says: string;
  /** The rule that decides; null where none does. */
  readonly rule: ExplainedRule | null;
  /** Every denial and conflict that could forbid it, and whether it does. */
  readonly denials: readonly {
    readonly name: string;
    readonly at: FilePlace | null;
    readonly clauses: Clauses;
    readonly denies: boolean;
  }[];
  readonly stages: readonly ExplainedStage[];
  readonly limits: Limits | null;
  /** Of a denial: the rule that lacks the least, and what that is. */
  readonly nearest: { readonly name: string; readonly at: FilePlace; readonly lacks: readonly string[] } | null;
};

type Clauses = readonly { readonly text: string; readonly result: ConditionResult }[];
export type ExplainedRule = {
  readonly name: string;
  readonly at: FilePlace;
  /** Whom it is for, in words. */
  readonly who: string;
  readonly clauses: Clauses;
};

/** Of everybody whom a stage names: who could decide it today, in whose place, and why the others could not. */
export type ExplainedStage = {
  readonly name: string;
  readonly need: number;
  readonly who: string;
  readonly able: readonly { readonly person: PersonId; readonly standsInFor?: PersonId }[];
  readonly unable: readonly { readonly person: PersonId; readonly why: string }[];
};

/** @param people everybody in the directory: who is not in it can neither decide nor be explained */
export function explainAsk(policy: LoadedPolicy, ask: Ask, people: readonly PersonFacts[], now: number): Explained {
  const { plan, inPrinciple } = planFor(policy, ask, people, now);
  const shown = plan.verdict === 'denied' ? (inPrinciple?.plan ?? null) : plan;
  const place = placeOf(policy, ask);
  const base = { plan, says: explainPlan(plan), limits: shown?.limits ?? null };
  if (typeof place === 'string') return { ...base, rule: null, denials: [], stages: [], nearest: null };
  const facts = conditionFacts(ask, place.target, now);
  const rule = ruleFor(ask, place, facts);
  const stages: readonly Stage[] = shown
    ? [
        ...stagesOf(shown),
        ...(shown.verdict === 'break-glass' ? [{ name: 'review', need: 1, from: shown.review.from }] : []),
      ]
    : [];
  return {
    ...base,
    rule: rule ? explainRule(rule, ask, place, now) : null,
    denials: explainDenials(policy, ask, place, now),
    stages: stages.map((stage) => explainSeats(stage, ask.requester, people)),
    nearest: plan.verdict === 'denied' ? nearestRule(ask, place, rule, now) : null,
  };
}

function explainRule(rule: Rule | BreakGlassRule, ask: Ask, { target }: Place, now: number): ExplainedRule {
  const { name, at } = rule;
  if ('who' in rule) return { name, at, who: describeSelectors(rule.who), clauses: [] };
  const who = rule.requesters === null ? 'everybody' : describeSelectors(rule.requesters);
  return { name, at, who, clauses: clausesOf(rule.condition, conditionFacts(ask, target, now)) };
}

function explainDenials(policy: LoadedPolicy, ask: Ask, { target, role }: Place, now: number): Explained['denials'] {
  const facts = conditionFacts(ask, target, now);
  const what = ask.kind === 'access' ? 'request' : 'breakGlass';
  return [
    ...role.deny.map(({ name, at, condition }) => ({
      name,
      at,
      clauses: clausesOf(condition, facts),
      denies: condition.evaluate(facts) !== false,
    })),
    ...policy.conflicts.map((conflict) => ({
      name: conflict.name,
      at: null,
      clauses: [],
      denies: conflictReason(conflict, ask.requester, what) !== undefined,
    })),
  ];
}

function explainSeats(stage: Stage, requester: PersonFacts, people: readonly PersonFacts[]): ExplainedStage {
  const able: { person: PersonId; standsInFor?: PersonId }[] = [];
  const unable: { person: PersonId; why: string }[] = [];
  for (const person of people) {
    const seat = seatOf(person, stage, requester);
    if (isRefusal(seat)) {
      if (namesPerson(stage.from, person)) unable.push({ person: person.id, why: seat.message });
    } else if (person.away === true) unable.push({ person: person.id, why: 'Away: not counted on, but may decide.' });
    else able.push({ person: person.id, ...(seat.standsInFor === undefined ? {} : { standsInFor: seat.standsInFor }) });
  }
  return { name: stage.name, need: stage.need, who: describeDeciders(stage), able, unable };
}

/** Of the other rules of this role the one that lacks the least, the limits counted in. */
function nearestRule(
  ask: Ask,
  { target, role }: Place,
  decides: Rule | BreakGlassRule | undefined,
  now: number,
): Explained['nearest'] {
  if (ask.kind === 'break-glass') return null;
  const facts = conditionFacts(ask, target, now);
  const rules = role.rules
    .filter((rule) => rule !== decides)
    .map((rule) => ({
      name: rule.name,
      at: rule.at,
      lacks: [
        ...lacks(rule, ask.requester, facts),
        ...unmetLimits(ask, rule, { target, role }, now).map(({ reason }) => reason),
      ],
    }))
    .toSorted((one, other) => one.lacks.length - other.lacks.length);
  return rules[0] ?? null;
}
