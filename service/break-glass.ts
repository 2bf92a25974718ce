import { refuse, type Refusal } from '../domain/errors.ts';
import type { PersonFacts } from '../domain/person.ts';
import type { Db } from '../store/pool.ts';
import * as requests from '../store/requests.ts';
import { outstanding } from '../store/reviews.ts';

/** Break-glass requests of one human that may be open at once. */
const mostOpen = 2;

/**
 * Lets the transactions in which one human breaks glass take turns, under whichever of their accounts, until they end:
 * what the second one counts has the first one in it.
 */
export async function takeHumansTurn(tx: Db, person: PersonFacts): Promise<void> {
  // Each of their ids, in one order, so that a link made in this moment parts nobody and nobody waits in a circle.
  for (const id of idsOf(person).toSorted()) {
    await tx.query(`select pg_advisory_xact_lock(hashtextextended('curfew.break-glass ' || $1, 0))`, [id]);
  }
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
  const overdue = (await outstanding(tx)).some(
    (row) =>
      ids.includes(row.person) &&
      row.plan.verdict === 'break-glass' &&
      row.endedAt !== null &&
      row.endedAt + row.plan.review.withinMs < now,
  );
  return overdue
    ? refuse('NotAllowed', 'Your last break-glass was not reviewed in time: have somebody review it first.')
    : undefined;
}

const idsOf = ({ id, aliases }: PersonFacts) => [id, ...aliases];
