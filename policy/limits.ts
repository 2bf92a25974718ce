/** Does what is asked fit what a rule gives: how long, from when, in which hours, and for how long as what lasts? */
import type { PersonFacts } from '../domain/person.ts';
import type { Condition, Limits } from '../domain/plan.ts';
import { dayMs, formatSpan, longestGrantMs, secondMs } from '../domain/time.ts';
import type { BreakGlassRule, RolePolicy, Rule, TargetPolicy } from './policy.ts';
import { formatOpening, nextOpening, windowAt } from './windows.ts';

/** Nobody can say today who may do what in a year. */
const longestAheadMs = 30 * dayMs;

/** The parts of a form that a reason can be about. */
export type AskField = 'duration' | 'start' | 'ticket';
export type Unmet = { readonly reason: string; readonly field: AskField | null };

export type Asked = {
  readonly requester: PersonFacts;
  readonly durationMs: number;
  readonly ticket: string | null;
  readonly startAt: number | null;
};

const nothing: readonly Unmet[] = [];

/**
 * @returns why it does not fit, every reason at once
 */
export function unmetLimits(ask: Asked, rule: Rule | BreakGlassRule, place: Place, now: number): readonly Unmet[] {
  const { limits } = rule;
  if (fits(ask, limits.maxMs) && ask.startAt === null && !limits.windows && !('until' in rule && rule.until)) {
    return nothing;
  }
  return [
    ...unmetDuration(ask, limits.maxMs, place),
    ...unmetStart(ask, limits, place, now),
    ...('until' in rule ? unmetUntil(ask, rule.until) : nothing),
  ];
}

type Place = { readonly target: Pick<TargetPolicy, 'name'>; readonly role: Pick<RolePolicy, 'name'> };
const nameOf = ({ target, role }: Place): string => `${role.name} on ${target.name}`;
const unmet = (field: AskField, reason: string): readonly Unmet[] => [{ reason, field }];

const fits = ({ durationMs }: Asked, maxMs: number): boolean =>
  Number.isSafeInteger(durationMs) && durationMs >= secondMs && durationMs <= maxMs && durationMs <= longestGrantMs;

function unmetDuration(ask: Asked, maxMs: number, place: Place): readonly Unmet[] {
  if (fits(ask, maxMs)) return nothing;
  if (!Number.isSafeInteger(ask.durationMs) || ask.durationMs < secondMs)
    return unmet('duration', 'A duration is at least one second.');
  const asked = ask.durationMs > longestGrantMs ? 'more than a week' : formatSpan(ask.durationMs);
  const most = formatSpan(Math.min(maxMs, longestGrantMs));
  return unmet('duration', `${nameOf(place)} is given for at most ${most}; you asked for ${asked}.`);
}

function unmetStart({ startAt }: Asked, { windows }: Limits, place: Place, now: number): readonly Unmet[] {
  if (startAt !== null && !Number.isSafeInteger(startAt)) return unmet('start', 'A start is an instant.');
  if (startAt !== null && startAt <= now)
    return unmet('start', 'A start lies in the future; without one it begins at once.');
  if (startAt !== null && startAt - now > longestAheadMs)
    return unmet('start', `A start lies at most ${formatSpan(longestAheadMs)} ahead.`);
  if (!windows || windowAt(windows, startAt ?? now)) return nothing;
  const opening = nextOpening(windows, startAt ?? now);
  if (!opening)
    return unmet('start', `${nameOf(place)} is held in certain hours only, and there are none in the next two weeks.`);
  const opens = formatOpening(opening, now);
  const mend = startAt === null ? 'ask with a start' : 'that start lies outside';
  return unmet('start', `${nameOf(place)} is held in certain hours only: opens ${opens}; ${mend}.`);
}

function unmetUntil({ requester, ticket }: Asked, until: Rule['until']): readonly Unmet[] {
  if (!until) return nothing;
  if (until.kind === 'shift') {
    return requester.onCall?.includes(until.schedule) === true
      ? nothing
      : [{ reason: `It lasts as long as your shift: you are not on call for ${until.schedule} now.`, field: null }];
  }
  if (hasTicket(ticket)) return nothing;
  const [a, id] = until.kind === 'incident' ? ['an', 'incident id'] : ['a', "ticket's id"];
  return [{ reason: `It ends with the ${until.kind}: it needs ${a} ${id}.`, field: 'ticket' }];
}

const hasTicket = (ticket: string | null): ticket is string => ticket !== null && ticket.trim() !== '';

/** What the grant is bound to; undefined where nothing was named, or nothing has to be. */
export function conditionOf(until: Rule['until'], ticket: string | null): Condition | undefined {
  if (!until) return undefined;
  if (until.kind === 'shift') return { kind: 'shift', key: until.schedule };
  return hasTicket(ticket) ? { kind: until.kind, key: ticket.trim() } : undefined;
}
