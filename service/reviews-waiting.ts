/** Which break-glass waits for whose review. */
import type { PersonFacts } from '../domain/person.ts';
import { mayReview } from '../policy/powers.ts';
import { factsOfMany } from '../store/people.ts';
import * as reviews from '../store/reviews.ts';
import type { Reading } from './context.ts';
import type { ReviewWaiting } from './contract.ts';

/** What is over, reviewed by nobody, and this person's to review by now; the longest over first. */
export async function reviewsFor(ctx: Reading, person: PersonFacts): Promise<readonly ReviewWaiting[]> {
  const now = ctx.clock();
  const open = await reviews.unreviewed(ctx.store, now);
  if (open.length === 0) return [];
  const responders = await factsOfMany(ctx.store, [...new Set(open.map(({ requester }) => requester))]);
  return open.flatMap(({ review, ...one }): readonly ReviewWaiting[] => {
    const responder = responders.find(({ id }) => id === one.requester);
    return responder && !mayReview(review, person, responder, now - one.overAt) ? [one] : [];
  });
}
