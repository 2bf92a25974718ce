/** Blocks of messages, modals and the App Home. What is not known is shown as a placeholder, never as nothing. */
import { h, type ComponentChildren } from 'preact';
import { Control, isGroup } from './controls.ts';
import { Element, idOf, type Surroundings } from './elements.ts';
import { imageOf, plainOf, textOf } from './marked.ts';
import { asText, listOf, objectOf } from './reading.ts';
import type { Json } from './shapes.ts';

export function Blocks({
  blocks,
  around,
}: {
  readonly blocks: readonly Json[];
  readonly around: Surroundings;
}): ComponentChildren {
  return blocks.map((block, index) => h(Block, { key: asText(block['block_id']) || String(index), block, around }));
}

function Block({ block, around }: { readonly block: Json; readonly around: Surroundings }): ComponentChildren {
  const { names } = around;
  switch (block['type']) {
    case 'section':
      return section(block, around);
    case 'divider':
      return h('hr', null);
    case 'header':
      return h('h3', { class: 'block-header' }, textOf(block['text'], names));
    case 'context':
      return h(
        'div',
        { class: 'context' },
        listOf(block['elements']).map((one) =>
          h('span', null, one['type'] === 'image' ? imageOf(one) : textOf(one, names)),
        ),
      );
    case 'actions':
      return h(
        'div',
        { class: 'actions' },
        listOf(block['elements']).map((element) =>
          h(Element, { key: asText(element['action_id']), element, block, around }),
        ),
      );
    case 'input':
      return h(Input, { block, around });
    case 'image':
      return h('div', { class: 'context' }, imageOf(block));
    case 'markdown':
      return h('p', { class: 'section' }, asText(block['text']));
    default:
      return h(
        'p',
        { class: 'unknown' },
        `The playground cannot show a block of type ${asText(block['type']) || 'none'}.`,
      );
  }
}

function section(block: Json, around: Surroundings): ComponentChildren {
  const fields = listOf(block['fields']);
  const accessory = objectOf(block['accessory']);
  return h(
    'div',
    { class: 'section' },
    h(
      'div',
      { class: 'section-text' },
      block['text'] === undefined ? null : h('div', null, textOf(block['text'], around.names)),
      fields.length === 0
        ? null
        : h(
            'div',
            { class: 'fields' },
            fields.map((field) => h('div', null, textOf(field, around.names))),
          ),
    ),
    block['accessory'] === undefined
      ? null
      : h('div', { class: 'accessory' }, h(Element, { element: accessory, block, around })),
  );
}

function Input({ block, around }: { readonly block: Json; readonly around: Surroundings }): ComponentChildren {
  const element = objectOf(block['element']);
  const blockId = asText(block['block_id']);
  const actionId = asText(element['action_id']);
  const id = idOf(around, block, element);
  const error = around.errors[blockId];
  const hint = plainOf(block['hint']);
  const optional = block['optional'] === true;
  const describedBy = [...(hint === '' ? [] : [`${id}-hint`]), ...(error === undefined ? [] : [`${id}-error`])];
  const control = h(Control, {
    element,
    entered: around.entered(blockId, actionId),
    onEnter: (entered, done) => around.enter(block, element, entered, done),
    suggest: (typed) => around.suggest(actionId, typed),
    people: around.people,
    names: around.names,
    id,
    describedBy: describedBy.length > 0 ? describedBy.join(' ') : undefined,
    invalid: error !== undefined,
    required: !optional,
  });
  const name = [plainOf(block['label']), optional ? h('small', null, ' (optional)') : null];
  const rest = [
    hint === '' ? null : h('p', { class: 'hint', id: `${id}-hint` }, hint),
    error === undefined ? null : h('p', { class: 'error', id: `${id}-error` }, `Error: ${error}`),
  ];
  const look = { class: error === undefined ? 'input' : 'input wrong' };
  return isGroup(element)
    ? h('fieldset', look, h('legend', null, name), control, rest)
    : h('div', look, h('label', { for: id }, name), control, rest);
}
