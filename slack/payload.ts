/**
 * What Slack delivers, as far as it is believed: of which kind it is, whose, from where, and what makes it the same
 * delivery as another. https://docs.slack.dev/reference/interaction-payloads
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { isUuid, type RequestId } from '../domain/ids.ts';
import { callbacks } from './ids.ts';
import type { SlackAccount } from './service.ts';

export type DeliveryKind = 'command' | 'action' | 'submission' | 'closed' | 'options' | 'shortcut' | 'event';

export type Delivery = {
  readonly kind: DeliveryKind;
  readonly app: string;
  /** Null for events but the opening of the App Home: they are nobody's click. */
  readonly account: SlackAccount | null;
  /** The workspace that it was delivered for. */
  readonly team: string;
  /** Equal for repeats of one delivery; null where a repeat has no effect. */
  readonly key: string | null;
  readonly responseUrl: string | null;
  /** Input blocks of the form that was sent, under which an error can be shown. */
  readonly fields: readonly string[];
};

const idText = z.string().min(1).max(255);
const user = z.object({ id: idText, team_id: idText.optional() });
const team = z.object({ id: idText });
const view = z.object({
  id: idText,
  hash: z.string().max(255).default(''),
  callback_id: z.string().max(255).default(''),
  private_metadata: z.string().max(3000).default(''),
  blocks: z
    .array(z.object({ type: z.string(), block_id: z.string().optional() }))
    .max(100)
    .default([]),
  state: z.unknown(),
});
const common = { api_app_id: idText, team: team.nullish(), user };

const commandShape = z.object({
  command: z.string(),
  api_app_id: idText,
  team_id: idText,
  user_id: idText,
  trigger_id: idText,
  response_url: z.url().optional(),
});
const actionShape = z.object({
  ...common,
  type: z.literal('block_actions'),
  trigger_id: idText,
  response_url: z.url().optional(),
  channel: z.object({ id: idText }).optional(),
  actions: z.array(z.object({ action_id: idText, action_ts: z.string().optional() })).min(1),
});
const submissionShape = z.object({
  ...common,
  type: z.literal('view_submission'),
  trigger_id: z.string().optional(),
  view,
});
const closedShape = z.object({ ...common, type: z.literal('view_closed'), view });
const optionsShape = z.object({ ...common, type: z.literal('block_suggestion'), action_id: idText });
const shortcutShape = z.object({ ...common, type: z.literal('shortcut'), trigger_id: idText });
const eventShape = z.object({
  type: z.literal('event_callback'),
  api_app_id: idText,
  team_id: idText,
  event_id: idText,
  event: z.object({ type: z.string(), user: idText.optional() }).optional(),
});

/** @returns undefined for anything that is none of the payloads that Curfew takes, whole and well-formed */
export function deliveryOf(body: unknown): Delivery | undefined {
  const command = commandShape.safeParse(body).data;
  if (command) {
    const account = { team: command.team_id, user: command.user_id };
    return made(
      'command',
      { app: command.api_app_id, team: command.team_id, account },
      command.trigger_id,
      command.response_url,
    );
  }
  const event = eventShape.safeParse(body).data;
  if (event) {
    const opener = event.event?.type === 'app_home_opened' ? event.event.user : undefined;
    const account = opener === undefined ? null : { team: event.team_id, user: opener };
    return made('event', { app: event.api_app_id, team: event.team_id, account }, event.event_id);
  }
  const action = actionShape.safeParse(body).data;
  if (action) return made('action', whose(action), action.trigger_id, action.response_url);
  const shortcut = shortcutShape.safeParse(body).data;
  if (shortcut) return made('shortcut', whose(shortcut), shortcut.trigger_id);
  const submission = submissionShape.safeParse(body).data;
  if (submission) {
    const { id, hash, blocks, state, private_metadata: metadata } = submission.view;
    // NB. The view's hash stays the same when a form is sent again after a field error, so what was typed counts too.
    const typed = JSON.stringify([state, metadata, submission.trigger_id ?? null]);
    const inputs = blocks.flatMap((block) => (block.type === 'input' && block.block_id ? [block.block_id] : []));
    return { ...made('submission', whose(submission), `${id}\n${hash}\n${typed}`), fields: inputs };
  }
  const closed = closedShape.safeParse(body).data;
  if (closed) return made('closed', whose(closed), null);
  const options = optionsShape.safeParse(body).data;
  return options ? made('options', whose(options), null) : undefined;
}

