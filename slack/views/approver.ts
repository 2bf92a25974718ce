/** What somebody whose approval counted gets: a way to say that it was not them. */
import { shortId } from '../../domain/ids.ts';
import { formatSpan } from '../../domain/time.ts';
import { actions } from '../ids.ts';
import { mrkdwn, when } from '../text.ts';
import { button, content, context, row, section } from './kit.ts';
import type { Content } from './message.ts';
import type { DecisionLine, RequestModel } from './model.ts';
import { progress, subject } from './progress.ts';
import { nameOf } from './words.ts';

/**
 * "You approved this: not you?" Whoever took over an approver's Slack account cannot keep this from the person: it
 * goes to their own messages and stays there (the two-key rule, README).
 */
export function counted(model: RequestModel, line: DecisionLine): Content {
  const open = model.view.state.kind !== 'closed' && model.view.state.kind !== 'revoking';
  const says = mrkdwn`You approved ${subject(model)} for *${nameOf(model.people, model.requester)}* (${formatSpan(model.durationMs)}), ${when(line.madeAt)}. Not you?`;
  return content(
    says,
    section(says),
    context(progress(model), mrkdwn`Request ${shortId(model.requestId)}`),
    row(
      ...(open
        ? [
            button(actions.disownApproval, 'Not me: end it', model.requestId, {
              style: 'danger',
              confirm: {
                title: 'Did you not approve this?',
                text: 'The request ends at once, whatever it has become, and security is told.',
                yes: 'Not me: end it',
              },
            }),
          ]
        : []),
    ),
  );
}
