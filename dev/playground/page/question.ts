/** "Are you sure?", as an element's `confirm` asks before anything is sent. */
import { h, type ComponentChildren } from 'preact';
import { Dialog } from './dialog.ts';
import { plainOf, textOf, type Names } from './marked.ts';
import { asText, objectOf } from './reading.ts';
import type { Json } from './shapes.ts';

export type Asked = { readonly confirm: Json; readonly yes: () => void };

export const needsWord = (element: Json): Json | null =>
  element['confirm'] === undefined ? null : objectOf(element['confirm']);

export function Question({
  asked: { confirm, yes },
  id,
  names,
  close,
}: {
  readonly asked: Asked;
  readonly id: string;
  readonly names: Names;
  readonly close: () => void;
}): ComponentChildren {
  const sure = (): void => {
    close();
    yes();
  };
  return h(
    Dialog,
    { id, title: plainOf(confirm['title']), onEscape: close, asks: true },
    h('div', { class: 'dialog-body', id: `${id}-body` }, textOf(confirm['text'], names)),
    h(
      'div',
      { class: 'dialog-foot' },
      h('button', { type: 'button', class: 'button', onClick: close }, plainOf(confirm['deny']) || 'Cancel'),
      h(
        'button',
        { type: 'button', class: `button ${asText(confirm['style']) || 'primary'}`, onClick: sure },
        plainOf(confirm['confirm']) || 'Yes',
      ),
    ),
  );
}
