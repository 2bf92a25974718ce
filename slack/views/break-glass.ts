/** After a break-glass grant: a second person says whether it was justified. */
import { shortId } from '../../domain/ids.ts';
import { formatSpan } from '../../domain/time.ts';
import { actions } from '../ids.ts';
import { mrkdwn, nothing, value } from '../text.ts';
import { button, content, context, row, section } from './kit.ts';
import type { Content } from './message.ts';
import type { RequestModel, ReviewLine } from './model.ts';
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

const within = (model: RequestModel) =>
  model.plan.verdict === 'break-glass' ? mrkdwn` within ${formatSpan(model.plan.review.withinMs)}` : nothing;
