/** The form in which a second person says what became of a break-glass grant. */
import { shortId } from '../../domain/ids.ts';
import { reviewVerdicts, type RequestStatus } from '../../service/contract.ts';
import { actions, blocks, callbacks } from '../ids.ts';
import { mrkdwn, when } from '../text.ts';
import { findingWords } from './break-glass.ts';
import { input, modal, textInput } from './form.ts';
import { context, option, section } from './kit.ts';
import { writeMetadata } from './metadata.ts';
import type { Modal } from './message.ts';
import type { People } from './model.ts';
import { nameOf } from './words.ts';

export const findingsForm = (status: RequestStatus, people: People): Modal =>
  modal(
    {
      callback: callbacks.review,
      title: 'Review break-glass',
      submit: 'Record review',
      metadata: writeMetadata({ requestId: status.requestId }),
    },
    section(
      mrkdwn`*${nameOf(people, status.requester)}* opened *${status.role}* on *${status.target}* without prior approval, ${when(status.openedAt)}.`,
    ),
    input(blocks.finding, 'Was it justified?', {
      type: 'radio_buttons',
      action_id: actions.finding,
      options: reviewVerdicts.map((verdict) => option(findingWords[verdict], verdict)),
    }),
    input(
      blocks.note,
      'What was done',
      textInput(actions.note, { lines: true, max: 2000, placeholder: 'What was done' }),
      {
        hint: 'What the access was used for, and what follows from it.',
      },
    ),
    context(mrkdwn`Request ${shortId(status.requestId)}`),
  );
