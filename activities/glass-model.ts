import type { RequestModel } from '../slack/views/model.ts';
import { mayReview, reviewersOf } from '../policy/powers.ts';
import * as announcements from '../store/announcements.ts';
import * as people from '../store/people.ts';
import type { Db } from '../store/pool.ts';
import type { RequestRow } from '../store/requests.ts';
import * as reviews from '../store/reviews.ts';

export type Glass = Required<Pick<RequestModel, 'incident' | 'reviewSteps' | 'reviewers'>>;

/** How many people are written to about one review. */
const mostReviewers = 20;

const noGlass: Glass = { incident: null, reviewSteps: [], reviewers: [] };

/** What only break-glass has: whether its incident was known, and who may review it once somebody had to be reminded. */
export async function glassOf(db: Db, { id, person, plan }: RequestRow, now: number): Promise<Glass> {
  if (plan.verdict !== 'break-glass') return noGlass;
  const { review } = plan;
  const incident = (await announcements.incidentOf(db, id)) ?? null;
  const over = await reviews.caseOf(db, id);
  if (!over || over.steps.length === 0) return { ...noGlass, incident };
  const overMs = now - over.overAt;
  const named = await people.peopleMatching(db, reviewersOf(review, overMs));
  const known = await people.factsOfMany(db, [...new Set([person, ...named])]);
  const responder = known.find((one) => one.id === person);
  const able = known.filter((one) => responder && !mayReview(review, one, responder, overMs));
  const reviewers = able.map((one) => one.id).slice(0, mostReviewers);
  return { incident, reviewSteps: over.steps.map((step) => ({ step })), reviewers };
}
