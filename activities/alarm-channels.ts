import { escalatesAfterMs, escalatesEveryMs, severityOf, type Severity } from '../domain/alarms.ts';
import { alarmNotice, type AlarmModel } from '../slack/views/alarm.ts';
import type { Content, SlackPort } from '../slack/views/message.ts';
import type { Db } from '../store/pool.ts';
import * as notices from '../store/slack-notices.ts';
import type { Log } from './failures.ts';
import { looksOf } from './painter.ts';
import { inTurn, unlimited, type Turns } from './turns.ts';
import type { Webhook } from './webhook-channel.ts';

/** What a channel is told. `detail`: one sentence without names or secrets (I12). */
export type ToldAlarm = {
  readonly id: string;
  readonly key: string;
  readonly code: string;
  readonly severity: Severity;
  readonly subject: string;
  readonly detail: string;
  readonly raisedBy: string;
  readonly raisedAt: number;
  readonly resolvedAt: number | null;
};

/**
 * One way to be heard. Each call may be repeated, and means the same then; what throws was not taken, and is said again.
 * A channel knows nothing of the others: a dead one keeps none of them from hearing.
 */
export type AlarmChannel = {
  readonly name: string;
  raised(alarm: ToldAlarm): Promise<void>;
  /** It goes on. @param level 1 at first, then one more every hour */
  escalated(alarm: ToldAlarm, level: number): Promise<void>;
  resolved(alarm: ToldAlarm): Promise<void>;
};

/** Error log lines, which whoever collects logs can alarm by as well. */
export const logAlarms = (log: Log): AlarmChannel => {
  return {
    name: 'log',
    raised: async (alarm) => log.error(about(alarm), alarm.detail),
    escalated: async (alarm, level) => log.error({ ...about(alarm), level }, `not over yet: ${alarm.detail}`),
    resolved: async (alarm) => log.info(about(alarm), 'an alarm is over'),
  };
};

const about = ({ key, code, subject, severity }: ToldAlarm): object => ({ alarm: key, code, subject, severity });

/** Types `alarm.raised`, `alarm.escalated` and `alarm.resolved`, signed; a receiver tells repeats by the message's id. */
export function webhookAlarms(webhook: Webhook): AlarmChannel {
  const post = (alarm: ToldAlarm, step: string, at: number, more: object = {}, name = step): Promise<void> => {
    const { id, key, code, severity, subject, detail, raisedBy } = alarm;
    const data = { id, key, code, severity, subject, detail, raisedBy, raisedAt: instant(alarm.raisedAt), ...more };
    return webhook.post({ id: `${id}-${name}`, type: `alarm.${step}`, data, at });
  };
  return {
    name: 'webhook',
    raised: (alarm) => post(alarm, 'raised', alarm.raisedAt),
    escalated: (alarm, level) =>
      post(
        { ...alarm, severity: severityOf(alarm.code, level) },
        'escalated',
        alarm.raisedAt + escalatesAfterMs,
        { level },
        `escalated-${level}`,
      ),
    resolved: (alarm) => {
      const at = alarm.resolvedAt ?? alarm.raisedAt;
      return post(alarm, 'resolved', at, { resolvedAt: instant(at) });
    },
  };
}

const instant = (at: number): string => new Date(at).toISOString();

export type SlackAlarmDeps = {
  readonly store: Db;
  readonly port: SlackPort;
  /** The channel's id. */
  readonly channel: string;
  readonly turns?: Turns;
};

/**
 * One message an alarm, and one more each time that it escalates; once it is over all of them say so. Where each stands
 * is kept, so a repeat posts nothing twice but where Slack took one and could not say so.
 */
export function slackAlarms({ store, channel, ...slack }: SlackAlarmDeps): AlarmChannel {
  const port = inTurn(slack.port, slack.turns ?? unlimited);

  async function say(alarm: ToldAlarm, slot: string, shows: Content): Promise<void> {
    const subject = subjectOf(alarm);
    if ((await notices.of(store, subject)).some((notice) => notice.slot === slot)) return;
    const sent = await port.post(`${subject}/${slot}`, { channel, ...shows });
    await notices.put(store, { subject, slot, channel: sent.channel, ts: sent.ts, painted: looksOf(shows) });
  }

  return {
    name: 'slack',
    raised: (alarm) => say(alarm, 'card', alarmNotice(modelOf(alarm, { kind: 'raised' }))),
    escalated: (alarm, level) => {
      const forMs = escalatesAfterMs + (level - 1) * escalatesEveryMs;
      const model = modelOf({ ...alarm, severity: severityOf(alarm.code, level) }, { kind: 'escalated', forMs });
      return say(alarm, `escalated:${level}`, alarmNotice(model));
    },
    async resolved(alarm) {
      const shows = alarmNotice(
        modelOf(alarm, { kind: 'resolved', afterMs: (alarm.resolvedAt ?? alarm.raisedAt) - alarm.raisedAt }),
      );
      const painted = looksOf(shows);
      for (const notice of await notices.of(store, subjectOf(alarm))) {
        if (notice.painted === painted) continue;
        await port.update(`${notice.subject}/${notice.slot}`, { channel: notice.channel, ts: notice.ts, ...shows });
        await notices.put(store, { ...notice, painted });
      }
    },
  };
}

const subjectOf = (alarm: ToldAlarm): string => `alarm/${alarm.id}`;

const modelOf = ({ code, severity, subject, detail }: ToldAlarm, state: AlarmModel['state']): AlarmModel => ({
  code,
  severity,
  subject,
  detail,
  state,
});
