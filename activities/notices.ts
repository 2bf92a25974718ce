/** Messages about other things than requests: proposed policies, and Slack accounts that were linked beside others. */
import { createHash } from 'node:crypto';
import { CurfewError } from '../domain/errors.ts';
import type { LinkId, PersonId, ProposalId, TaintId } from '../domain/ids.ts';
import { linkNotice } from '../slack/views/link.ts';
import type { Content, SlackPort } from '../slack/views/message.ts';
import type { Workspace } from '../slack/views/model.ts';
import { taintNotice } from '../slack/views/taint.ts';
import { proposalCard } from '../slack/views/proposal.ts';
import * as links from '../store/link-codes.ts';
import * as people from '../store/people.ts';
import type { Store } from '../store/pool.ts';
import * as proposals from '../store/proposals.ts';
import * as notices from '../store/slack-notices.ts';
import type { Log } from './failures.ts';
import { looksOf } from './painter.ts';
import { askedOf } from './taint-asked.ts';
import { inTurn, unlimited, type Turns } from './turns.ts';

export type NoticeDeps = {
  readonly store: Store;
  readonly workspace: Workspace;
  readonly port: SlackPort;
  readonly turns?: Turns;
  readonly log: Log;
};

export type Notices = {
  proposal(message: { readonly proposalId: ProposalId }): Promise<void>;
  link(message: { readonly linkId: LinkId }): Promise<void>;
  taint(message: { readonly taintId: TaintId }): Promise<void>;
};

/** Each makes Slack show how it stands by now; so a message that comes late, or twice, shows nothing that is over. */
export function createNotices({ store, workspace, log, ...slack }: NoticeDeps): Notices {
  const port = inTurn(slack.port, slack.turns ?? unlimited);
  /** What stands is edited; what somebody deleted is posted again. */
  async function paint(subject: string, slot: string, to: () => Promise<string>, shows: Content): Promise<void> {
    const painted = looksOf(shows);
    const there = (await notices.of(store, subject)).find((one) => one.slot === slot);
    if (there?.painted === painted) return;
    const key = `${subject}/${slot}`;
    if (there && (await port.update(key, { channel: there.channel, ts: there.ts, ...shows })) === 'ok') {
      return await notices.put(store, { ...there, painted });
    }
    const sent = await port.post(key, { channel: await to(), ...shows });
    await notices.put(store, { subject, slot, channel: sent.channel, ts: sent.ts, painted });
  }

  return {
    async proposal({ proposalId }) {
      const proposal = await proposals.byId(store, proposalId);
      if (!proposal) throw new CurfewError('UnknownRequest', 'The store has no such proposal.');
      const named = [...proposal.decisions.map(({ person }) => person), ...listOf(proposal.proposer)];
      const shown = await people.profiles(store, named);
      const channel = workspace.policy ?? workspace.announcements;
      const card = proposalCard({ ...proposal, proposalId }, shown);
      await paint(`proposal/${proposalId}`, 'card', () => Promise.resolve(channel), card);
    },
    async taint({ taintId }) {
      const subject = `taint/${taintId}`;
      const asked = await askedOf(store, taintId);
      if (asked.kind === 'open') {
        const shown = await people.profiles(store, asked.people);
        const users = asked.people.flatMap((person) => {
          const { slackTeam, slackUser } = shown.get(person) ?? {};
          return slackTeam === workspace.team && slackUser !== undefined ? [slackUser] : [];
        });
        if (users.length === 0)
          log.warn({ taintId }, 'a leaver had approved something, and nobody can be asked about it');
        const shows = taintNotice(asked.notice);
        for (const user of users) await paint(subject, slotOf(taintId, user), () => port.openDm(user), shows);
        return;
      }
      const settled = taintNotice(asked.notice);
      for (const { slot, channel } of await notices.of(store, subject)) {
        await paint(subject, slot, () => Promise.resolve(channel), settled);
      }
    },
    async link({ linkId }) {
      const subject = `link/${linkId}`;
      const waits = await links.waitingLink(store, linkId);
      if (waits) {
        const shows = linkNotice({ kind: 'waiting', linkId, approvesFromAt: waits.approvesFromAt });
        const accounts = (await links.settled(store, waits.person)).filter(({ team }) => team === workspace.team);
        if (accounts.length === 0) log.warn({ linkId }, 'a new Slack account, and no older one that could be asked');
        for (const { user } of accounts) await paint(subject, slotOf(linkId, user), () => port.openDm(user), shows);
        return;
      }
      const gone = linkNotice({ kind: 'settled' });
      for (const { slot, channel } of await notices.of(store, subject)) {
        await paint(subject, slot, () => Promise.resolve(channel), gone);
      }
    },
  };
}

/** NB. Slack's ids of people stand in one table only, so a slot is named by a hash. */
const slotOf = (id: LinkId | TaintId, user: string): string =>
  `dm:${createHash('sha256').update(`${id} ${user}`).digest('hex').slice(0, 16)}`;

const listOf = (person: PersonId | null): readonly PersonId[] => (person === null ? [] : [person]);
