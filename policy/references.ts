/** What the parts of a policy file say of each other: names that must exist, rules that can never decide, empty stages. */
import { breakGlassName, matches, named } from './compile.ts';
import { checkCondition } from './condition-lint.ts';
import type { Vocabulary } from './condition-words.ts';
import { hint, quote, type Issue, type Path } from './issue.ts';
import type { CompiledConditionOf, Parts, Placed } from './parts.ts';
import type { FileBreakGlass, FileMatch, FileRule } from './schema.ts';
import { parseSelector, selectorKey } from './selectors.ts';
import type { Source } from './source.ts';
import { checkLimits, checkReview, checkStages, type Pair, type Tell } from './stage-checks.ts';
import type { Selector } from '../domain/plan.ts';

/** What the directory knows when the file is checked; what is not given is not checked. */
export type Known = {
  readonly groups?: ReadonlySet<string>;
  readonly people?: ReadonlySet<string>;
  /** On-call schedules. */
  readonly schedules?: ReadonlySet<string>;
};

export function checkReferences(parts: Parts, source: Source, known: Known): readonly Issue[] {
  const issues: Issue[] = [];
  const tell: Tell = (...words) => issues.push(source.issue(...words));
  const deciders = new Map<Pair, Decider[]>();
  const pairs = pairsOf(parts);
  const words = vocabularyOf(parts, known);
  const condition = (of: CompiledConditionOf, matched: readonly Pair[], what: 'rule' | 'denial', at: Path): void =>
    checkCondition(of.parsed, words, [...new Set(matched.map(({ target }) => target))], what, (inside, ...rest) =>
      tell(at, rest[0], rest[1], { inside, warning: rest[2] ?? false }),
    );
  for (const placed of parts.rules) {
    const { index, rule } = placed;
    const at: Path = ['rules', index];
    const matched = checkMatch(rule.match, pairs, parts, [...at, 'match'], tell);
    checkStages(rule, matched, parts, at, tell);
    checkReach(placed, matched, deciders, at, tell);
    checkLimits(rule, matched, at, tell);
    if (placed.condition) condition(placed.condition, matched, 'rule', [...at, 'if']);
  }
  for (const { index, rule, condition: holds } of parts.deny) {
    const at: Path = ['deny', index];
    const matched = rule.match ? checkMatch(rule.match, pairs, parts, [...at, 'match'], tell) : pairs;
    condition(holds, matched, 'denial', [...at, 'if']);
  }
  for (const { index, rule } of parts.breakGlass) checkBreakGlass(rule, pairs, parts, ['breakGlass', index], tell);
  checkNames(parts, tell);
  checkGovernance(parts, known, tell);
  checkKnown(source.data, known, tell);
  return issues;
}

const pairsOf = (parts: Parts): readonly Pair[] =>
  [...parts.targets.values()].flatMap((target) => [...target.roles.values()].map((role) => ({ target, role })));

function vocabularyOf(parts: Parts, known: Known): Vocabulary {
  const labels = new Map<string, Set<string>>();
  for (const target of parts.targets.values()) {
    for (const [label, value] of target.labels) labels.set(label, (labels.get(label) ?? new Set()).add(value));
  }
  return {
    labels,
    targets: new Set(parts.targets.keys()),
    roles: new Set([...parts.targets.values()].flatMap(({ roles }) => [...roles.keys()])),
    incomplete: parts.brokenTargets.size > 0,
    ...(known.groups ? { groups: known.groups } : {}),
    ...(known.schedules ? { schedules: known.schedules } : {}),
  };
}

/** @returns the roles of targets that it matches */
function checkMatch(match: FileMatch, pairs: readonly Pair[], parts: Parts, at: Path, tell: Tell): readonly Pair[] {
  if (Object.keys(match).length === 0) tell(at, 'empty-match', 'a match names a target, labels or a role');
  for (const [one, several] of [
    ['target', 'targets'],
    ['role', 'roles'],
  ] as const) {
    if (match[one] !== undefined && match[several] !== undefined) {
      tell([...at, several], 'both', `write "${one}" or "${several}", not both`, { onKey: true });
    }
  }
  const before = { count: 0 };
  const unknown: Tell = (...words) => {
    before.count += 1;
    tell(...words);
  };
  checkTargets(match, parts, at, unknown);
  checkRoles(match, pairs, parts, at, unknown);
  const matched = pairs.filter((pair) => matches(match, pair.target, pair.role.name));
  if (matched.length === 0 && before.count === 0 && parts.brokenTargets.size === 0 && Object.keys(match).length > 0) {
    tell(at, 'never-matches', 'no role of any target matches this: the rule can never decide', { onKey: true });
  }
  return matched;
}

function checkTargets(match: FileMatch, parts: Parts, at: Path, tell: Tell): void {
  const names = named(match.target, match.targets) ?? [];
  names.forEach((name, index) => {
    if (parts.targets.has(name) || parts.brokenTargets.has(name)) return;
    const path = match.target === undefined ? [...at, 'targets', index] : [...at, 'target'];
    tell(path, 'unknown-target', `there is no target ${quote(name)}${hint(name, parts.targets.keys())}`);
  });
}

function checkRoles(match: FileMatch, pairs: readonly Pair[], parts: Parts, at: Path, tell: Tell): void {
  const known = new Set<string>(pairs.map((pair) => pair.role.name));
  (named(match.role, match.roles) ?? []).forEach((name, index) => {
    if (known.has(name) || parts.brokenTargets.size > 0) return;
    const path = match.role === undefined ? [...at, 'roles', index] : [...at, 'role'];
    tell(path, 'unknown-role', `no target has a role ${quote(name)}${hint(name, known)}`);
  });
}

