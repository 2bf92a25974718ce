import { CurfewError } from '../domain/errors.ts';
import type { LinkId, PersonId, ProposalId, RequestId, TaintId } from '../domain/ids.ts';
import type { RequestView } from '../domain/view.ts';
import { leftBehindNotice } from '../slack/views/left-behind.ts';
import { leaverNotice, type LeaverModel } from '../slack/views/leaver.ts';
import type { Content, Message, SlackPort } from '../slack/views/message.ts';
import type { RequestModel, Workspace } from '../slack/views/model.ts';
import { paint, paintCard } from '../slack/views/paint.ts';
import { leftById } from '../store/cleaning.ts';
import * as people from '../store/people.ts';
import type { Store } from '../store/pool.ts';
import * as projections from '../store/projections.ts';
import * as requests from '../store/requests.ts';
import type { LeaveInput, LeaveReport } from '../workflows/contract.ts';
import { concernedBy } from './concerned.ts';
import type { Log } from './failures.ts';
import type { Painter } from './painter.ts';
import { createNotices } from './notices.ts';
import { requestModel } from './request-model.ts';
import { inTurn, unlimited, type Turns } from './turns.ts';

/** What the outbox says to people. */
export type Announcements = {
  announce(message: { readonly requestId: RequestId }): Promise<void>;
  /** Through the second kind of channel; `announcing.ts` does it where there is one. */
  announceWebhook(message: { readonly requestId: RequestId }): Promise<void>;
  reviewed(message: { readonly requestId: RequestId }): Promise<void>;
  repaint(message: { readonly requestId: RequestId }): Promise<void>;
  left(message: Left): Promise<void>;
  proposal(message: { readonly proposalId: ProposalId; readonly step: string }): Promise<void>;
  link(message: { readonly linkId: LinkId; readonly step: string }): Promise<void>;
  taint(message: { readonly taintId: TaintId; readonly step: string }): Promise<void>;
  leftBehind(message: { readonly leftId: string }): Promise<void>;
};

export type Left = Pick<LeaveInput, 'personId' | 'event' | 'cause'> & {
  readonly closed: number;
  readonly voided: number;
  readonly safeAfterMs: number;
  /** What others hold on their approval. */
  readonly tainted?: number;
};

/** Of a report, what people are told. */
export const leftOf = ({ personId, event, cause }: LeaveInput, report: LeaveReport): Left => ({
  personId,
  event,
  cause,
  closed: report.closed.length,
  voided: report.voided.length,
  safeAfterMs: report.safeAfterMs,
  ...(report.tainted === undefined ? {} : { tainted: report.tainted }),
});

export type ChannelDeps = {
  readonly store: Store;
  readonly workspace: Workspace;
  readonly port: SlackPort;
  readonly painter: Painter;
  readonly turns?: Turns;
  /** Paints the App Homes of these people soon; nobody waits for it. */
  readonly homes?: (people: readonly PersonId[]) => void;
  readonly log: Log;
};

/** The announcements' channel. Everything said there is logged too. */
export function slackChannels(deps: ChannelDeps): Announcements {
  const { store, workspace, painter, homes, log } = deps;
  const port = inTurn(deps.port, deps.turns ?? unlimited);
  const quiet = loggedChannels(log);
  const notices = createNotices(deps);
  const post = async (key: string, shows: Content): Promise<void> => {
    await port.post(key, { channel: workspace.announcements, ...shows });
  };
  const paintNow = async (requestId: RequestId, show: (model: RequestModel) => readonly Message[]): Promise<void> => {
    let model: RequestModel | undefined;
    const gone = await painter(store, requestId, async () => {
      model = await requestModel(store, workspace, requestId, await viewOf(store, requestId), Date.now());
      if (!model) throw new CurfewError('UnknownRequest', 'The store has no such request.');
      return show(model);
    });
    if (model && homes) homes(await concernedBy(store, model));
    if (gone.length > 0) throw new CurfewError('SlackGone', `The channel ${gone.join(', ')} takes no messages.`);
  };
  return {
    async announce(message) {
      await quiet.announce(message);
      await paintNow(message.requestId, (model) => [paintCard(model)]);
    },
    announceWebhook: (message) => quiet.announceWebhook(message),
    async reviewed(message) {
      await quiet.reviewed(message);
      await paintNow(message.requestId, paint);
    },
    repaint: ({ requestId }) => paintNow(requestId, paint),
    async left(message) {
      await quiet.left(message);
      await post(`left/${message.personId}/${message.event}`, leaverNotice(await leaverOf(store, message)));
    },
    async proposal(message) {
      await quiet.proposal(message);
      await notices.proposal(message);
    },
    async taint(message) {
      await quiet.taint(message);
      await notices.taint(message);
    },
    async leftBehind(message) {
      await quiet.leftBehind(message);
      const found = await leftById(store, message.leftId);
      if (found) await post(`left-behind/${message.leftId}`, leftBehindNotice(found));
      await notices.leftBehind(message);
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
  announceWebhook: async (message) => log.warn(message, 'break-glass: no second kind of channel'),
  reviewed: async (message) => log.info(message, 'break-glass: reviewed'),
  repaint: async () => undefined,
  left: async (message) => log.info(message, 'a leaver: everything is ended'),
  proposal: async (message) => log.warn(message, 'a policy is proposed, or a proposal moved'),
  taint: async (message) => log.warn(message, 'something rests on the approval of somebody who has left'),
  leftBehind: async (message) => log.info(message, 'somebody left objects behind: curfew report objects lists them'),
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
