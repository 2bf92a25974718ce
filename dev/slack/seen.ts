import { asObjects, elementsOf } from './block-kit.ts';
import type { Delivered } from './delivery.ts';
import type { Message } from './reading.ts';
import { shownLine, shownText } from './shown.ts';

/** One message as a person reads it, with what they could press. */
export type Seen = {
  readonly where: string;
  /** Epoch ms, with the fraction that tells two of one millisecond apart. */
  readonly at: number;
  readonly text: string;
  readonly buttons: readonly Button[];
};
/** A link button has an address too. */
export type Button = { readonly action: string; readonly label: string; readonly url: string | null };

export const seenOf = (where: string, { ts, blocks, text }: Message): Seen => ({
  where,
  at: Number(ts) * 1_000,
  text: shownText(blocks) || text,
  buttons: buttonsOf(blocks),
});

/**
 * Slack shows the answer to a slash command to whoever typed it, and keeps it nowhere.
 * @throws where there was no answer: Slack says then that the app did not respond
 */
export function answerOf({ reply }: Delivered): readonly Seen[] {
  if (reply.status !== 200) throw new Error(`Curfew answered with the status ${reply.status} instead of a message`);
  const [{ blocks, text } = {}] = asObjects(reply.body);
  const shown = shownText(blocks) || shownLine({ type: 'mrkdwn', text });
  return shown === '' ? [] : [{ where: 'only for you', at: Date.now(), text: shown, buttons: buttonsOf(blocks) }];
}

const buttonsOf = (blocks: unknown): readonly Button[] =>
  elementsOf(blocks)
    .filter((one) => one.type === 'button')
    .map(({ actionId, element: { text, url } }) => ({
      action: actionId,
      label: shownLine(text),
      url: typeof url === 'string' ? url : null,
    }));
