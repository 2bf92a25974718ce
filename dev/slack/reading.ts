/** What a person sees in the workspace: channels, threads, direct messages, messages for their eyes only. */
import { setTimeout as pause } from 'node:timers/promises';
import { elementsOf, type Element, type Json } from './block-kit.ts';
import type { ModalStacks } from './modals.ts';
import type { ResponseListener } from './responses.ts';
import type { Workspace } from './workspace.ts';

export type Message = Json & {
  readonly ts: string;
  /** Id of the channel it stands in. */
  readonly channel: string;
  readonly text: string;
  readonly ephemeral: boolean;
};

export type Reading = {
  /** Newest first, without replies in threads. */
  readonly messages: (channelName: string) => Promise<readonly Message[]>;
  /** Oldest first, without the message that began the thread. */
  readonly thread: (message: Message) => Promise<readonly Message[]>;
  /** The app's direct messages to somebody, newest first. */
  readonly dms: (user: string) => Promise<readonly Message[]>;
  /** What only that person saw, newest first: from `chat.postEphemeral` and from a `response_url`. */
  readonly ephemerals: (user: string) => readonly Message[];
  /** The newest message of a channel that mentions `what` anywhere: in its text, its blocks or a button's value. */
  readonly newest: (channelName: string, what: string) => Promise<Message | null>;
  /** The newest direct message that does. */
  readonly newestDm: (user: string, what: string) => Promise<Message | null>;
  /**
   * Reads again whenever something reached Slack, until there is something to return.
   * @throws after `withinMs`, naming `what` was waited for
   */
  readonly eventually: <T>(
    what: string,
    read: () => Promise<T | null | undefined> | T | null | undefined,
    withinMs?: number,
  ) => Promise<T>;
};

export const readingOf = (workspace: Workspace, modals: ModalStacks, responses: ResponseListener): Reading => {
  const { recorder } = workspace;
  const history = async (channel: string): Promise<readonly Message[]> => {
    const { messages } = await recorder.inspect('conversations.history', { channel, limit: 1_000 });
    return (messages as readonly Json[]).map((message) => asMessage(message, channel, false));
  };
  const dms = async (user: string): Promise<readonly Message[]> => {
    const { channel } = await recorder.inspect('conversations.open', { users: workspace.userId(user) });
    return history((channel as { id: string }).id);
  };
  const messages = (channelName: string): Promise<readonly Message[]> => history(workspace.channelId(channelName));

  return {
    messages,
    dms,
    thread: async ({ channel, ts }) => {
      const replies = await recorder.inspect('conversations.replies', { channel, ts, limit: 1_000 });
      return (replies['messages'] as readonly Json[])
        .filter((reply) => reply['ts'] !== ts)
        .map((reply) => asMessage(reply, channel, false));
    },
    ephemerals: (user) => {
      const userId = workspace.userId(user);
      const posted = recorder
        .calls('chat.postEphemeral')
        .filter(({ args, reply }) => args['user'] === userId && reply?.body['ok'] === true)
        .map(({ at, args, reply }) => ({
          at,
          message: asMessage({ ...args, ts: reply?.body['message_ts'] }, String(args['channel']), true),
        }));
      const responded = responses
        .all()
        .filter(
          (one) =>
            one.userId === userId &&
            one.status === 200 &&
            (one.message['response_type'] ?? 'ephemeral') === 'ephemeral',
        )
        .map(({ at, channel, message }) => ({
          at,
          message: asMessage({ ts: (at / 1_000).toFixed(6), ...message }, channel, true),
        }));
      return [...posted, ...responded].toSorted((one, other) => other.at - one.at).map(({ message }) => message);
    },
    newest: async (channelName, what) => (await messages(channelName)).find(mentions(what)) ?? null,
    newestDm: async (user, what) => (await dms(user)).find(mentions(what)) ?? null,
    eventually: async (what, read, withinMs = 30_000) => {
      const giveUpAt = Date.now() + withinMs;
      for (;;) {
        const change = nextChange(workspace, modals, responses);
        const found = await read();
        if (found !== null && found !== undefined) return found;
        if (Date.now() > giveUpAt) throw new Error(`${what}: not within ${withinMs} ms`);
        await change;
      }
    },
  };
};

const asMessage = (message: Json, channel: string, ephemeral: boolean): Message => ({
  text: '',
  ts: '',
  ...message,
  channel,
  ephemeral,
});

const mentions =
  (what: string) =>
  (message: Message): boolean =>
    JSON.stringify(message).includes(what);

/** Resolves on the next thing that reaches Slack, and after a second in any case. */
const nextChange = async (workspace: Workspace, modals: ModalStacks, responses: ResponseListener): Promise<void> => {
  const over = new AbortController();
  const stops = [workspace.recorder.onCall, responses.onResponse, modals.onChange].map((on) => on(() => over.abort()));
  await pause(1_000, undefined, { signal: over.signal }).catch(() => undefined);
  for (const stop of stops) stop();
};

/**
 * A button or select of a message, by its action id, and by its value where several have that id.
 * @throws when there is none, naming what there is
 */
export const findElement = (message: Json, actionId: string, value?: string): Element => {
  const elements = elementsOf(message['blocks']);
  const found = elements.find(
    (one) => one.actionId === actionId && (value === undefined || one.element['value'] === value),
  );
  if (found !== undefined) return found;
  throw new Error(`no ${actionId} to press, only: ${elements.map((one) => one.actionId).join(', ') || 'nothing'}`);
};
