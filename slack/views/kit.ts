/**
 * The blocks and elements that Curfew uses, each made in one place, so that a view reads as what it says. Texts that
 * Slack reads as markup are `Mrkdwn` and nothing else; plain text is tidied and cut to Slack's limit for its place.
 * Limits: https://docs.slack.dev/reference/block-kit (and `slack/blocks.ts`, which every view passes in the tests).
 */
import type { types } from '@slack/bolt';
import type { ExtensionId, LinkId, ProposalId, RequestId, TaintId } from '../../domain/ids.ts';
import { cut, oneLine, tidy, type Mrkdwn } from '../text.ts';
import type { Block, Content } from './message.ts';

type PlainText = types.PlainTextElement;

/** `emoji: false`: a `:name:` that somebody wrote stays what it is. */
export const plain = (text: string, max: number): PlainText => ({
  type: 'plain_text',
  text: cut(tidy(text).trim() === '' ? '(empty)' : tidy(text), max),
  emoji: false,
});

/** `verbatim`: Slack makes no links out of bare addresses, channel names or user names. */
const marked = (text: Mrkdwn): types.MrkdwnElement => ({ type: 'mrkdwn', text: text.mrkdwn, verbatim: true });

export const section = (text: Mrkdwn): Block => ({ type: 'section', text: marked(text) });

/** Pairs of a name and a value, two in a row. At most 10. */
export const fields = (pairs: readonly Mrkdwn[]): Block => ({ type: 'section', fields: pairs.map(marked) });

export const context = (...texts: readonly Mrkdwn[]): Block => ({ type: 'context', elements: texts.map(marked) });

/** No markup in it; at most one or two in a view, so that screen readers can jump. */
export const header = (text: string): Block => ({ type: 'header', text: plain(text, 150) });

export const divider: Block = { type: 'divider' };

/** Text that somebody wrote, whole and as it is, in as many blocks as it takes; `max` blocks at most. */
export function verbatim(text: string, max: number): readonly Block[] {
  const whole = tidy(text);
  const parts: Block[] = [];
  for (let from = 0; from < whole.length && parts.length < max;) {
    const last = parts.length === max - 1;
    const part = last ? cut(whole.slice(from), 3000) : evenSlice(whole, from, 3000);
    from += part.length;
    parts.push({ type: 'section', text: plain(part, 3000) });
  }
  return parts.length > 0 ? parts : [{ type: 'section', text: plain('', 3000) }];
}

/** A slice that does not cut a surrogate pair in two. */
function evenSlice(text: string, from: number, max: number): string {
  const last = text.charCodeAt(from + max - 1);
  return text.slice(from, last >= 0xd800 && last <= 0xdbff && from + max < text.length ? from + max - 1 : from + max);
}

export type ButtonLook = {
  readonly style?: 'primary' | 'danger';
  /** What a screen reader says instead of the label: where several of one label stand below each other. */
  readonly spoken?: string;
  /** What to ask before it is done; every dangerous button has one. */
  readonly confirm?: { readonly title: string; readonly text: string; readonly yes: string; readonly no?: string };
};

/** A button that carries the id of what it is about, and nothing else. */
export const button = (
  action: string,
  label: string,
  id: RequestId | ExtensionId | ProposalId | LinkId | TaintId,
  look: ButtonLook = {},
): types.Button => ({
  type: 'button',
  action_id: action,
  text: plain(label, 75),
  value: id,
  ...(look.style ? { style: look.style } : {}),
  ...(look.spoken === undefined ? {} : { accessibility_label: cut(oneLine(look.spoken), 75) }),
  ...(look.confirm ? { confirm: confirmation(look.confirm, look.style) } : {}),
});

/** A button that carries nothing: what it does is its own person's. */
export const bareButton = (action: string, label: string, look: Pick<ButtonLook, 'style'> = {}): types.Button => ({
  type: 'button',
  action_id: action,
  text: plain(label, 75),
  ...(look.style ? { style: look.style } : {}),
});

/** A button that opens an address; Slack reports its press too, and that is acknowledged. */
export const linkButton = (action: string, label: string, url: string): types.Button => ({
  type: 'button',
  action_id: action,
  text: plain(label, 75),
  url,
  style: 'primary',
});

const confirmation = (
  ask: NonNullable<ButtonLook['confirm']>,
  style: ButtonLook['style'],
): types.ConfirmationDialog => ({
  title: plain(ask.title, 100),
  text: plain(ask.text, 300),
  confirm: plain(ask.yes, 30),
  deny: plain(ask.no ?? 'Cancel', 30),
  ...(style ? { style } : {}),
});

/** Nothing where there are no buttons: Slack refuses an empty row. */
export const row = (...buttons: readonly types.Button[]): readonly Block[] =>
  buttons.length === 0 ? [] : [{ type: 'actions', elements: [...buttons] }];

export const option = (label: string, value: string, says?: string): types.PlainTextOption => ({
  text: plain(label, 75),
  value,
  ...(says === undefined ? {} : { description: plain(says, 75) }),
});

/** A message: its sentence for notifications and screen readers, and its blocks. */
export const content = (text: Mrkdwn, ...blocks: readonly (Block | readonly Block[])[]): Content => ({
  text: text.mrkdwn,
  blocks: blocks.flat(),
});
