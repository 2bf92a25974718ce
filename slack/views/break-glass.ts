/** After a break-glass grant: a second person says whether it was justified. */
import { shortId } from '../../domain/ids.ts';
import { formatSpan } from '../../domain/time.ts';
import { actions } from '../ids.ts';
import { mrkdwn, nothing, value, type Mrkdwn } from '../text.ts';
import { button, content, context, row, section } from './kit.ts';
import type { Content } from './message.ts';
import type { RequestModel, ReviewLine, ReviewNudge } from './model.ts';
import { receiptSentence, subject } from './progress.ts';
import { nameOf } from './words.ts';

export const findingWords: Readonly<Record<ReviewLine['verdict'], string>> = {
  justified: 'Justified',
  'not-justified': 'Not justified',
  'follow-up': 'Needs follow-up',
};

/** Posted once the grant is over; the button goes when the review is in. */
export function reviewDue(model: RequestModel): Content {
  const { review } = model;
  const who = nameOf(model.people, model.requester);
  const says = review
    ? mrkdwn`Break-glass of *${who}*, ${subject(model)}: *${findingWords[review.verdict]}*, says ${nameOf(model.people, review.person)}.`
    : mrkdwn`Break-glass of *${who}*, ${subject(model)}, incident ${model.ticket ?? 'unknown'}, is over and has to be reviewed by somebody else${within(model)}.`;
  return content(
    says,
    section(says),
    section(mrkdwn`*Receipt*: ${receiptSentence(model) ?? 'none'}`),
    ...(review?.note ? [section(mrkdwn`*Note*: ${value(review.note, 500)}`)] : []),
    context(mrkdwn`Request ${shortId(model.requestId)}`),
    row(...(review ? [] : [button(actions.reviewBreakGlass, 'Record review', model.requestId, { style: 'primary' })])),
  );
}

/** In the thread of what asks for the review. */
export function reviewWaits(model: RequestModel, { step }: ReviewNudge): Mrkdwn {
  const who = nameOf(model.people, model.requester);
  if (step === 'reminded') return mrkdwn`Reminded: this still waits for its review.`;
  if (step === 'escalated') return mrkdwn`Nobody has reviewed this so far: more people may now.`;
  return mrkdwn`:warning: Not reviewed in time: until somebody has, ${who} can neither break glass nor approve.`;
}

/** To somebody who may review it. What was sent stays, without its button, once it is reviewed. */
export function reviewAsked(model: RequestModel, { step }: ReviewNudge): Content {
  const who = nameOf(model.people, model.requester);
  const what = mrkdwn`Break-glass of *${who}*, ${subject(model)}, incident ${model.ticket ?? 'unknown'}`;
  const why =
    step === 'reminded'
      ? mrkdwn`waits for its review: you may give it.`
      : step === 'escalated'
        ? mrkdwn`was reviewed by nobody so far, so you may as well now.`
        : mrkdwn`was not reviewed in time. Until somebody has, ${who} can neither break glass nor approve.`;
  const says = model.review ? mrkdwn`${what}, is reviewed.` : mrkdwn`${what}, ${why}`;
  return content(
    says,
    section(says),
    context(mrkdwn`Request ${shortId(model.requestId)}`),
    row(
      ...(model.review
        ? []
        : [button(actions.reviewBreakGlass, 'Record review', model.requestId, { style: 'primary' })]),
    ),
  );
}

/** To the responder: why nothing of theirs counts. */
export function reviewOwed(model: RequestModel): Content {
  const says = model.review
    ? mrkdwn`Your break-glass, ${subject(model)}, is reviewed: you can break glass and approve again.`
    : mrkdwn`Nobody has reviewed your break-glass, ${subject(model)}, in time. You can neither break glass nor approve until somebody has: ask one of those who may.`;
  return content(says, section(says), context(mrkdwn`Request ${shortId(model.requestId)}`));
}

const within = (model: RequestModel) =>
  model.plan.verdict === 'break-glass' ? mrkdwn` within ${formatSpan(model.plan.review.withinMs)}` : nothing;