type Whose = Pick<Delivery, 'app' | 'team' | 'account'>;

/** A click from a shared channel names our team as the message's and the clicker's own as the user's. */
function whose(body: {
  api_app_id: string;
  team?: { id: string } | null | undefined;
  user: z.infer<typeof user>;
}): Whose {
  const own = body.team?.id ?? body.user.team_id ?? '';
  return { app: body.api_app_id, team: own, account: { team: body.user.team_id ?? own, user: body.user.id } };
}

const made = (kind: DeliveryKind, whom: Whose, identity: string | null, responseUrl?: string): Delivery => ({
  kind,
  ...whom,
  key:
    identity === null
      ? null
      : createHash('sha256').update(`${kind}\n${whom.app}\n${whom.team}\n${identity}`).digest('hex'),
  responseUrl: responseUrl ?? null,
  fields: [],
});

const button = z.object({ value: z.string().optional() });
const homeView = z.object({
  type: z.literal('home'),
  callback_id: z.literal(callbacks.home),
  blocks: z.array(z.object({ elements: z.array(button.catch({})).optional().catch([]) })).max(100),
});
const pressedAlone = z.object({
  actions: z.array(z.object({ value: z.string() })).min(1),
  container: z.object({ type: z.string(), is_ephemeral: z.boolean().optional() }),
  view: z.unknown().optional(),
});

/**
 * What a button stands for where only its reader sees it: in their App Home, or in an answer to them. No
 * place of these is kept. The App Home comes back with what was published there, and the button must be on it.
 */
export function ownPressOf(body: unknown): { readonly value: string; readonly place: 'home' | 'answer' } | undefined {
  const press = pressedAlone.safeParse(body).data;
  const value = press?.actions[0]?.value;
  if (!press || value === undefined || !isUuid(value)) return undefined;
  if (press.container.type === 'message') {
    return press.container.is_ephemeral === true ? { value, place: 'answer' } : undefined;
  }
  const home = homeView.safeParse(press.view).data;
  const shown = home?.blocks.some((block) => block.elements?.some((element) => element.value === value)) ?? false;
  return shown ? { value, place: 'home' } : undefined;
}

const pressed = z.object({
  actions: z.array(z.object({ action_id: z.string(), value: z.string().max(2000).optional() })).min(1),
  container: z
    .object({
      type: z.string(),
      channel_id: z.string().optional(),
      message_ts: z.string().optional(),
    })
    .optional(),
  channel: z.object({ id: z.string() }).optional(),
  message: z.object({ ts: z.string() }).optional(),
});

export type Press = {
  readonly requestId: RequestId;
  readonly channel: string;
  readonly ts: string;
};

/**
 * The request that a message's button stands for, and where that message is. Slack names the place twice
 * (`container`, and `channel` with `message`); they must agree.
 * @returns undefined for a press that is not on a message, or carries no request
 */
export function pressOf(body: unknown): Press | undefined {
  const press = pressed.safeParse(body).data;
  const value = press?.actions[0]?.value;
  const channel = press?.channel?.id;
  const ts = press?.container?.message_ts;
  if (value === undefined || !isUuid(value) || !channel || !ts) return undefined;
  if (press?.container?.channel_id !== undefined && press.container.channel_id !== channel) return undefined;
  if (press?.message !== undefined && press.message.ts !== ts) return undefined;
  return { requestId: value as RequestId, channel, ts };
}
