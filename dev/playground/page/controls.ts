/** What something can be entered into: one component for each kind of Slack's input elements. */
import { h, type ComponentChildren } from 'preact';
import { fromLocalInput, toLocalInput } from './dates.ts';
import { plainOf, textOf, type Names } from './marked.ts';
import { asText, listOf, optionsOf, valueOf, type Entered } from './reading.ts';
import { Search } from './search.ts';
import type { Json } from './shapes.ts';

export type ControlProps = {
  readonly element: Json;
  readonly entered: Entered;
  /** `done`: chosen or typed to its end, rather than one more letter. */
  readonly onEnter: (entered: Entered, done: boolean) => void;
  readonly suggest: (typed: string) => Promise<readonly Json[]>;
  readonly people: readonly { readonly id: string; readonly name: string }[];
  readonly names: Names;
  readonly id: string;
  /** Said by a group's legend or an input's label; for elements that have neither, here. */
  readonly label?: string;
  readonly describedBy: string | undefined;
  readonly invalid: boolean;
  readonly required: boolean;
};

/** Those with several controls, which a legend names instead of a label. */
export const isGroup = (element: Json): boolean =>
  element['type'] === 'radio_buttons' ||
  element['type'] === 'checkboxes' ||
  asText(element['type']).startsWith('multi_');

export function Control(props: ControlProps): ComponentChildren {
  const { element, onEnter } = props;
  const common = commonOf(props);
  const placeholder = plainOf(element['placeholder']);
  switch (element['type']) {
    case 'plain_text_input':
      return typed(element['multiline'] === true ? 'textarea' : 'input', props, placeholder);
    case 'email_text_input':
    case 'url_text_input':
    case 'number_input':
      return typed('input', props, placeholder);
    case 'static_select':
      return select(props, placeholder);
    case 'users_select':
    case 'conversations_select':
    case 'channels_select':
      return peopleSelect(props, placeholder);
    case 'external_select':
      return h(Search, { ...props, placeholder });
    case 'radio_buttons':
      return choices(props, 'radio');
    case 'checkboxes':
    case 'multi_static_select':
      return choices(props, 'checkbox');
    case 'datepicker':
    case 'timepicker':
      return h('input', {
        ...common,
        type: element['type'] === 'datepicker' ? 'date' : 'time',
        value: asText(props.entered),
        onChange: (event: Event) => onEnter(written(event) || null, true),
      });
    case 'datetimepicker':
      return h('input', {
        ...common,
        type: 'datetime-local',
        value: typeof props.entered === 'number' ? toLocalInput(props.entered) : '',
        onChange: (event: Event) => onEnter(fromLocalInput(written(event)), true),
      });
    default:
      return h('p', { class: 'unknown' }, `The playground cannot show an input of type ${asText(element['type'])}.`);
  }
}

const commonOf = ({ id, describedBy, invalid, required, label }: ControlProps) => ({
  id,
  ...(describedBy === undefined ? {} : { 'aria-describedby': describedBy }),
  ...(invalid ? { 'aria-invalid': true } : {}),
  ...(required ? { 'aria-required': true } : {}),
  ...(label === undefined ? {} : { 'aria-label': label }),
});

const written = (event: Event): string => (event.currentTarget as HTMLInputElement).value;

function typed(tag: 'input' | 'textarea', props: ControlProps, placeholder: string): ComponentChildren {
  const { element, entered, onEnter } = props;
  const max = Number(element['max_length'] ?? 3_000);
  return h(tag, {
    ...commonOf(props),
    ...(tag === 'textarea' ? { rows: 3 } : { type: 'text' }),
    autoComplete: 'off',
    maxLength: max,
    placeholder,
    value: asText(entered),
    onInput: (event: Event) => onEnter(written(event), false),
    onChange: (event: Event) => onEnter(written(event), true),
  });
}

function select(props: ControlProps, placeholder: string): ComponentChildren {
  const { element, entered, onEnter } = props;
  const chosen = valueOf(entered);
  const groups = listOf(element['option_groups']);
  return h(
    'select',
    {
      ...commonOf(props),
      value: chosen,
      onChange: (event: Event) => onEnter(written(event) || null, true),
    },
    h('option', { value: '' }, placeholder || 'Choose'),
    listOf(element['options']).map(selectOption),
    groups.map((group) =>
      h('optgroup', { label: plainOf(group['label']) }, listOf(group['options']).map(selectOption)),
    ),
  );
}

const selectOption = (option: Json): ComponentChildren => {
  const says = plainOf(option['description']);
  const value = asText(option['value']);
  return h('option', { key: value, value }, plainOf(option['text']) + (says === '' ? '' : ` – ${says}`));
};

function peopleSelect(props: ControlProps, placeholder: string): ComponentChildren {
  const { entered, onEnter, people } = props;
  return h(
    'select',
    { ...commonOf(props), value: asText(entered), onChange: (event: Event) => onEnter(written(event) || null, true) },
    h('option', { value: '' }, placeholder || 'Choose'),
    people.map(({ id, name }) => h('option', { key: id, value: id }, name)),
  );
}

function choices(props: ControlProps, type: 'radio' | 'checkbox'): ComponentChildren {
  const { element, entered, onEnter, id, names } = props;
  const all = optionsOf(element);
  const chosen = Array.isArray(entered) ? entered.map(valueOf) : [valueOf(entered)];
  const toggled = (value: string): readonly string[] =>
    all.map((option) => asText(option['value'])).filter((one) => chosen.includes(one) !== (one === value));
  return h(
    'div',
    { class: 'choices' },
    all.map((option, index) => {
      const value = asText(option['value']);
      return h(
        'label',
        { key: value, class: 'choice' },
        h('input', {
          ...(index === 0 ? { id } : {}),
          type,
          name: id,
          value,
          checked: chosen.includes(value),
          ...(props.invalid ? { 'aria-invalid': true } : {}),
          ...(props.describedBy === undefined ? {} : { 'aria-describedby': props.describedBy }),
          onChange: () => onEnter(type === 'radio' ? value : toggled(value), true),
        }),
        h(
          'span',
          null,
          textOf(option['text'], names),
          option['description'] === undefined ? null : h('small', null, textOf(option['description'], names)),
        ),
      );
    }),
  );
}
