/** A plan as far as two of them are compared, and their difference in words. */
import type { Limits, Plan, Stage } from '../domain/plan.ts';
import { formatSpan } from '../domain/time.ts';
import { explainPlan } from './explain.ts';
import type { Planned } from './plan.ts';
import { describeDeciders } from './seats.ts';
import { describeWindow } from './windows.ts';

/** What somebody gets, whichever hour it is; `nobody` where too few people are there to decide. */
export type Outcome = {
  readonly plan: Plan;
  readonly template: string | null;
  readonly databases: readonly string[];
  readonly nobody: boolean;
};

/** A denial for the hour, or for want of a ticket, is the form's and not the policy's. */
export function outcomeOf({ plan, gives, inPrinciple, fields }: Planned): Outcome {
  const shown = inPrinciple ?? { plan, gives };
  const nobody = inPrinciple !== undefined && fields?.some((field) => field === null) === true;
  return {
    plan: shown.plan,
    template: shown.gives?.template ?? null,
    databases: shown.gives?.databases ?? [],
    nobody,
  };
}

/** @returns one sentence without an end, or undefined where nothing changes */
export function differences(before: Outcome, after: Outcome): string | undefined {
  if (before.plan.verdict === 'denied' && after.plan.verdict === 'denied') return undefined;
  if (before.plan.verdict === 'denied') return `possible from now on: ${explainPlan(after.plan)}${nobody(after)}`;
  if (after.plan.verdict === 'denied') {
    const by = after.plan.rule === null ? '' : `, by "${after.plan.rule}"`;
    return `not possible any more${by} (it ${explainPlan(before.plan)})`;
  }
  const parts = [
    ...approvals(stagesOf(before.plan), stagesOf(after.plan)),
    ...limits(before.plan.limits, after.plan.limits),
    ...changed('ends with', before.plan.until?.kind ?? 'its time only', after.plan.until?.kind ?? 'its time only'),
    ...changed('gives', before.template ?? '', after.template ?? ''),
    ...changed('databases', before.databases.join(', '), after.databases.join(', ')),
    ...reviews(before.plan, after.plan),
    ...(before.nobody !== after.nobody
      ? [after.nobody ? 'too few are there to decide' : 'enough are there to decide']
      : []),
  ];
  return parts.length === 0 ? undefined : parts.join('; ');
}

const nobody = (outcome: Outcome): string => (outcome.nobody ? '; but too few are there to decide' : '');
const stagesOf = (plan: Plan): readonly Stage[] => (plan.verdict === 'approvals' ? plan.stages : []);

const changed = (word: string, before: string, after: string): readonly string[] =>
  before === after ? [] : [`${word} ${after} instead of ${before}`];

function approvals(before: readonly Stage[], after: readonly Stage[]): readonly string[] {
  const [old, fresh] = [before, after].map((stages) => stages.reduce((sum, { need }) => sum + need, 0));
  const count = old === fresh ? [] : [`${people(fresh ?? 0)} instead of ${old === 0 ? 'none' : old}`];
  const [oldWho, freshWho] = [whoOf(before), whoOf(after)];
  const who = oldWho === freshWho ? [] : [`by ${freshWho || 'nobody'}${oldWho ? ` instead of ${oldWho}` : ''}`];
  const rest = [before, after].map((stages) => JSON.stringify(stages.map(timing)));
  const more =
    rest[0] === rest[1] || count.length + who.length > 0 ? [] : ['other reminders, escalations or exclusions'];
  return [
    ...(count.length > 0 && who.length > 0 ? [`${count.join('')} (${who.join('')})`] : [...count, ...who]),
    ...more,
  ];
}

const people = (count: number): string => (count === 1 ? '1 approval' : `${count === 0 ? 'no' : count} approvals`);
const whoOf = (stages: readonly Stage[]): string =>
  stages
    .map((stage) => `${stage.need} of ${describeDeciders(stage)}`)
    .join(stages.some(({ together }) => together) ? ' and ' : ', then ');
const timing = ({ remindAfterMs, escalate, decideWithinMs, outsidePair, never }: Stage) => ({
  remindAfterMs,
  escalate,
  decideWithinMs,
  outsidePair,
  never: never?.map(({ groups, all }) => [groups, all]),
});

const span = (words: string, old: number, fresh: number): readonly string[] =>
  old === fresh ? [] : [`${words} ${formatSpan(fresh)} instead of ${formatSpan(old)}`];
const hours = ({ windows }: Limits): string => windows?.map(describeWindow).join(' or ') ?? 'at any time';

const graceOf = ({ graceMs }: Limits): string => (graceMs === undefined ? 'nothing' : formatSpan(graceMs));

function limits(before: Limits, after: Limits): readonly string[] {
  return [
    ...span('at most', before.maxMs, after.maxMs),
    ...span('decided within', before.decideWithinMs, after.decideWithinMs),
    ...span('claimed within', before.useWithinMs, after.useWithinMs),
    ...changed('extensions without asking:', String(before.extensions ?? 0), String(after.extensions ?? 0)),
    ...changed('logins stop before the end by', graceOf(before), graceOf(after)),
    ...changed('held', hours(before), hours(after)),
  ];
}

const reviews = (before: Plan, after: Plan): readonly string[] =>
  before.verdict === 'break-glass' &&
  after.verdict === 'break-glass' &&
  JSON.stringify([before.review, before.incident]) !== JSON.stringify([after.review, after.incident])
    ? ['another review, or another rule for incidents']
    : [];
