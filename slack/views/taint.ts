/** What those are asked who could have approved something in the place of somebody who has left. */
import { actions } from '../ids.ts';
import type { TaintId } from '../../domain/ids.ts';
import { mrkdwn, nothing, when } from '../text.ts';
import { button, content, row, section } from './kit.ts';
import type { Content } from './message.ts';

/** Names are the directory's; null where it has none. */
export type TaintNotice =
  | {
      readonly kind: 'asked';
      readonly taintId: TaintId;
      readonly approver: string | null;
      readonly holder: string | null;
      readonly target: string;
      readonly role: string;
      readonly endAt: number | null;
      readonly answerByAt: number;
    }
  | { readonly kind: 'settled'; readonly kept: boolean };

export function taintNotice(notice: TaintNotice): Content {
  if (notice.kind === 'settled') {
    const says = notice.kept
      ? mrkdwn`You were asked about access that somebody had approved who has left: it stays.`
      : mrkdwn`You were asked about access that somebody had approved who has left: it has ended.`;
    return content(says, section(says));
  }
  const { approver, holder, target, role, endAt, answerByAt, taintId } = notice;
  const until = endAt === null ? nothing : mrkdwn` until ${when(endAt)}`;
  const says = mrkdwn`*${approver ?? 'Somebody'}* approved \`${role}\` on \`${target}\` for *${holder ?? 'somebody'}*${until}, and has left since. Does it stay? You could approve it in their place. It ends ${when(answerByAt)} unless somebody keeps it.`;
  return content(
    says,
    section(says),
    row(
      button(actions.keepTaint, 'Keep it', taintId),
      button(actions.endTaint, 'End now', taintId, {
        style: 'danger',
        confirm: { title: 'End it now?', text: 'The login is disabled and every session closed.', yes: 'End now' },
      }),
    ),
  );
}
