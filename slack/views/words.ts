/** What a plan and a state are called in sentences. The same words in the form, on the card, in Review and in messages. */
import type { PersonId } from '../../domain/ids.ts';
import { stagesOf, stepsOf, type GrantablePlan, type Selector, type Stage } from '../../domain/plan.ts';
import type { Outcome } from '../../domain/request.ts';
import { formatSpan } from '../../domain/time.ts';
import { joined, listed, mrkdwn, nothing, type Mrkdwn } from '../text.ts';
import type { People } from './model.ts';

export const nameOf = (people: People, id: PersonId): string => people.get(id)?.name ?? 'somebody';

/** Who may fill a seat, in the policy's words: `group data-owners`, `Ben`. Undefined: somebody whose name is not known. */
function selectorWords(selector: Selector, people: People): string | undefined {
  if (selector.kind === 'on-call') return `whoever is on call for ${selector.schedule}`;
  return selector.kind === 'group' ? `group ${selector.group}` : (people.get(selector.person)?.name ?? undefined);
}

export function stageWords(stage: Stage, people: People): Mrkdwn {
  const who = stage.from.flatMap((selector) => selectorWords(selector, people) ?? []);
  return mrkdwn`${stage.need} of ${stage.name}${who.length > 0 ? mrkdwn` (${listed(who, 3)})` : nothing}`;
}

const stagesShown = 5;

/** `1 of manager (Ben) and 1 of security (group security), then 1 of data owner`: "and" for those that open together. */
function stagesSentence(stages: readonly Stage[], people: People): Mrkdwn {
  const steps = stepsOf(stages);
  const rest = stages.length - stagesShown;
  const shown = stages
    .slice(0, stagesShown)
    .map((stage, index) =>
      index === 0
        ? stageWords(stage, people)
        : steps[index] === steps[index - 1]
          ? mrkdwn` and ${stageWords(stage, people)}`
          : mrkdwn`, then ${stageWords(stage, people)}`,
    );
  return mrkdwn`${joined(shown, '')}${rest > 0 ? mrkdwn`, and ${rest} more` : nothing}`;
}

/** What has to happen before anything is granted, and within what limits. */
export function planSentence(plan: GrantablePlan, people: People): Mrkdwn {
  const limits = mrkdwn`at most ${formatSpan(plan.limits.maxMs)}; starts when it is claimed, within ${formatSpan(plan.limits.useWithinMs)}`;
  switch (plan.verdict) {
    case 'automatic':
      return mrkdwn`Needs nobody's approval; ${limits}.`;
    case 'break-glass':
      return mrkdwn`Break-glass: no approval before, a review by a second person afterwards; ${limits}.`;
    case 'approvals':
      return mrkdwn`Needs ${stagesSentence(stagesOf(plan), people)}; ${limits}.`;
  }
}

/** How a closed request ended, as a word that stands by itself. */
export const outcomeWords: Readonly<Record<Outcome, string>> = {
  expired: 'Ended',
  released: 'Ended',
  revoked: 'Ended early',
  withdrawn: 'Withdrawn',
  denied: 'Denied',
  lapsed: 'Lapsed',
  cancelled: 'Cancelled',
  failed: 'Failed',
};
