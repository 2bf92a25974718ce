import type { App, BlockButtonAction } from '@slack/bolt';
import { isRefusal, type Refusal } from '../../domain/errors.ts';
import { refused, say, tell, type Turn } from '../answers.ts';
import { actions } from '../ids.ts';
import type { Desk } from '../service.ts';
import { mrkdwn } from '../text.ts';
import { findingsForm } from '../views/findings.ts';
import type { Content } from '../views/message.ts';
import { reviewForm } from '../views/review.ts';
import { claimLink, told } from '../views/told.ts';
import { openForm } from './asking.ts';
import { pressedBy, turnOf, type Opener, type Pressed } from './turn.ts';

/** Buttons on messages. What they change is committed before Slack is answered; what they open, opens before that too. */
export function register(app: App, desk: Desk): void {
  onPress(app, desk, actions.review, (press, opener) => openReview(desk, press, opener));
  onPress(app, desk, actions.reviewBreakGlass, (press, opener) => openFindings(desk, press, opener));
  onPress(app, desk, actions.askAgain, (press, opener) => askAgain(desk, press, opener));
  onPress(app, desk, actions.withdraw, (press) => ended(desk.service.withdraw(mine(press)), 'Withdrawn.'));
  onPress(app, desk, actions.release, (press) => ended(desk.service.release(mine(press)), 'Thank you: it ends now.'));
  onPress(app, desk, actions.endNow, (press) => revoke(desk, press, false));
  onPress(app, desk, actions.disownApproval, (press) => revoke(desk, press, true));
  onPress(app, desk, actions.disownClaim, (press) => revoke(desk, press, true));
  app.action(actions.claim, (args) => claim(desk, turnOf(args.context), args.body));
  // Opens a page in the browser; Slack reports the press and wants an answer, and that is all.
  app.action(actions.claimLink, ({ context }) => turnOf(context).answer());
}

/** What a press leads to: something to say, a refusal, or nothing where a modal opened. */
type Act = (press: Pressed, opener: Opener) => Promise<Content | Refusal | undefined>;

function onPress(app: App, desk: Desk, action: string, act: Act): void {
  app.action<BlockButtonAction>(action, async ({ body, client, context }) => {
    const turn = turnOf(context);
    const press = await pressedBy(desk, turn, body);
    if (isRefusal(press)) return await refused(desk, turn, press);
    const said = await act(press, { client, triggerId: body.trigger_id });
    if (said === undefined) return await turn.answer();
    await (isRefusal(said) ? refused(desk, turn, said) : say(desk, turn, said));
  });
}

const mine = ({ requestId, person }: Pressed): Pick<Pressed, 'requestId' | 'person'> => ({ requestId, person });

async function openReview(desk: Desk, press: Pressed, { client, triggerId }: Opener): Promise<Refusal | undefined> {
  const model = await desk.service.reviewModel(mine(press));
  if (isRefusal(model)) return model;
  // Asked for now, so that it is known when the decision comes; the form does not wait for it.
  const asked = desk.accounts.factsOf(press.account);
  const selectors = model.plan.verdict === 'approvals' ? model.plan.stages.flatMap((stage) => stage.from) : [];
  const people = await desk.records.profiles([
    model.requester,
    ...model.decisions.map((one) => one.person),
    ...selectors.flatMap((one) => (one.kind === 'person' ? [one.person] : [])),
  ]);
  await client.views.open({ trigger_id: triggerId, view: reviewForm(model, people) });
  await asked;
  return undefined;
}

async function openFindings(desk: Desk, press: Pressed, { client, triggerId }: Opener): Promise<Refusal | undefined> {
  const status = await desk.service.status({ requestId: press.requestId });
  if (isRefusal(status)) return status;
  const asked = desk.accounts.factsOf(press.account);
  const people = await desk.records.profiles([status.requester]);
  await client.views.open({ trigger_id: triggerId, view: findingsForm(status, people) });
  await asked;
  return undefined;
}

async function askAgain(desk: Desk, press: Pressed, opener: Opener): Promise<Refusal | undefined> {
  const before = await desk.service.status({ requestId: press.requestId });
  if (isRefusal(before)) return before;
  return await openForm(desk, opener, press.person, {
    target: before.target,
    role: before.role,
    durationMs: before.durationMs,
  });
}

type Ending = ReturnType<Desk['service']['revoke']>;

async function ended(ending: Ending, says: string): Promise<Content | Refusal> {
  const result = await ending;
  if (isRefusal(result)) return result;
  if (result.already) return told(mrkdwn`It was over, or ending, already.`);
  return told(result.confirmed ? mrkdwn`${says}` : mrkdwn`${says} It is recorded; the card follows.`);
}

/**
 * NB. Ending access never waits for Slack's word on the account: what is not known about it stops an approval, never a
 * revoke (I18). The account goes along where it is known already or quickly.
 */
async function revoke(desk: Desk, press: Pressed, disowned: boolean): Promise<Content | Refusal> {
  const account = await desk.accounts.factsOf(press.account);
  return await ended(
    desk.service.revoke({ ...mine(press), ...(account ? { account } : {}), ...(disowned ? { disowned } : {}) }),
    'It ends now; the card shows when every session is closed.',
  );
}

/** The link is told to the requester only, and only in a message that goes away. */
async function claim(desk: Desk, turn: Turn, body: unknown): Promise<void> {
  const press = await pressedBy(desk, turn, body);
  if (isRefusal(press)) return await refused(desk, turn, press);
  const minted = await desk.service.mintCode(mine(press));
  if (isRefusal(minted)) return await refused(desk, turn, minted);
  await turn.answer();
  await tell(desk, turn.delivery, claimLink(press.requestId, minted), notShown);
}

const notShown = told(mrkdwn`Slack did not show your one-time link. Press Claim again for a new one.`);
