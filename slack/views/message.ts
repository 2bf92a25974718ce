/** What is sent to Slack, and through what. */
import type { types } from '@slack/bolt';

export type Block = types.KnownBlock;
export type Modal = types.ModalView;
export type Home = types.HomeView;

/** What a message shows. `text` is what notifications and screen readers get: a whole sentence, escaped. */
export type Content = { readonly text: string; readonly blocks: readonly Block[] };

/**
 * One message of a request. A slot is its name within the request: whoever paints again edits what stands in the slot
 * (`store.slack_message`), and sends nothing where it would look the same.
 */
export type Message = Content & {
  readonly slot: string;
  /** A channel's id, or the Slack user whose direct messages it goes to. */
  readonly to:
    { readonly kind: 'channel'; readonly channel: string } | { readonly kind: 'user'; readonly user: string };
  /** In the thread of the message in this slot. */
  readonly thread?: string;
  /** `edit`: only where the slot has been sent before; it takes away buttons that no longer do anything. */
  readonly mode: 'send' | 'edit';
};

/**
 * The few things that Curfew does in Slack without having been asked by a click. Implemented by `slack/port.ts`.
 * All throw `CurfewError('SlackGone')` where trying again cannot help, and `SlackBusy` where it can.
 */
export interface SlackPort {
  post(
    message: Content & { readonly channel: string; readonly threadTs?: string },
  ): Promise<{ readonly channel: string; readonly ts: string }>;
  /** @returns `gone` where the message or its channel is no more: post it again, or let it be */
  update(message: Content & { readonly channel: string; readonly ts: string }): Promise<'ok' | 'gone'>;
  /** @returns the id of the channel of direct messages with this user */
  openDm(user: string): Promise<string>;
  /** Seen by one person only, and only while they look. */
  ephemeral(message: Content & { readonly channel: string; readonly user: string }): Promise<void>;
  /** What this user finds in the App Home from now on. */
  publish(home: { readonly user: string; readonly view: Home }): Promise<void>;
}

/** Slack did not take it now: too many calls, an outage, no connection. The same call may succeed after `retryAfterMs`. */
export class SlackBusy extends Error {
  readonly retryAfterMs: number;
  constructor(message: string, retryAfterMs: number, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SlackBusy';
    this.retryAfterMs = retryAfterMs;
  }
}
