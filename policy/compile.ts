/** From the parts of a checked file to the policy that judges: every rule resolved for every role that it matches. */
import type { RoleName, TargetName } from '../domain/ids.ts';
import type { Conflict, Limits, Selector } from '../domain/plan.ts';
import type { CompiledConditionOf, Parts, FileRole, FileTarget, Placed } from './parts.ts';
import type { BreakGlassRule, DenyRule, LoadedPolicy, RolePolicy, Rule, RuleStage, TargetPolicy } from './policy.ts';
import { defaultWaitMs, type FileBreakGlass, type FileMatch, type FileRule, type FileStage } from './schema.ts';
import { distinct, selectorKey, type StageSelector } from './selectors.ts';

/** @param parts of a file in which nothing is wrong: what they name of each other is there */
export function compile(hash: LoadedPolicy['hash'], parts: Parts): LoadedPolicy {
  const resolved = resolver(parts);
  const targets = [...parts.targets.values()].map((target): [string, TargetPolicy] => {
    const roles = [...target.roles.values()].map((role): [string, RolePolicy] => [role.name, resolved(target, role)]);
    return [target.name, { ...target, roles: new Map(roles) }];
  });
  const { endAnyGrant = [], changePolicy = [], readEverything = [] } = parts.powers ?? {};
  return {
    hash,
    targets: new Map(targets),
    powers: { endAnyGrant, changePolicy, readEverything },
    conflicts: parts.conflicts.map(({ rule: { name, groups, never } }) => ({ name, groups, never })),
    onePersonChanges: parts.onePersonChanges,
    approveByCommand: parts.approveByCommand,
    leaverApprovals: parts.leaverApprovals,
  };
}

/** Rules that mean the same on several targets are resolved once: a policy of many targets stays small. */
function resolver(parts: Parts): (target: FileTarget, role: FileRole) => RolePolicy {
  const deny = parts.deny.map(({ rule, at, condition }) => ({
    rule,
    holds: { name: rule.name, at, condition: condition.compiled } satisfies DenyRule,
  }));
  const never = { approve: conflictsOf(parts, 'approve'), breakGlass: conflictsOf(parts, 'breakGlass') };
  const kept = new Map<string, Rule>();
  const ruleFor = (placed: Placed<FileRule, CompiledConditionOf | null>, target: FileTarget, role: FileRole): Rule => {
    const key = JSON.stringify([placed.index, role.maxMs, ...ofTarget(placed.rule, target)]);
    const rule = kept.get(key) ?? resolveRule(placed, target, role, never.approve);
    kept.set(key, rule);
    return rule;
  };
  const [sameDeny, sameRules] = [sharing<DenyRule>(), sharing<Rule>()];
  return (target, role) => ({
    ...role,
    deny: sameDeny(
      deny.filter(({ rule }) => !rule.match || matches(rule.match, target, role.name)).map(({ holds }) => holds),
    ),
    rules: sameRules(
      parts.rules
        .filter(({ rule }) => matches(rule.match, target, role.name))
        .map((placed) => ruleFor(placed, target, role)),
    ),
    breakGlass: parts.breakGlass
      .filter(({ rule }) => matches(rule.match, target, role.name) && rule.roles.includes(role.name))
      .map((placed) => resolveBreakGlass(placed, target, role, never.breakGlass)),
  });
}

/** Lists of the same things are one list: what is judged by is little, so that it is near whenever it is needed. */
function sharing<Item>(): (list: readonly Item[]) => readonly Item[] {
  const [numbers, lists] = [new Map<Item, number>(), new Map<string, readonly Item[]>()];
  const numberOf = (item: Item): number => {
    const number = numbers.get(item) ?? numbers.size;
    numbers.set(item, number);
    return number;
  };
  return (list) => {
    const key = list.map(numberOf).join();
    const same = lists.get(key) ?? list;
    lists.set(key, same);
    return same;
  };
}

/** What a rule takes from its target: the owners where it names them, and the team where it lasts for a shift. */
function ofTarget({ approvals, until }: FileRule, target: FileTarget): readonly unknown[] {
  const namesOwner = approvals !== 'automatic' && approvals.some(({ from, to = [] }) => [...from, ...to].some(isOwner));
  return [namesOwner ? target.owners.map(selectorKey) : null, until === 'shift' ? target.labels.get('team') : null];
}
const isOwner = ({ kind }: StageSelector): boolean => kind === 'owner';

/** All that a match names must hold; what it does not name may be anything. */
export function matches(match: FileMatch, target: Pick<FileTarget, 'name' | 'labels'>, role: RoleName): boolean {
  const targets = named<TargetName>(match.target, match.targets);
  const roles = named<RoleName>(match.role, match.roles);
  return (
    (targets === undefined || targets.includes(target.name)) &&
    (roles === undefined || roles.includes(role)) &&
    Object.entries(match.labels ?? {}).every(([name, value]) => target.labels.get(name) === value)
  );
}

