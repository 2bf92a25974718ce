/**
 * Is this valid Block Kit? Slack answers a mistake with `invalid_blocks` at the moment when a person waits, and some it
 * cuts or drops in silence; so every view passes here in the tests, and so does every call that a development stack
 * records. Strict: a block, element or property that Curfew does not use is a problem, because nobody checked it.
 *
 * Limits: https://docs.slack.dev/reference/block-kit/blocks and .../block-elements, .../composition-objects,
 * https://docs.slack.dev/reference/views, https://docs.slack.dev/changelog/2018-truncating-really-long-messages
 */
import { z } from 'zod';
import { elements, id, image, mrkdwnText, plainText, text } from './block-elements.ts';

export type Surface = 'message' | 'modal' | 'home';

/** One problem a line: where it is and what is wrong, e.g. `blocks[2].text.text: too long (3001 of 3000)`. */
export type Problems = readonly string[];

const block = z.discriminatedUnion('type', [
  z
    .strictObject({
      type: z.literal('section'),
      block_id: id.optional(),
      text: text(3000).optional(),
      fields: z.array(text(2000)).min(1).max(10).optional(),
      accessory: z
        .discriminatedUnion('type', [elements.button, elements.staticSelect, elements.overflow, image])
        .optional(),
    })
    .refine((section) => section.text !== undefined || section.fields !== undefined, 'needs text or fields'),
  z.strictObject({ type: z.literal('divider'), block_id: id.optional() }),
  z.strictObject({ type: z.literal('header'), block_id: id.optional(), text: plainText(150) }),
  z.strictObject({
    type: z.literal('context'),
    block_id: id.optional(),
    elements: z
      .array(z.discriminatedUnion('type', [plainText(3000), mrkdwnText(3000), image]))
      .min(1)
      .max(10),
  }),
  z.strictObject({
    type: z.literal('actions'),
    block_id: id.optional(),
    elements: z
      .array(
        z.discriminatedUnion('type', [
          elements.button,
          elements.staticSelect,
          elements.externalSelect,
          elements.radioButtons,
          elements.checkboxes,
          elements.overflow,
        ]),
      )
      .min(1)
      .max(25),
  }),
  z.strictObject({
    type: z.literal('input'),
    block_id: id.optional(),
    label: plainText(2000),
    hint: plainText(2000).optional(),
    optional: z.boolean().optional(),
    dispatch_action: z.boolean().optional(),
    element: z.discriminatedUnion('type', [
      elements.plainTextInput,
      elements.datetimepicker,
      elements.staticSelect,
      elements.externalSelect,
      elements.radioButtons,
      elements.checkboxes,
    ]),
  }),
]);

/** Parts of a view that Slack itself adds; a view that came back in a payload is not one to send. */
const modal = z.strictObject({
  type: z.literal('modal'),
  title: plainText(24),
  submit: plainText(24).optional(),
  close: plainText(24).optional(),
  blocks: z.array(block).max(100),
  private_metadata: z.string().max(3000).optional(),
  callback_id: id.optional(),
  external_id: z.string().max(255).optional(),
  clear_on_close: z.boolean().optional(),
  notify_on_close: z.boolean().optional(),
});

const home = z.strictObject({
  type: z.literal('home'),
  blocks: z.array(block).max(100),
  private_metadata: z.string().max(3000).optional(),
  callback_id: id.optional(),
  external_id: z.string().max(255).optional(),
});

const options = z.strictObject({ options: z.array(elements.plainOption).max(100) });

/** `chat.update` refuses a longer text with `msg_too_long`; a notification shows far less. */
const topText = z.string().trim().min(1).max(4000);

/** The blocks of a message or a view, alone. */
export function validateBlocks(blocks: unknown, surface: Surface): Problems {
  const parsed = z
    .array(block)
    .max(surface === 'message' ? 50 : 100)
    .safeParse(blocks);
  return parsed.success ? together(parsed.data, 'blocks', surface) : found(parsed.error, 'blocks');
}

/** A modal or a home tab as it is given to `views.open`, `push`, `update`, `publish` or as a `response_action`. */
export function validateView(view: unknown): Problems {
  const parsed = z.discriminatedUnion('type', [modal, home]).safeParse(view);
  if (!parsed.success) return found(parsed.error, 'view');
  const problems = together(parsed.data.blocks, 'view.blocks', parsed.data.type);
  const asks = parsed.data.blocks.some((one) => one.type === 'input');
  return asks && parsed.data.type === 'modal' && !parsed.data.submit
    ? [...problems, 'view.submit: needed, because the view has an input']
    : problems;
}

