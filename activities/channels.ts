import { CurfewError } from '../domain/errors.ts';
import type { LinkId, ProposalId, RequestId } from '../domain/ids.ts';
import type { OpenAlarm } from '../store/alarms.ts';
import type { RequestView } from '../domain/view.ts';
import { mrkdwn } from '../slack/text.ts';
import { content, section } from '../slack/views/kit.ts';
import { leaverNotice, type LeaverModel } from '../slack/views/leaver.ts';
import type { Content, SlackPort } from '../slack/views/message.ts';
import type { Workspace } from '../slack/views/model.ts';
import { cardSlot, paint, paintCard } from '../slack/views/paint.ts';
import * as people from '../store/people.ts';
import type { Store } from '../store/pool.ts';
import * as projections from '../store/projections.ts';
import * as requests from '../store/requests.ts';
import * as slackMessages from '../store/slack-messages.ts';
import type { LeaveInput, LeaveReport } from '../workflows/contract.ts';
import type { Log } from './failures.ts';
import type { Painter } from './painter.ts';
import { createNotices } from './notices.ts';
import { requestModel } from './request-model.ts';

/** What the outbox says to people. */
export type Announcements = {
  announce(message: { readonly requestId: RequestId }): Promise<void>;
  reviewed(message: { readonly requestId: RequestId }): Promise<void>;
  repaint(message: { readonly requestId: RequestId }): Promise<void>;
  left(message: Left): Promise<void>;
  alarm(alarm: OpenAlarm): Promise<void>;
  proposal(message: { readonly proposalId: ProposalId; readonly step: string }): Promise<void>;
  link(message: { readonly linkId: LinkId; readonly step: string }): Promise<void>;
};

export type Left = Pick<LeaveInput, 'personId' | 'event' | 'cause'> & {
  readonly closed: number;
  readonly voided: number;
  readonly safeAfterMs: number;
};

/** Of a report, what people are told. */
export const leftOf = ({ personId, event, cause }: LeaveInput, report: LeaveReport): Left => ({
  personId,
  event,
  cause,
  closed: report.closed.length,
  voided: report.voided.length,
  safeAfterMs: report.safeAfterMs,
});

export type ChannelDeps = {
  readonly store: Store;
  readonly workspace: Workspace;
  readonly port: SlackPort;
  readonly painter: Painter;
  readonly log: Log;
};

/** The announcements' channel. Everything said there is logged too, as an error where it is an alarm. */
export function slackChannels({ store, workspace, port, painter, log }: ChannelDeps): Announcements {
  const quiet = loggedChannels(log);
  const notices = createNotices({ store, workspace, port, log });
  const post = async (shows: Content): Promise<void> => {
    await port.post({ channel: workspace.announcements, ...shows });
  };
  return {
    async announce(message) {
      await quiet.announce(message);
      const { requestId } = message;
      const model = await requestModel(store, workspace, requestId, await viewOf(store, requestId), Date.now());
      if (!model) throw new CurfewError('UnknownRequest', 'The store has no such request.');
      await painter(store, requestId, [paintCard(model)]);
      const stands = (await slackMessages.of(store, requestId)).some(({ slot }) => slot === cardSlot);
      if (!stands) throw new CurfewError('SlackGone', 'The announcement could not be posted.');
    },
    async reviewed(message) {
      await quiet.reviewed(message);
      const { requestId } = message;
      const model = await requestModel(store, workspace, requestId, await viewOf(store, requestId), Date.now());
      if (model) await painter(store, requestId, paint(model));
    },
    async repaint({ requestId }) {
      const model = await requestModel(store, workspace, requestId, await viewOf(store, requestId), Date.now());
      if (model) await painter(store, requestId, paint(model));
    },
    async left(message) {
      await quiet.left(message);
      await post(leaverNotice(await leaverOf(store, message)));
    },
    async alarm(alarm) {
      await quiet.alarm(alarm);
      await post(alarmNotice(alarm));
    },
    async proposal(message) {
      await quiet.proposal(message);
      await notices.proposal(message);
    },
    async link(message) {
      await quiet.link(message);
      await notices.link(message);
    },
  };
}

/** Where there is no Slack. */
export const loggedChannels = (log: Log): Announcements => ({
  announce: async (message) => log.warn(message, 'break-glass: a request without prior approval'),
  reviewed: async (message) => log.info(message, 'break-glass: reviewed'),
  repaint: async () => undefined,
  left: async (message) => log.info(message, 'a leaver: everything is ended'),
  alarm: async ({ key, code, subject, detail }) => log.error({ alarm: key, code, subject }, detail),
  proposal: async (message) => log.warn(message, 'a policy is proposed, or a proposal moved'),
  link: async (message) => log.warn(message, 'a Slack account is linked beside another'),
});

/** What its Workflow says, or will say first: a break-glass request waits for nobody. */
async function viewOf(store: Store, id: RequestId): Promise<RequestView> {
  const kept = await projections.viewOf(store, id);
  if (kept) return kept;
  const request = await requests.byId(store, id);
  const state = { kind: 'approved', needs: [], approvals: [] } as const;
  return { version: 0, state, decideByAt: request?.decideByAt ?? 0, useByAt: null, noticed: false };
}

async function leaverOf(store: Store, { personId, ...rest }: Left): Promise<LeaverModel> {
  const profile = (await people.profiles(store, [personId])).get(personId);
  return { name: profile?.name ?? null, ...rest };
}

function alarmNotice({ code, subject, detail }: OpenAlarm): Content {
  const says = mrkdwn`:rotating_light: Alarm *${code}*: ${detail}`;
  return content(
    says,
    section(says),
    section(mrkdwn`About \`${subject}\`. It is resolved by itself once the cause is gone.`),
  );
}
