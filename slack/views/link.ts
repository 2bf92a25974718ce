/** What the accounts that somebody has already are told when another one is linked to them. */
import type { LinkId } from '../../domain/ids.ts';
import { actions } from '../ids.ts';
import { mrkdwn, when } from '../text.ts';
import { button, content, row, section } from './kit.ts';
import type { Content } from './message.ts';

/** `waiting`: until `approvesFromAt` the new account approves nothing. */
export type LinkNotice =
  { readonly kind: 'waiting'; readonly linkId: LinkId; readonly approvesFromAt: number } | { readonly kind: 'settled' };

export function linkNotice(notice: LinkNotice): Content {
  if (notice.kind === 'settled') {
    const says = mrkdwn`Another Slack account was linked to you; that is settled now.`;
    return content(says, section(says));
  }
  const says = mrkdwn`Another Slack account was just linked to you. Was that you? It approves nothing until ${when(notice.approvesFromAt)}, unless you confirm it here.`;
  return content(
    says,
    section(says),
    row(
      button(actions.confirmLink, 'Yes, it is mine', notice.linkId),
      button(actions.refuseLink, 'No, take it away', notice.linkId, {
        style: 'danger',
        confirm: {
          title: 'Take it away?',
          text: 'The new account is then linked to nobody. Tell security if you did not link it.',
          yes: 'Take it away',
        },
      }),
    ),
  );
}
