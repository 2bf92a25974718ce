/** A proposed policy: its card for those who may change the policy, and Review, in which one of them decides. */
import { z } from 'zod';
import { isUuid, type PersonId, type PolicyHash, type ProposalId } from '../../domain/ids.ts';
import type { ProposalModel } from '../../service/contract-governance.ts';
import { actions, blocks, callbacks } from '../ids.ts';
import { cut, joined, listed, mrkdwn, nothing, sentence, value, when, type Mrkdwn } from '../text.ts';
import { input, modal } from './form.ts';
import { button, content, context, divider, fields, option, row, section, verbatim } from './kit.ts';
import type { Block, Content, Modal } from './message.ts';
import type { People } from './model.ts';
import { nameOf } from './words.ts';

export type ProposalCard = Pick<
  ProposalModel,
  'proposalId' | 'hash' | 'proposedBy' | 'proposer' | 'proposedAt' | 'changes' | 'need' | 'state'
> & {
  readonly decisions: readonly { readonly person: PersonId; readonly verdict: 'approve' | 'deny' }[];
};

/** Of a hash people compare so much; the whole of it comes back with the decision. */
const hashShown = 12;
const changesShown = { card: 5, review: 15 };

export function proposalCard(card: ProposalCard, people: People): Content {
  const says = mrkdwn`${by(card, people)} proposes a new policy (${card.hash.slice(0, hashShown)}): ${stands(card, people)}`;
  return content(
    says,
    section(mrkdwn`*A new policy* is proposed by ${by(card, people)}, ${when(card.proposedAt)}.`),
    section(mrkdwn`*What would change*, ${counted}\n${changes(card.changes, changesShown.card)}`),
    section(stands(card, people)),
    row(...(card.state === 'open' ? [button(actions.reviewProposal, 'Review', card.proposalId)] : [])),
    context(mrkdwn`Proposal ${card.proposalId.slice(0, 8)}, SHA-256 ${card.hash.slice(0, hashShown)}`),
  );
}

const by = ({ proposer, proposedBy }: Pick<ProposalModel, 'proposer' | 'proposedBy'>, people: People): Mrkdwn =>
  proposer === null ? mrkdwn`the login ${proposedBy}` : mrkdwn`${nameOf(people, proposer)} (login ${proposedBy})`;

function stands({ state, decisions, need }: ProposalCard, people: People): Mrkdwn {
  const names = (verdict: 'approve' | 'deny'): readonly string[] =>
    decisions.filter((one) => one.verdict === verdict).map((one) => nameOf(people, one.person));
  const approved = names('approve');
  switch (state) {
    case 'open':
      return mrkdwn`*It waits*: ${approved.length} of ${need} other people who may change the policy approved${
        approved.length > 0 ? mrkdwn` (${listed(approved)})` : nothing
      }.`;
    case 'adopted':
      return approved.length === 0
        ? mrkdwn`*It holds*: the policy before it let one person change it.`
        : mrkdwn`*It holds*: approved by ${listed(approved)}.`;
    case 'denied':
      return mrkdwn`*Denied* by ${listed(names('deny'))}: the policy that held holds on.`;
    case 'superseded':
      return mrkdwn`*Superseded*: another policy has come in between. It has to be proposed again.`;
  }
}

/** NB. It is their word: the store cannot judge policies. What is approved is the text, which Review shows below. */
const counted = mrkdwn`as the proposer's command line counted it`;

/** Each line cut by itself. */
function changes(lines: readonly string[], most: number): Mrkdwn {
  if (lines.length === 0) return mrkdwn`For nobody in the directory anything.`;
  const shown = lines.slice(0, most).map((line) => mrkdwn`- ${value(line, 150)}`);
  const rest = lines.length - shown.length;
  return mrkdwn`${joined(shown, '\n')}${rest > 0 ? mrkdwn`\n... and ${rest} more` : nothing}`;
}

/** Review: who, the whole hash, what would change for whom, and the texts' difference, as much as Slack shows of it. */
export function proposalForm(model: ProposalModel, people: People): Modal {
  const base = model.base === null ? 'none' : model.base.slice(0, hashShown);
  return modal(
    {
      callback: callbacks.decideProposal,
      title: 'Review policy',
      submit: 'Record decision',
      metadata: writeAbout({ proposalId: model.proposalId, hash: model.hash }),
    },
    model.you ? [section(mrkdwn`*Your approval would not count*: ${sentence(model.you.message, 500)}`), divider] : [],
    section(mrkdwn`*A new policy*, proposed by ${by(model, people)}, ${when(model.proposedAt)}`),
    fields([
      mrkdwn`*In place of*\n${base}`,
      mrkdwn`*Approved so far*\n${model.approvals.length} of ${model.need}${
        model.approvals.length > 0 ? mrkdwn`: ${listed(model.approvals.map((id) => nameOf(people, id)))}` : nothing
      }`,
    ]),
    section(mrkdwn`*SHA-256*\n\`${model.hash}\``),
    section(mrkdwn`*What would change for whom*, ${counted}\n${changes(model.changes, changesShown.review)}`),
    section(mrkdwn`*What changes in the text*`),
    difference(model.diff),
    divider,
    input(blocks.verdict, 'Your decision', {
      type: 'radio_buttons',
      action_id: actions.verdict,
      options: [option('Approve', 'approve'), option('Deny', 'deny')],
    }),
  );
}

const longestDiff = 9_000;

/** Plain text: nothing in it is markup. What is cut says so first, because nobody should approve what they cannot see. */
function difference(diff: string): readonly Block[] {
  if (diff === '') return verbatim('Nothing.', 1);
  const long = diff.length > longestDiff;
  return [
    ...(long
      ? [
          section(
            mrkdwn`_Only its beginning fits here. The whole of it: \`curfew policy proposal\` on the command line._`,
          ),
        ]
      : []),
    ...verbatim(cut(diff, longestDiff), 4),
  ];
}

const about = z.strictObject({
  proposalId: z
    .string()
    .refine(isUuid)
    .transform((text) => text as ProposalId),
  hash: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .transform((text) => text as PolicyHash),
});
export type AboutProposal = z.infer<typeof about>;

const writeAbout = (given: AboutProposal): string => JSON.stringify(given);

/** What a sent form was about. @returns undefined for anything that Curfew does not write */
export function readAboutProposal(text: string): AboutProposal | undefined {
  try {
    return about.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
