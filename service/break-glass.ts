import { refuse, type Refusal } from '../domain/errors.ts';
import { breakGlassAnnounced } from '../domain/events/review.ts';
import type { AccountFacts, PersonFacts } from '../domain/person.ts';
import type { GrantablePlan } from '../domain/plan.ts';
import * as alarms from '../store/alarms.ts';
import * as announcements from '../store/announcements.ts';
import { flaggedCode, flaggedKey, type IncidentKnown } from '../store/announcements.ts';
import { append } from '../store/audit.ts';
import type { Db } from '../store/pool.ts';
import * as requests from '../store/requests.ts';
import * as reviews from '../store/reviews.ts';
import { takeTurns } from '../store/turns.ts';
import type { Context } from './context.ts';
import { queue } from './outbox.ts';

/** Break-glass requests of one human that may be open at once. */
const mostOpen = 2;

/**
 * Why an account breaks no glass: nobody else looks at who asks. One that was linked beside another, less than a day
 * ago, may be somebody's who has got hold of a link code. NB. Where Slack does not answer nothing speaks against the
 * account: an incident waits for no chat.
 */
export function unfitToBreak(account: Omit<AccountFacts, 'readAt'>): Refusal | undefined {
  if (account.deleted || account.bot || account.restricted || account.stranger)
    return refuse('NotAllowed', 'Only full members of this workspace may break glass: this account is none.');
  return account.fresh === true
    ? refuse(
        'NotAllowed',
        'This Slack account was linked to you less than a day ago, beside another one: break glass from that one, or confirm this one there.',
      )
    : undefined;
}

/**
 * Lets the transactions in which one human breaks glass take turns, under whichever of their accounts, until they end:
 * what the second one counts has the first one in it.
 */
export async function takeHumansTurn(tx: Db, person: PersonFacts): Promise<void> {
  // Each of their ids, so that a link made in this moment parts nobody.
  await takeTurns(tx, 'human', idsOf(person));
}

/**
 * Whether somebody may break glass once more: not with two open already, and not with review debt, that is one that
 * nobody reviewed in time (I13); of all their accounts together. Debt is cleared by a review, which is somebody else's
 * to give. It holds as long as the caller's turn does.
 */
export async function breakGlassLimit(tx: Db, person: PersonFacts, now: number): Promise<Refusal | undefined> {
  const ids = idsOf(person);
  let open = 0;
  for (const id of ids) {
    open += (await requests.openOf(tx, id)).filter(({ kind }) => kind === 'break-glass').length;
  }
  if (open >= mostOpen) {
    return refuse('NotAllowed', `You have ${open} break-glass requests open: end one first.`);
  }
  const debt = await reviews.debtOf(tx, ids, now);
  return debt.length > 0
    ? refuse('NotAllowed', 'Your last break-glass was not reviewed in time: have somebody review it first.')
    : undefined;
}

/**
 * What is known of the incident, asked before anybody's turn is taken: it may be somebody else's server that answers.
 * @returns undefined for what is bound to no incident; a refusal for one that is over, and for one that nobody knows
 *   where the policy requires it to be known (I18)
 */
export async function incidentNow(
  ctx: Pick<Context, 'conditions'>,
  plan: GrantablePlan,
  requester: PersonFacts,
): Promise<IncidentKnown | undefined | Refusal> {
  if (plan.verdict !== 'break-glass') return undefined;
  if (!plan.until) throw new Error('a break-glass without an incident');
  const { key } = plan.until;
  const state = await ctx.conditions(plan.until, requester);
  if (state === 'holds') return 'holds';
  if (state === 'over')
    return refuse('PolicyDenied', `The incident ${key} is resolved: name the one that goes on.`, 'ticket');
  return plan.incident === 'flagged'
    ? 'unknown'
    : refuse(
        'PolicyDenied',
        `Nobody knows of an open incident ${key}, or the source of incidents does not answer, and the policy lets nobody break glass without one.`,
        'ticket',
      );
}

/**
 * Commits that glass is broken, before there is any credential: the entry in the log, one announcement a channel, and
 * their messages (I13). Where nobody knows the incident, an alarm says so until the break-glass is over.
 */
export async function announce(tx: Db, row: requests.RequestRow, incident: IncidentKnown): Promise<void> {
  const { id, target, role, ticket, durationMs } = row;
  const said = { target, role, incident: ticket, durationMs, known: incident === 'holds' };
  const entry = await append(tx, breakGlassAnnounced(row.person, id, said));
  await announcements.commit(tx, id, entry, incident);
  await queue(tx, { kind: 'announce', payload: { requestId: id } });
  await queue(tx, { kind: 'announce-webhook', payload: { requestId: id } });
  if (incident === 'holds') return;
  const detail = 'Somebody breaks glass for an incident that nobody knows of: look whether there is one.';
  await alarms.raise(tx, { key: flaggedKey(id), code: flaggedCode, subject: id, detail });
}

const idsOf = ({ id, aliases }: PersonFacts) => [id, ...aliases];
