/**
 * What the policy says of one request. Pure: the same function feeds the live preview, the verdict when a request is
 * opened and the comparison inside the grant, so that form and gate cannot disagree.
 */
import type { TemplateName } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import type { GrantablePlan, Plan, Selector, Stage } from '../domain/plan.ts';
import { conditionOf, unmetLimits, type AskField } from './limits.ts';
import { conditionFacts, denials, noRule, placeOf, ruleFor, type Ask, type Place } from './match.ts';
import type { BreakGlassRule, LoadedPolicy, Rule, RuleSelector, RuleStage } from './policy.ts';
import { seatAll } from './seats.ts';
import { distinct, namesPerson, selectorKey } from './selectors.ts';

export { ableToSit } from './seats.ts';
export type { Ask } from './match.ts';

/** A plan, and what it would give: templates and databases come from the policy, never from who asks. */
export type Planned = {
  readonly plan: Plan;
  readonly gives: Gives | undefined;
  /** Of a denial: the part of the form that each reason is about. */
  readonly fields?: readonly (AskField | null)[];
  /**
   * Of a denial by a rule that does decide: what it gives, were it not for the hour, the form or who is there. That is
   * the policy's own word, and what an older plan is compared with.
   */
  readonly inPrinciple?: { readonly plan: GrantablePlan; readonly gives: Gives };
};
export type Gives = { readonly template: TemplateName; readonly databases: readonly string[] };

/**
 * @param people facts of at least everybody whom `deciders(policy, ask)` names, read now; others do no harm. A stage
 *   that too few of them could fill, together with the owners of the target, is denied, never approved for want of
 *   approvers.
 * @param now epoch ms: for conditions, windows and the start
 * @returns a plan; `denied` says every reason at once, in sentences for the person who asks
 */
export function planFor(policy: LoadedPolicy, ask: Ask, people: readonly PersonFacts[], now: number): Planned {
  const place = placeOf(policy, ask);
  if (typeof place === 'string') return denied(policy, null, [place]);
  const facts = conditionFacts(ask, place.target, now);
  const against = denials(policy, ask, place, facts);
  const [first] = against;
  if (first)
    return denied(
      policy,
      first.name,
      against.map(({ reason }) => reason),
    );
  const rule = ruleFor(ask, place, facts);
  if (!rule) return denied(policy, null, [noRule(ask, place, facts)]);
  return decided(policy, ask, place, rule, people, now);
}

/**
 * What a policy gives, whether or not enough people are there to decide just now; undefined where it gives nothing, or
 * not for so long, not from then, or not without a ticket.
 */
export function givenToWhomever({ plan, gives, fields, inPrinciple }: Planned): Planned['inPrinciple'] {
  if (plan.verdict !== 'denied') return gives && { plan, gives };
  return fields?.every((field) => field === null) === true ? inPrinciple : undefined;
}

const denied = (policy: LoadedPolicy, rule: string | null, reasons: readonly string[]): Planned => ({
  plan: { verdict: 'denied', policy: policy.hash, rule, reasons },
  gives: undefined,
  fields: reasons.map(() => null),
});

function decided(
  policy: LoadedPolicy,
  ask: Ask,
  place: Place,
  rule: Rule | BreakGlassRule,
  people: readonly PersonFacts[],
  now: number,
): Planned {
  const unmet = unmetLimits(ask, rule, place, now);
  const known = keptFor(policy, rule);
  const stages = known.own ?? stagesFor(rule, ask.requester);
  const seated = seatAll(stages, place.target.owners, ask.requester, people);
  const gives: Gives = { template: place.role.template, databases: place.target.databases };
  if (unmet.length === 0 && seated.ok) {
    const same = seated.stages === known.own ? known.plan : null;
    return { plan: same ?? makePlan(policy, rule, ask.ticket, seated.stages), gives };
  }
  const short = seated.ok ? [] : seated.reasons.map((reason) => ({ reason, field: null }));
  const reasons = [...unmet, ...short];
  return {
    plan: { verdict: 'denied', policy: policy.hash, rule: rule.name, reasons: reasons.map(({ reason }) => reason) },
    gives: undefined,
    fields: reasons.map(({ field }) => field),
    inPrinciple: { plan: known.plan ?? makePlan(policy, rule, ask.ticket, stages), gives },
  };
}

/**
 * What a rule gives is the same for everybody, as long as nothing in it hangs on who asks or on a ticket: made once.
 * NB. The plan and never the templates: targets may share a rule, but none gives another one's.
 */
type Kept = {
  readonly policy: LoadedPolicy;
  /** The stages where they are the same for everybody. */
  readonly own: Stages | null;
  readonly plan: GrantablePlan | null;
};
type Stages = readonly Stage[];
const kept = new WeakMap<Rule | BreakGlassRule, Kept>();

