/** What can be wrong with the stages and limits of a rule, given the roles that it matches. */
import { quote, type Path } from './issue.ts';
import type { FileRole, FileTarget, Parts } from './parts.ts';
import { defaultWaitMs, type FileBreakGlass, type FileRule, type FileStage } from './schema.ts';
import type { StageSelector } from './selectors.ts';
import type { Pointing } from './source.ts';

export type Tell = (at: Path, code: string, message: string, more?: Pointing) => void;
/** A role of a target. */
export type Pair = { readonly target: FileTarget; readonly role: FileRole };

export function checkStages(rule: FileRule, matched: readonly Pair[], parts: Parts, at: Path, tell: Tell): void {
  if (rule.approvals === 'automatic') return;
  rule.approvals.forEach((stage, index) => {
    const path = [...at, 'approvals', index];
    checkOwner(stage.from, matched, [...path, 'from'], tell);
    checkSeats(stage, parts, path, tell);
    checkTimes(stage, rule.limits.decideWithin ?? defaultWaitMs, path, tell);
    if (stage.to) checkOwner(stage.to, matched, [...path, 'to'], tell);
    if (index === 0 && stage.together === true) {
      tell([...path, 'together'], 'together-first', 'there is no stage before the first one', { onKey: true });
    }
  });
}

/** `owner` needs owners on every target that the rule matches. */
export function checkOwner(from: readonly StageSelector[], matched: readonly Pair[], at: Path, tell: Tell): void {
  const place = from.findIndex((selector) => selector.kind === 'owner');
  const ownerless = matched.find((pair) => pair.target.owners.length === 0);
  if (place >= 0 && ownerless) tell([...at, place], 'no-owner', `the target ${ownerless.target.name} names no owners`);
}

/** What comes after the review is due is too late: by then it is debt, and everybody is told. */
export function checkReview(review: FileBreakGlass['review'], matched: readonly Pair[], at: Path, tell: Tell): void {
  checkOwner(review.from, matched, [...at, 'from'], tell);
  if (review.to) checkOwner(review.to, matched, [...at, 'to'], tell);
  checkEscalation(review, at, tell);
  for (const field of ['remindAfter', 'escalateAfter'] as const) {
    if ((review[field] ?? 0) < review.within) continue;
    tell([...at, field], 'too-late', 'the review is overdue by then', { warning: true });
  }
}

function checkEscalation(
  { escalateAfter, to }: Pick<FileStage, 'escalateAfter'> & { readonly to?: unknown },
  at: Path,
  tell: Tell,
): void {
  if ((escalateAfter === undefined) === (to === undefined)) return;
  const [has, lacks] = to === undefined ? ['escalateAfter', 'to'] : ['to', 'escalateAfter'];
  tell([...at, has], 'half-escalation', `"${has}" does nothing without "${lacks}"`, { onKey: true });
}

/** Named people must be as many as are needed, and not all of them kept from approving. */
function checkSeats({ from, need }: FileStage, parts: Parts, at: Path, tell: Tell): void {
  const single = from.every(({ kind }) => kind === 'person' || kind === 'manager' || kind === 'managers-manager');
  if (single && from.length < need) {
    const few = `${need} people are needed and ${from.length} named: nobody could ever approve`;
    tell([...at, 'need'], 'too-few', few);
  }
  const kept = parts.conflicts.find(({ rule: { groups, never } }) => {
    const barred = never !== 'both' && never.includes('approve');
    return barred && from.every((selector) => selector.kind === 'group' && groups.includes(selector.group));
  });
  if (kept) tell([...at, 'from'], 'never-approves', `${quote(kept.rule.name)} keeps all of them from approving`);
}

function checkTimes(stage: FileStage, requestMs: number, at: Path, tell: Tell): void {
  const { remindAfter, escalateAfter, decideWithin } = stage;
  checkEscalation(stage, at, tell);
  const lastMs = Math.min(decideWithin ?? requestMs, requestMs);
  const late = (field: 'remindAfter' | 'escalateAfter', ms: number | undefined): void => {
    if (ms === undefined || ms < lastMs) return;
    tell([...at, field], 'too-late', 'the request has lapsed by then', { warning: true });
  };
  late('remindAfter', remindAfter);
  late('escalateAfter', escalateAfter);
  if (decideWithin !== undefined && decideWithin > requestMs) {
    const message = 'longer than the decideWithin of the whole request (8h where it does not say), which holds';
    tell([...at, 'decideWithin'], 'unused-limit', message, { warning: true });
  }
}

export function checkLimits({ limits, until }: FileRule, matched: readonly Pair[], at: Path, tell: Tell): void {
  const { max, extend, grace, windows } = limits;
  if (max !== undefined && matched.length > 0 && matched.every(({ role }) => role.maxMs < max)) {
    tell([...at, 'limits', 'max'], 'unused-limit', 'longer than the max of every role that it matches, which holds', {
      warning: true,
    });
  }
  const full = matched.length > 0 && matched.every(({ role }) => max === undefined || max >= role.maxMs);
  if (extend !== undefined && extend > 0 && full) {
    const message = 'a grant of the longest time cannot be extended: no grant outlives the max of its role';
    tell([...at, 'limits', 'extend'], 'extend-at-max', message, { warning: true });
  }
  const shortest = Math.min(max ?? Number.POSITIVE_INFINITY, ...matched.map(({ role }) => role.maxMs));
  if (grace !== undefined && grace * 2 > shortest) {
    const message = 'longer than half of the max: most of the time nobody could log in';
    tell([...at, 'limits', 'grace'], 'grace-too-long', message);
  }
  windows?.forEach(({ from, to }, index) => {
    if (from < to) return;
    const message = '"to" is not after "from": a window ends on the day on which it begins; write two';
    tell([...at, 'limits', 'windows', index, 'to'], 'bad-window', message);
  });
  const teamless = until === 'shift' && matched.find(({ target }) => !target.labels.has('team'));
  if (teamless) {
    const message = `the target ${teamless.target.name} has no label "team" that names a schedule: write { shift: SCHEDULE }`;
    tell([...at, 'until'], 'no-schedule', message);
  }
}
