/** A plan as one line of plain words, for the form's live preview and the command line. No markup, no names of people. */
import type { Limits, Plan, Stage } from '../domain/plan.ts';
import { formatSpan } from '../domain/time.ts';
import { describeSelectors } from './selectors.ts';
import { describeWindow } from './windows.ts';

/** `needs your manager and then 1 data owner; at most 4 h; starts when you claim it`, or every reason why not. */
export function explainPlan(plan: Plan): string {
  if (plan.verdict === 'denied') return `not possible: ${plan.reasons.join(' ')}`;
  const limits = [
    explainLimits(plan.limits),
    ...(plan.until ? [`ends with the ${plan.until.kind} at the latest`] : []),
  ];
  if (plan.verdict === 'automatic') return ["needs nobody's approval", ...limits].join('; ');
  if (plan.verdict === 'approvals') return [`needs ${explainStages(plan.stages)}`, ...limits].join('; ');
  const { from, withinMs } = plan.review;
  const incident = plan.incident === 'required' ? ['the incident has to be known'] : [];
  const review = `reviewed by ${describeSelectors(from)} within ${formatSpan(withinMs)} of its end`;
  return ["needs nobody's approval", ...incident, 'announced at once', ...limits, review].join('; ');
}

/** In their order: `your manager and 1 data owner, and then 2 of the owners`. */
const explainStages = (stages: readonly Stage[]): string =>
  stages
    .map((stage, index) => {
      const before = index === 0 ? '' : stage.together === true ? ' and ' : ' and then ';
      return `${before}${explainStage(stage)}`;
    })
    .join('');

/** `your manager`, `1 data owner`, `2 of the owners of payments data`; with the owners where those are too few. */
function explainStage(stage: Stage): string {
  const owners = stage.ownersToo === true ? ' (or an owner, since there are too few)' : '';
  return `${seatsOf(stage)}${owners}`;
}

function seatsOf({ name, need, as }: Stage): string {
  if (as?.length === 1 && as[0] === 'manager') return 'your manager';
  if (as?.length === 1 && as[0] === 'managers-manager') return "your manager's manager";
  // A name in the singular is one of them; of any other one takes some.
  if (need === 1 && !/s$|s of |^the /i.test(name)) return `1 ${name}`;
  return `${need} of ${/^the /i.test(name) ? '' : 'the '}${name}`;
}

/** `at most 4 h; starts when you claim it`: the time counts from the claim, not from the approval. */
const explainLimits = ({ maxMs, windows, extensions, graceMs }: Limits): string =>
  [
    `at most ${formatSpan(maxMs)}`,
    'starts when you claim it',
    ...(windows ? [`held ${windows.map(describeWindow).join(' or ')}`] : []),
    ...(extensions ? [`may be extended ${extensions === 1 ? 'once' : `${extensions} times`} without asking`] : []),
    ...(graceMs ? [`logins stop ${formatSpan(graceMs)} before the end`] : []),
  ].join('; ');
