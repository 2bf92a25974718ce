/** Through what this worker speaks: Slack where there is one, a webhook where there is one, and always the log. */
import { logAlarms, slackAlarms, webhookAlarms, type AlarmChannel } from '../../activities/alarm-channels.ts';
import { announcing } from '../../activities/announcing.ts';
import { loggedChannels, slackChannels, type Announcements } from '../../activities/channels.ts';
import { createPainter } from '../../activities/painter.ts';
import type { TellDeps } from '../../activities/tell.ts';
import { createTurns } from '../../activities/turns.ts';
import { createWebhook } from '../../activities/webhook-channel.ts';
import type { WorkerConfig } from '../../config/worker.ts';
import type { Reading } from '../../service/context.ts';
import { createSlackPort } from '../../slack/port.ts';
import { announcementChannels, type AnnouncementChannel } from '../../store/announcements.ts';
import { toRow } from '../../temporal/messages.ts';
import { paintingHomes } from './homes.ts';

export type Speaking = {
  readonly showing: Pick<TellDeps, 'slack'>;
  /** Where the outbox's messages to people go. */
  readonly channels: Announcements;
  readonly alarms: readonly AlarmChannel[];
};

/** The kinds of channel that break-glass is announced through. */
export const spokenThrough = ({ slack, webhook }: WorkerConfig): readonly AnnouncementChannel[] =>
  announcementChannels.filter((channel) => (channel === 'slack' ? slack : webhook) !== undefined);

export function openSpeaking(config: WorkerConfig, reading: Reading, signal: AbortSignal): Speaking {
  const { store, log } = reading;
  const webhook = config.webhook && createWebhook(config.webhook);
  const spoken = slackOf(config, reading, signal);
  return {
    ...spoken,
    channels: announcing(spoken.channels, { store, webhook, slack: config.slack !== undefined, log }),
    alarms: [logAlarms(log), ...spoken.alarms, ...(webhook ? [webhookAlarms(webhook)] : [])],
  };
}

/** Slack where there is one, else the log. */
function slackOf({ slack }: WorkerConfig, reading: Reading, signal: AbortSignal): Speaking {
  const { store, log } = reading;
  if (!slack) return { showing: {}, channels: loggedChannels(log), alarms: [] };
  const { botToken, apiUrl } = slack;
  // NB. A 429 is not waited out in the call: then nobody else would hear of it.
  const port = createSlackPort({ token: () => botToken, maxWaitMs: 0, ...(apiUrl === undefined ? {} : { apiUrl }) });
  const turns = createTurns(store, slack.messageEveryMs);
  const painter = createPainter(port, log, turns);
  const workspace = {
    team: slack.teamId,
    approvals: slack.channel,
    announcements: slack.opsChannel,
    policy: slack.policyChannel,
  };
  const homes = paintingHomes({ ...reading, port, team: slack.teamId, signal });
  return {
    showing: {
      slack: {
        workspace,
        painter,
        repaint: (requestId, version) => toRow({ kind: 'repaint', payload: { requestId, version } }),
        homes,
      },
    },
    channels: slackChannels({ store, workspace, port, painter, turns, homes, log }),
    alarms: [slackAlarms({ store, port, turns, channel: slack.opsChannel })],
  };
}
