import { describe, expect, test } from 'vitest';
import { validateBlocks, validateCall, validateMessage, validateOptions, validateView } from '../slack/blocks.ts';

const long = (length: number): string => 'x'.repeat(length);
const plain = (length: number) => ({ type: 'plain_text', text: long(length) });
const marked = (length: number) => ({ type: 'mrkdwn', text: long(length) });
const many = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));
const option = (index: number, label = 5, value = `v${index}`) => ({ text: plain(label), value });
const button = (more: object = {}, index = 0) => ({ type: 'button', action_id: `a${index}`, text: plain(5), ...more });
const confirm = (more: object = {}) => ({
  title: plain(5),
  text: plain(5),
  confirm: plain(5),
  deny: plain(5),
  ...more,
});
const actions = (...elements: object[]) => ({ type: 'actions', elements });
const input = (element: object, more: object = {}) => ({ type: 'input', label: plain(5), element, ...more });
const select = (more: object = {}) => ({ type: 'static_select', action_id: 's', options: [option(0)], ...more });
const typed = (more: object = {}) => ({ type: 'plain_text_input', action_id: 't', ...more });
const modal = (more: object = {}) => ({ type: 'modal', title: plain(5), submit: plain(5), blocks: [], ...more });
const inModal = (...blocks: object[]) => validateView(modal({ blocks }));
const inMessage = (...blocks: object[]) => validateBlocks(blocks, 'message');
const inHome = (...blocks: object[]) => validateView({ type: 'home', blocks });
const picker = { type: 'datetimepicker', action_id: 'd' };
const divider = { type: 'divider' };

/** Each limit: what is just allowed, and what is one too many. */
const limits: readonly [what: string, most: number, check: (size: number) => readonly string[]][] = [
  ['blocks of a view', 100, (n) => inModal(...many(n, () => divider))],
  ['blocks of a message', 50, (n) => inMessage(...many(n, () => divider))],
  ['title', 24, (n) => validateView(modal({ title: plain(n) }))],
  ['submit', 24, (n) => validateView(modal({ submit: plain(n) }))],
  ['close', 24, (n) => validateView(modal({ close: plain(n) }))],
  ['private_metadata', 3_000, (n) => validateView(modal({ private_metadata: long(n) }))],
  ['callback_id', 255, (n) => validateView(modal({ callback_id: long(n) }))],
  ['section text', 3_000, (n) => inMessage({ type: 'section', text: marked(n) })],
  ['section fields', 10, (n) => inMessage({ type: 'section', fields: many(n, () => marked(5)) })],
  ['text of a field', 2_000, (n) => inMessage({ type: 'section', fields: [marked(n)] })],
  ['header', 150, (n) => inMessage({ type: 'header', text: plain(n) })],
  ['elements of an actions block', 25, (n) => inMessage(actions(...many(n, (index) => button({}, index))))],
  ['elements of a context block', 10, (n) => inMessage({ type: 'context', elements: many(n, () => marked(5)) })],
  ['options of a select', 100, (n) => inModal(input(select({ options: many(n, option) })))],
  ['text of an option', 75, (n) => inModal(input(select({ options: [option(0, n)] })))],
  ['value of an option', 150, (n) => inModal(input(select({ options: [option(0, 5, long(n))] })))],
  [
    'options of an overflow menu',
    5,
    (n) => inMessage(actions({ type: 'overflow', action_id: 'o', options: many(n, option) })),
  ],
  ['radio buttons', 10, (n) => inModal(input({ type: 'radio_buttons', action_id: 'r', options: many(n, option) }))],
  ['checkboxes', 10, (n) => inModal(input({ type: 'checkboxes', action_id: 'c', options: many(n, option) }))],
  ['text of a button', 75, (n) => inMessage(actions(button({ text: plain(n) })))],
  ['value of a button', 2_000, (n) => inMessage(actions(button({ value: long(n) })))],
  ['url of a button', 3_000, (n) => inMessage(actions(button({ url: `https://a.example/${long(n - 18)}` })))],
  ['action_id', 255, (n) => inMessage(actions(button({ action_id: long(n) })))],
  ['block_id', 255, (n) => inMessage({ ...divider, block_id: long(n) })],
  ['placeholder', 150, (n) => inModal(input(typed({ placeholder: plain(n) })))],
  ['label', 2_000, (n) => inModal(input(typed(), { label: plain(n) }))],
  ['hint', 2_000, (n) => inModal(input(typed(), { hint: plain(n) }))],
  ['initial value', 3_000, (n) => inModal(input(typed({ initial_value: long(n) })))],
  ['max_length', 3_000, (n) => inModal(input(typed({ max_length: n })))],
  ['confirm title', 100, (n) => inMessage(actions(button({ confirm: confirm({ title: plain(n) }) })))],
  ['confirm text', 300, (n) => inMessage(actions(button({ confirm: confirm({ text: plain(n) }) })))],
  ['confirm button', 30, (n) => inMessage(actions(button({ confirm: confirm({ confirm: plain(n) }) })))],
  ['deny button', 30, (n) => inMessage(actions(button({ confirm: confirm({ deny: plain(n) }) })))],
  ['top-level text', 4_000, (n) => validateMessage({ text: long(n) })],
  ['options that were loaded', 100, (n) => validateOptions({ options: many(n, option) })],
];

