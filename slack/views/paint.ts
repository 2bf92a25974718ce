/**
 * From what the store knows of a request to every message that should stand in Slack now. Pure: the activity `tell`
 * compares it with what stands there already, sends what is new and edits what looks different. It is called with the
 * newest state only, so it never relies on having seen the states before.
 */
import type { PersonId } from '../../domain/ids.ts';
import { mrkdwn, type Mrkdwn } from '../text.ts';
import { counted, nudged } from './approver.ts';
import { reviewAsked, reviewDue, reviewOwed, reviewWaits } from './break-glass.ts';
import { announcement, card } from './card.ts';
import { content, section } from './kit.ts';
import type { Content, Message } from './message.ts';
import type { RequestModel, ReviewNudge } from './model.ts';
import { decisionSentence, extensionSentence, progress } from './progress.ts';
import { approved, ended, extended, held, notice, sent, startable, stuck } from './requester.ts';
import { stagesOf } from '../../domain/plan.ts';

/** The slot of the card. A break-glass request's card is its announcement, in the announcements' channel. */
const cardSlot = 'card';
/** Where the requester is told that nobody is left who could decide. */
export const stuckSlot = 'dm:stuck';

/**
 * @returns in the order in which to send them; what is in a thread comes after what it answers. Nothing for a request
 *   that has only just been written.
 */
export function paint(model: RequestModel): readonly Message[] {
  if (model.view.state.kind === 'requested') return [];
  return [paintCard(model), ...thread(model), ...toRequester(model), ...toApprovers(model), ...review(model)];
}

/** The card alone: what announces a break-glass request before its Workflow has begun. */
export const paintCard = (model: RequestModel): Message => ({
  slot: cardSlot,
  to: { kind: 'channel', channel: channelOf(model) },
  mode: 'send',
  ...(model.kind === 'break-glass' ? announcement(model) : card(model)),
});

const channelOf = ({ kind, workspace }: RequestModel): string =>
  kind === 'break-glass' ? workspace.announcements : workspace.approvals;

/** One line for each transition that people wait for. */
function thread(model: RequestModel): readonly Message[] {
  const { state } = model.view;
  const lines: { slot: string; says: Mrkdwn }[] = [];
  for (const line of model.decisions) {
    const slot = `thread:${line.voidedAt === null ? 'decision' : 'void'}:${line.id}`;
    lines.push({ slot, says: decisionSentence(model, line) });
  }
  const stages = stagesOf(model.plan);
  for (const stage of model.view.reminded ?? []) {
    const says = mrkdwn`Reminded: ${stages[stage]?.name ?? 'a step'} still waits for a decision.`;
    lines.push({ slot: `thread:reminder:${stage}`, says });
  }
  for (const stage of model.view.escalated ?? []) {
    const says = mrkdwn`Nobody decided ${stages[stage]?.name ?? 'a step'} in time: others are asked as well now.`;
    lines.push({ slot: `thread:escalation:${stage}`, says });
  }
  for (const line of model.extensions ?? []) {
    if (line.kind === 'asked') {
      lines.push({ slot: `thread:extension:${line.id}`, says: extensionSentence(model, { ...line, outcome: null }) });
    }
    if (line.outcome) lines.push({ slot: `thread:extension-over:${line.id}`, says: extensionSentence(model, line) });
  }
  if (state.kind === 'active') lines.push({ slot: 'thread:active', says: progress(model) });
  if (state.kind === 'closed') lines.push({ slot: 'thread:closed', says: progress(model) });
  return lines.map(({ slot, says }) => ({
    slot,
    to: { kind: 'channel', channel: channelOf(model) },
    thread: cardSlot,
    mode: 'send',
    ...content(says, section(says)),
  }));
}

