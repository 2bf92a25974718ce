import { refuse, type Refusal } from '../domain/errors.ts';
import type { PersonFacts } from '../domain/person.ts';
import type { Db } from '../store/pool.ts';
import * as requests from '../store/requests.ts';
import { outstanding } from '../store/reviews.ts';

/** Break-glass requests of one person that may be open at once. */
const mostOpen = 2;

/**
 * Whether somebody may break glass once more: not with two open already, and not with review debt, that is one that
 * nobody reviewed in time (I13). Debt is cleared by a review, which is somebody else's to give.
 */
export async function breakGlassLimit(db: Db, person: PersonFacts, now: number): Promise<Refusal | undefined> {
  const open = (await requests.openOf(db, person.id)).filter(({ kind }) => kind === 'break-glass');
  if (open.length >= mostOpen) {
    return refuse('NotAllowed', `You have ${open.length} break-glass requests open: end one first.`);
  }
  const overdue = (await outstanding(db)).filter(
    (row) =>
      row.person === person.id &&
      row.plan.verdict === 'break-glass' &&
      row.endedAt !== null &&
      row.endedAt + row.plan.review.withinMs < now,
  );
  if (overdue.length === 0) return undefined;
  return refuse('NotAllowed', 'Your last break-glass was not reviewed in time: have somebody review it first.');
}
