import type { App } from '@slack/bolt';
import { isRefusal, refuse, type Refusal } from '../../domain/errors.ts';
import { parseSpan } from '../../domain/time.ts';
import { reviewVerdicts } from '../../service/contract.ts';
import { refused, refusedAs, underField, updated, type Turn } from '../answers.ts';
import { actions, blocks, callbacks } from '../ids.ts';
import { refusalText, staysOpen } from '../refusals.ts';
import type { Desk } from '../service.ts';
import { mrkdwn } from '../text.ts';
import { readMetadata } from '../views/metadata.ts';
import { toldModal } from '../views/told.ts';
import { fieldsOf, type Field } from './form-values.ts';
import { clickerOf, turnOf, type Clicker } from './turn.ts';

/** Forms that were sent: a request, a decision, a review. Committed first, answered then. */
export function register(app: App, desk: Desk): void {
  app.view(callbacks.ask, async ({ view, context }) => {
    const turn = turnOf(context);
    const clicker = await clickerOf(desk, turn);
    if (isRefusal(clicker)) return await refused(desk, turn, clicker);
    const refusal = await ask(desk, clicker, fieldsOf(view.state), view.id);
    // The form stays open whatever is wrong: what was typed is not lost.
    await turn.answer(refusal && refusedAs(turn.delivery, refusal, turn.reference));
  });
  app.view(callbacks.decide, async ({ view, context }) => {
    const turn = turnOf(context);
    const clicker = await clickerOf(desk, turn);
    if (isRefusal(clicker)) return await refused(desk, turn, clicker);
    await answerForm(turn, await decide(desk, clicker, fieldsOf(view.state), view.private_metadata));
  });
  app.view(callbacks.review, async ({ view, context }) => {
    const turn = turnOf(context);
    const clicker = await clickerOf(desk, turn);
    if (isRefusal(clicker)) return await refused(desk, turn, clicker);
    await answerForm(turn, await review(desk, clicker, fieldsOf(view.state), view.private_metadata));
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
  const durationMs = parseSpan(field(blocks.duration, actions.duration));
  if (durationMs === undefined) {
    return refuse('InvalidInput', 'Write how long as 45m, 2h or 1h30m.', blocks.duration);
  }
  const ticket = field(blocks.ticket, actions.ticket);
  const result = await desk.service.open({
    person,
    kind: 'access',
    target: field(blocks.target, actions.target),
    role: field(blocks.role, actions.role),
    durationMs,
    reason: field(blocks.reason, actions.reason),
    ...(ticket === '' ? {} : { ticket }),
    key,
  });
  return isRefusal(result) ? result : undefined;
}

async function decide(desk: Desk, clicker: Clicker, field: Field, metadata: string): Promise<Outcome> {
  const about = readMetadata(metadata);
  if (!about?.digest) return refuse('StaleView', 'This form does not say what it showed.');
  const verdict = field(blocks.verdict, actions.verdict);
  const reason = field(blocks.why, actions.why);
  if (verdict !== 'approve' && verdict !== 'deny') {
    return refuse('InvalidInput', 'Choose whether to approve or to deny.', blocks.verdict);
  }
  if (verdict === 'deny' && reason === '')
    return refuse('InvalidInput', 'Say why: the requester reads it.', blocks.why);
  const account = await desk.accounts.factsOf(clicker.account);
  if (!account) return refuse('NotRecorded', 'Not recorded: Slack did not say in time whose account this is.');
  return await desk.service.decide({
    requestId: about.requestId,
    person: clicker.person,
    account,
    digest: about.digest,
    verdict,
    ...(reason === '' ? {} : { reason }),
  });
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
