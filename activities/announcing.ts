/**
 * Says that somebody broke glass, through two kinds of channel that do not fail together, and writes down when each has
 * taken it (I13). What is late, or has nowhere to go, is an alarm and never a reason to hold the grant.
 */
import { CurfewError } from '../domain/errors.ts';
import type { RequestId } from '../domain/ids.ts';
import * as alarms from '../store/alarms.ts';
import * as announcements from '../store/announcements.ts';
import type { AnnouncementChannel } from '../store/announcements.ts';
import type { Store } from '../store/pool.ts';
import * as requests from '../store/requests.ts';
import * as reviews from '../store/reviews.ts';
import type { Announcements } from './channels.ts';
import type { Log } from './failures.ts';
import type { Webhook } from './webhook-channel.ts';

export type AnnouncingDeps = {
  /** The login `curfew_worker`. */
  readonly store: Store;
  readonly webhook?: Webhook | undefined;
  readonly slack: boolean;
  readonly log: Log;
};

/** The channels, with the second kind beside them and the deliveries kept. */
export function announcing(channels: Announcements, deps: AnnouncingDeps): Announcements {
  const { store, webhook, slack } = deps;
  return {
    ...channels,
    async announce(message) {
      await channels.announce(message);
      await (slack ? took(deps, message.requestId, 'slack') : missing(deps, 'slack'));
    },
    async announceWebhook(message) {
      if (!webhook) return await missing(deps, 'webhook');
      await webhook.post(await announcementOf(store, message.requestId));
      await took(deps, message.requestId, 'webhook');
    },
    async reviewed(message) {
      await alarms.resolve(store, reviews.owedKey(message.requestId));
      await channels.reviewed(message);
    },
  };
}

/** One that was late has had its alarm, also where no worker was there to raise it in time. */
async function took({ store, log }: AnnouncingDeps, id: RequestId, channel: AnnouncementChannel): Promise<void> {
  const tookMs = await announcements.delivered(store, id, channel);
  if (tookMs !== undefined && tookMs > announcements.lateAfterMs) {
    await alarms.raise(store, announcements.lateAlarm(id, channel));
    log.error({ requestId: id, channel, tookMs }, 'break-glass was announced late');
  }
  await alarms.resolve(store, announcements.lateKey(id, channel));
}

/** NB. Nothing is ever said twice by pretending: the announcement stays undelivered, and the alarm says why. */
async function missing({ store, log }: AnnouncingDeps, channel: AnnouncementChannel): Promise<void> {
  const detail = `Break-glass is announced through one kind of channel only: no ${channel} is configured for this worker.`;
  const alarm = { key: announcements.oneChannelKey(channel), code: announcements.oneChannelCode, subject: channel };
  if (await alarms.raise(store, { ...alarm, detail })) log.error({ channel }, detail);
}

/** Ids, names of targets and instants; no name of a person, no reason: it leaves the company's own systems (I12). */
async function announcementOf(store: Store, id: RequestId): Promise<Parameters<Webhook['post']>[0]> {
  const request = await requests.byId(store, id);
  if (!request) throw new CurfewError('UnknownRequest', 'The store has no such request.');
  return {
    id: `breakglass_${id}`,
    type: 'breakglass.announced',
    at: request.openedAt,
    data: {
      request: id,
      person: request.person,
      target: request.target,
      role: request.role,
      databases: request.databases,
      durationMs: request.durationMs,
      incident: request.ticket,
      incidentKnown: (await announcements.incidentOf(store, id)) === 'holds',
      openedAt: request.openedAt,
    },
  };
}
