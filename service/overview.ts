import { isRefusal, type Refusal } from '../domain/errors.ts';
import type { PersonId } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import { stagesOf, type GrantablePlan } from '../domain/plan.ts';
import { seatOf } from '../policy/eligibility.ts';
import * as extensionDecisions from '../store/extension-decisions.ts';
import * as extensions from '../store/extensions.ts';
import { factsOfMany } from '../store/people.ts';
import * as requests from '../store/requests.ts';
import type { FollowedRequest } from '../store/requests.ts';
import { answering } from './answering.ts';
import { awayOf } from './away.ts';
import type { Reading } from './context.ts';
import type { Overview, RequestStatus } from './contract.ts';
import { sittingIn } from './extension-model.ts';
import { activePerson } from './planning.ts';
import { wouldSit } from './review-model.ts';
import { reviewsFor } from './reviews-waiting.ts';
import { peopleIn, sittingOf } from './sitting.ts';
import { firstView, standingOf } from './standing.ts';
import { shown } from './status.ts';

const recentShown = 5;

/** What App Home shows of somebody: what they hold, what they asked for, and what waits for their word. */
export const overview = (ctx: Reading, { person }: { readonly person: PersonId }): Promise<Overview | Refusal> =>
  answering(ctx, 'overview', async () => {
    const facts = await activePerson(ctx.store, person);
    if (isRefusal(facts)) return facts;
    const [open, closed, waiting, toReview, away] = await Promise.all([
      requests.openOf(ctx.store, person),
      requests.closedOf(ctx.store, { person, limit: recentShown }),
      waitingFor(ctx, facts),
      reviewsFor(ctx, facts),
      awayOf(ctx.store, person, ctx.clock()),
    ]);
    const all = await statuses(ctx, [...open, ...closed, ...waiting]);
    const of = (rows: readonly FollowedRequest[]): readonly RequestStatus[] =>
      rows.flatMap(({ id }) => all.get(id) ?? []);
    return {
      person,
      grants: of(open).filter(isHeld),
      requests: of(open).filter((one) => !isHeld(one)),
      recent: of(closed),
      waiting: of(waiting),
      toReview,
      away,
    };
  });

const isHeld = ({ state }: RequestStatus): boolean =>
  state === 'granting' || state === 'active' || state === 'revoking';

async function statuses(ctx: Reading, rows: readonly FollowedRequest[]): Promise<ReadonlyMap<string, RequestStatus>> {
  const spans = await requests.spansOf(
    ctx.store,
    rows.map(({ id }) => id),
  );
  return new Map(rows.map(({ view, ...row }) => [row.id, shown(row, view ?? firstView(row), spans.get(row.id))]));
}

/** Requests, and requests whose extension, this person could decide on now and has not; oldest first. */
async function waitingFor(ctx: Reading, person: PersonFacts): Promise<readonly FollowedRequest[]> {
  const [awaiting, asked] = await Promise.all([requests.awaiting(ctx.store), extensions.awaiting(ctx.store)]);
  const requesters = await factsOfMany(ctx.store, [
    ...new Set([...awaiting.map((row) => row.person), ...asked.map(({ requester }) => requester)]),
  ]);
  const by = new Map(requesters.map((one) => [one.id, one]));
  // Most of what is open is nobody's business here, and that is told from the plan alone.
  const mine: FollowedRequest[] = [];
  for (const row of awaiting) {
    if (couldEverSit(person, row.plan, by.get(row.person)) && (await waits(ctx, row, person))) mine.push(row);
  }
  const extended = asked.filter(({ plan, requester }) => couldEverSit(person, plan, by.get(requester)));
  for (const extension of extended) {
    if (!(await extensionWaits(ctx, extension, person))) continue;
    const [row] = await requests.followedOf(ctx.store, [extension.requestId]);
    if (row && !mine.some(({ id }) => id === row.id)) mine.push(row);
  }
  return mine;
}

const couldEverSit = (person: PersonFacts, plan: GrantablePlan, requester: PersonFacts | undefined): boolean =>
  requester !== undefined &&
  stagesOf(plan).some(
    (stage) =>
      !isRefusal(seatOf(person, { ...stage, from: [...stage.from, ...(stage.escalate?.to ?? [])] }, requester)),
  );

async function waits(ctx: Reading, { id }: FollowedRequest, person: PersonFacts): Promise<boolean> {
  const standing = await standingOf(ctx.store, id);
  if (isRefusal(standing) || standing.state.kind !== 'awaiting' || standing.intents.length > 0) return false;
  const people = await peopleIn(ctx.store, standing, person.id);
  return !isRefusal(await wouldSit(ctx, sittingOf(standing, people), person));
}

async function extensionWaits(ctx: Reading, extension: extensions.ExtensionRow, person: PersonFacts): Promise<boolean> {
  const standing = await standingOf(ctx.store, extension.requestId);
  if (isRefusal(standing) || standing.intents.length > 0) return false;
  const made = await extensionDecisions.of(ctx.store, extension.id);
  if (made.some((decision) => decision.person === person.id)) return false;
  const sitting = await sittingIn(ctx.store, extension, standing, made);
  return sitting.open.length > 0 && !isRefusal(await wouldSit(ctx, sitting, person));
}
