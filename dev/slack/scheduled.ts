import { setTimeout as later } from 'node:timers';

type Inspect = (method: string, args: Readonly<Record<string, unknown>>) => Promise<Record<string, unknown>>;

/** The emulator keeps scheduled messages and never posts them. This does, at their second, unless they were deleted. */
export const scheduledMessages = (
  inspect: Inspect,
): {
  readonly note: (
    method: string,
    args: Readonly<Record<string, unknown>>,
    reply: Readonly<Record<string, unknown>>,
  ) => void;
  readonly stop: () => void;
} => {
  const timers = new Map<string, NodeJS.Timeout>();
  const post = async (channel: string, id: string, args: Readonly<Record<string, unknown>>): Promise<void> => {
    timers.delete(id);
    await inspect('chat.deleteScheduledMessage', { channel, scheduled_message_id: id });
    const { post_at: _postAt, ...message } = args;
    await inspect('chat.postMessage', message);
  };
  return {
    note: (method, args, reply) => {
      if (reply['ok'] !== true) return;
      if (method === 'chat.deleteScheduledMessage') clearTimeout(timers.get(String(args['scheduled_message_id'])));
      if (method !== 'chat.scheduleMessage') return;
      const id = String(reply['scheduled_message_id']);
      const channel = String(reply['channel']);
      const inMs = Math.max(0, Number(reply['post_at']) * 1_000 - Date.now());
      // A workspace that is being stopped loses the message, as the emulator loses everything then.
      timers.set(
        id,
        later(() => void post(channel, id, args).catch(() => undefined), Math.min(inMs, 2 ** 31 - 1)).unref(),
      );
    },
    stop: () => {
      for (const timer of timers.values()) clearTimeout(timer);
    },
  };
};
