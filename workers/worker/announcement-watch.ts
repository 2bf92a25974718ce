import * as alarms from '../../store/alarms.ts';
import * as announcements from '../../store/announcements.ts';
import type { AnnouncementChannel } from '../../store/announcements.ts';
import type { Db } from '../../store/pool.ts';

export type AnnouncementWatchOptions = {
  /** As curfew_worker. */
  readonly store: Db;
  /** The kinds of channels that this worker speaks through. */
  readonly channels: readonly AnnouncementChannel[];
};

/**
 * Alarms for break-glass that people have not heard of within a minute (I13), and resolves what is no news any more: the
 * kind of channel that was missing is there, or the break-glass for an unknown incident is over.
 * @returns one look; it throws `NotRecorded` when the store does not answer
 */
export function watchAnnouncements({ store, channels }: AnnouncementWatchOptions): () => Promise<void> {
  let resolved = false;
  return async () => {
    if (!resolved) {
      for (const channel of channels) await alarms.resolve(store, announcements.oneChannelKey(channel));
      resolved = true;
    }
    for (const { requestId, channel } of await announcements.late(store)) {
      await alarms.raise(store, announcements.lateAlarm(requestId, channel));
    }
    for (const key of await announcements.overWithFlag(store)) await alarms.resolve(store, key);
  };
}
