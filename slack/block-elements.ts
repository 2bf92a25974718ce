/** The elements and composition objects of Block Kit that Curfew uses, with Slack's limits; see `blocks.ts`. */
import { z } from 'zod';

/** `block_id`, `action_id`, `callback_id`. */
export const id = z.string().min(1).max(255);

export const plainText = (max: number) =>
  z.strictObject({ type: z.literal('plain_text'), text: z.string().min(1).max(max), emoji: z.boolean().optional() });

export const mrkdwnText = (max: number) =>
  z.strictObject({ type: z.literal('mrkdwn'), text: z.string().min(1).max(max), verbatim: z.boolean().optional() });

export const text = (max: number) => z.discriminatedUnion('type', [plainText(max), mrkdwnText(max)]);

const url = z.url({ protocol: /^https?$/ }).max(3000);

export const image = z.strictObject({
  type: z.literal('image'),
  image_url: url,
  alt_text: z.string().min(1).max(2000),
});

const confirm = z.strictObject({
  title: plainText(100),
  text: text(300),
  confirm: plainText(30),
  deny: plainText(30),
  style: z.enum(['primary', 'danger']).optional(),
});

/** Selects and overflow menus show plain text only. */
const plainOption = z.strictObject({
  text: plainText(75),
  value: z.string().min(1).max(150),
  description: plainText(75).optional(),
});

/** Beside radio buttons and checkboxes markup is allowed. */
const richOption = z.strictObject({
  text: text(75),
  value: z.string().min(1).max(150),
  description: text(75).optional(),
});

const among = (chosen: readonly { readonly value: string }[], all: readonly { readonly value: string }[]): boolean =>
  chosen.every((one) => all.some((other) => other.value === one.value));

const button = z
  .strictObject({
    type: z.literal('button'),
    action_id: id,
    text: plainText(75),
    value: z.string().max(2000).optional(),
    url: url.optional(),
    style: z.enum(['primary', 'danger']).optional(),
    confirm: confirm.optional(),
    accessibility_label: z.string().max(75).optional(),
  })
  // A house rule rather than Slack's: nothing dangerous happens at one press.
  .refine((made) => made.style !== 'danger' || made.confirm !== undefined, 'a danger button needs a confirm');

const staticSelect = z
  .strictObject({
    type: z.literal('static_select'),
    action_id: id,
    placeholder: plainText(150).optional(),
    options: z.array(plainOption).min(1).max(100).optional(),
    option_groups: z
      .array(z.strictObject({ label: plainText(75), options: z.array(plainOption).min(1).max(100) }))
      .min(1)
      .max(100)
      .optional(),
    initial_option: plainOption.optional(),
    focus_on_load: z.boolean().optional(),
    confirm: confirm.optional(),
  })
  .refine(
    (made) => (made.options === undefined) !== (made.option_groups === undefined),
    'needs either options or option_groups',
  )
  .refine(
    (made) =>
      made.initial_option === undefined ||
      among([made.initial_option], made.options ?? made.option_groups?.flatMap((group) => group.options) ?? []),
    'initial_option is none of the options',
  );

const externalSelect = z.strictObject({
  type: z.literal('external_select'),
  action_id: id,
  placeholder: plainText(150).optional(),
  initial_option: plainOption.optional(),
  min_query_length: z.int().min(0).max(3000).optional(),
  focus_on_load: z.boolean().optional(),
  confirm: confirm.optional(),
});

const radioButtons = z
  .strictObject({
    type: z.literal('radio_buttons'),
    action_id: id,
    options: z.array(richOption).min(1).max(10),
    initial_option: richOption.optional(),
    focus_on_load: z.boolean().optional(),
    confirm: confirm.optional(),
  })
  .refine(
    (made) => made.initial_option === undefined || among([made.initial_option], made.options),
    'initial_option is none of the options',
  );

const checkboxes = z
  .strictObject({
    type: z.literal('checkboxes'),
    action_id: id,
    options: z.array(richOption).min(1).max(10),
    initial_options: z.array(richOption).min(1).max(10).optional(),
    focus_on_load: z.boolean().optional(),
    confirm: confirm.optional(),
  })
  .refine(
    (made) => made.initial_options === undefined || among(made.initial_options, made.options),
    'initial_options are none of the options',
  );

const overflow = z.strictObject({
  type: z.literal('overflow'),
  action_id: id,
  options: z.array(plainOption).min(1).max(5),
  confirm: confirm.optional(),
});

const plainTextInput = z
  .strictObject({
    type: z.literal('plain_text_input'),
    action_id: id,
    placeholder: plainText(150).optional(),
    initial_value: z.string().max(3000).optional(),
    multiline: z.boolean().optional(),
    min_length: z.int().min(0).max(3000).optional(),
    max_length: z.int().min(1).max(3000).optional(),
    focus_on_load: z.boolean().optional(),
    dispatch_action_config: z
      .strictObject({
        trigger_actions_on: z
          .array(z.enum(['on_enter_pressed', 'on_character_entered']))
          .min(1)
          .max(2),
      })
      .optional(),
  })
  .refine((made) => (made.min_length ?? 0) <= (made.max_length ?? 3000), 'min_length is more than max_length')
  .refine(
    (made) => (made.initial_value?.length ?? 0) <= (made.max_length ?? 3000),
    'initial_value is longer than max_length',
  );

/** Seconds since the epoch, ten digits. https://docs.slack.dev/reference/block-kit/block-elements/datetime-picker-element */
const datetimepicker = z.strictObject({
  type: z.literal('datetimepicker'),
  action_id: id,
  initial_date_time: z.int().min(1_000_000_000).max(9_999_999_999).optional(),
  focus_on_load: z.boolean().optional(),
  confirm: confirm.optional(),
});

export const elements = {
  button,
  staticSelect,
  externalSelect,
  radioButtons,
  checkboxes,
  overflow,
  plainTextInput,
  plainOption,
  datetimepicker,
};
