/** Review: everything that a decision rests on, from the store, and the decision itself. */
import { shortId } from '../../domain/ids.ts';
import { formatSpan } from '../../domain/time.ts';
import type { ReviewModel } from '../../service/contract.ts';
import { actions, blocks, callbacks } from '../ids.ts';
import { joined, listed, mrkdwn, type Mrkdwn, nothing, value, when } from '../text.ts';
import { input, modal, textInput } from './form.ts';
import { context, divider, fields, option, section, verbatim } from './kit.ts';
import { writeMetadata } from './metadata.ts';
import type { Block, Modal } from './message.ts';
import type { People } from './model.ts';
import { nameOf, planSentence } from './words.ts';

/** Of the digest people see so much; the whole of it comes back with the decision. */
export const digestShown = 12;

/**
 * The form is shown to everybody who may see the card, with a word on top for those whose decision would not count:
 * the same judge speaks there and when it is sent, and a refused attempt is in the audit log.
 */
export function reviewForm(model: ReviewModel, people: People): Modal {
  const who = nameOf(people, model.requester);
  return modal(
    {
      callback: callbacks.decide,
      title: 'Review',
      submit: 'Record decision',
      metadata: writeMetadata({ requestId: model.requestId, digest: model.digest }),
    },
    model.you ? [section(mrkdwn`*Your decision would not count*: ${value(model.you.message, 500)}`), divider] : [],
    section(mrkdwn`*${who}* asks for *${model.role}* on *${model.target}*`),
    facts(model),
    section(mrkdwn`*Why*`),
    // Plain text, so that nothing in it is markup; as long as a reason may be, it is whole.
    verbatim(model.reason ?? 'The reason was erased.', 10),
    divider,
    section(mrkdwn`*What it allows* (template ${model.template})\n${privileges(model)}`),
    section(mrkdwn`*What ${who} has now*\n${held(model)}`),
    section(mrkdwn`*Rule* ${model.plan.rule}: ${planSentence(model.plan, people)}`),
    model.decisions.length > 0 ? section(mrkdwn`*Decided so far*\n${decisions(model, people)}`) : [],
    context(mrkdwn`Request ${shortId(model.requestId)}, digest ${model.digest.slice(0, digestShown)}`),
    divider,
    decisionInputs(),
  );
}

const facts = (model: ReviewModel): Block =>
  fields([
    mrkdwn`*For*\n${formatSpan(model.durationMs)}, from the claim`,
    mrkdwn`*Databases*\n${listed(model.databases, 5)}`,
    mrkdwn`*${model.kind === 'break-glass' ? 'Incident' : 'Ticket'}*\n${model.ticket ?? 'none'}`,
    mrkdwn`*Asked*\n${when(model.openedAt)}`,
  ]);

/** A line a privilege; the first twenty, each cut by itself. */
function privileges({ privileges: found }: ReviewModel): Mrkdwn {
  if (found === null) return mrkdwn`The target was not checked yet, so this is not known.`;
  const lines = found.lines.slice(0, 20).map((line) => mrkdwn`- ${value(line, 100)}`);
  const rest = found.lines.length - lines.length;
  return mrkdwn`${lines.length > 0 ? joined(lines, '\n') : 'Nothing.'}${rest > 0 ? mrkdwn`\n... and ${rest} more` : nothing}\n_As checked ${when(found.checkedAt)}_`;
}

function held({ held: grants }: ReviewModel): Mrkdwn {
  if (grants.length === 0) return mrkdwn`Nothing.`;
  const lines = grants
    .slice(0, 10)
    .map((grant) => mrkdwn`- ${grant.role} on ${grant.target} until ${when(grant.endAt)}`);
  const rest = grants.length - lines.length;
  return mrkdwn`${joined(lines, '\n')}${rest > 0 ? mrkdwn`\n... and ${rest} more` : nothing}`;
}

const decisions = (model: ReviewModel, people: People): Mrkdwn =>
  joined(
    model.decisions
      .slice(0, 10)
      .map(
        (one) =>
          mrkdwn`- ${nameOf(people, one.person)}: ${one.verdict === 'approve' ? 'approved' : 'denied'} ${when(one.madeAt)}`,
      ),
    '\n',
  );

/** Nothing is chosen beforehand: an approval is always somebody's choice, never a default. */
const decisionInputs = (): readonly Block[] => [
  input(blocks.verdict, 'Your decision', {
    type: 'radio_buttons',
    action_id: actions.verdict,
    options: [option('Approve', 'approve'), option('Deny', 'deny')],
  }),
  input(blocks.why, 'Reason', textInput(actions.why, { lines: true, max: 1000 }), {
    optional: true,
    hint: 'Needed to deny; the requester reads it.',
  }),
];
