/**
 * What the policy says of one request. Pure: the same function feeds the live preview, the verdict when a request is
 * opened and the comparison inside the grant, so that form and gate cannot disagree.
 */
import type { RoleName, TargetName, TemplateName } from '../domain/ids.ts';
import { sameHuman, type PersonFacts } from '../domain/person.ts';
import type { Plan, Selector, Stage } from '../domain/plan.ts';
import { formatSpan, longestGrantMs, secondMs } from '../domain/time.ts';
import { maySit } from './eligibility.ts';
import { hint } from './issue.ts';
import type {
  BreakGlassRule,
  LoadedPolicy,
  RolePolicy,
  Rule,
  RuleSelector,
  RuleStage,
  TargetPolicy,
} from './policy.ts';
import { describeSelectors, distinct, listed, namesPerson } from './selectors.ts';

/** What somebody asks for, as it was typed: names that the policy does not know are denied like anything else. */
export type Ask = {
  readonly kind: 'access' | 'break-glass';
  readonly requester: PersonFacts;
  readonly target: TargetName;
  readonly role: RoleName;
  readonly durationMs: number;
  readonly ticket: string | null;
  /** A scheduled start, epoch ms; null: as soon as it is claimed. */
  readonly startAt: number | null;
};

/** A plan, and what it would give: templates and databases come from the policy, never from who asks. */
export type Planned = { readonly plan: Plan; readonly gives: Gives | undefined };
export type Gives = { readonly template: TemplateName; readonly databases: readonly string[] };

/**
 * @param people facts of at least everybody whom `deciders(policy, ask)` names, read now; others do no harm. A stage
 *   that too few of them could fill is denied, never approved for want of approvers.
 * @returns a plan; `denied` says every reason at once, in sentences for the person who asks
 */
export function planFor(policy: LoadedPolicy, ask: Ask, people: readonly PersonFacts[], now: number): Planned {
  void now;
  const found = find(policy, ask);
  const denied = (rule: string | null, reasons: readonly string[]): Planned => ({
    plan: { verdict: 'denied', policy: policy.hash, rule, reasons },
    gives: undefined,
  });
  if (!found.ok) return denied(found.rule, found.reasons);
  const { target, role, rule, stages } = found;
  const reasons = [
    ...durationReasons(ask, rule.limits.maxMs, target, role),
    ...stages.flatMap((stage) => shortfall(stage, ask.requester, people)),
  ];
  if (reasons.length > 0) return denied(rule.name, reasons);
  const said = { policy: policy.hash, rule: rule.name, limits: rule.limits };
  return { plan: verdict(said, rule, stages), gives: { template: role.template, databases: target.databases } };
}

const verdict = (
  said: Pick<Extract<Plan, { verdict: 'automatic' }>, 'policy' | 'rule' | 'limits'>,
  rule: Rule | BreakGlassRule,
  stages: readonly Stage[],
): Plan => {
  if ('review' in rule) return { verdict: 'break-glass', ...said, review: rule.review };
  return stages.length === 0 ? { verdict: 'automatic', ...said } : { verdict: 'approvals', ...said, stages };
};

/** Whose facts `planFor` needs: everybody who may be asked to approve, or to review. */
export function deciders(
  policy: LoadedPolicy,
  ask: Pick<Ask, 'kind' | 'requester' | 'target' | 'role'>,
): readonly Selector[] {
  const found = find(policy, ask);
  return found.ok ? distinct(found.stages.flatMap((stage) => stage.from)) : [];
}

type Found =
  | {
      readonly ok: true;
      readonly target: TargetPolicy;
      readonly role: RolePolicy;
      readonly rule: Rule | BreakGlassRule;
      readonly stages: readonly Stage[];
    }
  | { readonly ok: false; readonly rule: string | null; readonly reasons: readonly string[] };

const no = (reason: string): Found => ({ ok: false, rule: null, reasons: [reason] });

