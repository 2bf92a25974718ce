import type { Channels } from '../../temporal/messages.ts';

/** Channels that hear everything and say nothing. */
export const fakeChannels = (): Channels => ({
  announce: async () => undefined,
  announceWebhook: async () => undefined,
  reviewed: async () => undefined,
  repaint: async () => undefined,
  left: async () => undefined,
  proposal: async () => undefined,
  link: async () => undefined,
  taint: async () => undefined,
  leftBehind: async () => undefined,
});
