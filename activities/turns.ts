import { setTimeout as pause } from 'node:timers/promises';
import { NotYourTurn } from '../domain/errors.ts';
import { secondMs } from '../domain/time.ts';
import { SlackBusy, type SlackPort } from '../slack/views/message.ts';
import type { Store } from '../store/pool.ts';
import * as turns from '../store/slack-turns.ts';

/** Who may write to Slack now, of all workers. */
export type Turns = {
  /**
   * Resolves when it is this message's turn in the channel.
   * @param key of the message: whoever comes again with it keeps its place
   * @throws NotYourTurn where that takes longer than a call should wait
   */
  message(channel: string, key: string): Promise<void>;
  /** The same for editing, of which the workspace takes only so many a minute besides. */
  edit(channel: string, key: string): Promise<void>;
  /** Slack wanted no more there; whatever waits for its turn waits longer. */
  busy(channel: string, way: 'message' | 'edit', error: SlackBusy): Promise<void>;
};

/**
 * `chat.update` is of Slack's third tier: about fifty a minute from a workspace, bursts tolerated
 * (https://docs.slack.dev/apis/web-api/rate-limits#overview).
 */
const editsPerMinute = 50;
const editBurst = 20;
const editsLine = 'chat.update';

/** A call takes upon itself to wait for so many turns; a longer wait is the caller's, which comes back a little early. */
const turnsAhead = 3;
const turnsEarly = 2;

/** @param everyMs between two messages in one channel; 0: without a limit, where Slack is an emulator */
export function createTurns(store: Store, everyMs: number): Turns {
  if (everyMs === 0) return unlimited;
  const aheadMs = Math.min(turnsAhead * everyMs, 3 * secondMs);
  const earlyMs = Math.min(turnsEarly * everyMs, 2 * secondMs);
  const editsEveryMs = Math.round((everyMs * 60) / editsPerMinute);
  const burstMs = editBurst * editsEveryMs;
  const inLine = async (turn: Omit<turns.Turn, 'aheadMs'>): Promise<void> => {
    const waitMs = await turns.take(store, { ...turn, aheadMs });
    if (waitMs > aheadMs) throw new NotYourTurn(waitMs - earlyMs);
    if (waitMs > 0) await pause(waitMs);
  };
  const message: Turns['message'] = (line, key) => inLine({ line, key, everyMs });
  return {
    message,
    async edit(channel, key) {
      // NB. Last the channel: its turn is the instant at which to send.
      await inLine({ line: editsLine, key, everyMs: editsEveryMs, burstMs });
      await message(channel, key);
    },
    async busy(channel, way, { retryAfterMs }) {
      // A minute at most: nobody is kept waiting for an hour by one wrong answer.
      const forMs = Math.min(Math.max(retryAfterMs, 0), 60 * secondMs);
      await turns.hold(store, channel, forMs);
      if (way === 'edit' && forMs > secondMs) await turns.hold(store, editsLine, forMs + burstMs);
    },
  };
}

/** For tests, and where nobody counts. */
export const unlimited: Turns = {
  message: () => Promise.resolve(),
  edit: () => Promise.resolve(),
  busy: () => Promise.resolve(),
};

/** A port that waits for its turn, under a message's key: `SlackPort`, and NotYourTurn besides what that throws. */
export type PacedPort = Pick<SlackPort, 'openDm'> & {
  post(key: string, message: Parameters<SlackPort['post']>[0]): ReturnType<SlackPort['post']>;
  update(key: string, message: Parameters<SlackPort['update']>[0]): ReturnType<SlackPort['update']>;
};

/** NB. When Slack says that it is busy, the turns are told before the error goes on: every worker then waits. */
export function inTurn(port: SlackPort, given: Turns): PacedPort {
  async function said<T>(way: 'message' | 'edit', key: string, channel: string, send: () => Promise<T>): Promise<T> {
    await given[way](channel, key);
    try {
      return await send();
    } catch (error) {
      if (error instanceof SlackBusy) await given.busy(channel, way, error);
      throw error;
    }
  }
  return {
    openDm: (user) => port.openDm(user),
    post: (key, message) => said('message', key, message.channel, () => port.post(message)),
    update: (key, message) => said('edit', key, message.channel, () => port.update(message)),
  };
}
