import { formatInstant, minuteMs } from '../domain/time.ts';
import { announcementChannels } from '../store/announcements.ts';
import { all } from '../store/heartbeats.ts';
import type { Db } from '../store/pool.ts';
import { current } from '../store/policies.ts';
import { coverage } from '../store/sessions.ts';

/** Something that holds as it was set up, and that whoever looks should know. No broken promise. */
export type Notice = { readonly code: 'one-person' | 'one-channel' | 'sessions-unread'; readonly detail: string };

/** A log that was not read for this long is not read: a collector says so every ten seconds. */
const unreadMs = 5 * minuteMs;

/** @param now epoch ms; a worker that has been silent for a minute is not counted */
export async function noticesOf(store: Db, now: number): Promise<readonly Notice[]> {
  const policy = await current(store);
  const alone: readonly Notice[] = policy?.onePerson
    ? [
        {
          code: 'one-person',
          detail: `One person may change the policy alone, as version ${policy.number} has it: policyChange: two-people in the next one ends that.`,
        },
      ]
    : [];
  return [...alone, ...(await channelsOf(store, now)), ...(await sessionsOf(store, now))];
}

/** Break-glass is announced through two kinds of channel that do not fail together (I13). */
async function channelsOf(store: Db, now: number): Promise<readonly Notice[]> {
  const live = (await all(store)).filter(({ at }) => now - at < minuteMs);
  const said = live.flatMap(({ body }) => channelsIn(body));
  // Nobody who announces is up, or none of this version: then nothing is known.
  if (said.length === 0) return [];
  const missing = announcementChannels.filter((channel) => !said.flat().includes(channel));
  return missing.map((channel) => ({
    code: 'one-channel',
    detail: `No worker announces break-glass through ${channel}: set it up, so that people hear of it although the other one is down.`,
  }));
}

function channelsIn(body: unknown): readonly (readonly string[])[] {
  const { channels } = (body ?? {}) as { readonly channels?: unknown };
  return Array.isArray(channels) ? [channels.filter((one) => typeof one === 'string')] : [];
}

/** Of the nodes whose logs somebody once began to read: session evidence is missing, and that stops nobody. */
async function sessionsOf(store: Db, now: number): Promise<readonly Notice[]> {
  return (await coverage(store)).flatMap(({ cluster, node, wholeSince, readTo }): readonly Notice[] => {
    const where = `${cluster}/${node}`;
    if (readTo === null || now - readTo > unreadMs) {
      const since = readTo === null ? 'was never read to its end' : `was last read at ${formatInstant(readTo)}`;
      return [{ code: 'sessions-unread', detail: `The log of ${where} ${since}: look at the collector's /healthz.` }];
    }
    if (wholeSince !== null) return [];
    const detail = `The log of ${where} does not tell of every session: curfew target check says what to set.`;
    return [{ code: 'sessions-unread', detail }];
  });
}