/** The first rule in file order that matches decides; when there is none, the nearest is named. */
function find(policy: LoadedPolicy, ask: Pick<Ask, 'kind' | 'requester' | 'target' | 'role'>): Found {
  const { requester } = ask;
  if (requester.state !== 'active')
    return no(`The directory says that you are ${requester.state}: only active people may ask.`);
  const target = policy.targets.get(ask.target);
  if (!target) return no(`There is no such target${hint(ask.target, policy.targets.keys())}`.replace(/[^?]$/, '$&.'));
  const role = target.roles.get(ask.role);
  if (!role) return no(`${target.name} has no such role; it has ${listed([...target.roles.keys()], 'and')}.`);
  if (ask.kind === 'break-glass') return findBreakGlass(target, role, requester);
  const rule = role.rules.find(({ requesters }) => requesters === null || namesPerson(requesters, requester));
  if (rule) return { ok: true, target, role, rule, stages: rule.stages.map((stage) => resolved(stage, requester)) };
  const [nearest] = role.rules;
  if (!nearest) return no(`No rule gives ${role.name} on ${target.name} to anybody.`);
  return no(
    `No rule gives you ${role.name} on ${target.name}. The nearest is "${nearest.name}", for ${describeSelectors(nearest.requesters ?? [])}.`,
  );
}

/** `manager` is somebody else for everybody: here it becomes a person. */
function resolved({ from, escalate, ...stage }: RuleStage, requester: PersonFacts): Stage {
  const people = (selectors: readonly RuleSelector[]): readonly Selector[] =>
    selectors.flatMap((selector): Selector[] => {
      if (selector.kind !== 'manager' && selector.kind !== 'managers-manager') return [selector];
      const person = selector.kind === 'manager' ? requester.manager : requester.managersManager;
      return person ? [{ kind: 'person', person }] : [];
    });
  return {
    ...stage,
    from: people(from),
    ...(escalate ? { escalate: { afterMs: escalate.afterMs, to: people(escalate.to) } } : {}),
  };
}

function findBreakGlass(target: TargetPolicy, role: RolePolicy, requester: PersonFacts): Found {
  const rule = role.breakGlass.find(({ who }) => namesPerson(who, requester));
  // A review is a seat like an approval's: somebody else must be there to fill it.
  if (rule) return { ok: true, target, role, rule, stages: [{ name: 'review', need: 1, from: rule.review.from }] };
  const [nearest] = role.breakGlass;
  const who = nearest ? `Only ${describeSelectors(nearest.who)} may` : 'Nobody may';
  return no(`${who} break glass for ${role.name} on ${target.name}.`);
}

function durationReasons(ask: Ask, maxMs: number, target: TargetPolicy, role: RolePolicy): readonly string[] {
  if (!Number.isSafeInteger(ask.durationMs) || ask.durationMs < secondMs) return ['A duration is at least one second.'];
  const mostMs = Math.min(maxMs, longestGrantMs);
  if (ask.durationMs <= mostMs) return [];
  const asked = ask.durationMs > longestGrantMs ? 'more than a week' : formatSpan(ask.durationMs);
  return [`${role.name} on ${target.name} is given for at most ${formatSpan(mostMs)}; you asked for ${asked}.`];
}

function shortfall(stage: Stage, requester: PersonFacts, people: readonly PersonFacts[]): readonly string[] {
  const able = ableToSit(stage, requester, people, stage.need).length;
  if (able >= stage.need) return [];
  const there = able === 0 ? 'nobody' : `only ${able}`;
  return [`"${stage.name}" needs ${stage.need} of ${describeSelectors(stage.from)} besides you; there is ${there}.`];
}

/**
 * The different humans who could fill a seat of this stage, each by one of their accounts; never the requester (I6).
 * @param most enough: the rest is not looked at
 */
export function ableToSit(
  stage: Stage,
  requester: PersonFacts,
  people: readonly PersonFacts[],
  most = Infinity,
): readonly PersonFacts[] {
  const able: PersonFacts[] = [];
  for (const person of people) {
    if (able.length >= most) break;
    if (!maySit(person, stage, requester) && !able.some((other) => sameHuman(person, other))) able.push(person);
  }
  return able;
}
