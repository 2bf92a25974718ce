/** That somebody broke glass, as it was committed before there was a credential, and whether people have heard of it (I13). */
import type { RequestId } from '../domain/ids.ts';
import type { Alarm } from './alarms.ts';
import type { Db } from './pool.ts';

/** Two kinds that do not fail together. */
export const announcementChannels = ['slack', 'webhook'] as const;
export type AnnouncementChannel = (typeof announcementChannels)[number];

/** What was known of the incident: it went on, or nobody knew of it and the policy lets that through. */
export type IncidentKnown = 'holds' | 'unknown';

/** The alarm about a break-glass whose incident nobody knew. */
export const flaggedCode = 'breakglass-flagged';
export const flaggedKey = (requestId: RequestId): string => `breakglass/${requestId}/incident`;

/** The alarm about an announcement that nobody has taken in time, and about a kind of channel that is not there at all. */
export const lateCode = 'breakglass-late';
export const lateKey = (requestId: RequestId, channel: AnnouncementChannel): string =>
  `breakglass/${requestId}/${channel}`;
export const lateAlarm = (requestId: RequestId, channel: AnnouncementChannel): Alarm => ({
  key: lateKey(requestId, channel),
  code: lateCode,
  subject: requestId,
  detail: `Somebody broke glass, and the announcement through ${channel} was not taken within a minute.`,
});
export const oneChannelCode = 'breakglass-one-channel';
export const oneChannelKey = (channel: AnnouncementChannel): string => `breakglass/${channel}`;

/** Whoever has not heard of it by then is late: an alarm, and no reason to let an incident burn. */
export const lateAfterMs = 60_000;

export type Announcement = {
  readonly requestId: RequestId;
  readonly channel: AnnouncementChannel;
  readonly committedAt: number;
  readonly deliveredAt: number | null;
};

/**
 * Commits the announcements, one a channel, in the transaction that opens the request.
 * @param entry the audit entry `breakglass.announced`: the store refuses announcements that are not in the log
 */
export async function commit(tx: Db, requestId: RequestId, entry: number, incident: IncidentKnown): Promise<void> {
  await tx.query('insert into curfew.break_glass (request_id, entry, incident) values ($1, $2, $3)', [
    requestId,
    entry,
    incident,
  ]);
  await tx.query('insert into curfew.announcement (request_id, channel) select $1, unnest($2::text[])', [
    requestId,
    announcementChannels,
  ]);
}

/** In order of the channels' names. */
export const of = (db: Db, requestId: RequestId): Promise<readonly Announcement[]> =>
  db.query(
    `select request_id as "requestId", channel, committed_at as "committedAt", delivered_at as "deliveredAt"
     from curfew.announcement where request_id = $1 order by channel`,
    [requestId],
  );

/** Undefined for what is no break-glass, or one from before incidents were checked. */
export async function incidentOf(db: Db, requestId: RequestId): Promise<IncidentKnown | undefined> {
  const [row] = await db.query<{ incident: IncidentKnown }>(
    'select incident from curfew.break_glass where request_id = $1',
    [requestId],
  );
  return row?.incident;
}

/**
 * The first instant counts: a message that is sent twice was delivered once.
 * @returns how long it took, in ms; undefined where it was delivered before, or nothing of it was committed
 */
export async function delivered(
  db: Db,
  requestId: RequestId,
  channel: AnnouncementChannel,
): Promise<number | undefined> {
  const [row] = await db.query<{ tookMs: number }>(
    `update curfew.announcement set delivered_at = clock_timestamp()
     where request_id = $1 and channel = $2 and delivered_at is null
     returning floor(extract(epoch from delivered_at - committed_at) * 1000)::int8 as "tookMs"`,
    [requestId, channel],
  );
  return row?.tookMs;
}

/** Those whose message waits for its channel for too long, oldest first, at most 100. */
export const late = (db: Db): Promise<readonly Pick<Announcement, 'requestId' | 'channel'>[]> =>
  db.query(
    `select a.request_id as "requestId", a.channel from curfew.announcement a join curfew.outbox o
       on o.kind = case a.channel when 'slack' then 'announce' else 'announce-webhook' end
       and o.key = o.kind || ':' || a.request_id
     where a.delivered_at is null and a.committed_at < clock_timestamp() - $1 * interval '1 millisecond'
       and o.done_at is null order by a.committed_at limit 100`,
    [lateAfterMs],
  );

/** Break-glass whose incident nobody knew, and that is over: its alarm is no news any more. */
export async function overWithFlag(db: Db): Promise<readonly string[]> {
  const rows = await db.query<{ key: string }>(
    `select m.key from curfew.alarm m join curfew.projection p on p.request_id::text = m.subject
     where m.code = $1 and m.resolved_at is null and p.state = 'closed'`,
    [flaggedCode],
  );
  return rows.map(({ key }) => key);
}
