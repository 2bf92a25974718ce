/** Interactive elements outside inputs: buttons, menus, and selects that act as soon as something is chosen. */
import { h, type ComponentChildren } from 'preact';
import { Control } from './controls.ts';
import { imageOf, plainOf, safeHref, type Names } from './marked.ts';
import { asText, listOf, objectOf, type Entered } from './reading.ts';
import type { Json } from './shapes.ts';

/** What a block is shown in, and what follows from using it. */
export type Surroundings = {
  readonly names: Names;
  readonly people: readonly { readonly id: string; readonly name: string }[];
  /** Makes ids of this surface's controls unlike those of others. */
  readonly prefix: string;
  readonly press: (element: Json, chosen?: unknown) => void;
  readonly entered: (blockId: string, actionId: string) => Entered;
  readonly enter: (block: Json, element: Json, entered: Entered, done: boolean) => void;
  readonly suggest: (actionId: string, typed: string) => Promise<readonly Json[]>;
  readonly errors: Readonly<Record<string, string>>;
  readonly busy: boolean;
};

export function Element({
  element,
  block,
  around,
}: {
  readonly element: Json;
  readonly block: Json;
  readonly around: Surroundings;
}): ComponentChildren {
  switch (element['type']) {
    case 'button':
      return button(element, around);
    case 'overflow':
      return overflow(element, around);
    case 'image':
      return imageOf(element);
    case 'workflow_button':
    case undefined:
      return h(
        'p',
        { class: 'unknown' },
        `The playground cannot show an element of type ${asText(element['type']) || 'none'}.`,
      );
    default: {
      const actionId = asText(element['action_id']);
      return h(Control, {
        element,
        entered: around.entered(asText(block['block_id']), actionId),
        onEnter: (entered, done) => around.enter(block, element, entered, done),
        suggest: (typed) => around.suggest(actionId, typed),
        people: around.people,
        names: around.names,
        id: idOf(around, block, element),
        label: plainOf(element['placeholder']) || actionId,
        describedBy: undefined,
        invalid: false,
        required: false,
      });
    }
  }
}

export const idOf = (around: Surroundings, block: Json, element: Json): string =>
  [around.prefix, asText(block['block_id']), asText(element['action_id'])].join('-').replaceAll(/[^\w-]/g, '_');

function button(element: Json, around: Surroundings): ComponentChildren {
  const address = element['url'] === undefined ? null : safeHref(asText(element['url']));
  const look = {
    class: `button ${asText(element['style'])}`,
    'data-action': asText(element['action_id']),
    ...(element['accessibility_label'] === undefined ? {} : { 'aria-label': asText(element['accessibility_label']) }),
  };
  const label = plainOf(element['text']);
  // Slack opens the address and tells the app of the press too.
  if (address !== null) {
    const opens = { href: address, target: '_blank', rel: 'noopener noreferrer' };
    return h('a', { ...look, ...opens, onClick: () => around.press(element) }, label);
  }
  // NB. Never disabled: a button that is loses the focus, and a keyboard its place.
  const waits = around.busy ? { 'aria-disabled': true } : {};
  return h('button', { ...look, ...waits, type: 'button', onClick: () => around.press(element) }, label);
}

function overflow(element: Json, around: Surroundings): ComponentChildren {
  return h(
    'details',
    { class: 'overflow' },
    h('summary', { class: 'button', 'aria-label': 'More' }, '⋯'),
    h(
      'div',
      { class: 'menu' },
      listOf(element['options']).map((option) => {
        const value = asText(objectOf(option)['value']);
        return h(
          'button',
          { key: value, type: 'button', class: 'button', onClick: () => around.press(element, value) },
          plainOf(option['text']),
        );
      }),
    ),
  );
}
