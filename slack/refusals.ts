/** What is shown for each error code: the sentence of whoever refused, what to do next, and a reference for support. */
import { webApi } from '@slack/bolt';
import { CurfewError, errors, isRefusal, refuse, type ErrorCode, type Refusal } from '../domain/errors.ts';
import { mrkdwn, sentence, type Mrkdwn } from './text.ts';

/** Total over `domain/errors.ts`: a new code does not compile without a next step. */
export const nextSteps: Readonly<Record<ErrorCode, string>> = {
  InvalidInput: 'Change it and send it again.',
  PolicyDenied: '`/curfew` offers what the policy lets you ask for.',
  ApproverNotEligible: 'The card says who can approve.',
  SelfApproval: 'The card says who can approve.',
  NotAllowed: 'Ask an owner of the target, or an access controller.',
  UnknownPerson: 'Ask an administrator for a code, and type `/curfew link CODE`.',
  UnknownRequest: 'Open the newest card, or ask again with `/curfew`.',
  UnknownTarget: '`/curfew` offers the targets that there are.',
  UnknownCode: 'Get a new one where you got this one.',
  CodeSpent: 'Get a new one where you got this one: Claim, `/curfew code`, or an administrator.',
  NotPending: 'The card shows where it stands.',
  StaleView: 'Press Review again and decide on what it shows then.',
  TargetNotReady: 'Tell the owners of the target; `curfew target check` says what is wrong.',
  TargetRejected: 'The owners of the target have been told.',
  TargetUnavailable: 'Try again in a minute.',
  NotRecorded: 'Press again: doing it twice does no harm.',
  NotConfirmed: 'It is recorded; the card follows.',
  SlackGone: 'Try again from a message that is still there.',
};

/** What anything that was thrown is for the person who clicked. Only expected errors speak for themselves. */
export function refusalOf(thrown: unknown): Refusal {
  if (isRefusal(thrown)) return thrown;
  if (thrown instanceof CurfewError) return refuse(thrown.code, knownMessages[thrown.code] ?? thrown.message);
  if (thrown instanceof webApi.SlackError) return refuse('SlackGone', 'Slack did not take what we answered.');
  return refuse('NotRecorded', 'Something went wrong on our side, so this may not be recorded.');
}

/** For thrown errors: their messages are for logs. */
const knownMessages: Partial<Readonly<Record<ErrorCode, string>>> = {
  NotRecorded: 'Not recorded: the store did not answer in time.',
  NotConfirmed: 'The confirmation is late.',
  SlackGone: 'Slack did not take it.',
};

/** One paragraph for an ephemeral message, a direct message or a modal. */
export const refusalText = (refusal: Refusal, reference: string): Mrkdwn =>
  mrkdwn`${sentence(refusal.message, 1_500)} ${step(refusal.code)} (Reference ${reference})`;

/** The same under a field of a form, where Slack shows plain text. */
export const fieldText = (refusal: Refusal, reference: string): string =>
  `${refusal.message} ${nextSteps[refusal.code].replaceAll('`', '')} (Reference ${reference})`;

/** May what was typed be sent again as it is, or after a change? Then the form stays open. */
export const staysOpen = (refusal: Refusal): boolean => refusal.code === 'InvalidInput' || errors[refusal.code].retry;

const step = (code: ErrorCode): Mrkdwn => ({ kind: 'mrkdwn', mrkdwn: nextSteps[code] });