describe('limits', () => {
  test.each(limits)('%s: %i is allowed, one more is not', (_what, most, check) => {
    expect(check(most)).toEqual([]);
    expect(check(most + 1)).not.toEqual([]);
  });

  const least: readonly [what: string, check: (size: number) => readonly string[]][] = [
    ['text', (n) => inMessage({ type: 'section', text: marked(n) })],
    ['fields', (n) => inMessage({ type: 'section', fields: many(n, () => marked(5)) })],
    ['buttons', (n) => inMessage(actions(...many(n, (index) => button({}, index))))],
    ['options', (n) => inModal(input(select({ options: many(n, option) })))],
    ['an action_id', (n) => inMessage(actions(button({ action_id: long(n) })))],
    ['the top-level text', (n) => validateMessage({ text: long(n) })],
  ];
  test.each(least)('%s may not be empty', (_what, check) => {
    expect(check(1)).toEqual([]);
    expect(check(0)).not.toEqual([]);
  });
});

describe('what is refused', () => {
  const refused: readonly [what: string, problems: readonly string[]][] = [
    ['an unknown block', inMessage({ type: 'video' })],
    ['an unknown element', inMessage(actions({ type: 'datepicker', action_id: 'd' }))],
    ['an unknown property', inMessage({ ...divider, color: 'red' })],
    ['markup in a header', inMessage({ type: 'header', text: marked(5) })],
    ['markup on a button', inMessage(actions(button({ text: marked(5) })))],
    ['a section with nothing in it', inMessage({ type: 'section' })],
    ['a block_id twice', inModal({ ...divider, block_id: 'b' }, { ...divider, block_id: 'b' })],
    ['an action_id twice in a modal, even in two blocks', inModal(actions(button()), actions(button()))],
    ['an action_id twice in one block of a home', inHome(actions(button(), button()))],
    ['an action_id twice in one block of a message', inMessage(actions(button(), button()))],
    ['an input in a home', inHome(input(typed()))],
    ['a home with a submit', validateView({ type: 'home', submit: plain(5), blocks: [] })],
    ['a time in milliseconds', inModal(input({ ...picker, initial_date_time: 1_700_000_000_000 }))],
    ['a time with a placeholder', inModal(input({ ...picker, placeholder: plain(5) }))],
    ['a time outside of a form', inMessage(actions(picker))],
    [
      'an unknown reason to be told',
      inModal(input(typed({ dispatch_action_config: { trigger_actions_on: ['blur'] } }))),
    ],
    ['no reason to be told', inModal(input(typed({ dispatch_action_config: { trigger_actions_on: [] } })))],
    ['an input without a submit', validateView({ type: 'modal', title: plain(5), blocks: [input(typed())] })],
    ['an input in a message', inMessage(input(typed()))],
    ['a modal without a title', validateView({ type: 'modal', blocks: [] })],
    ['a home with a title', validateView({ type: 'home', title: plain(5), blocks: [] })],
    ['an initial option that is none of the options', inModal(input(select({ initial_option: option(7) })))],
    ['a select with neither options nor groups', inModal(input({ type: 'static_select', action_id: 's' }))],
    [
      'two elements that want the focus',
      inModal(input(typed({ focus_on_load: true })), input(select({ focus_on_load: true }))),
    ],
    ['min_length over max_length', inModal(input(typed({ min_length: 9, max_length: 8 })))],
    ['a danger button without a confirm', inMessage(actions(button({ style: 'danger' })))],
    ['a link that is no web address', inMessage(actions(button({ url: 'javascript:alert(1)' })))],
    ['a view that came back in a payload', validateView(modal({ id: 'V1', hash: 'h', state: {} }))],
    ['loaded options with one value twice', validateOptions({ options: [option(1), option(1)] })],
    ['blocks that are no list', validateBlocks({}, 'message')],
    ['a view that is nothing', validateView(null)],
  ];
  test.each(refused)('%s', (_what, problems) => {
    expect(problems).not.toEqual([]);
  });

  test('a home and a message may repeat the buttons of a row, a form may ask for a time and be told of each key', () => {
    expect(inHome(actions(button({ value: 'a' })), actions(button({ value: 'b' })))).toEqual([]);
    expect(inMessage(actions(button({ value: 'a' })), actions(button({ value: 'b' })))).toEqual([]);
    expect(inModal(input({ ...picker, initial_date_time: 1_700_000_000 }))).toEqual([]);
    const live = { dispatch_action_config: { trigger_actions_on: ['on_enter_pressed', 'on_character_entered'] } };
    expect(inModal(input(typed(live), { dispatch_action: true }))).toEqual([]);
  });

  test('a problem says where it is', () => {
    expect(inMessage(divider, { type: 'section', text: marked(3_001) })[0]).toMatch(/^blocks\[1\]\.text\.text: /);
  });
});

describe('calls as they go over the wire', () => {
  test('blocks and views may be JSON text', () => {
    expect(validateCall('chat.postMessage', { text: 'x', blocks: JSON.stringify([divider]) })).toEqual([]);
    expect(validateCall('chat.postMessage', { text: 'x', blocks: '[{' })).toEqual(['blocks: not JSON']);
    expect(validateCall('views.open', { view: JSON.stringify(modal()) })).toEqual([]);
    expect(validateCall('views.open', { view: 'no' })).toEqual(['view: not JSON']);
  });

  test('each message needs a text of its own, whatever its blocks say', () => {
    for (const method of ['chat.postMessage', 'chat.update', 'chat.postEphemeral', 'chat.scheduleMessage']) {
      expect(validateCall(method, { blocks: [divider] })).not.toEqual([]);
      expect(validateCall(method, { text: ' ', blocks: [divider] })).not.toEqual([]);
      expect(validateCall(method, { text: 'x' })).toEqual([]);
    }
  });

  test('methods that show nothing are none of its business', () => {
    expect(validateCall('users.info', { user: 'U1' })).toEqual([]);
  });
});
