/** The App Home: what a person holds, asked for and is waited for, and whether they are away. */
import type { Overview } from '../../service/contract.ts';
import { actions, callbacks, command } from '../ids.ts';
import { mrkdwn, nothing, when, type Mrkdwn } from '../text.ts';
import { emergency } from './emergency.ts';
import { bareButton, context, divider, header, row, section } from './kit.ts';
import type { Block, Home } from './message.ts';
import type { People } from './model.ts';
import { list, noGrants, noneWaiting, noRequests, ownLine, reviewLine, waitingLine } from './overview.ts';
import { nameOf } from './words.ts';

/** Painted from the newest state only; instants are date tokens, so that it stays true while nobody paints it again. */
export const homeView = (overview: Overview, people: People, mayBreakGlass = false): Home =>
  home(
    header('Your access'),
    row(bareButton(actions.ask, 'Ask for access', { style: 'primary' })),
    mayBreakGlass ? emergency() : [],
    list('What you hold', overview.grants, ownLine, noGrants),
    divider,
    list('Waiting for you', overview.waiting, (one) => waitingLine(one, people), noneWaiting),
    overview.toReview.length > 0
      ? [
          divider,
          ...list('Break-glass waiting for your review', overview.toReview, (one) => reviewLine(one, people), nothing),
        ]
      : [],
    divider,
    list('What you asked for', overview.requests, ownLine, noRequests),
    divider,
    away(overview, people),
    overview.recent.length > 0 ? [divider, ...list('Lately', overview.recent, ownLine, nothing)] : [],
    context(mrkdwn`\`${command} help\` says what can be typed anywhere.`),
  );

/** What somebody finds there whose Slack account is linked to nobody. */
export const strangersHome = (): Home =>
  home(
    header('Your access'),
    section(mrkdwn`This Slack account is linked to nobody whom Curfew knows.`),
    section(mrkdwn`Ask an administrator for a code, and type \`${command} link CODE\`.`),
  );

const home = (...blocks: readonly (Block | readonly Block[])[]): Home => ({
  type: 'home',
  callback_id: callbacks.home,
  blocks: blocks.flat().slice(0, 100),
});

function away({ away: absence }: Overview, people: People): readonly Block[] {
  const name = section(mrkdwn`*Out of office*`);
  if (!absence) {
    return [
      name,
      context(mrkdwn`You are not away. \`${command} away until monday delegate @somebody\` says that you are.`),
    ];
  }
  return [name, section(awaySentence(absence, people)), ...row(bareButton(actions.back, "I'm back"))];
}

/** `You are away until ..., and Ben decides in your place.` */
export function awaySentence(absence: NonNullable<Overview['away']>, people: People): Mrkdwn {
  const instead =
    absence.delegate === null
      ? mrkdwn`, and nobody decides in your place`
      : mrkdwn`, and ${nameOf(people, absence.delegate)} decides in your place`;
  return mrkdwn`You are away until ${when(absence.untilAt)}${instead}.`;
}
