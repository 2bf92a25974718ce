/** A person's own requests and those that wait for them, a line each with what can be done: App Home and `/curfew mine`. */
import { shortId } from '../../domain/ids.ts';
import { formatSpan } from '../../domain/time.ts';
import type { Overview, RequestStatus, ReviewWaiting } from '../../service/contract.ts';
import { actions } from '../ids.ts';
import { mrkdwn, nothing, when, type Mrkdwn } from '../text.ts';
import { askAgainButton, claimButton, doneButton, extendButton, withdrawButton } from './buttons.ts';
import { button, content, context, row, section } from './kit.ts';
import type { Block, Content } from './message.ts';
import type { People } from './model.ts';
import { subject } from './progress.ts';
import { nameOf, outcomeWords } from './words.ts';

/** Where a request of one's own is, in one sentence that needs no name of anybody. */
function standing(status: RequestStatus): Mrkdwn {
  const { state, useByAt } = status.view;
  switch (state.kind) {
    case 'requested':
      return mrkdwn`sent`;
    case 'awaiting':
      return mrkdwn`waiting for approval; lapses ${when(status.lapsesAt)} if nobody decides`;
    case 'approved':
      if (early(status)) return mrkdwn`approved; it can be claimed from ${when(status.startAt ?? 0)}`;
      return useByAt === null ? mrkdwn`approved, to be claimed` : mrkdwn`approved; claim it by ${when(useByAt)}`;
    case 'granting':
      return state.ending ? mrkdwn`ending` : mrkdwn`claimed; the login is being made`;
    case 'active':
      return mrkdwn`active until ${when(state.endAt, 'seconds')}${landing(status)}${asked(state.extension)}`;
    case 'revoking':
      return mrkdwn`ending: not over until every node says that no session is left`;
    case 'closed':
      return mrkdwn`${outcomeWords[state.outcome].toLowerCase()}: ${state.cause}`;
  }
}

/** Where logins stop before the end. */
const landing = ({ endAt, loginsStopAt }: RequestStatus): Mrkdwn =>
  loginsStopAt === null || loginsStopAt === endAt ? nothing : mrkdwn`; logins stop ${when(loginsStopAt, 'seconds')}`;

const from = ({ startAt }: RequestStatus): Mrkdwn => (startAt === null ? nothing : mrkdwn` from ${when(startAt)}`);

/** Approved, and its scheduled start has not come. */
const early = ({ startAt, view }: RequestStatus): boolean => startAt !== null && view.started !== true;

function asked(extension: { readonly kind: 'asked' | 'moving'; readonly endAt: number } | undefined): Mrkdwn {
  if (!extension) return nothing;
  return extension.kind === 'asked'
    ? mrkdwn`; more time is asked for, until ${when(extension.endAt)}`
    : mrkdwn`; it is being extended until ${when(extension.endAt)}`;
}

const incident = (status: RequestStatus): Mrkdwn => (status.kind === 'break-glass' ? mrkdwn`Break-glass: ` : nothing);

const spokenOf = ({ role, target, requestId }: Pick<ReviewWaiting, 'role' | 'target' | 'requestId'>): string =>
  `${role} on ${target}, ${shortId(requestId)}`;

/** One of a person's own: what it is, where it is, and what they can do. */
export function ownLine(status: RequestStatus): readonly Block[] {
  const { requestId, view } = status;
  const { state } = view;
  const of = spokenOf(status);
  const says = mrkdwn`${incident(status)}${subject(status)} for ${formatSpan(status.durationMs)} - ${standing(status)}.`;
  return [
    section(mrkdwn`${says} Request ${shortId(requestId)}.`),
    ...row(
      ...(state.kind === 'approved' && !early(status) ? [claimButton(requestId, of)] : []),
      ...(state.kind === 'awaiting' || state.kind === 'approved' ? [withdrawButton(requestId, of)] : []),
      ...(state.kind === 'active' && !state.extension ? [extendButton(requestId, of)] : []),
      ...(state.kind === 'active' ? [doneButton(requestId, of)] : []),
      ...(state.kind === 'closed' && status.kind === 'access' ? [askAgainButton(requestId, of)] : []),
    ),
  ];
}

