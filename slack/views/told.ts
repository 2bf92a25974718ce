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

/** The same that a message would show, as a modal: over the App Home there is no other way to answer. */
export const toldInModal = ({ blocks }: Content): Modal => modal({ callback: callbacks.told, title: 'Curfew' }, blocks);

/** NB. Ephemeral only, like the one-time link: for some minutes whoever reads it is this person to the command line. */
export const personalCode = (made: { readonly code: string; readonly expiresAt: number }): Content =>
  content(
    mrkdwn`Your code for the command line is ready; it works until ${when(made.expiresAt, 'time')}.`,
    section(
      mrkdwn`\`${made.code}\` proves to the command line that you are you, until ${when(made.expiresAt, 'time')}. A new one replaces it.`,
    ),
    section(
      mrkdwn`Set it as \`CURFEW_CODE\`, or type it when \`curfew request\`, \`curfew approve\` or \`curfew release\` asks for it. Show it to nobody: Curfew never asks for it in a message.`,
    ),
  );

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
    section(
      mrkdwn`\`${command} mine\` lists what you hold, asked for and are waited for; \`${command} status 1a2b3c4d\` says where one request is.\n\`${command} end\` ends what you hold.\n\`${command} away until monday delegate @somebody\` says that you are out of office and who decides in your place; also a date (2026-12-24) or a span (3d), and \`${command} away off\`.\n\`${command} code\` gives you a code for the command line; \`${command} link CODE\` links this Slack account to you.`,
    ),
    section(
      mrkdwn`Access starts when you claim it, and ends by itself. *I'm done* ends it sooner, *Extend* asks for more time. The Home tab shows all of yours.`,
    ),
  );
