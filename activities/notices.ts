/**
 * Messages about other things than requests: proposed policies, Slack accounts that were linked beside others, and what
 * somebody left behind.
 */
import { createHash } from 'node:crypto';
import { CurfewError } from '../domain/errors.ts';
import type { LinkId, PersonId, ProposalId, TaintId } from '../domain/ids.ts';
import { leftBehindNotice } from '../slack/views/left-behind.ts';
import { linkNotice } from '../slack/views/link.ts';
import type { Content, SlackPort } from '../slack/views/message.ts';
import type { Workspace } from '../slack/views/model.ts';
import { taintNotice } from '../slack/views/taint.ts';
import { proposalCard } from '../slack/views/proposal.ts';
import { leftById } from '../store/cleaning.ts';
import * as links from '../store/link-codes.ts';
import * as people from '../store/people.ts';
import type { Store } from '../store/pool.ts';
import * as proposals from '../store/proposals.ts';
import * as notices from '../store/slack-notices.ts';
import { currentPolicy } from './current-policy.ts';
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
  /** To the owners of its target, by direct message. */
  leftBehind(message: { readonly leftId: string }): Promise<void>;
};

/** So many owners of a target are written to. */
const mostOwners = 20;

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

  const policyOf = currentPolicy();
  /** The Slack accounts of those who own the target by the policy of now. */
  async function ownersOf(target: string): Promise<readonly string[]> {
    const owners = (await policyOf(store)).targets.get(target)?.owners ?? [];
    const shown = await people.profiles(store, await people.peopleMatching(store, owners));
    const users = [...shown.values()].flatMap(({ slackTeam, slackUser }) =>
      slackTeam === workspace.team && slackUser !== undefined ? [slackUser] : [],
    );
    return users.slice(0, mostOwners);
  }

  return {
    async leftBehind({ leftId }) {
      const left = await leftById(store, leftId);
      if (!left) return;
      const shows = leftBehindNotice(left);
      for (const user of await ownersOf(left.target)) {
        await paint(`left-behind/${leftId}`, slotOf(leftId, user), () => port.openDm(user), shows).catch((error) => {
          // Whoever has no account any more keeps nobody else from being told.
          if (!(error instanceof CurfewError) || error.code !== 'SlackGone') throw error;
          log.warn({ leftId, err: error }, 'an owner of a target cannot be told what was left behind there');
        });
      }
    },
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
const slotOf = (id: string, user: string): string =>
  `dm:${createHash('sha256').update(`${id} ${user}`).digest('hex').slice(0, 16)}`;

const listOf = (person: PersonId | null): readonly PersonId[] => (person === null ? [] : [person]);