function toRequester(model: RequestModel): readonly Message[] {
  const { kind } = model.view.state;
  const began = model.claim !== null;
  const shown: readonly (false | [slot: string, now: boolean, content: () => Content])[] = [
    model.plan.verdict === 'approvals' && ['dm:sent', kind === 'awaiting', () => sent(model)],
    model.stuck !== undefined && [stuckSlot, kind === 'awaiting' && model.stuck, () => stuck(model)],
    ['dm:approved', kind === 'approved', () => approved(model)],
    model.view.started === true && ['dm:start', kind === 'approved', () => startable(model)],
    began && ['dm:held', kind === 'granting' || kind === 'active', () => held(model)],
    began && ['dm:notice', kind === 'active' && model.view.noticed, () => notice(model)],
    ...(model.extensions ?? []).map(
      (line): false | [string, boolean, () => Content] =>
        line.outcome !== null && [`dm:extension:${line.id}`, kind === 'active', () => extended(model, line)],
    ),
    kind === 'closed' && ['dm:ended', true, () => ended(model)],
  ];
  return shown.flatMap((one) => (one ? direct(model, model.requester, one[0], one[1], one[2]()) : []));
}

/**
 * To everybody who should decide now, and to everybody whose approval counts. What was sent once and is no longer true
 * stays, without its buttons.
 */
const toApprovers = (model: RequestModel): readonly Message[] => [
  ...(model.nudges ?? []).flatMap((nudge) =>
    direct(model, nudge.person, `dm:${nudge.kind}:${nudge.stage}:${nudge.person}`, nudge.due, nudged(model, nudge)),
  ),
  ...model.decisions
    .filter((line) => line.verdict === 'approve')
    .flatMap((line) =>
      direct(model, line.person, `dm:counted:${line.id}`, line.voidedAt === null, counted(model, line)),
    ),
  ...(model.extensions ?? []).flatMap((extension) =>
    extension.decisions
      .filter((line) => line.verdict === 'approve')
      .flatMap((line) =>
        direct(model, line.person, `dm:counted:${line.id}`, line.voidedAt === null, counted(model, line, extension)),
      ),
  ),
];

function review(model: RequestModel): readonly Message[] {
  const steps = model.reviewSteps ?? [];
  // Whoever lost its Workflow is over all the same, and then its steps say so.
  const over = (model.view.state.kind === 'closed' && model.claim !== null) || steps.length > 0;
  if (model.kind !== 'break-glass' || !over) return [];
  const to = { kind: 'channel', channel: model.workspace.announcements } as const;
  const due: Message = { slot: 'review', to, mode: 'send', ...reviewDue(model) };
  const lines = steps.map(({ step }): Message => {
    const says = reviewWaits(model, { step });
    return { slot: `thread:review:${step}`, to, thread: 'review', mode: 'send', ...content(says, section(says)) };
  });
  return [due, ...lines, ...toReviewers(model, steps)];
}

/** The newest step is sent; those before it stay as they are, and lose their buttons once it is reviewed. */
function toReviewers(model: RequestModel, steps: readonly ReviewNudge[]): readonly Message[] {
  const asked = steps.flatMap((nudge, index) =>
    (model.reviewers ?? []).flatMap((person) =>
      direct(
        model,
        person,
        `dm:review:${nudge.step}:${person}`,
        model.review === null && index === steps.length - 1,
        reviewAsked(model, nudge),
      ),
    ),
  );
  const owed = steps.some(({ step }) => step.startsWith('owed'));
  return [...asked, ...(owed ? direct(model, model.requester, 'dm:owed', true, reviewOwed(model)) : [])];
}

/** Nobody is written to in another workspace than ours: a linked account there is somebody else's to vouch for. */
function direct(model: RequestModel, person: PersonId, slot: string, now: boolean, shows: Content): readonly Message[] {
  const profile = model.people.get(person);
  if (!profile?.slackUser || profile.slackTeam !== model.workspace.team) return [];
  return [{ slot, to: { kind: 'user', user: profile.slackUser }, mode: now ? 'send' : 'edit', ...shows }];
}
