/** `status`, `mine`, `end`, `away`, `code` and `link` behind the command. */
import { isRefusal, refuse, type Refusal } from '../../domain/errors.ts';
import { isUuid, shortId, type PersonId, type RequestId } from '../../domain/ids.ts';
import type { Overview, RequestStatus } from '../../service/contract.ts';
import { refused, say, tell, type Turn } from '../answers.ts';
import { readInstant } from '../parse-date.ts';
import type { Word } from '../parse-word.ts';
import type { Desk } from '../service.ts';
import { mrkdwn, nothing, when } from '../text.ts';
import { awaySentence } from '../views/home.ts';
import type { Content } from '../views/message.ts';
import type { People } from '../views/model.ts';
import { mine, oneOf, whichOne } from '../views/overview.ts';
import { personalCode, told } from '../views/told.ts';
import { ended } from './actions.ts';
import type { Clicker } from './turn.ts';

type Answered = Exclude<Word, { kind: 'help' | 'unclear' | 'code' | 'link' }>;

/** What is said names people: it may not be the answer that a delivery keeps. */
export async function carryOutWord(desk: Desk, clicker: Clicker, word: Answered): Promise<Content | Refusal> {
  switch (word.kind) {
    case 'away':
      return await goAway(desk, clicker, word);
    case 'back':
      return await comeBack(desk, clicker.person);
    case 'mine':
    case 'status':
    case 'end':
      break;
  }
  const overview = await desk.service.overview({ person: clicker.person });
  if (isRefusal(overview)) return overview;
  if (word.kind === 'end') return await end(desk, overview, word.request);
  if (word.kind === 'status' && word.request !== undefined) return await statusOf(desk, overview, word.request);
  return mine(overview, await namesIn(desk, overview));
}

const namesIn = (desk: Desk, { waiting }: Overview): Promise<People> =>
  desk.records.profiles([...new Set(waiting.map(({ requester }) => requester))]);

/**
 * By its short form among those that concern this person, where a short form is enough to tell them apart; by its
 * whole id also what they may read without having a part in it.
 */
async function statusOf(desk: Desk, overview: Overview, request: string): Promise<Content | Refusal> {
  const { grants, requests, recent, waiting, person } = overview;
  const known = named([...grants, ...requests, ...recent, ...waiting], request);
  const found =
    known ?? (isUuid(request) ? await desk.service.status({ requestId: request, reader: person }) : unknown(request));
  if (isRefusal(found)) return found;
  if (found.requester === person) return oneOf(found, 'own', new Map());
  const waits = waiting.some(({ requestId }) => requestId === found.requestId);
  return oneOf(found, waits ? 'waiting' : 'other', await desk.records.profiles([found.requester]));
}

/** Two requests with the same first eight characters are told apart by their whole ids only. */
function named(all: readonly RequestStatus[], request: string): RequestStatus | undefined {
  const found = new Map(
    all
      .filter(({ requestId }) => requestId === request || shortId(requestId) === request)
      .map((one): [RequestId, RequestStatus] => [one.requestId, one]),
  );
  return found.size === 1 ? [...found.values()][0] : undefined;
}

const unknown = (request: string): Refusal =>
  refuse('UnknownRequest', `None of your requests, and none that waits for you, is ${request}.`);

/** One's own only: what is somebody else's has its button on the card. */
async function end(desk: Desk, { grants, requests, person }: Overview, request?: string): Promise<Content | Refusal> {
  if (request === undefined && grants.length !== 1) {
    return grants.length === 0 ? told(mrkdwn`You hold no access at the moment.`) : whichOne(grants);
  }
  const grant = request === undefined ? grants[0] : named(grants, request);
  if (grant)
    return await ended(desk.service.release({ requestId: grant.requestId, person }), 'Thank you: it ends now.');
  const open = request === undefined ? undefined : named(requests, request);
  if (open) return await ended(desk.service.withdraw({ requestId: open.requestId, person }), 'Withdrawn.');
  return refuse('UnknownRequest', 'You hold nothing by that name, and asked for nothing that is still open.');
}

async function goAway(
  desk: Desk,
  { person, account }: Clicker,
  { until, delegate: user }: Extract<Word, { kind: 'away' }>,
): Promise<Content | Refusal> {
  const zone = await desk.accounts.zoneOf(account);
  if (zone === undefined)
    return refuse('NotRecorded', 'Not recorded: Slack did not say in time what your time zone is.');
  const now = desk.clock();
  const untilAt = readInstant(until, { now, zone });
  if (untilAt === undefined) {
    return refuse(
      'InvalidInput',
      'Until when is not clear: a weekday, tomorrow, a date to come such as 2026-12-24, or 3d.',
    );
  }
  const delegate = user === undefined ? undefined : await desk.records.personOf({ team: account.team, user });
  if (user !== undefined && delegate === undefined) {
    return refuse('UnknownPerson', 'The delegate has no linked Slack account, so they could not decide here.');
  }
  const facts = delegate && (await desk.accounts.factsOf(account));
  if (delegate && !facts)
    return refuse('NotRecorded', 'Not recorded: Slack did not say in time whose account this is.');
  const instead = delegate && facts ? { delegate, account: facts } : {};
  const result = await desk.service.away({ person, fromAt: now, untilAt, ...instead });
  if (isRefusal(result)) return result;
  const people = await desk.records.profiles(result.delegate ? [result.delegate] : []);
  return told(awaySentence(result, people));
}

async function comeBack(desk: Desk, person: PersonId): Promise<Content | Refusal> {
  const result = await desk.service.back({ person });
  if (isRefusal(result)) return result;
  return told(result.was ? mrkdwn`Welcome back: nobody decides in your place any more.` : mrkdwn`You were not away.`);
}

/** NB. Told beside the answer, which is kept for repeats: the code may stand nowhere. */
export async function giveCode(desk: Desk, { person, account, ...turn }: Clicker): Promise<void> {
  const facts = await desk.accounts.factsOf(account);
  if (!facts) {
    return await refused(desk, turn, refuse('NotRecorded', 'Slack did not say in time whose account this is.'));
  }
  const made = await desk.service.personalCode({ person, account: facts });
  if (isRefusal(made)) return await refused(desk, turn, made);
  await turn.answer();
  await tell(desk, turn.delivery, personalCode(made), told(mrkdwn`Slack did not show your code. Ask for another one.`));
}

export async function linkAccount(desk: Desk, turn: Turn, code: string): Promise<void> {
  const { account } = turn.delivery;
  if (account === null) throw new Error('a command that nobody typed');
  const result = await desk.service.linkByCode({ code, ...account });
  if (isRefusal(result)) return await refused(desk, turn, result);
  const later =
    result.approvesFromAt === null
      ? nothing
      : mrkdwn` Because another account was linked before, it can approve from ${when(result.approvesFromAt)} on, or as soon as the other account confirms.`;
  await say(desk, turn, told(mrkdwn`This Slack account is yours now: Curfew knows you here.${later}`));
}
