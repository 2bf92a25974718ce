/** More time: at once where the policy allows it, else by a form that asks how much and why. */
import { isRefusal, refuse, type Refusal } from '../../domain/errors.ts';
import { parseSpan } from '../../domain/time.ts';
import type { Extended } from '../../service/contract.ts';
import { actions, blocks } from '../ids.ts';
import type { Desk } from '../service.ts';
import { mrkdwn, sentence, when, type Mrkdwn } from '../text.ts';
import { extendForm } from '../views/extend.ts';
import type { Content } from '../views/message.ts';
import { readMetadata } from '../views/metadata.ts';
import { told } from '../views/told.ts';
import { unreadableSpan } from './asking.ts';
import type { Field } from './form-values.ts';
import type { Clicker, Opener, Pressed } from './turn.ts';

/** @returns what was done; nothing where the form opened, because it has to be asked */
export async function extend(desk: Desk, press: Pressed, opener: Opener): Promise<Content | Refusal | undefined> {
  const { requestId, person, delivery, reference } = press;
  const result = await desk.service.extend({ requestId, person, key: delivery.key ?? reference });
  if (!isRefusal(result)) return told(extendedSentence(result));
  if (result.field !== blocks.reason) return result;
  const status = await desk.service.status({ requestId });
  if (isRefusal(status)) return status;
  const view = extendForm(status, sentence(result.message, 500));
  await opener.client.views.open({ trigger_id: opener.triggerId, view });
  return undefined;
}

export function extendedSentence({ kind, endAt, confirmed }: Extended): Mrkdwn {
  const says =
    kind === 'automatic'
      ? mrkdwn`Extended: your access ends ${when(endAt, 'seconds')}. The same login and password go on.`
      : mrkdwn`Sent: you ask to keep your access until ${when(endAt, 'seconds')}. It ends as before unless somebody approves.`;
  return confirmed ? says : mrkdwn`${says} It is recorded; your message about it follows.`;
}

/** @param key the view's id: the same form sent again is the same extension */
export async function sendExtension(
  desk: Desk,
  { person }: Clicker,
  field: Field,
  metadata: string,
  key: string,
): Promise<Extended | Refusal> {
  const about = readMetadata(metadata);
  if (!about) return refuse('StaleView', 'This form does not say what it is about.');
  const byMs = parseSpan(field(blocks.duration, actions.extendBy));
  if (byMs === undefined) return refuse('InvalidInput', unreadableSpan, blocks.duration);
  const reason = field(blocks.reason, actions.extendWhy);
  if (reason === '') return refuse('InvalidInput', 'Say why: whoever approves reads it.', blocks.reason);
  return await desk.service.extend({ requestId: about.requestId, person, byMs, reason, key });
}
