import type { App, BlockButtonAction } from '@slack/bolt';
import { isRefusal, refuse, type Refusal } from '../../domain/errors.ts';
import { deliveryRefused } from '../../domain/events/operation.ts';
import type { LinkId, ProposalId } from '../../domain/ids.ts';
import type { Verdict } from '../../domain/decision.ts';
import { refused, say, underField, updated } from '../answers.ts';
import { actions, blocks, callbacks } from '../ids.ts';
import { pressOf } from '../payload.ts';
import { refusalText, staysOpen } from '../refusals.ts';
import type { Desk } from '../service.ts';
import { mrkdwn } from '../text.ts';
import { proposalForm, readAboutProposal } from '../views/proposal.ts';
import { told, toldModal } from '../views/told.ts';
import { fieldsOf, type Field } from './form-values.ts';
import { clickerOf, turnOf, type Clicker } from './turn.ts';

/** Proposed policies, Slack accounts that wait for the old one's word, what a leaver had approved. All stand on messages of their own. */
export function register(app: App, desk: Desk): void {
  app.action<BlockButtonAction>(actions.reviewProposal, async ({ body, client, context }) => {
    const turn = turnOf(context);
    const press = await pressedNotice(desk, turn, body, 'proposal');
    if (isRefusal(press)) return await refused(desk, turn, press);
    const model = await desk.service.proposalModel({ proposalId: press.id as ProposalId, person: press.person });
    if (isRefusal(model)) return await refused(desk, turn, model);
    // Asked for now, so that it is known when the decision comes; the form does not wait for it.
    const asked = desk.accounts.factsOf(press.account);
    const people = await desk.records.profiles([
      ...model.approvals,
      ...(model.proposer === null ? [] : [model.proposer]),
    ]);
    await client.views.open({ trigger_id: body.trigger_id, view: proposalForm(model, people) });
    await turn.answer();
    await asked;
  });
  app.view(callbacks.decideProposal, async ({ view, context }) => {
    const turn = turnOf(context);
    const clicker = await clickerOf(desk, turn);
    if (isRefusal(clicker)) return await refused(desk, turn, clicker);
    const outcome = await decide(desk, clicker, fieldsOf(view.state), view.private_metadata);
    if (!isRefusal(outcome)) return await turn.answer(updated(toldModal('Recorded', outcome)));
    const inPlace = staysOpen(outcome) ? underField(turn.delivery, outcome, turn.reference) : undefined;
    await turn.answer(inPlace ?? updated(toldModal('Not done', refusalText(outcome, turn.reference))));
  });
  onLink(app, desk, actions.confirmLink, 'approve');
  onLink(app, desk, actions.refuseLink, 'deny');
  onTaint(app, desk, actions.keepTaint, 'keep');
  onTaint(app, desk, actions.endTaint, 'end');
}

function onLink(app: App, desk: Desk, action: string, verdict: Verdict): void {
  app.action<BlockButtonAction>(action, async ({ body, context }) => {
    const turn = turnOf(context);
    const press = await pressedNotice(desk, turn, body, 'link');
    if (isRefusal(press)) return await refused(desk, turn, press);
    const { id, person, account } = press;
    const settled = await desk.service.confirmLink({ linkId: id as LinkId, person, ...account, verdict });
    if (isRefusal(settled)) return await refused(desk, turn, settled);
    const says = settled.confirmed
      ? mrkdwn`Confirmed: from now on the new account is as good as this one.`
      : mrkdwn`Taken away: the new account is linked to nobody. Tell security if you did not link it.`;
    await say(desk, turn, told(says));
  });
}

function onTaint(app: App, desk: Desk, action: string, verdict: 'keep' | 'end'): void {
  app.action<BlockButtonAction>(action, async ({ body, context }) => {
    const turn = turnOf(context);
    const press = await pressedNotice(desk, turn, body, 'taint');
    if (isRefusal(press)) return await refused(desk, turn, press);
    const account = await desk.accounts.factsOf(press.account);
    if (!account)
      return await refused(
        desk,
        turn,
        refuse('NotRecorded', 'Not recorded: Slack did not say in time whose account this is.'),
      );
    const answered = await desk.service.answerTaint({ taintId: press.id, person: press.person, account, verdict });
    if (isRefusal(answered)) return await refused(desk, turn, answered);
    const says = verdict === 'keep' ? mrkdwn`Recorded: it stays.` : mrkdwn`Recorded: it ends now.`;
    await say(desk, turn, told(says));
  });
}

type OnNotice = Clicker & { readonly id: string };

/** The message must be one that Curfew posted about this very thing. One that was copied elsewhere is refused and audited. */
async function pressedNotice(
  desk: Desk,
  turn: ReturnType<typeof turnOf>,
  body: unknown,
  kind: 'proposal' | 'link' | 'taint',
): Promise<OnNotice | Refusal> {
  const clicker = await clickerOf(desk, turn);
  if (isRefusal(clicker)) return clicker;
  const press = pressOf(body);
  const subject = press && (await desk.records.noticeAt(press.channel, press.ts));
  if (press && subject === `${kind}/${press.requestId}`) return { ...clicker, id: press.requestId };
  const { person, reference } = clicker;
  await desk.records.audit(deliveryRefused(person, press?.requestId ?? 'slack', { why: 'foreign-message', reference }));
  return refuse('UnknownRequest', 'This button is not on a message that Curfew keeps for it.');
}

/** @returns what became of it, in a sentence */
async function decide(desk: Desk, { person, account: of }: Clicker, field: Field, metadata: string) {
  const about = readAboutProposal(metadata);
  if (!about) return refuse('StaleView', 'This form does not say what it showed.');
  const verdict = field(blocks.verdict, actions.verdict);
  if (verdict !== 'approve' && verdict !== 'deny') {
    return refuse('InvalidInput', 'Choose whether to approve or to deny.', blocks.verdict);
  }
  const account = await desk.accounts.factsOf(of);
  if (!account) return refuse('NotRecorded', 'Not recorded: Slack did not say in time whose account this is.');
  const decided = await desk.service.decideProposal({ ...about, person, account, verdict });
  if (isRefusal(decided)) return decided;
  if (decided.state === 'adopted') return mrkdwn`Approved: this policy holds from now on.`;
  if (decided.state === 'denied') return mrkdwn`Denied: the policy that held holds on.`;
  return mrkdwn`Approved: ${decided.approvals} of ${decided.need}. It holds once the others have approved too.`;
}
