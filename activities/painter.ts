import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { CurfewError, NotYourTurn } from '../domain/errors.ts';
import type { RequestId } from '../domain/ids.ts';
import { secondMs } from '../domain/time.ts';
import type { Content, Message, SlackPort } from '../slack/views/message.ts';
import * as alarms from '../store/alarms.ts';
import type { Store } from '../store/pool.ts';
import * as slackMessages from '../store/slack-messages.ts';
import { beginPainting, endPainting } from '../store/slack-turns.ts';
import type { Log } from './failures.ts';
import { inTurn, unlimited, type Turns } from './turns.ts';

/**
 * Makes what stands in Slack look like these messages. They are asked for once nobody else paints the request, so that
 * whoever comes last shows the newest.
 * @returns the channels that took none of it, and will not before somebody mends them
 * @throws SlackBusy where Slack takes nothing now; NotYourTurn where others are before this one
 */
export type Painter = (
  store: Store,
  requestId: RequestId,
  messages: () => Promise<readonly Message[]>,
) => Promise<readonly string[]>;

/** How long a painter that died keeps others from its request. */
const paintingMs = 15 * secondMs;
/** No message is begun later: one call may take three seconds, and then the painting must still be ours. */
const beginWithinMs = paintingMs - 5 * secondMs;
/** How long to wait for another painter of the same request before coming again. */
const patienceMs = 3 * secondMs;
const lookEveryMs = 100;

/**
 * Sends what is new, edits what looks different, and leaves alone what looks the same; so painting again after a
 * failure goes on where it stopped. A process that dies between Slack's answer and the store's row sends that one
 * message again: twice a message is better than none. What can never be sent (a channel without the bot, a person who
 * is gone) is logged and left out, so that it keeps nobody else from being told.
 */
export function createPainter(port: SlackPort, log: Log, turns: Turns = unlimited): Painter {
  const paced = inTurn(port, turns);
  const broken = brokenChannels(log);
  /** Channels of direct messages never change. */
  const directs = new Map<string, string>();
  const directOf = async (user: string): Promise<string> => {
    const channel = directs.get(user) ?? (await port.openDm(user));
    directs.set(user, channel);
    return channel;
  };

  return async (store, requestId, messages) => {
    const painter = randomUUID();
    await begin(store, requestId, painter);
    try {
      return await paintAll(store, requestId, await messages(), Date.now() + beginWithinMs);
    } finally {
      // Where the store is gone, it ends by itself.
      await endPainting(store, requestId, painter).catch(() => undefined);
    }
  };

  async function paintAll(store: Store, requestId: RequestId, messages: readonly Message[], until: number) {
    const stands = new Map((await slackMessages.of(store, requestId)).map((row) => [row.slot, row]));
    const gone = new Set<string>();
    for (const message of messages) {
      if (Date.now() > until) throw new NotYourTurn(0);
      try {
        const row = await paintOne(requestId, message, stands);
        if (!row) continue;
        stands.set(row.slot, row);
        await slackMessages.put(store, row);
        if (message.to.kind === 'channel') await broken.works(store, row.channel);
      } catch (error) {
        if (!(error instanceof CurfewError) || error.code !== 'SlackGone') throw error;
        log.warn({ requestId, slot: message.slot, err: error }, 'a message cannot be sent');
        if (message.to.kind !== 'channel') continue;
        gone.add(message.to.channel);
        await broken.refuses(store, message.to.channel);
      }
    }
    return [...gone];
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
    const key = `${requestId}/${slot}`;
    if (there) {
      const { channel, ts } = there;
      if ((await paced.update(key, { channel, ts, text, blocks })) === 'ok') return { ...there, painted };
      // Deleted by somebody. One that is only edited has done its duty; the others are said again.
      if (mode === 'edit') return { ...there, painted };
    }
    const channel = to.kind === 'channel' ? to.channel : await directOf(to.user);
    const threadTs = message.thread === undefined ? undefined : stands.get(message.thread)?.ts;
    const sent = await paced.post(key, { channel, text, blocks, ...(threadTs === undefined ? {} : { threadTs }) });
    return { requestId, slot, channel: sent.channel, ts: sent.ts, painted };
  }
}

/** Waits a moment for whoever paints this request. */
async function begin(store: Store, requestId: RequestId, painter: string): Promise<void> {
  const until = Date.now() + patienceMs;
  while (!(await beginPainting(store, requestId, painter, paintingMs))) {
    if (Date.now() > until) throw new NotYourTurn(secondMs);
    await pause(lookEveryMs);
  }
}

const alarmOf = (channel: string): string => `slack/${channel}`;

/** A channel that is archived, or that the bot was taken from, is one alarm until it takes a message again. */
function brokenChannels(log: Log) {
  const known = new Map<string, 'works' | 'refuses'>();
  return {
    async refuses(store: Store, channel: string): Promise<void> {
      known.set(channel, 'refuses');
      const detail = `the Slack channel ${channel} takes no messages: archived, or the app is not in it`;
      const raised = await alarms.raise(store, {
        key: alarmOf(channel),
        code: 'slack-channel',
        subject: channel,
        detail,
      });
      if (raised) log.error({ channel }, 'a Slack channel takes no messages');
    },
    /** Once a process: another one, or an earlier one, may have raised it. */
    async works(store: Store, channel: string): Promise<void> {
      if (known.get(channel) === 'works') return;
      await alarms.resolve(store, alarmOf(channel));
      known.set(channel, 'works');
    },
  };
}

/** What a message shows, as a hash: an equal one is not sent again. */
export const looksOf = ({ text, blocks }: Content): string =>
  createHash('sha256')
    .update(JSON.stringify([text, blocks]))
    .digest('hex');
