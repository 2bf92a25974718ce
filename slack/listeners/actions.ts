import type { App, BlockButtonAction } from '@slack/bolt';
import { isRefusal, refuse, type Refusal } from '../../domain/errors.ts';
import type { ExtensionId } from '../../domain/ids.ts';
import { refused, say, tell, type Turn } from '../answers.ts';
import { actions } from '../ids.ts';
import type { Desk } from '../service.ts';
import { mrkdwn } from '../text.ts';
import { findingsForm } from '../views/findings.ts';
import type { Content } from '../views/message.ts';
import { claimLink, told, toldInModal } from '../views/told.ts';
import { openForm } from './asking.ts';
import { extend } from './extending.ts';
import { openExtensionReview, openReview } from './reviewing.ts';
import { foreign, pressedBy, pressOn, turnOf, type Opener, type Place, type Pressed } from './turn.ts';

/** Buttons. What they change is committed before Slack is answered; what they open, opens before that too. */
export function register(app: App, desk: Desk): void {
  onPress(app, desk, actions.review, (press, opener) => openReview(desk, press, opener), own);
  onPress(app, desk, actions.askAgain, (press, opener) => askAgain(desk, press, opener), own);
  onPress(app, desk, actions.extend, (press, opener) => extend(desk, press, opener), own);
  onPress(app, desk, actions.withdraw, (press) => ended(desk.service.withdraw(mine(press)), 'Withdrawn.'), own);
  onPress(app, desk, actions.release, (press) => ended(desk.service.release(mine(press)), done), own);
  onPress(app, desk, actions.claim, (press) => claim(desk, press), { ...own, instead: notShown });
  onPress(app, desk, actions.reviewBreakGlass, (press, opener) => openFindings(desk, press, opener), own);
  onPress(app, desk, actions.endNow, (press) => revoke(desk, press, false));
  onPress(app, desk, actions.disownApproval, (press) => revoke(desk, press, true));
  onPress(app, desk, actions.disownClaim, (press) => revoke(desk, press, true));
  app.action<BlockButtonAction>(actions.reviewExtension, async ({ body, client, context }) => {
    const turn = turnOf(context);
    const press = await pressOn(desk, turn, body);
    if (isRefusal(press)) return await refused(desk, turn, press);
    const about = { ...press, extensionId: press.value as ExtensionId };
    const opener = { client, triggerId: body.trigger_id };
    const refusal = await openExtensionReview(desk, about, opener);
    if (refusal === 'foreign') return await refused(desk, turn, await foreign(desk, press));
    await (refusal ? refused(desk, turn, refusal) : turn.answer());
  });
  // Opens a page in the browser; Slack reports the press and wants an answer, and that is all.
  app.action(actions.claimLink, ({ context }) => turnOf(context).answer());
}

const own = { own: true } as const;
const done = 'Thank you: it ends now.';

/** What a press leads to: something to say, a refusal, or nothing where a modal opened. */
type Act = (press: Pressed, opener: Opener) => Promise<Content | Refusal | undefined>;

/** `instead`: what may stay in a direct message where the answer itself must not. */
type How = { readonly own?: boolean; readonly instead?: Content };

function onPress(app: App, desk: Desk, action: string, act: Act, { own: anywhere, instead }: How = {}): void {
  app.action<BlockButtonAction>(action, async ({ body, client, context }) => {
    const turn = turnOf(context);
    const press = await pressedBy(desk, turn, body, { own: anywhere === true });
    if (isRefusal(press)) return await refused(desk, turn, press);
    const opener = { client, triggerId: body.trigger_id };
    const said = await act(press, opener);
    if (said === undefined) return await turn.answer();
    if (isRefusal(said)) return await refused(desk, turn, said);
    await sayThere(desk, turn, opener, press.place, said, instead);
    await desk.homes.changed([press.person]);
  });
}

/** In the App Home nothing can be answered but by a modal: it opens where the person looks, and leaves nothing behind. */
export async function sayThere(
  desk: Desk,
  turn: Turn,
  { client, triggerId }: Opener,
  place: Place,
  content: Content,
  instead: Content = content,
): Promise<void> {
  if (place.kind !== 'home') return await say(desk, turn, content, instead);
  const shown = await client.views.open({ trigger_id: triggerId, view: toldInModal(content) }).then(
    () => true,
    (error: unknown) => {
      desk.log.warn({ reference: turn.reference, err: error }, 'an answer could not be shown over the App Home');
      return false;
    },
  );
  await turn.answer();
  if (!shown) await tell(desk, turn.delivery, instead);
}

const mine = ({ requestId, person }: Pressed): Pick<Pressed, 'requestId' | 'person'> => ({ requestId, person });

async function openFindings(desk: Desk, press: Pressed, { client, triggerId }: Opener): Promise<Refusal | undefined> {
  if (press.place.kind !== 'message' && !(await mayReview(desk, press))) return notYours;
  const status = await desk.service.status({ requestId: press.requestId });
  if (isRefusal(status)) return status;
  const asked = desk.accounts.factsOf(press.account);
  const people = await desk.records.profiles([status.requester]);
  await client.views.open({ trigger_id: triggerId, view: findingsForm(status, people) });
  await asked;
  return undefined;
}

/** Outside of the channel where it was announced, a break-glass is shown to those who may review it. */
async function mayReview(desk: Desk, { person, requestId }: Pressed): Promise<boolean> {
  const overview = await desk.service.overview({ person });
  return !isRefusal(overview) && overview.toReview.some((one) => one.requestId === requestId);
}

const notYours = refuse('NotPending', 'This does not wait for your review: it is reviewed by now, or others may.');

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

export async function ended(ending: Ending, says: string): Promise<Content | Refusal> {
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

/** The link is told to the requester only, and only where it goes away: in an ephemeral message or a modal. */
async function claim(desk: Desk, press: Pressed): Promise<Content | Refusal> {
  const minted = await desk.service.mintCode(mine(press));
  return isRefusal(minted) ? minted : claimLink(press.requestId, minted);
}

const notShown = told(mrkdwn`Slack did not show your one-time link. Press Claim again for a new one.`);
