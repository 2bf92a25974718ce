/** Messages of one place, oldest first, each with its thread. */
import { h, type ComponentChildren } from 'preact';
import { Blocks } from './blocks.ts';
import { clock } from './dates.ts';
import type { Surroundings } from './elements.ts';
import { marked } from './marked.ts';
import type { Json, Shown } from './shapes.ts';

export type MessagesProps = {
  readonly messages: readonly Shown[];
  readonly names: Surroundings['names'];
  readonly around: (message: Shown) => Surroundings;
  readonly empty: string;
};

export function Messages({ messages, names, around, empty }: MessagesProps): ComponentChildren {
  if (messages.length === 0) return h('p', { class: 'empty' }, empty);
  return messages.map((message) => h(Message, { key: message.ts, message, names, around }));
}

function Message({
  message,
  names,
  around,
}: Pick<MessagesProps, 'names' | 'around'> & { readonly message: Shown }): ComponentChildren {
  const { ts, blocks, ephemeral, edited, replies } = message;
  return h(
    'article',
    { class: ephemeral ? 'message whisper' : 'message', 'data-ts': ts },
    ephemeral ? h('p', { class: 'only' }, 'Only visible to you') : null,
    h(
      'header',
      null,
      h('img', { src: '/page/icon.svg', alt: '', width: 28, height: 28 }),
      h('strong', null, 'Curfew'),
      h('span', { class: 'badge' }, 'app'),
      h('time', { dateTime: new Date(Number(ts) * 1_000).toISOString() }, clock(Number(ts) * 1_000)),
      edited ? h('span', { class: 'edited' }, '(edited)') : null,
    ),
    body(message, blocks, names, around),
    replies.length === 0 ? null : thread(replies, names, around),
  );
}

function body(
  message: Shown,
  blocks: readonly Json[],
  names: Surroundings['names'],
  around: MessagesProps['around'],
): ComponentChildren {
  return h(
    'div',
    { class: 'message-body' },
    blocks.length > 0
      ? h(Blocks, { blocks, around: around(message) })
      : h('p', { class: 'section' }, marked(message.text, names)),
  );
}

function thread(
  replies: readonly Shown[],
  names: Surroundings['names'],
  around: MessagesProps['around'],
): ComponentChildren {
  return h(
    'details',
    { class: 'thread' },
    h('summary', null, replies.length === 1 ? '1 reply' : `${replies.length} replies`),
    replies.map((reply) =>
      h(
        'div',
        { key: reply.ts, class: 'reply' },
        h('time', { dateTime: new Date(Number(reply.ts) * 1_000).toISOString() }, clock(Number(reply.ts) * 1_000)),
        body(reply, reply.blocks, names, around),
      ),
    ),
  );
}
