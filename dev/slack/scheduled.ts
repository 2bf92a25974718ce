import { setTimeout as later } from 'node:timers';

type Inspect = (method: string, args: Readonly<Record<string, unknown>>) => Promise<Record<string, unknown>>;

const longestTimerMs = 2 ** 31 - 1;

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
  // One that was deleted is gone from the emulator too, and then nothing is posted.
  const post = async (channel: string, id: string, args: Readonly<Record<string, unknown>>): Promise<void> => {
    timers.delete(id);
    await inspect('chat.deleteScheduledMessage', { channel, scheduled_message_id: id });
    const { post_at: _postAt, ...message } = args;
    await inspect('chat.postMessage', message);
  };
  return {
    note: (method, args, reply) => {
      if (method !== 'chat.scheduleMessage' || reply['ok'] !== true) return;
      const id = String(reply['scheduled_message_id']);
      const channel = String(reply['channel']);
      const inMs = Math.max(0, Number(reply['post_at']) * 1_000 - Date.now());
      // Not in the life of a workspace that forgets everything when it stops; Node's timers reach no further either.
      if (inMs > longestTimerMs) return;
      timers.set(id, later(() => void post(channel, id, args).catch(() => undefined), inMs).unref());
    },
    stop: () => {
      for (const timer of timers.values()) clearTimeout(timer);
    },
  };
};
