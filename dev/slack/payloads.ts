/** Payloads as Slack sends them (https://docs.slack.dev/reference/interaction-payloads, .../interactivity, .../events). */
import { randomBytes } from 'node:crypto';
import type { Element, Json } from './block-kit.ts';
import type { View } from './modals.ts';

/** Who acts where, as the payloads tell it. A forged one differs in any of these. */
export type Scene = {
  readonly team: { readonly id: string; readonly domain: string };
  readonly appId: string;
  readonly user: { readonly id: string; readonly name: string };
  readonly channel: { readonly id: string; readonly name: string };
  readonly triggerId: string;
  readonly responseUrl: string;
};

const verificationToken = 'verification-tokens-are-deprecated';

const common = (scene: Scene): Record<string, unknown> => ({
  user: { id: scene.user.id, username: scene.user.name, name: scene.user.name, team_id: scene.team.id },
  api_app_id: scene.appId,
  token: verificationToken,
  team: { id: scene.team.id, domain: scene.team.domain },
  enterprise: null,
  is_enterprise_install: false,
});

export const slashBody = (scene: Scene, command: string, text: string): Record<string, string> => ({
  token: verificationToken,
  team_id: scene.team.id,
  team_domain: scene.team.domain,
  channel_id: scene.channel.id,
  channel_name: scene.channel.name,
  user_id: scene.user.id,
  user_name: scene.user.name,
  command,
  text,
  api_app_id: scene.appId,
  is_enterprise_install: 'false',
  response_url: scene.responseUrl,
  trigger_id: scene.triggerId,
});

/** A press on a message's button, or a choice in one of its selects. */
export const messageAction = (
  scene: Scene,
  message: Json,
  target: Element,
  chosen: Json,
  ephemeral: boolean,
): Record<string, unknown> => ({
  type: 'block_actions',
  ...common(scene),
  container: { type: 'message', message_ts: message['ts'], channel_id: scene.channel.id, is_ephemeral: ephemeral },
  trigger_id: scene.triggerId,
  channel: scene.channel,
  ...(ephemeral ? {} : { message }),
  state: { values: {} },
  response_url: scene.responseUrl,
  actions: [actionOf(target, chosen)],
});

/** The same in a modal or the App Home; no channel and no `response_url` there. */
export const viewAction = (
  scene: Scene,
  view: View,
  values: Json,
  target: Element,
  chosen: Json,
): Record<string, unknown> => ({
  type: 'block_actions',
  ...common(scene),
  container: { type: 'view', view_id: view.id },
  trigger_id: scene.triggerId,
  view: { ...view, state: { values } },
  actions: [actionOf(target, chosen)],
});

const actionOf = ({ type, actionId, blockId, element }: Element, chosen: Json): Json => ({
  type,
  action_id: actionId,
  block_id: blockId,
  ...(type === 'button' ? { text: element['text'], value: element['value'], style: element['style'] } : chosen),
  action_ts: stamp(),
});

export const submission = (scene: Scene, view: View, values: Json): Record<string, unknown> => ({
  type: 'view_submission',
  ...common(scene),
  trigger_id: scene.triggerId,
  view: { ...view, state: { values } },
  response_urls: [],
});

export const closing = (scene: Scene, view: View, values: Json, cleared: boolean): Record<string, unknown> => ({
  type: 'view_closed',
  ...common(scene),
  view: { ...view, state: { values } },
  is_cleared: cleared,
});

export const suggestion = (
  scene: Scene,
  view: View,
  values: Json,
  target: Element,
  typed: string,
): Record<string, unknown> => ({
  type: 'block_suggestion',
  ...common(scene),
  container: { type: 'view', view_id: view.id },
  action_id: target.actionId,
  block_id: target.blockId,
  value: typed,
  view: { ...view, state: { values } },
});

export const globalShortcut = (scene: Scene, callbackId: string): Record<string, unknown> => ({
  type: 'shortcut',
  ...common(scene),
  callback_id: callbackId,
  trigger_id: scene.triggerId,
  action_ts: stamp(),
});

export const eventBody = (scene: Scene, botUserId: string, event: Json): Record<string, unknown> => ({
  token: verificationToken,
  team_id: scene.team.id,
  api_app_id: scene.appId,
  event: { event_ts: stamp(), user: scene.user.id, ...event },
  type: 'event_callback',
  event_id: `Ev${randomBytes(6).toString('hex').toUpperCase()}`,
  event_time: Math.floor(Date.now() / 1_000),
  authorizations: [
    { enterprise_id: null, team_id: scene.team.id, user_id: botUserId, is_bot: true, is_enterprise_install: false },
  ],
  is_ext_shared_channel: false,
});

const stamp = (): string => (Date.now() / 1_000).toFixed(6);
