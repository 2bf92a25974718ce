/** Text objects as elements of the page. */
import { h, type ComponentChildren } from 'preact';
import { dated } from './dates.ts';
import { piecesOf, safeHref, type Piece } from './mrkdwn.ts';
import { asText, objectOf } from './reading.ts';
import type { Json } from './shapes.ts';

/** Ids of people and channels to names. */
export type Names = Readonly<Record<string, string>>;

/** A `plain_text` or `mrkdwn` object. Plain text is shown as it is. */
export function textOf(node: unknown, names: Names): ComponentChildren {
  const { type, text } = objectOf(node);
  if (typeof text !== 'string') return null;
  return type === 'mrkdwn' ? marked(text, names) : withBreaks(text);
}

export const marked = (text: string, names: Names): ComponentChildren =>
  piecesOf(text).map((piece) => shown(piece, names));

/** What a text object says, without markup; for labels. */
export const plainOf = (node: unknown): string => asText(objectOf(node)['text']);

function shown(piece: Piece, names: Names): ComponentChildren {
  switch (piece.kind) {
    case 'text':
      return withBreaks(piece.text);
    case 'code':
      return h('code', null, piece.text);
    case 'block':
      return h('pre', null, piece.text);
    case 'unknown':
      return h('span', { class: 'unknown-inline' }, piece.text);
    case 'bold':
      return h('strong', null, within(piece.of, names));
    case 'italic':
      return h('em', null, within(piece.of, names));
    case 'strike':
      return h('s', null, within(piece.of, names));
    case 'quote':
      return h('blockquote', null, within(piece.of, names));
    case 'link':
      return h('a', { href: piece.href, target: '_blank', rel: 'noopener noreferrer' }, within(piece.of, names));
    case 'user':
      return h('span', { class: 'mention' }, `@${names[piece.id] ?? piece.id}`);
    case 'channel':
      return h('span', { class: 'mention' }, `#${names[piece.id] ?? piece.id}`);
    case 'everybody':
      return h('strong', { class: 'mention loud' }, piece.text);
    case 'date':
      return h('time', { dateTime: new Date(piece.at).toISOString() }, dated(piece.at, piece.form, Date.now()));
    case 'sign':
      return h('span', { class: 'sign', 'aria-hidden': 'true' }, piece.sign);
  }
}

const within = (pieces: readonly Piece[], names: Names): ComponentChildren =>
  pieces.map((piece) => shown(piece, names));

const withBreaks = (text: string): ComponentChildren =>
  text.split('\n').flatMap((line, index) => (index === 0 ? [line] : [h('br', null), line]));

/** An image is not fetched: the page loads nothing from elsewhere. Its description stands for it. */
export const imageOf = (node: Json): ComponentChildren =>
  h('span', { class: 'picture' }, `Picture: ${asText(node['alt_text']) || 'without a description'}`);

export { safeHref };
