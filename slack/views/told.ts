/** Answers to one person: ephemeral messages, and modals that only tell something. */
import type { RequestId } from '../../domain/ids.ts';
import { shortId } from '../../domain/ids.ts';
import { actions, callbacks, command } from '../ids.ts';
import { mrkdwn, when, type Mrkdwn } from '../text.ts';
import { modal } from './form.ts';
import { content, context, linkButton, row, section } from './kit.ts';
import type { Content, Modal } from './message.ts';

/** A sentence, as a message. */
export const told = (says: Mrkdwn): Content => content(says, section(says));

/** A sentence, as a modal. */
export const toldModal = (title: string, says: Mrkdwn): Modal =>
  modal({ callback: callbacks.told, title }, section(says));

/**
 * The one-time link, shown to the requester only and for as long as they look. NB. Ephemeral only: whoever reads it
 * can claim, so it never stands in a message that stays.
 */
export const claimLink = (
  id: RequestId,
  minted: { readonly url: string; readonly code: string; readonly expiresAt: number },
): Content =>
  content(
    mrkdwn`Your one-time link is ready; it works until ${when(minted.expiresAt, 'time')}.`,
    section(
      mrkdwn`Open the page, or run \`curfew connect ${minted.code}\`. It works once, until ${when(minted.expiresAt, 'time')}; pressing Claim again replaces it. The clock starts when you claim.`,
    ),
    row(linkButton(actions.claimLink, 'Open the claim page', minted.url)),
    context(mrkdwn`Request ${shortId(id)}`),
  );

/** What the command can do. */
export const help = (problem?: Mrkdwn): Content =>
  content(
    problem ?? mrkdwn`What ${command} can do`,
    problem ? section(problem) : [],
    section(
      mrkdwn`\`${command}\` opens the form.\n\`${command} orders-prod read 2h because INC-12 slow query\` asks at once.\n\`${command} breakglass orders-prod write INC-12 "checkout down"\` opens access for an incident without prior approval; it is announced, short, and reviewed afterwards.`,
    ),
    section(mrkdwn`Access starts when you claim it, and ends by itself. *I'm done* ends it sooner.`),
  );
