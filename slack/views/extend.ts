/** The form in which the holder of a grant asks for more time. */
import { shortId } from '../../domain/ids.ts';
import { spanText } from '../../domain/time.ts';
import type { RequestStatus } from '../../service/contract.ts';
import { actions, blocks, callbacks } from '../ids.ts';
import { mrkdwn, nothing, when, type Mrkdwn } from '../text.ts';
import { input, modal, textInput } from './form.ts';
import { context, section } from './kit.ts';
import { writeMetadata } from './metadata.ts';
import type { Modal } from './message.ts';
import { subject } from './progress.ts';

/** @param says why it has to be asked, where that is known */
export const extendForm = (status: RequestStatus, says?: Mrkdwn): Modal =>
  modal(
    {
      callback: callbacks.extend,
      title: 'Ask for more time',
      submit: 'Send',
      metadata: writeMetadata({ requestId: status.requestId }),
    },
    says ? section(says) : [],
    section(
      mrkdwn`Your access, ${subject(status)}${status.endAt === null ? nothing : mrkdwn`, ends ${when(status.endAt, 'seconds')}`}. The same login and password stay as they are.`,
    ),
    input(
      blocks.duration,
      'How much longer',
      textInput(actions.extendBy, { initial: spanText(status.durationMs), max: 20, placeholder: '1h' }),
      { hint: 'Such as 45m, 2h or 1h30m, from the end that it has now.' },
    ),
    input(
      blocks.reason,
      'Why',
      textInput(actions.extendWhy, { lines: true, max: 2000, placeholder: 'What is left to do' }),
      { hint: 'Whoever approves reads this.' },
    ),
    context(mrkdwn`Request ${shortId(status.requestId)}`),
  );
