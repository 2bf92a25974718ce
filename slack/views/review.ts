/** Review: everything that a decision rests on, from the store, and the decision itself. */
import type { Refusal } from '../../domain/errors.ts';
import { shortId, type PersonId } from '../../domain/ids.ts';
import { stagesOf, type GrantablePlan } from '../../domain/plan.ts';
import { openNow } from '../../domain/progress.ts';
import { formatSpan } from '../../domain/time.ts';
import type { ReviewModel } from '../../service/contract.ts';
import { actions, blocks, callbacks } from '../ids.ts';
import { joined, listed, mrkdwn, type Mrkdwn, nothing, sentence, when } from '../text.ts';
import { input, modal, textInput } from './form.ts';
import { context, divider, fields, option, section, verbatim } from './kit.ts';
import { writeMetadata } from './metadata.ts';
import type { Block, Modal } from './message.ts';
import type { People } from './model.ts';
import { privilegeBlocks } from './privileges.ts';
import { terms } from './terms.ts';
import { nameOf, planSentence, stageWords } from './words.ts';

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
    wouldNotCount(model.you),
    section(mrkdwn`*${who}* asks for *${model.role}* on *${model.target}*`),
    facts(model),
    terms(model.plan),
    section(mrkdwn`*Why*`),
    // Plain text, so that nothing in it is markup; as long as a reason may be, it is whole.
    verbatim(model.reason ?? 'The reason was erased.', 10),
    divider,
    privilegeBlocks(model, who),
    divider,
    standing(model, model.plan, people),
    context(mrkdwn`Request ${shortId(model.requestId)}, digest ${model.digest.slice(0, digestShown)}`),
    divider,
    decisionInputs(),
  );
}

export const wouldNotCount = (you: Refusal | null): readonly Block[] =>
  you ? [section(mrkdwn`*Your decision would not count*: ${sentence(you.message, 500)}`), divider] : [];

const facts = (model: ReviewModel): Block =>
  fields([
    mrkdwn`*For*\n${formatSpan(model.durationMs)}, from the claim`,
    ...(model.startAt === null ? [] : [mrkdwn`*Not before*\n${when(model.startAt)}`]),
    mrkdwn`*Databases*\n${listed(model.databases, 5)}`,
    mrkdwn`*${model.kind === 'break-glass' ? 'Incident' : 'Ticket'}*\n${model.ticket ?? 'none'}`,
    mrkdwn`*Asked*\n${when(model.openedAt)}`,
  ]);

/** The rule, how far its stages are and who has decided, and what an approver should know of these two. */
const standing = (model: ReviewModel, plan: GrantablePlan, people: People): readonly Block[] =>
  [
    section(mrkdwn`*Rule* ${plan.rule}: ${planSentence(plan, people)}`),
    stagesOf(plan).length > 0 ? section(mrkdwn`*Stages*\n${stageLines(model, people)}`) : [],
    model.decisions.length > 0 ? section(mrkdwn`*Decided so far*\n${decisions(model, people)}`) : [],
    reciprocity(model, people),
  ].flat();

/** `manager: 1 of 1`, for each stage, and whether its turn has come. */
function stageLines({ plan, view, openedAt }: ReviewModel, people: People): Mrkdwn {
  const { state } = view;
  const approvals = 'approvals' in state ? state.approvals : [];
  const stages = stagesOf(plan);
  const open = new Set(state.kind === 'awaiting' ? openNow(stages, approvals, openedAt).map(({ stage }) => stage) : []);
  const each = stages.slice(0, 10).map((stage, index) => {
    const counted = approvals.filter((approval) => approval.stage === index).length;
    const turn =
      counted >= stage.need ? mrkdwn`complete` : open.has(index) ? mrkdwn`waiting now` : mrkdwn`not open yet`;
    return mrkdwn`- ${stageWords(stage, people)}: ${counted} so far, ${turn}`;
  });
  return joined(each, '\n');
}

/** Two people who mostly approve each other are no check on each other: whoever decides should know. */
export function reciprocity({ reciprocal, requester }: ReviewModel, people: People): readonly Block[] {
  if (reciprocal.length === 0) return [];
  const names = reciprocal.map((person) => nameOf(people, person));
  const they = nameOf(people, requester);
  return [
    section(
      mrkdwn`*Note*: ${they} and ${listed(names)} mostly approve each other. Another approver would be more of a check.`,
    ),
  ];
}

const decisions = (model: ReviewModel, people: People): Mrkdwn =>
  joined(
    model.decisions
      .slice(0, 10)
      .map(
        (one) =>
          mrkdwn`- ${nameOf(people, one.person)}${instead(model, one.person, people)}: ${one.verdict === 'approve' ? 'approved' : 'denied'} ${when(one.madeAt)}`,
      ),
    '\n',
  );

function instead({ standsInFor }: ReviewModel, person: PersonId, people: People): Mrkdwn {
  const away = standsInFor.get(person);
  return away === undefined ? nothing : mrkdwn`, in the place of ${nameOf(people, away)}`;
}

/** Nothing is chosen beforehand: an approval is always somebody's choice, never a default. */
export const decisionInputs = (): readonly Block[] => [
  input(blocks.verdict, 'Your decision', {
    type: 'radio_buttons',
    action_id: actions.verdict,
    options: [option('Approve', 'approve'), option('Deny', 'deny')],
  }),
  input(
    blocks.why,
    'Reason',
    textInput(actions.why, { lines: true, max: 1000, placeholder: 'What they should know' }),
    {
      optional: true,
      hint: 'Needed to deny; the requester reads it.',
    },
  ),
];
