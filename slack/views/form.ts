/** Inputs of modals. */
import type { types } from '@slack/bolt';
import { secondMs } from '../../domain/time.ts';
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
  /** In an input with `dispatch`: tells us while somebody types, not only at the return key. */
  readonly live?: boolean;
};

export const textInput = (
  action: string,
  { initial, placeholder, lines, max = 3000, live }: TextLook = {},
): types.PlainTextInput => ({
  type: 'plain_text_input',
  action_id: action,
  max_length: max,
  ...(initial === undefined || initial === '' ? {} : { initial_value: tidy(initial).slice(0, max).toWellFormed() }),
  ...(placeholder === undefined ? {} : { placeholder: plain(placeholder, 150) }),
  ...(lines ? { multiline: true } : {}),
  ...(live
    ? { dispatch_action_config: { trigger_actions_on: ['on_enter_pressed', 'on_character_entered'] as const } }
    : {}),
});

/** A day and a time in the zone of whoever looks. `at`: epoch ms, shown to the minute. */
export const datetimeInput = (action: string, at?: number): types.DateTimepicker => ({
  type: 'datetimepicker',
  action_id: action,
  ...(at === undefined || !fitsPicker(at) ? {} : { initial_date_time: Math.floor(at / secondMs) }),
});

/** Slack takes ten digits of seconds, no more and no fewer. */
const fitsPicker = (at: number): boolean => at >= 1e12 && at < 1e13;

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
