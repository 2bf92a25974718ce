import { setTimeout as pause } from 'node:timers/promises';
import type { AlarmChannel, ToldAlarm } from '../../activities/alarm-channels.ts';
import type { Log } from '../../activities/failures.ts';
import { CurfewError, NotYourTurn } from '../../domain/errors.ts';
import { floodCode, floodDetail, floodKey, severityOf, tellable, testCode } from '../../domain/alarms.ts';
import { minuteMs, secondMs } from '../../domain/time.ts';
import * as deliveries from '../../store/alarm-deliveries.ts';
import type { DueDelivery } from '../../store/alarm-deliveries.ts';
import * as alarms from '../../store/alarms.ts';
import type { Db } from '../../store/pool.ts';
import { again } from './again.ts';

export type TellingOptions = {
  /** As the worker's login. */
  readonly store: Db;
  readonly channels: readonly AlarmChannel[];
  readonly log: Log;
};

const batch = 10;
/** A worker that dies in the middle delays its deliveries by this; a repeat is harmless, because each is keyed. */
const leaseMs = minuteMs / 2;
const longestBackoffMs = minuteMs;
const everyMs = secondMs;
/** A test that no channel takes ends all the same. */
const testPatienceMs = minuteMs;

/**
 * Decides who is told what, then tells: each channel by itself, so that a dead one holds up no other. Whoever does not
 * take it is told again, without end.
 * @returns one round; it throws `NotRecorded` when the store does not answer
 */
export function createTelling({ store, channels, log }: TellingOptions): () => Promise<void> {
  const names = channels.map(({ name }) => name);

  /** A storm is said as a number: past a bound the alarms of one code are one alarm more. */
  async function chooseWhatToTell(): Promise<void> {
    for (const counts of await deliveries.countsByCode(store)) {
      const { tell, flooding } = tellable(counts);
      if (tell > 0) await deliveries.tell(store, names, counts.code, tell);
      const key = floodKey(counts.code);
      if (flooding && !counts.flooding) {
        const detail = floodDetail({ code: counts.code, untold: counts.untold - tell });
        await alarms.raise(store, { key, code: floodCode, subject: counts.code, detail });
      }
      if (!flooding && counts.flooding) await alarms.resolve(store, key);
    }
    await deliveries.tell(store, names, floodCode, batch);
    for (const key of await deliveries.heardBy(store, names, testCode, testPatienceMs))
      await alarms.resolve(store, key);
    for (const key of await deliveries.oldNews(store)) await alarms.resolve(store, key);
    await deliveries.follow(store, names);
  }

  async function deliver(channel: AlarmChannel, due: DueDelivery): Promise<void> {
    try {
      await say(channel, due);
    } catch (error) {
      const backoffMs = Math.min(longestBackoffMs, secondMs * 2 ** Math.min(due.attempts - 1, 10));
      const againMs = error instanceof NotYourTurn ? error.inMs : backoffMs;
      const why = error instanceof CurfewError ? error.message : 'it did not take it';
      log.warn({ alarm: due.key, channel: channel.name, attempts: due.attempts, why }, 'an alarm is not heard yet');
      return await deliveries.failed(store, due, why, againMs);
    }
    await deliveries.delivered(store, due);
  }

  async function serve(channel: AlarmChannel): Promise<void> {
    for (const due of await deliveries.take(store, channel.name, batch, leaseMs)) await deliver(channel, due);
  }

  const busy = new Map<string, Promise<void>>();
  return async () => {
    await chooseWhatToTell();
    // NB. A channel that hangs is still at its last round, and the others are not waited for either.
    for (const channel of channels) {
      if (busy.has(channel.name)) continue;
      const served = serve(channel)
        .catch((error: unknown) =>
          log.warn({ err: error, channel: channel.name }, 'what a channel took is not recorded'),
        )
        .finally(() => busy.delete(channel.name));
      busy.set(channel.name, served);
    }
    await Promise.race([Promise.all(busy.values()), pause(everyMs, undefined, { ref: false })]);
  };
}

function say(channel: AlarmChannel, due: DueDelivery): Promise<void> {
  const { alarm: id, key, code, subject, detail, raisedBy, raisedAt, resolvedAt, step } = due;
  const told: ToldAlarm = {
    id,
    key,
    code,
    severity: severityOf(code),
    subject,
    detail,
    raisedBy,
    raisedAt,
    resolvedAt,
  };
  switch (step.kind) {
    case 'raised':
      return channel.raised(told);
    case 'escalated':
      return channel.escalated(told, step.level);
    case 'resolved':
      return channel.resolved(told);
  }
}

/** Every second until the signal. A round that fails is the store's trouble, which others tell of. */
export const keepTelling = (round: () => Promise<void>, signal: AbortSignal): Promise<void> =>
  again(everyMs, round, signal);
