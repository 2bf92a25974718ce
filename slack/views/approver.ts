/** What those get who decide: that something waits for them, and, once they approved, a way to say that it was not them. */
import { shortId } from '../../domain/ids.ts';
import { formatSpan } from '../../domain/time.ts';
import { actions } from '../ids.ts';
import { mrkdwn, nothing, when, type Mrkdwn } from '../text.ts';
import { button, content, context, row, section } from './kit.ts';
import type { Content } from './message.ts';
import type { DecisionLine, ExtensionLine, Nudge, RequestModel } from './model.ts';
import { deadlines, subject } from './progress.ts';
import { nameOf } from './words.ts';

/**
 * "You approved this: not you?" Whoever took over an approver's Slack account cannot keep this from the person: it
 * goes to their own messages and stays there (the two-key rule, README).
 */
export function counted(model: RequestModel, line: DecisionLine, extension?: ExtensionLine): Content {
  const open = model.view.state.kind !== 'closed' && model.view.state.kind !== 'revoking';
  const instead =
    line.standsInFor == null ? nothing : mrkdwn`, in the place of ${nameOf(model.people, line.standsInFor)}`;
  const what = extension ? mrkdwn`more time, until ${when(extension.endAt)},` : mrkdwn`${formatSpan(model.durationMs)}`;
  const says = mrkdwn`You approved ${subject(model)} for *${nameOf(model.people, model.requester)}* (${what})${instead}, ${when(line.madeAt)}. Not you?`;
  return content(
    says,
    section(says),
    context(...overBecause(model), mrkdwn`Request ${shortId(model.requestId)}`),
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

/** Nothing else tells those who approved what became of it. NB. The same from the moment it ends, so it is one edit. */
function overBecause({ view: { state } }: RequestModel): readonly Mrkdwn[] {
  if (state.kind === 'closed') return [mrkdwn`It is over: ${state.cause}.`];
  return state.kind === 'revoking' ? [mrkdwn`It is over: ${state.end.cause}.`] : [];
}

/** A request still waits for this person, or does so from now on because those who were asked first did not answer. */
export function nudged(model: RequestModel, { kind, due }: Nudge): Content {
  const asks = mrkdwn`*${nameOf(model.people, model.requester)}* asks for ${subject(model)} for ${formatSpan(model.durationMs)}`;
  const why =
    kind === 'reminder'
      ? mrkdwn`It waits for somebody to decide: you can.`
      : mrkdwn`Nobody has decided so far, so you can as well now.`;
  const says = due ? mrkdwn`${asks}. ${why}` : mrkdwn`${asks}. It waits for you no longer.`;
  return content(
    says,
    section(says),
    context(...(due ? deadlines(model) : []), mrkdwn`Request ${shortId(model.requestId)}`),
    row(...(due ? [button(actions.review, 'Review', model.requestId, { style: 'primary' })] : [])),
  );
}