/** `target: a` and `targets: [a, b]` are two spellings of one thing. */
export const named = <Name>(
  one: Name | undefined,
  several: readonly Name[] | undefined,
): readonly Name[] | undefined => (one === undefined ? several : [one, ...(several ?? [])]);

export const breakGlassName = (rule: FileBreakGlass, index: number): string => rule.name ?? `break-glass ${index + 1}`;

/** Whom the conflicts of the file keep from this; somebody in all groups of a `both` may do nothing at all. */
const conflictsOf = (parts: Parts, what: 'approve' | 'breakGlass'): readonly Conflict[] =>
  parts.conflicts.flatMap(({ rule: { name, groups, never } }) =>
    never === 'both' || never.includes(what) ? [{ name, groups, all: never === 'both' }] : [],
  );

function resolveRule(
  { rule, at, condition }: Placed<FileRule, CompiledConditionOf | null>,
  target: FileTarget,
  role: FileRole,
  never: readonly Conflict[],
): Rule {
  return {
    name: rule.name,
    at,
    requesters: rule.requesters ?? null,
    condition: condition?.compiled ?? null,
    until: untilOf(rule, target),
    limits: limitsOf(rule, role),
    stages: rule.approvals === 'automatic' ? [] : rule.approvals.map((stage) => stageOf(stage, target, never)),
  };
}

function limitsOf({ limits }: FileRule, role: FileRole): Limits {
  const { max, decideWithin, useWithin, extend, grace, windows } = limits;
  return {
    maxMs: Math.min(max ?? role.maxMs, role.maxMs),
    decideWithinMs: decideWithin ?? defaultWaitMs,
    useWithinMs: useWithin ?? defaultWaitMs,
    ...(extend === undefined || extend === 0 ? {} : { extensions: extend }),
    ...(windows ? { windows: windows.map(windowOf) } : {}),
    ...(grace === undefined ? {} : { graceMs: grace }),
  };
}

type FileWindow = NonNullable<FileRule['limits']['windows']>[number];
const windowOf = ({ days, from, to, zone }: FileWindow): NonNullable<Limits['windows']>[number] => ({
  days: [...new Set(days.flat())],
  fromMinute: from,
  toMinute: to,
  zone,
});

/** What a stage does not say is left out: its hash is that of a plan that never knew of it. */
function stageOf(stage: FileStage, target: FileTarget, never: readonly Conflict[]): RuleStage {
  const { name, need, from, together, outsidePair, remindAfter, escalateAfter, to, decideWithin } = stage;
  return {
    name,
    need,
    from: resolveOwner(from, target),
    ...(together === true ? { together } : {}),
    ...(never.length > 0 ? { never } : {}),
    ...(outsidePair === true ? { outsidePair } : {}),
    ...(remindAfter === undefined ? {} : { remindAfterMs: remindAfter }),
    ...(escalateAfter === undefined || !to
      ? {}
      : { escalate: { afterMs: escalateAfter, to: resolveOwner(to, target) } }),
    ...(decideWithin === undefined ? {} : { decideWithinMs: decideWithin }),
  };
}

/** A shift is one of the schedule that is named, else of the one that is called like the target's team. */
function untilOf({ until }: FileRule, target: FileTarget): Rule['until'] {
  if (until === undefined) return null;
  if (until === 'incident' || until === 'ticket') return { kind: until };
  const schedule = until === 'shift' ? target.labels.get('team') : until.shift;
  return schedule === undefined ? null : { kind: 'shift', schedule };
}

function resolveBreakGlass(
  { rule, index, at }: Placed<FileBreakGlass>,
  target: FileTarget,
  role: FileRole,
  never: readonly Conflict[],
): BreakGlassRule {
  const maxMs = Math.min(rule.max, role.maxMs);
  const useWithinMs = rule.useWithin ?? maxMs;
  return {
    name: breakGlassName(rule, index),
    at,
    never,
    who: rule.who,
    limits: { maxMs, decideWithinMs: useWithinMs, useWithinMs },
    review: reviewOf(rule.review, target),
    incident: rule.incident,
  };
}

/** What a review does not say is left out, as of a stage. */
function reviewOf(
  { from, within, remindAfter, escalateAfter, to }: FileBreakGlass['review'],
  target: FileTarget,
): BreakGlassRule['review'] {
  return {
    from: resolveOwner(from, target),
    withinMs: within,
    ...(remindAfter === undefined ? {} : { remindAfterMs: remindAfter }),
    ...(escalateAfter === undefined || !to
      ? {}
      : { escalate: { afterMs: escalateAfter, to: resolveOwner(to, target) } }),
  };
}

/** What `owner` means on this target; the rest as it is. */
const resolveOwner = <One extends StageSelector>(
  from: readonly One[],
  target: Pick<FileTarget, 'owners'>,
): readonly (Exclude<One, { kind: 'owner' }> | Selector)[] =>
  distinct(
    from.flatMap((selector): readonly (Exclude<One, { kind: 'owner' }> | Selector)[] =>
      selector.kind === 'owner' ? target.owners : [selector as Exclude<One, { kind: 'owner' }>],
    ),
  );
