/** Inputs of modals. */
import type { types } from '@slack/bolt';
import { tidy } from '../text.ts';
import { plain } from './kit.ts';
import type { Block, Modal } from './message.ts';

type Element = types.InputBlock['element'];

export type FieldLook = { readonly hint?: string; readonly optional?: boolean; readonly dispatch?: boolean };

/** `dispatch`: a choice is told to us at once, so that the form can be painted again. */
export const input = (block: string, label: string, element: Element, look: FieldLook = {}): Block => ({
  type: 'input',
  block_id: block,
  label: plain(label, 2000),
  element,
  ...(look.hint === undefined ? {} : { hint: plain(look.hint, 2000) }),
  ...(look.optional ? { optional: true } : {}),
  ...(look.dispatch ? { dispatch_action: true } : {}),
});

export type TextLook = {
  readonly initial?: string;
  readonly placeholder?: string;
  readonly lines?: boolean;
  readonly max?: number;
};

export const textInput = (
  action: string,
  { initial, placeholder, lines, max = 3000 }: TextLook = {},
): types.PlainTextInput => ({
  type: 'plain_text_input',
  action_id: action,
  max_length: max,
  ...(initial === undefined || initial === '' ? {} : { initial_value: tidy(initial).slice(0, max).toWellFormed() }),
  ...(placeholder === undefined ? {} : { placeholder: plain(placeholder, 150) }),
  ...(lines ? { multiline: true } : {}),
});

/** Which form it is, its title and, where it has inputs, what its button says. */
export type ModalLook = {
  readonly callback: string;
  readonly title: string;
  readonly submit?: string;
  readonly metadata?: string;
};

export const modal = (look: ModalLook, ...blocks: readonly (Block | readonly Block[])[]): Modal => ({
  type: 'modal',
  callback_id: look.callback,
  title: plain(look.title, 24),
  ...(look.submit === undefined ? {} : { submit: plain(look.submit, 24) }),
  close: plain(look.submit === undefined ? 'Close' : 'Cancel', 24),
  ...(look.metadata === undefined ? {} : { private_metadata: look.metadata }),
  blocks: blocks.flat().slice(0, 100),
});
