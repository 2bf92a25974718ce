/** Review of a later end: what is asked now, and below it the request as it was approved. */
import { shortId } from '../../domain/ids.ts';
import { stagesOf } from '../../domain/plan.ts';
import { formatSpan } from '../../domain/time.ts';
import type { ExtensionModel } from '../../service/contract.ts';
import { callbacks } from '../ids.ts';
import { joined, mrkdwn, when, type Mrkdwn } from '../text.ts';
import { modal } from './form.ts';
import { context, divider, fields, section, verbatim } from './kit.ts';
import { writeMetadata } from './metadata.ts';
import type { Modal } from './message.ts';
import type { People } from './model.ts';
import { privilegeBlocks } from './privileges.ts';
import { decisionInputs, digestShown, reciprocity, wouldNotCount } from './review.ts';
import { terms } from './terms.ts';
import { nameOf, planSentence } from './words.ts';

export function extensionForm(model: ExtensionModel, people: People): Modal {
  const { request } = model;
  const who = nameOf(people, request.requester);
  return modal(
    {
      callback: callbacks.decideExtension,
      title: 'Review more time',
      submit: 'Record decision',
      metadata: writeMetadata({
        requestId: request.requestId,
        extensionId: model.extensionId,
        digest: model.digest,
      }),
    },
    wouldNotCount(model.you),
    section(mrkdwn`*${who}* asks to keep *${request.role}* on *${request.target}*`),
    fields([
      mrkdwn`*Ends now*\n${when(model.fromAt)}`,
      mrkdwn`*Would end*\n${when(model.endAt)}`,
      mrkdwn`*Longer by*\n${formatSpan(Math.max(0, model.endAt - model.fromAt))}`,
      mrkdwn`*Asked first*\n${when(request.openedAt)}, for ${formatSpan(request.durationMs)}`,
    ]),
    terms(model.plan),
    section(mrkdwn`*Why longer*`),
    verbatim(model.reason ?? 'The reason was erased.', 10),
    section(mrkdwn`*Why it was asked for first*`),
    verbatim(request.reason ?? 'The reason was erased.', 10),
    divider,
    privilegeBlocks(request, who),
    divider,
    section(mrkdwn`*Rule* ${model.plan.rule}: ${planSentence(model.plan, people)}`),
    section(mrkdwn`*Still needed*\n${openStagesOf(model)}`),
    reciprocity(request, people),
    context(mrkdwn`Request ${shortId(request.requestId)}, extension digest ${model.digest.slice(0, digestShown)}`),
    divider,
    decisionInputs(),
  );
}

function openStagesOf({ plan, open }: ExtensionModel): Mrkdwn {
  const stages = stagesOf(plan);
  const names = open.slice(0, 6).flatMap((index) => {
    const stage = stages[index];
    return stage ? [mrkdwn`- ${stage.need} of ${stage.name}`] : [];
  });
  return names.length > 0 ? joined(names, '\n') : mrkdwn`Nothing: it is decided.`;
}
