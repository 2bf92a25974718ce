/** What a plan and a state are called in sentences. The same words in the form, on the card, in Review and in messages. */
import type { PersonId } from '../../domain/ids.ts';
import { stagesOf, type GrantablePlan, type Selector, type Stage } from '../../domain/plan.ts';
import type { Outcome } from '../../domain/request.ts';
import { formatSpan } from '../../domain/time.ts';
import { joined, listed, mrkdwn, type Mrkdwn } from '../text.ts';
import type { People } from './model.ts';

export const nameOf = (people: People, id: PersonId): string => people.get(id)?.name ?? 'somebody';

/** Who may fill a seat, in the policy's words: `group data-owners`, `Ben`. */
function selectorWords(selector: Selector, people: People): string {
  if (selector.kind === 'on-call') return `whoever is on call for ${selector.schedule}`;
  return selector.kind === 'group' ? `group ${selector.group}` : nameOf(people, selector.person);
}

export const stageWords = (stage: Stage, people: People): Mrkdwn =>
  mrkdwn`${stage.need} of ${stage.name} (${listed(
    stage.from.map((selector) => selectorWords(selector, people)),
    3,
  )})`;

/** What has to happen before anything is granted, and within what limits. */
export function planSentence(plan: GrantablePlan, people: People): Mrkdwn {
  const limits = mrkdwn`at most ${formatSpan(plan.limits.maxMs)}; starts when it is claimed, within ${formatSpan(plan.limits.useWithinMs)}`;
  switch (plan.verdict) {
    case 'automatic':
      return mrkdwn`Needs nobody's approval; ${limits}.`;
    case 'break-glass':
      return mrkdwn`Break-glass: no approval before, a review by a second person afterwards; ${limits}.`;
    case 'approvals':
      return mrkdwn`Needs ${joined(
        stagesOf(plan)
          .slice(0, 5)
          .map((stage) => stageWords(stage, people)),
        ', then ',
      )}; ${limits}.`;
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
