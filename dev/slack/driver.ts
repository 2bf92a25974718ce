/**
 * Slack's other half: what a person does in Slack's client becomes the signed delivery that the app would get. People
 * and channels are named as in the workspace's seed.
 */
import { chosenOf, type Json } from './block-kit.ts';
import { deliveriesTo, type Delivered, type DeliveryOptions, type Endpoints } from './delivery.ts';
import {
  modalDriver,
  type ModalDriver,
  type PressOptions,
  type SubmitOptions,
  type Submitted,
} from './modal-driver.ts';
import { modalStacks, type View } from './modals.ts';
import { eventBody, globalShortcut, messageAction, slashBody } from './payloads.ts';
import { findElement, readingOf, type Message, type Reading } from './reading.ts';
import { startResponseListener, type ResponseListener } from './responses.ts';
import { scenes } from './scene.ts';
import { post, type RawRequest, type Reply, type SignatureForgery } from './signing.ts';
import type { Workspace } from './workspace.ts';

export type { Delivered, DeliveryOptions, Endpoints, Message, RawRequest, Reply, SubmitOptions, Submitted, View };

export type Driver = Reading &
  ModalDriver & {
    /** `in`: the channel where it was typed, by name. */
    readonly slash: (
      user: string,
      command: string,
      text: string,
      options?: DeliveryOptions & { readonly in?: string },
    ) => Promise<Delivered>;
    readonly shortcut: (user: string, callbackId: string, options?: DeliveryOptions) => Promise<Delivered>;
    /** Any event, such as `{ type: 'app_home_opened', tab: 'home' }`. */
    readonly event: (user: string, event: Json, options?: DeliveryOptions) => Promise<Delivered>;
    /** Presses a message's button; `value` where several have that action id. */
    readonly press: (user: string, message: Message, actionId: string, options?: PressOptions) => Promise<Delivered>;
    /** Sends the very same bytes again, stamp and signature included. */
    readonly replay: (request: RawRequest) => Promise<Reply>;
    /** Any bytes at all, signed as told, to where interactions go. */
    readonly sendRaw: (body: string, contentType: string, forgery?: SignatureForgery) => Promise<Reply>;
    readonly responses: ResponseListener;
    readonly stop: () => Promise<void>;
  };

export type DriverOptions = {
  readonly workspace: Workspace;
  /** The app's address for every kind of delivery, or one for each. */
  readonly endpoints: string | Endpoints;
};

export const startDriver = async ({ workspace, endpoints }: DriverOptions): Promise<Driver> => {
  const { recorder } = workspace;
  const deliveries = deliveriesTo(endpoints, workspace.signingSecret);
  const modals = modalStacks();
  const stopListening = recorder.onCall(modals.note);
  const responses = await startResponseListener();
  responses.onResponse(({ message }) => recorder.keep('response_url', message, 'chat.postMessage'));
  const reading = readingOf(workspace, modals, responses);
  const sceneFor = scenes({ workspace, modals, responses });

  return {
    ...reading,
    ...modalDriver({ workspace, deliveries, modals, responses, reading, sceneFor }),
    slash: async (user, command, text, options = {}) => {
      const place = options.in === undefined ? {} : { channel: workspace.channelId(options.in) };
      const scene = await sceneFor(user, options, place);
      return deliveries.slash(slashBody(scene, command, text), scene.triggerId, options);
    },
    shortcut: async (user, callbackId, options = {}) => {
      const scene = await sceneFor(user, options);
      return deliveries.interaction(globalShortcut(scene, callbackId), scene.triggerId, options);
    },
    event: async (user, event, options = {}) => {
      const scene = await sceneFor(user, options);
      return deliveries.event(eventBody(scene, workspace.botUserId, event), scene.triggerId, options);
    },
    press: async (user, message, actionId, options = {}) => {
      const scene = await sceneFor(user, options, { channel: message.channel });
      const { channel: _channel, ephemeral, ...shown } = message;
      const seen = { ...shown, bot_id: workspace.botId, app_id: workspace.appId, team: workspace.team.id };
      const target = findElement(message, actionId, options.value);
      const payload = messageAction(scene, seen, target, chosenOf(target, options.chosen), ephemeral);
      return deliveries.interaction(payload, scene.triggerId, options);
    },
    replay: post,
    sendRaw: (body, contentType, forgery = {}) => deliveries.raw(body, contentType, forgery),
    responses,
    stop: async () => {
      stopListening();
      await responses.stop();
    },
  };
};