/** A message, wherever it is sent: its text is required, because notifications and screen readers get nothing else. */
export function validateMessage(message: { readonly text?: unknown; readonly blocks?: unknown }): Problems {
  const spoken = topText.safeParse(message.text);
  return [
    ...(spoken.success ? [] : found(spoken.error, 'text')),
    ...(message.blocks === undefined ? [] : validateBlocks(message.blocks, 'message')),
  ];
}

/** What is answered to a select that loads its options. */
export function validateOptions(answer: unknown): Problems {
  const parsed = options.safeParse(answer);
  return parsed.success
    ? twice(
        parsed.data.options.map((one) => one.value),
        'options: the value',
      )
    : found(parsed.error, 'answer');
}

const messageMethods: ReadonlySet<string> = new Set([
  'chat.postMessage',
  'chat.update',
  'chat.postEphemeral',
  'chat.scheduleMessage',
]);
const viewMethods: ReadonlySet<string> = new Set(['views.open', 'views.push', 'views.update', 'views.publish']);

/**
 * The arguments of a Web API call, parsed or as they went over the wire (`blocks` and `view` as JSON text).
 * @returns nothing for methods that show nothing
 */
export function validateCall(method: string, args: Readonly<Record<string, unknown>>): Problems {
  if (!messageMethods.has(method) && !viewMethods.has(method)) return [];
  const name = viewMethods.has(method) ? 'view' : 'blocks';
  const shown = fromWire(args[name]);
  if (shown === notJson) return [`${name}: not JSON`];
  if (name === 'view') return validateView(shown);
  return validateMessage({ text: args['text'], ...(shown === undefined ? {} : { blocks: shown }) });
}

const notJson = Symbol('not JSON');
function fromWire(given: unknown): unknown {
  if (typeof given !== 'string') return given;
  try {
    return JSON.parse(given);
  } catch {
    return notJson;
  }
}

/** What holds between blocks: ids said once, one focus, inputs only where there is a form. */
function together(blocks: readonly z.infer<typeof block>[], path: string, surface: Surface): Problems {
  const parts = blocks.flatMap(partsOf);
  const blockIds = blocks.flatMap((one) => (one.block_id === undefined ? [] : [one.block_id]));
  const focused = parts.filter((part) => part.focus_on_load === true);
  return [
    ...twice(blockIds, `${path}: the block_id`),
    ...actionIdsIn(blocks, surface).flatMap((ids) => twice(ids, `${path}: the action_id`)),
    ...(focused.length > 1 ? [`${path}: focus_on_load on ${focused.length} elements, only one may have it`] : []),
    ...(surface !== 'modal' && blocks.some((one) => one.type === 'input')
      ? [`${path}: an input outside of a modal`]
      : []),
  ];
}

/**
 * Slack wants an action id once in a block. In a modal we want it once in all: what was typed is read by it. Elsewhere
 * a row for each request repeats its buttons, which differ in their value.
 */
const actionIdsIn = (blocks: readonly z.infer<typeof block>[], surface: Surface): readonly (readonly string[])[] => {
  const ids = blocks.map((one) => partsOf(one).flatMap((part) => part.action_id ?? []));
  return surface === 'modal' ? [ids.flat()] : ids;
};

type Part = { readonly action_id?: string | undefined; readonly focus_on_load?: boolean | undefined };

function partsOf(one: z.infer<typeof block>): readonly Part[] {
  if (one.type === 'input') return [one.element];
  if (one.type === 'actions') return one.elements;
  return one.type === 'section' && one.accessory && one.accessory.type !== 'image' ? [one.accessory] : [];
}

function twice(ids: readonly string[], what: string): Problems {
  const seen = new Set<string>();
  return ids
    .filter((one) => seen.has(one) || !seen.add(one))
    .map((one) => `${what} ${JSON.stringify(one)} is used twice`);
}

const found = (error: z.ZodError, root: string): Problems =>
  error.issues.map((issue) => {
    const where = issue.path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
    return `${root}${where}: ${issue.message}`;
  });
