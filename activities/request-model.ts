import type { PersonId, RequestId } from '../domain/ids.ts';
import { stagesOf } from '../domain/plan.ts';
import type { RequestView } from '../domain/view.ts';
import { maySit } from '../policy/eligibility.ts';
import type { DecisionLine, Profile, RequestModel, Workspace } from '../slack/views/model.ts';
import * as claims from '../store/claims.ts';
import * as decisions from '../store/decisions.ts';
import * as grants from '../store/grants.ts';
import * as people from '../store/people.ts';
import type { Db } from '../store/pool.ts';
import * as requests from '../store/requests.ts';
import * as reviews from '../store/reviews.ts';

/** How many people a card names as those who could decide. */
const mostNamed = 20;

/**
 * All that Slack is told of a request, as the store has it now.
 * @param view the newest that is known
 * @returns undefined where there is no such request
 */
export async function requestModel(
  db: Db,
  workspace: Workspace,
  requestId: RequestId,
  view: RequestView,
): Promise<RequestModel | undefined> {
  const request = await requests.byId(db, requestId);
  if (!request) return undefined;
  const [reason, made, claim, address, receipts, review] = await Promise.all([
    requests.reason(db, requestId),
    decisions.of(db, requestId),
    claims.of(db, requestId),
    claims.addressOf(db, requestId),
    grants.receipts(db, requestId),
    reviews.of(db, requestId),
  ]);
  const lines = await Promise.all(made.map((decision) => lineOf(db, decision)));
  const eligible = await eligibleNow(db, request, view, lines);
  const named = [request.person, ...lines.map((line) => line.person), ...eligible, ...(review ? [review.person] : [])];
  const { kind, person, target, databases, role, template, durationMs, ticket, openedAt, digest, plan } = request;
  return {
    workspace,
    requestId,
    requester: person,
    kind,
    target,
    databases,
    role,
    template,
    durationMs,
    ticket,
    openedAt,
    digest,
    plan,
    view,
    reason: reason?.text ?? null,
    decisions: lines,
    eligible,
    people: await peopleOf(db, named),
    claim: claim ? { acceptedAt: claim.acceptedAt, endAt: claim.endAt, address: address ?? null } : null,
    grantReceipt: receipts.grant ?? null,
    revokeReceipt: receipts.revoke ?? null,
    review: review ?? null,
  };
}

async function lineOf(db: Db, decision: decisions.StoredDecision): Promise<DecisionLine> {
  const { id, person, verdict, stage, madeAt, voidedAt } = decision;
  const reason = verdict === 'deny' ? ((await decisions.denial(db, id)) ?? null) : null;
  return { id, person, verdict, stage, madeAt, voidedAt: voidedAt ?? null, reason };
}

/** Who could fill the stage that waits, by the same rule that judges them; not those who decided. */
async function eligibleNow(
  db: Db,
  request: requests.RequestRow,
  { state }: RequestView,
  lines: readonly DecisionLine[],
): Promise<readonly PersonId[]> {
  const stage = state.kind === 'awaiting' ? stagesOf(request.plan)[state.stage] : undefined;
  if (!stage) return [];
  const candidates = await people.factsOfMany(db, [request.person, ...(await people.peopleMatching(db, stage.from))]);
  const requester = candidates.find((one) => one.id === request.person);
  if (!requester) return [];
  const decided = new Set(lines.filter((line) => line.voidedAt === null).map((line) => line.person));
  return candidates
    .filter((one) => !decided.has(one.id) && !maySit(one, stage, requester))
    .slice(0, mostNamed)
    .map((one) => one.id);
}

async function peopleOf(db: Db, ids: readonly PersonId[]): Promise<RequestModel['people']> {
  const profiles = await people.profiles(db, [...new Set(ids)]);
  const known = [...profiles].map(([id, { name, slackTeam, slackUser }]): [PersonId, Profile] => [
    id,
    {
      name: name ?? 'somebody',
      ...(slackTeam === undefined ? {} : { slackTeam }),
      ...(slackUser === undefined ? {} : { slackUser }),
    },
  ]);
  return new Map(known);
}
