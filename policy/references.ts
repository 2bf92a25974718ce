/** What the parts of a policy file say of each other: names that must exist, rules that can never decide, empty stages. */
import { breakGlassName, matches, named } from './compile.ts';
import { hint, quote, type Issue, type Path } from './issue.ts';
import type { FileTarget, Parts } from './parts.ts';
import type { FileBreakGlass, FileMatch, FileRule } from './schema.ts';
import { selectorKey, type StageSelector } from './selectors.ts';
import type { Source } from './source.ts';
import type { Selector } from '../domain/plan.ts';

/** What the directory knows when the file is checked; what is not given is not checked. */
export type Known = { readonly groups?: ReadonlySet<string>; readonly people?: ReadonlySet<string> };

type Pair = { readonly target: FileTarget; readonly role: string; readonly maxMs: number };
type Tell = (at: Path, code: string, message: string, more?: Parameters<Source['issue']>[3]) => void;

export function checkReferences(parts: Parts, source: Source, known: Known): readonly Issue[] {
  const issues: Issue[] = [];
  const tell: Tell = (...words) => issues.push(source.issue(...words));
  const deciders = new Map<Pair, (readonly Selector[] | null)[]>();
  const pairs = pairsOf(parts);
  for (const { index, rule } of parts.rules) {
    const at: Path = ['rules', index];
    const matched = checkMatch(rule.match, pairs, parts, [...at, 'match'], tell);
    checkStages(rule, matched, at, tell);
    checkReach(rule, matched, deciders, at, tell);
    checkLimits(rule, matched, at, tell);
  }
  for (const { index, rule } of parts.breakGlass) checkBreakGlass(rule, pairs, parts, ['breakGlass', index], tell);
  checkNames(parts, tell);
  checkKnown(source.data, known, tell);
  return issues;
}

const pairsOf = (parts: Parts): readonly Pair[] =>
  [...parts.targets.values()].flatMap((target) =>
    [...target.roles.values()].map((role) => ({ target, role: role.name, maxMs: role.maxMs })),
  );

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
  const matched = pairs.filter((pair) => matches(match, pair.target, pair.role as never));
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
  const known = new Set(pairs.map((pair) => pair.role));
  (named(match.role, match.roles) ?? []).forEach((name, index) => {
    if (known.has(name) || parts.brokenTargets.size > 0) return;
    const path = match.role === undefined ? [...at, 'roles', index] : [...at, 'role'];
    tell(path, 'unknown-role', `no target has a role ${quote(name)}${hint(name, known)}`);
  });
}

/** `owner` needs owners on every target that the rule matches; named people must be as many as are needed. */
function checkStages(rule: FileRule, matched: readonly Pair[], at: Path, tell: Tell): void {
  if (rule.approvals === 'automatic') return;
  rule.approvals.forEach((stage, index) => {
    const path = [...at, 'approvals', index];
    checkOwner(stage.from, matched, [...path, 'from'], tell);
    if (stage.from.every((selector) => selector.kind === 'person') && stage.from.length < stage.need) {
      tell(
        [...path, 'need'],
        'too-few',
        `${stage.need} people are needed and ${stage.from.length} named: nobody could ever approve`,
      );
    }
  });
}

function checkOwner(from: readonly StageSelector[], matched: readonly Pair[], at: Path, tell: Tell): void {
  const place = from.findIndex((selector) => selector.kind === 'owner');
  const ownerless = matched.find((pair) => pair.target.owners.length === 0);
  if (place >= 0 && ownerless) tell([...at, place], 'no-owner', `the target ${ownerless.target.name} names no owners`);
}

/** A rule that earlier ones leave nothing to decide is one that somebody wrongly relies on. */
function checkReach(
  rule: FileRule,
  matched: readonly Pair[],
  deciders: Map<Pair, (readonly Selector[] | null)[]>,
  at: Path,
  tell: Tell,
): void {
  const mine = rule.requesters ?? null;
  const hidden = matched.filter((pair) => deciders.get(pair)?.some((theirs) => covers(theirs, mine)));
  if (matched.length > 0 && hidden.length === matched.length) {
    tell([...at, 'name'], 'unreachable-rule', `earlier rules decide all that ${quote(rule.name)} matches`, {
      warning: true,
    });
  }
  for (const pair of matched) deciders.set(pair, [...(deciders.get(pair) ?? []), mine]);
}

const covers = (theirs: readonly Selector[] | null, mine: readonly Selector[] | null): boolean => {
  if (theirs === null || mine === null) return theirs === null;
  const keys = new Set(theirs.map(selectorKey));
  return mine.every((selector) => keys.has(selectorKey(selector)));
};

function checkLimits(rule: FileRule, matched: readonly Pair[], at: Path, tell: Tell): void {
  const { max } = rule.limits;
  if (max === undefined || matched.length === 0 || matched.some((pair) => pair.maxMs >= max)) return;
  tell([...at, 'limits', 'max'], 'unused-limit', 'longer than the max of every role that it matches, which holds', {
    warning: true,
  });
}

function checkBreakGlass(rule: FileBreakGlass, pairs: readonly Pair[], parts: Parts, at: Path, tell: Tell): void {
  const matched = checkMatch(rule.match, pairs, parts, [...at, 'match'], tell);
  rule.roles.forEach((name, index) => {
    if (matched.length === 0 || matched.some((pair) => pair.role === name)) return;
    const known = new Set(matched.map((pair) => pair.role));
    tell(
      [...at, 'roles', index],
      'unknown-role',
      `no target that it matches has a role ${quote(name)}${hint(name, known)}`,
    );
  });
  checkOwner(rule.review.from, matched, [...at, 'review', 'from'], tell);
}

/** Names of rules stand in plans, cards and the audit log: one rule a name. */
function checkNames(parts: Parts, tell: Tell): void {
  const seen = new Set<string>();
  const rules = [
    ...parts.rules.map(({ index, rule }) => ({ name: rule.name, at: ['rules', index, 'name'] })),
    ...parts.breakGlass.map(({ index, rule }) => ({
      name: breakGlassName(rule, index),
      at: ['breakGlass', index, 'name'],
    })),
  ];
  for (const { name, at } of rules) {
    if (seen.has(name)) tell(at, 'duplicate-name', `another rule is named ${quote(name)}`);
    seen.add(name);
  }
}

/** Looks at every selector of the file, wherever it stands. */
function checkKnown(data: unknown, known: Known, tell: Tell, at: Path = []): void {
  if (typeof data === 'string') {
    const [, kind, name] = /^(group|person):(.+)$/.exec(data) ?? [];
    const names = kind === 'group' ? known.groups : known.people;
    if (kind === undefined || name === undefined || !names || names.has(name) || at.length < 2) return;
    tell(at, `unknown-${kind}`, `the directory knows no ${kind} ${quote(name)}${hint(name, names)}`, { warning: true });
  } else if (typeof data === 'object' && data !== null) {
    const entries = Array.isArray(data) ? data.map((value, index) => [index, value] as const) : Object.entries(data);
    for (const [key, value] of entries) checkKnown(value, known, tell, [...at, key]);
  }
}