function keptFor(policy: LoadedPolicy, rule: Rule | BreakGlassRule): Kept {
  const known = kept.get(rule);
  if (known && known.policy === policy) return known;
  const own = ownStages(rule);
  const bound = untilOf(rule) !== null;
  const made: Kept = { policy, own, plan: own && !bound ? makePlan(policy, rule, null, own) : null };
  kept.set(rule, made);
  return made;
}

function makePlan(
  policy: LoadedPolicy,
  rule: Rule | BreakGlassRule,
  ticket: string | null,
  stages: Stages,
): GrantablePlan {
  const until = conditionOf(untilOf(rule), ticket);
  const said = { policy: policy.hash, rule: rule.name, limits: rule.limits, ...(until === undefined ? {} : { until }) };
  return verdict(said, rule, stages);
}

/** Whoever breaks glass does it for an incident, and holds it for as long as that goes on. */
const untilOf = (rule: Rule | BreakGlassRule): Rule['until'] => ('until' in rule ? rule.until : { kind: 'incident' });

function verdict(
  said: Pick<Extract<Plan, { verdict: 'automatic' }>, 'policy' | 'rule' | 'limits' | 'until'>,
  rule: Rule | BreakGlassRule,
  stages: readonly Stage[],
): GrantablePlan {
  if ('review' in rule) return { verdict: 'break-glass', ...said, review: rule.review, incident: rule.incident };
  return stages.length === 0 ? { verdict: 'automatic', ...said } : { verdict: 'approvals', ...said, stages };
}

/** The stages of a rule where nothing in them hangs on who asks. */
function ownStages(rule: Rule | BreakGlassRule): Stages | null {
  // A review is a seat like an approval's: somebody else must be there to fill it.
  const stages = 'review' in rule ? [{ name: 'review', need: 1, from: rule.review.from }] : rule.stages;
  return stages.every(isResolved) ? stages : null;
}

const stagesFor = (rule: Rule | BreakGlassRule, requester: PersonFacts): Stages =>
  ownStages(rule) ?? ('review' in rule ? [] : rule.stages.map(resolver(requester)));

type Resolved = RuleStage & Stage;
const isPerson = (selector: RuleSelector): selector is Selector =>
  selector.kind !== 'manager' && selector.kind !== 'managers-manager';
const isResolved = (stage: RuleStage): stage is Resolved =>
  stage.from.every(isPerson) && (stage.escalate?.to.every(isPerson) ?? true);

/** `manager` is somebody else for everybody: here it becomes a person. */
const resolver =
  (requester: PersonFacts) =>
  (stage: RuleStage): Stage => {
    if (isResolved(stage)) return stage;
    const people = (selectors: readonly RuleSelector[]): readonly Selector[] =>
      distinct(
        selectors.flatMap((selector): readonly Selector[] => {
          if (isPerson(selector)) return [selector];
          const person = selector.kind === 'manager' ? requester.manager : requester.managersManager;
          return person ? [{ kind: 'person', person }] : [];
        }),
      );
    const { from, escalate, ...rest } = stage;
    return {
      ...rest,
      from: people(from),
      ...(from.every(isPerson)
        ? {}
        : { as: from.map((selector) => (isPerson(selector) ? selectorKey(selector) : selector.kind)) }),
      ...(escalate ? { escalate: { afterMs: escalate.afterMs, to: people(escalate.to) } } : {}),
    };
  };

/**
 * Whose facts `planFor` needs: everybody who may be asked to approve, also later or in place of others, or to review.
 * Of every rule that could decide: which one does may hang on more than is known here.
 */
export function deciders(
  policy: LoadedPolicy,
  ask: Pick<Ask, 'kind' | 'requester' | 'target' | 'role'>,
): readonly Selector[] {
  const place = placeOf(policy, ask);
  if (typeof place === 'string') return [];
  const { role, target } = place;
  const rules: readonly (Rule | BreakGlassRule)[] = ask.kind === 'break-glass' ? role.breakGlass : role.rules;
  const stages = couldDecide(rules, ask.requester).flatMap((rule) => stagesFor(rule, ask.requester));
  if (stages.length === 0) return [];
  return distinct([...stages.flatMap(({ from, escalate }) => [...from, ...(escalate?.to ?? [])]), ...target.owners]);
}

/** The rules for this person, up to the first that decides whatever else is asked. */
function couldDecide(
  rules: readonly (Rule | BreakGlassRule)[],
  requester: PersonFacts,
): readonly (Rule | BreakGlassRule)[] {
  const own = rules.filter((rule) => {
    const who = 'who' in rule ? rule.who : rule.requesters;
    return who === null || namesPerson(who, requester);
  });
  const last = own.findIndex((rule) => !('condition' in rule && rule.condition));
  return last < 0 ? own : own.slice(0, last + 1);
}
