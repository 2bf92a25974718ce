import { createHash } from 'node:crypto';
import { CurfewError } from '../domain/errors.ts';
import type { RequestId } from '../domain/ids.ts';
import { setTimeout as pause } from 'node:timers/promises';
import type { Pace } from '../slack/pace.ts';
import { SlackBusy, type Message, type SlackPort } from '../slack/views/message.ts';
import type { Db } from '../store/pool.ts';
import * as slackMessages from '../store/slack-messages.ts';
import type { Log } from './failures.ts';

/** Makes what stands in Slack look like these messages. */
export type Painter = (db: Db, requestId: RequestId, messages: readonly Message[]) => Promise<void>;

/**
 * Sends what is new, edits what looks different, and leaves alone what looks the same; so painting again after a
 * failure goes on where it stopped. A process that dies between Slack's answer and the store's row sends that one
 * message again: twice a message is better than none.
 *
 * @param pace how much a channel takes; whoever comes too early is told when to come again
 * @throws SlackBusy where Slack takes nothing now. What can never be sent (a channel without the bot, a person who is
 *   gone) is logged and left out, so that it keeps nobody else from being told.
 */
export function createPainter(port: SlackPort, log: Log, pace: Pace = unpaced): Painter {
  /** Channels of direct messages never change. */
  const directs = new Map<string, string>();
  const directOf = async (user: string): Promise<string> => {
    const channel = directs.get(user) ?? (await port.openDm(user));
    directs.set(user, channel);
    return channel;
  };

  /** One painter at a request at a time, or two would both find a slot empty and both post. */
  const turns = new Map<RequestId, Promise<void>>();
  return (db, requestId, messages) => {
    const turn = (turns.get(requestId) ?? Promise.resolve()).then(() => paintAll(db, requestId, messages));
    const settled = turn
      .catch(() => undefined)
      .finally(() => turns.get(requestId) === settled && turns.delete(requestId));
    turns.set(requestId, settled);
    return turn;
  };

  async function inTurn(channel: string, key: string): Promise<void> {
    const waitMs = pace.slotFor(channel, key) - Date.now();
    if (waitMs > shortWaitMs) throw new SlackBusy('the channel has as many messages as Slack takes', waitMs);
    if (waitMs > 0) await pause(waitMs);
    pace.done(channel, key);
  }

  async function paintAll(db: Db, requestId: RequestId, messages: readonly Message[]): Promise<void> {
    const stands = new Map((await slackMessages.of(db, requestId)).map((row) => [row.slot, row]));
    for (const message of messages) {
      try {
        const row = await paintOne(requestId, message, stands);
        if (!row) continue;
        stands.set(row.slot, row);
        await slackMessages.put(db, row);
      } catch (error) {
        if (!(error instanceof CurfewError) || error.code !== 'SlackGone') throw error;
        log.warn({ requestId, slot: message.slot, err: error }, 'a message cannot be sent');
      }
    }
  }

  /** @returns where it stands now, if anything was sent or edited */
  async function paintOne(
    requestId: RequestId,
    message: Message,
    stands: ReadonlyMap<string, slackMessages.SlackMessage>,
  ): Promise<slackMessages.SlackMessage | undefined> {
    const { slot, text, blocks, to, mode } = message;
    const painted = looksOf(message);
    const there = stands.get(slot);
    if (there?.painted === painted || (!there && mode === 'edit')) return undefined;
    if (there) {
      const { channel, ts } = there;
      await inTurn(channel, `${requestId}/${slot}`);
      if ((await port.update({ channel, ts, text, blocks })) === 'ok') return { ...there, painted };
      // Deleted by somebody. One that is only edited has done its duty; the others are said again.
      if (mode === 'edit') return { ...there, painted };
    }
    const channel = to.kind === 'channel' ? to.channel : await directOf(to.user);
    await inTurn(channel, `${requestId}/${slot}`);
    const threadTs = message.thread === undefined ? undefined : stands.get(message.thread)?.ts;
    const sent = await port.post({ channel, text, blocks, ...(threadTs === undefined ? {} : { threadTs }) });
    return { requestId, slot, channel: sent.channel, ts: sent.ts, painted };
  }
}

/** Without a limit: for tests, and where somebody else keeps it. */
const unpaced: Pace = { slotFor: () => 0, done: () => undefined };

/** The longest wait that a call takes upon itself; a longer one is the caller's. */
const shortWaitMs = 3_000;

const looksOf = ({ text, blocks }: Message): string =>
  createHash('sha256')
    .update(JSON.stringify([text, blocks]))
    .digest('hex');
