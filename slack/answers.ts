/**
 * How a clicker hears of something: in the answer to the delivery where that is visible, else in an ephemeral message,
 * else in a direct message. There is no fourth way, and silence is none.
 */
import type { Refusal } from '../domain/errors.ts';
import { secondMs } from '../domain/time.ts';
import type { Delivery } from './payload.ts';
import { fieldText, refusalText } from './refusals.ts';
import type { Desk } from './service.ts';
import { cut, mrkdwn } from './text.ts';
import type { Content, Modal } from './views/message.ts';
import { told, toldModal } from './views/told.ts';

/** One delivery while it is being worked on. The gate puts it into Bolt's context. */
export type Turn = {
  readonly delivery: Delivery;
  /** Stands in the log and in every refusal, so that support can join them. */
  readonly reference: string;
  /** Answers the delivery, once. Commit first: a lost click is not delivered again. */
  readonly answer: (given?: Answer) => Promise<void>;
};

/** What `ack` is given. https://docs.slack.dev/surfaces/modals#response_actions for forms. */
export type Answer =
  | { readonly response_type: 'ephemeral'; readonly text: string; readonly blocks?: Content['blocks'] }
  | { readonly response_action: 'errors'; readonly errors: Readonly<Record<string, string>> }
  | { readonly response_action: 'update'; readonly view: Modal }
  | { readonly options: readonly unknown[] };

export const ephemeral = ({ text, blocks }: Content): Answer => ({ response_type: 'ephemeral', text, blocks });

export const updated = (view: Modal): Answer => ({ response_action: 'update', view });

/** Is the answer to this delivery something that the clicker sees? */
export const answerIsSeen = ({ kind }: Pick<Delivery, 'kind'>): boolean => kind === 'command' || kind === 'submission';

/** A refusal as the answer to a delivery; undefined where the answer shows nothing. */
export function refusedAs(delivery: Delivery, refusal: Refusal, reference: string): Answer | undefined {
  switch (delivery.kind) {
    case 'command':
      return ephemeral(told(refusalText(refusal, reference)));
    case 'submission':
      return (
        underField(delivery, refusal, reference) ?? updated(toldModal('Not done', refusalText(refusal, reference)))
      );
    case 'options':
      return { options: [] };
    case 'action':
    case 'closed':
    case 'shortcut':
    case 'event':
      return undefined;
  }
}

/** Under the refusal's own field, or the form's first; undefined where the form has none. */
export function underField(delivery: Delivery, refusal: Refusal, reference: string): Answer | undefined {
  const field = delivery.fields.find((name) => name === refusal.field) ?? delivery.fields[0];
  if (field === undefined) return undefined;
  return { response_action: 'errors', errors: { [field]: cut(fieldText(refusal, reference), 1_000) } };
}

/** Tells a refusal: in the answer where that is seen, else beside it. */
export async function refused(desk: Desk, turn: Turn, refusal: Refusal): Promise<void> {
  await turn.answer(refusedAs(turn.delivery, refusal, turn.reference));
  if (!answerIsSeen(turn.delivery)) await tell(desk, turn.delivery, told(refusalText(refusal, turn.reference)));
}

/** Tells something to the clicker of a command or a button. */
export async function say(desk: Desk, turn: Turn, content: Content, instead: Content = content): Promise<void> {
  if (turn.delivery.kind === 'command') return await turn.answer(ephemeral(content));
  await turn.answer();
  await tell(desk, turn.delivery, content, instead);
}

/** What an answer would have said, for when it came too late to be shown by itself. */
export function contentOf(answer: Answer | undefined): Content {
  if (answer === undefined) return told(mrkdwn`Done: what you sent is recorded.`);
  if ('response_type' in answer)
    return { text: answer.text, blocks: answer.blocks ?? told(mrkdwn`${answer.text}`).blocks };
  if ('errors' in answer) return told(mrkdwn`Not done: ${Object.values(answer.errors).join(' ')}`);
  return told(mrkdwn`Done: what you sent is recorded.`);
}

/**
 * Tells the clicker something after the delivery was answered.
 * @param instead what to say in a direct message, which stays, where `content` must not (a one-time link)
 */
export async function tell(
  desk: Desk,
  delivery: Delivery,
  content: Content,
  instead: Content = content,
): Promise<void> {
  if (delivery.responseUrl !== null && (await responded(desk, delivery.responseUrl, content))) return;
  if (delivery.account === null) return;
  try {
    const channel = await desk.port.openDm(delivery.account.user);
    await desk.port.post({ channel, ...instead });
  } catch (error) {
    desk.log.error({ kind: delivery.kind, err: error }, 'an answer could not be told in any way');
  }
}

/** Slack takes five of these within half an hour of the click; the message that was clicked stays as it is. */
async function responded(desk: Desk, url: string, { text, blocks }: Content): Promise<boolean> {
  try {
    const reply = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ response_type: 'ephemeral', replace_original: false, text, blocks }),
      redirect: 'error',
      signal: AbortSignal.timeout(2 * secondMs),
    });
    if (reply.ok) return true;
    desk.log.warn({ status: reply.status }, 'Slack did not take an ephemeral answer');
  } catch (error) {
    desk.log.warn({ err: error }, 'an ephemeral answer did not reach Slack');
  }
  return false;
}
