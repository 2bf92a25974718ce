/** From the parts of a checked file to the policy that judges: every rule resolved for every role that it matches. */
import type { RoleName, TargetName } from '../domain/ids.ts';
import type { Selector } from '../domain/plan.ts';
import type { BreakGlassRule, LoadedPolicy, RolePolicy, Rule, TargetPolicy } from './policy.ts';
import { defaultWaitMs, type FileBreakGlass, type FileMatch, type FileRule } from './schema.ts';
import { distinct, type StageSelector } from './selectors.ts';

/** A target of the file; its rules are not resolved yet. */
export type FileTarget = Omit<TargetPolicy, 'roles'> & { readonly roles: ReadonlyMap<string, FileRole> };
export type FileRole = Omit<RolePolicy, 'rules' | 'breakGlass'>;

/** The parts of a file that are well-formed, with the place of each rule in it. */
export type Parts = {
  readonly targets: ReadonlyMap<string, FileTarget>;
  readonly rules: readonly { readonly index: number; readonly rule: FileRule }[];
  readonly breakGlass: readonly { readonly index: number; readonly rule: FileBreakGlass }[];
  readonly endAnyGrant: readonly Selector[];
};

export function compile(hash: LoadedPolicy['hash'], parts: Parts): LoadedPolicy {
  const targets = [...parts.targets.values()].map((target): [string, TargetPolicy] => {
    const roles = [...target.roles.values()].map((role): [string, RolePolicy] => [
      role.name,
      {
        ...role,
        rules: parts.rules
          .filter(({ rule }) => matches(rule.match, target, role.name))
          .map(({ rule }) => resolveRule(rule, target, role)),
        breakGlass: parts.breakGlass
          .filter(({ rule }) => matches(rule.match, target, role.name) && rule.roles.includes(role.name))
          .map(({ index, rule }) => resolveBreakGlass(rule, index, target, role)),
      },
    ]);
    return [target.name, { ...target, roles: new Map(roles) }];
  });
  return {
    hash,
    targets: new Map(targets),
    powers: { endAnyGrant: parts.endAnyGrant, changePolicy: [], readEverything: [] },
    conflicts: [],
    onePersonChanges: false,
    approveByCommand: false,
  };
}

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

const nowhere = { file: 'policy.yaml', line: 1, column: 1 };

const resolveRule = (rule: FileRule, target: FileTarget, role: FileRole): Rule => ({
  name: rule.name,
  at: nowhere,
  requesters: rule.requesters ?? null,
  condition: null,
  until: null,
  limits: {
    maxMs: Math.min(rule.limits.max ?? role.maxMs, role.maxMs),
    decideWithinMs: rule.limits.decideWithin ?? defaultWaitMs,
    useWithinMs: rule.limits.useWithin ?? defaultWaitMs,
  },
  stages:
    rule.approvals === 'automatic'
      ? []
      : rule.approvals.map((stage) => ({ name: stage.name, need: stage.need, from: resolveOwner(stage.from, target) })),
});

function resolveBreakGlass(rule: FileBreakGlass, index: number, target: FileTarget, role: FileRole): BreakGlassRule {
  const maxMs = Math.min(rule.max, role.maxMs);
  const useWithinMs = rule.useWithin ?? maxMs;
  return {
    name: breakGlassName(rule, index),
    at: nowhere,
    never: [],
    who: rule.who,
    limits: { maxMs, decideWithinMs: useWithinMs, useWithinMs },
    review: { from: resolveOwner(rule.review.from, target), withinMs: rule.review.within },
  };
}

const resolveOwner = (from: readonly StageSelector[], target: FileTarget): readonly Selector[] =>
  distinct(from.flatMap((selector) => (selector.kind === 'owner' ? target.owners : [selector])));