/** One that waits for this person's word: the request itself, or the later end that its holder asks for. */
export function waitingLine(status: RequestStatus, people: People): readonly Block[] {
  const { requestId, view } = status;
  const { state } = view;
  const who = nameOf(people, status.requester);
  const spoken = `Review ${spokenOf(status)} for ${who}`;
  if (state.kind === 'active' && state.extension?.kind === 'asked') {
    return [
      section(
        mrkdwn`*${who}* asks to keep ${subject(status)} until ${when(state.extension.endAt)}. Request ${shortId(requestId)}.`,
      ),
      ...row(button(actions.reviewExtension, 'Review', state.extension.id, { style: 'primary', spoken })),
    ];
  }
  return [
    section(
      mrkdwn`*${who}* asks for ${subject(status)} for ${formatSpan(status.durationMs)}${from(status)}, ${when(status.openedAt)}; lapses ${when(status.lapsesAt)}. Request ${shortId(requestId)}.`,
    ),
    ...row(button(actions.review, 'Review', requestId, { style: 'primary', spoken })),
  ];
}

/** A break-glass that waits for this person's review. */
export function reviewLine(waiting: ReviewWaiting, people: People): readonly Block[] {
  const { requestId, overAt, incident: key, owed } = waiting;
  const who = nameOf(people, waiting.requester);
  const late = owed ? mrkdwn` Not in time: ${who} can neither break glass nor approve until then.` : nothing;
  return [
    section(
      mrkdwn`*${who}* broke glass for ${subject(waiting)}, incident ${key ?? 'unknown'}; over since ${when(overAt)}.${late} Request ${shortId(requestId)}.`,
    ),
    ...row(
      button(actions.reviewBreakGlass, 'Record review', requestId, {
        style: 'primary',
        spoken: `Record the review of the break-glass of ${who}, ${spokenOf(waiting)}`,
      }),
    ),
  ];
}

/** At most so many requests in a list; the rest is counted. Three lists of these stay below Slack's 50 blocks a message. */
const mostListed = 7;

/** A list under its name, and what stands there when it is empty. */
export function list<T>(
  name: string,
  all: readonly T[],
  line: (one: T) => readonly Block[],
  empty: Mrkdwn,
): readonly Block[] {
  const shown = all.slice(0, mostListed);
  const rest = all.length - shown.length;
  return [
    section(mrkdwn`*${name}*`),
    ...(all.length === 0 ? [context(empty)] : shown.flatMap(line)),
    ...(rest > 0 ? [context(mrkdwn`And ${rest} more.`)] : []),
  ];
}

export const noGrants = mrkdwn`You hold no access at the moment.`;
export const noRequests = mrkdwn`You have no open request.`;
export const noneWaiting = mrkdwn`Nothing waits for you.`;

const counted = ({ length }: readonly unknown[], what: string): string => `${length} ${what}${length === 1 ? '' : 's'}`;

/** The answer to `/curfew mine`, and to `/curfew status` without a request. */
export function mine(overview: Overview, people: People): Content {
  const { grants, requests, waiting } = overview;
  const waits = waiting.length === 1 ? '1 waits' : `${waiting.length} wait`;
  const says = mrkdwn`You hold ${counted(grants, 'grant')}, have ${counted(requests, 'open request')}, and ${waits} for you.`;
  return content(
    says,
    list('What you hold', grants, ownLine, noGrants),
    list('What you asked for', requests, ownLine, noRequests),
    list('Waiting for you', waiting, (one) => waitingLine(one, people), noneWaiting),
  );
}

/**
 * The answer to `/curfew status REQUEST`, with what the reader can do.
 * @param theirs the reader's own, one that waits for their word, or somebody else's business
 */
export function oneOf(status: RequestStatus, theirs: 'own' | 'waiting' | 'other', people: People): Content {
  const who = theirs === 'own' ? mrkdwn`Your request` : mrkdwn`The request of *${nameOf(people, status.requester)}*`;
  const says = mrkdwn`${who}, ${subject(status)} for ${formatSpan(status.durationMs)}: ${standing(status)}.`;
  switch (theirs) {
    case 'own':
      return content(says, ownLine(status));
    case 'waiting':
      return content(says, section(says), waitingLine(status, people));
    case 'other':
      return content(says, section(says), context(mrkdwn`Request ${shortId(status.requestId)}`));
  }
}

/** "Which one?", with the button that ends each. */
export const whichOne = (grants: readonly RequestStatus[]): Content =>
  content(
    mrkdwn`You hold ${grants.length} at the moment. Which one are you done with?`,
    list('Which one are you done with?', grants, ownLine, noGrants),
  );
