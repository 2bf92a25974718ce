import type { App } from '@slack/bolt';
import { isRefusal, refuse, type Refusal } from '../../domain/errors.ts';
import { reviewVerdicts, type DecideInputFromClick } from '../../service/contract.ts';
import { refused, refusedAs, underField, updated, type Turn } from '../answers.ts';
import { actions, blocks, callbacks } from '../ids.ts';
import { refusalText, staysOpen } from '../refusals.ts';
import type { Desk } from '../service.ts';
import { mrkdwn } from '../text.ts';
import { readMetadata } from '../views/metadata.ts';
import { toldModal } from '../views/told.ts';
import { askedFields } from './asked.ts';
import { unreadableSpan } from './asking.ts';
import { sendBreakGlass } from './breaking.ts';
import { extendedSentence, sendExtension } from './extending.ts';
import { fieldsOf, type Field } from './form-values.ts';
import { clickerOf, turnOf, type Clicker } from './turn.ts';

/** Forms that were sent: a request, a decision, a review, more time. Committed first, answered then. */
export function register(app: App, desk: Desk): void {
  onSend(app, desk, callbacks.ask, async (turn, clicker, field, view) => {
    const refusal = await ask(desk, clicker, field, view.id);
    // The form stays open whatever is wrong: what was typed is not lost.
    await turn.answer(refusal && refusedAs(turn.delivery, refusal, turn.reference));
  });
  onSend(app, desk, callbacks.breakGlass, async (turn, clicker, field, view) => {
    const refusal = await sendBreakGlass(desk, clicker, field, view.id);
    await turn.answer(refusal && refusedAs(turn.delivery, refusal, turn.reference));
  });
  onSend(app, desk, callbacks.decide, async (turn, clicker, field, view) => {
    await answerForm(turn, await decide(desk, clicker, field, view.metadata));
  });
  onSend(app, desk, callbacks.decideExtension, async (turn, clicker, field, view) => {
    await answerForm(turn, await decideExtension(desk, clicker, field, view.metadata));
  });
  onSend(app, desk, callbacks.review, async (turn, clicker, field, view) => {
    await answerForm(turn, await review(desk, clicker, field, view.metadata));
  });
  onSend(app, desk, callbacks.extend, async (turn, clicker, field, view) => {
    const result = await sendExtension(desk, clicker, field, view.metadata, view.id);
    if (isRefusal(result)) return await answerForm(turn, result);
    // Told over the form: it may be done already, where less was asked for than needs anybody's word.
    await turn.answer(updated(toldModal('More time', extendedSentence(result))));
  });
}

type Sent = (
  turn: Turn,
  clicker: Clicker,
  field: Field,
  view: { readonly id: string; readonly metadata: string },
) => Promise<void>;

function onSend(app: App, desk: Desk, callback: string, sent: Sent): void {
  app.view(callback, async ({ view, context }) => {
    const turn = turnOf(context);
    const clicker = await clickerOf(desk, turn);
    if (isRefusal(clicker)) return await refused(desk, turn, clicker);
    await sent(turn, clicker, fieldsOf(view.state), { id: view.id, metadata: view.private_metadata });
    await desk.homes.changed([clicker.person]);
  });
}

/** `confirmed: false`: recorded, and whoever sent it may close the form, but is told that the rest is late. */
type Outcome = { readonly confirmed: boolean } | Refusal;

/** Under a field where sending again can help; where it cannot, the form gives way to the reason. */
async function answerForm(turn: Turn, outcome: Outcome): Promise<void> {
  if (!isRefusal(outcome)) {
    return await turn.answer(
      outcome.confirmed ? undefined : updated(toldModal('Recorded', mrkdwn`It is recorded; the card follows.`)),
    );
  }
  const inPlace = staysOpen(outcome) ? underField(turn.delivery, outcome, turn.reference) : undefined;
  await turn.answer(inPlace ?? updated(toldModal('Not done', refusalText(outcome, turn.reference))));
}

/** @param key the view's id: the same form sent again is the same request */
async function ask(desk: Desk, { person }: Clicker, field: Field, key: string): Promise<Refusal | undefined> {
  const { durationMs, ...asked } = askedFields(field);
  if (durationMs === null) return refuse('InvalidInput', unreadableSpan, blocks.duration);
  const result = await desk.service.open({ person, kind: 'access', ...asked, durationMs, key });
  return isRefusal(result) ? result : undefined;
}

/** What both kinds of decision carry besides what they are about. */
type Word = Pick<DecideInputFromClick, 'person' | 'account' | 'digest' | 'verdict' | 'reason'>;

async function decide(desk: Desk, clicker: Clicker, field: Field, metadata: string): Promise<Outcome> {
  const about = readMetadata(metadata);
  const word = await wordOf(desk, clicker, field, about?.digest);
  if (isRefusal(word)) return word;
  if (!about || about.extensionId !== undefined) return unsaid;
  return await desk.service.decide({ requestId: about.requestId, ...word });
}

async function decideExtension(desk: Desk, clicker: Clicker, field: Field, metadata: string): Promise<Outcome> {
  const about = readMetadata(metadata);
  const word = await wordOf(desk, clicker, field, about?.digest);
  if (isRefusal(word)) return word;
  if (about?.extensionId === undefined) return unsaid;
  return await desk.service.decideExtension({ extensionId: about.extensionId, ...word });
}

const unsaid = refuse('StaleView', 'This form does not say what it showed.');

async function wordOf(
  desk: Desk,
  { person, account: clicked }: Clicker,
  field: Field,
  digest: string | undefined,
): Promise<Word | Refusal> {
  if (digest === undefined) return unsaid;
  const verdict = field(blocks.verdict, actions.verdict);
  const reason = field(blocks.why, actions.why);
  if (verdict !== 'approve' && verdict !== 'deny') {
    return refuse('InvalidInput', 'Choose whether to approve or to deny.', blocks.verdict);
  }
  if (verdict === 'deny' && reason === '')
    return refuse('InvalidInput', 'Say why: the requester reads it.', blocks.why);
  const account = await desk.accounts.factsOf(clicked);
  if (!account) return refuse('NotRecorded', 'Not recorded: Slack did not say in time whose account this is.');
  return { person, account, digest, verdict, ...(reason === '' ? {} : { reason }) };
}

async function review(desk: Desk, clicker: Clicker, field: Field, metadata: string): Promise<Outcome> {
  const about = readMetadata(metadata);
  if (!about) return refuse('StaleView', 'This form does not say what it is about.');
  const verdict = reviewVerdicts.find((one) => one === field(blocks.finding, actions.finding));
  if (!verdict) return refuse('InvalidInput', 'Choose one.', blocks.finding);
  const note = field(blocks.note, actions.note);
  if (note === '') return refuse('InvalidInput', 'Say what was done.', blocks.note);
  const account = await desk.accounts.factsOf(clicker.account);
  if (!account) return refuse('NotRecorded', 'Not recorded: Slack did not say in time whose account this is.');
  const result = await desk.service.review({
    requestId: about.requestId,
    person: clicker.person,
    account,
    verdict,
    note,
  });
  return isRefusal(result) ? result : { confirmed: true };
}