/** Whose requests a rule decides, and under what condition. */
type Decider = { readonly requesters: readonly Selector[] | null; readonly condition: string | null };

/** A rule that earlier ones leave nothing to decide is one that somebody wrongly relies on. */
function checkReach(
  { rule, condition }: Placed<FileRule, CompiledConditionOf | null>,
  matched: readonly Pair[],
  deciders: Map<Pair, Decider[]>,
  at: Path,
  tell: Tell,
): void {
  const mine = { requesters: rule.requesters ?? null, condition: condition?.compiled.text ?? null };
  const hidden = matched.filter((pair) => deciders.get(pair)?.some((theirs) => covers(theirs, mine)));
  if (matched.length > 0 && hidden.length === matched.length) {
    tell([...at, 'name'], 'unreachable-rule', `earlier rules decide all that ${quote(rule.name)} matches`, {
      warning: true,
    });
  }
  for (const pair of matched) deciders.set(pair, [...(deciders.get(pair) ?? []), mine]);
}

function covers(theirs: Decider, mine: Decider): boolean {
  if (theirs.condition !== null && theirs.condition !== mine.condition) return false;
  if (theirs.requesters === null || mine.requesters === null) return theirs.requesters === null;
  const keys = new Set(theirs.requesters.map(selectorKey));
  return mine.requesters.every((selector) => keys.has(selectorKey(selector)));
}

function checkBreakGlass(rule: FileBreakGlass, pairs: readonly Pair[], parts: Parts, at: Path, tell: Tell): void {
  const matched = checkMatch(rule.match, pairs, parts, [...at, 'match'], tell);
  rule.roles.forEach((name, index) => {
    if (matched.length === 0 || matched.some((pair) => pair.role.name === name)) return;
    const known = new Set<string>(matched.map((pair) => pair.role.name));
    tell(
      [...at, 'roles', index],
      'unknown-role',
      `no target that it matches has a role ${quote(name)}${hint(name, known)}`,
    );
  });
  checkReview(rule.review, matched, [...at, 'review'], tell);
}

/** Names stand in plans, cards and the audit log: one rule a name, one denial, one conflict. */
function checkNames(parts: Parts, tell: Tell): void {
  const rules = [
    ...parts.rules.map(({ index, rule, at }) => ({ name: rule.name, path: ['rules', index, 'name'], at })),
    ...parts.breakGlass.map(({ index, rule, at }) => ({
      name: breakGlassName(rule, index),
      path: ['breakGlass', index, 'name'],
      at,
    })),
  ];
  const deny = parts.deny.map(({ index, rule, at }) => ({ name: rule.name, path: ['deny', index, 'name'], at }));
  const conflicts = parts.conflicts.map(({ index, rule, at }) => ({
    name: rule.name,
    path: ['conflicts', index, 'name'],
    at,
  }));
  for (const [what, all] of [
    ['rule', rules],
    ['denial', deny],
    ['conflict', conflicts],
  ] as const) {
    const seen = new Map<string, (typeof rules)[number]>();
    for (const one of all) {
      const first = seen.get(one.name);
      const where = first && first.at.file !== one.at.file ? `, in ${first.at.file}:${first.at.line}` : '';
      if (first) tell(one.path, 'duplicate-name', `another ${what} is named ${quote(one.name)}${where}`);
      else seen.set(one.name, one);
    }
  }
}

/** Who changes the rules themselves, and whom conflicts name. */
function checkGovernance({ conflicts, powers, onePersonChanges }: Parts, known: Known, tell: Tell): void {
  const changers = powers?.changePolicy ?? [];
  if (powers && changers.length === 0 && !onePersonChanges) {
    const message =
      'nobody may approve another policy: name them under powers.changePolicy, or write policyChange: one-person';
    tell(['powers'], 'nobody-changes-policy', message, { onKey: true, warning: true });
  }
  if (changers.length === 1 && changers[0]?.kind === 'person' && !onePersonChanges) {
    const message = 'one person alone: nobody is left to approve what they propose';
    tell(['powers', 'changePolicy'], 'one-changes-policy', message, { warning: true });
  }
  for (const { index, rule } of conflicts) {
    const at: Path = ['conflicts', index];
    if (rule.never === 'both' && rule.groups.length < 2) {
      tell([...at, 'groups'], 'bad-conflict', '"both" is about at least two groups');
    }
    rule.groups.forEach((group, place) => {
      if (!known.groups || known.groups.has(group)) return;
      const message = `the directory knows no group ${quote(group)}${hint(group, known.groups)}`;
      tell([...at, 'groups', place], 'unknown-group', message, { warning: true });
    });
  }
}

/** Looks at every selector of the file, wherever it stands. */
function checkKnown(data: unknown, known: Known, tell: Tell, at: Path = []): void {
  if (typeof data === 'string') {
    const [, kind, name] = /^(group|person|on-call):(.+)$/.exec(data) ?? [];
    const [names, what] =
      kind === 'group'
        ? [known.groups, kind]
        : kind === 'person'
          ? [known.people, kind]
          : [known.schedules, 'schedule'];
    if (name === undefined || !names || names.has(name) || at.length < 2 || !parseSelector(data)) return;
    const message = `${what === 'schedule' ? 'there is no' : 'the directory knows no'} ${what} ${quote(name)}`;
    tell(at, `unknown-${what}`, `${message}${hint(name, names)}`, { warning: true });
  } else if (typeof data === 'object' && data !== null) {
    const entries = Array.isArray(data) ? data.map((value, index) => [index, value] as const) : Object.entries(data);
    for (const [key, value] of entries) checkKnown(value, known, tell, [...at, key]);
  }
}
