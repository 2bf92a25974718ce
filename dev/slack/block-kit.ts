/** Reading Block Kit as Slack's client does: which elements there are, and what state an input has. */

export type Json = Readonly<Record<string, unknown>>;

export type Element = {
  readonly blockId: string;
  readonly actionId: string;
  readonly type: string;
  readonly element: Json;
  /** The input block around it; null for buttons, accessories and the like. */
  readonly input: Json | null;
};

/** Every interactive element of some blocks, in order. */
export const elementsOf = (blocks: unknown): readonly Element[] =>
  asArray(blocks).flatMap((block) => {
    const input = block['type'] === 'input' ? block : null;
    const elements = [...asArray(block['elements']), ...asObjects(block['accessory']), ...asObjects(block['element'])];
    return elements
      .filter((element) => typeof element['action_id'] === 'string')
      .map((element) => ({
        blockId: asText(block['block_id']),
        actionId: String(element['action_id']),
        type: String(element['type']),
        element,
        input,
      }));
  });

export const asObjects = (value: unknown): readonly Json[] =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? [value as Json] : [];
export const asArray = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.flatMap(asObjects) : []);

/** What Slack puts into `state.values` for an element nobody has touched; null for one without state, like a button. */
export const initialState = ({ type, element }: Element): Json | null => {
  const field = stateFields[type];
  if (field === undefined) return null;
  const initial =
    element[
      `initial_${field === 'selected_option' ? 'option' : field === 'selected_options' ? 'options' : field.replace(/^selected_/, '')}`
    ];
  return { type, [field]: initial ?? (field === 'selected_options' ? [] : null) };
};

const stateFields: Readonly<Record<string, string>> = {
  plain_text_input: 'value',
  email_text_input: 'value',
  url_text_input: 'value',
  number_input: 'value',
  static_select: 'selected_option',
  external_select: 'selected_option',
  radio_buttons: 'selected_option',
  multi_static_select: 'selected_options',
  multi_external_select: 'selected_options',
  checkboxes: 'selected_options',
  users_select: 'selected_user',
  conversations_select: 'selected_conversation',
  channels_select: 'selected_channel',
  datepicker: 'selected_date',
  timepicker: 'selected_time',
  datetimepicker: 'selected_date_time',
};

export const isExternal = (element: Element): boolean => element.type.endsWith('external_select');

/**
 * The state after a person typed or chose `value`: text, an option's value (several for checkboxes and multi-selects),
 * a date, or seconds for a datetimepicker.
 * @param options those of an external select, as the app offered them
 * @throws when the client would not let a person do that
 */
export const stateFor = (target: Element, value: unknown, options: readonly Json[] = []): Json => {
  const field = stateFields[target.type];
  if (field === undefined) throw new Error(`${target.actionId} is a ${target.type}: nothing can be entered there`);
  const offered = isExternal(target) ? options : optionsOf(target.element);
  if (field === 'selected_option')
    return { type: target.type, [field]: value === null ? null : optionNamed(target, offered, value) };
  if (field === 'selected_options')
    return {
      type: target.type,
      [field]: (value as readonly unknown[]).map((one) => optionNamed(target, offered, one)),
    };
  if (typeof value === 'string' && field === 'value') checkLength(target, value);
  return { type: target.type, [field]: value };
};

/** What a press on a select or an overflow menu of a message says was chosen; nothing for a button. */
export const chosenOf = (target: Element, chosen: unknown): Json => {
  if (chosen === undefined) return {};
  if (target.type === 'overflow') return { selected_option: optionNamed(target, optionsOf(target.element), chosen) };
  const { type: _type, ...state } = stateFor(target, chosen, asObjects(chosen));
  return state;
};

/** Options of a select or of an answer to `block_suggestion`, those inside groups too. */
export const optionsOf = (holder: Json): readonly Json[] => [
  ...asArray(holder['options']),
  ...asArray(holder['option_groups']).flatMap((group) => asArray(group['options'])),
];

/** The text of an option, or of a button. */
export const textOf = (option: Json): string => asText(asObjects(option['text'])[0]?.['text']);

const asText = (value: unknown): string => (typeof value === 'string' ? value : '');

const optionNamed = (target: Element, offered: readonly Json[], wanted: unknown): Json => {
  const value = asObjects(wanted)[0]?.['value'] ?? wanted;
  const option = offered.find((one) => one['value'] === value) ?? offered.find((one) => textOf(one) === value);
  if (option !== undefined) return option;
  throw new Error(
    `${target.actionId} offers no ${JSON.stringify(wanted)}, only: ${offered.map((one) => String(one['value'])).join(', ')}`,
  );
};

const checkLength = ({ actionId, element }: Element, value: string): void => {
  const max = Number(element['max_length'] ?? 3_000);
  const min = Number(element['min_length'] ?? 0);
  if (value.length > max) throw new Error(`${actionId} takes at most ${max} characters`);
  if (value.length < min && value !== '') throw new Error(`${actionId} takes at least ${min} characters`);
};

/** True when an input holds nothing. */
export const isEmpty = (state: Json): boolean => {
  const { type: _type, ...rest } = state;
  return Object.values(rest).every(
    (value) => value === null || value === '' || (Array.isArray(value) && value.length === 0),
  );
};
