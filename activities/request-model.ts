import { glassOf } from './glass-model.ts';
import { stuckKey } from '../domain/alarms.ts';
import type { ExtensionId, PersonId, RequestId } from '../domain/ids.ts';
import { isRefusal } from '../domain/errors.ts';
import type { PersonFacts } from '../domain/person.ts';
import { stagesOf } from '../domain/plan.ts';
import { asOf, openNow } from '../domain/progress.ts';
import type { RequestView } from '../domain/view.ts';
import { seatOf } from '../policy/eligibility.ts';
import type { DecisionLine, ExtensionLine, Nudge, Profile, RequestModel, Workspace } from '../slack/views/model.ts';
import { stuckSlot } from '../slack/views/paint.ts';
import * as claims from '../store/claims.ts';
import * as decisions from '../store/decisions.ts';
import { textOf } from '../store/erasable-texts.ts';
import * as extensionDecisions from '../store/extension-decisions.ts';
import * as extensions from '../store/extensions.ts';
import * as grants from '../store/grants.ts';
import * as openWork from '../store/open-work.ts';
import * as people from '../store/people.ts';
import type { Db } from '../store/pool.ts';
import * as requests from '../store/requests.ts';
import * as reviews from '../store/reviews.ts';
import * as slackMessages from '../store/slack-messages.ts';

/** How many people a card names as those who could decide, and at most how many are written to about it. */
const mostNamed = 20;

/**
 * All that Slack is told of a request, as the store has it now.
 * @param view the newest that is known
 * @param now for who may decide at this moment: escalation widens it with time
 * @returns undefined where there is no such request
 */
export async function requestModel(
  db: Db,
  workspace: Workspace,
  requestId: RequestId,
  view: RequestView,
  now: number,
): Promise<RequestModel | undefined> {
  const request = await requests.byId(db, requestId);
  if (!request) return undefined;
  const [reason, made, claim, address, receipts, review, later] = await Promise.all([
    requests.reason(db, requestId),
    decisions.of(db, requestId),
    claims.of(db, requestId),
    textOf(db, 'claim', requestId),
    grants.receipts(db, requestId),
    reviews.of(db, requestId),
    extensionsOf(db, requestId),
  ]);
  const lines = await Promise.all(made.map((decision) => lineOf(db, decision, view)));
  const deciders = await decidersNow(db, request, view, lines, now);
  const eligible = [...new Set(deciders.able.map(({ person }) => person))];
  const glass = await glassOf(db, request, now);
  const nudges = await nudgesOf(db, requestId, view, deciders.able);
  const spoke = [...lines, ...later.flatMap((one) => one.decisions)];
  const named = [
    request.person,
    ...spoke.flatMap(({ person, standsInFor }) => [person, ...(standsInFor ? [standsInFor] : [])]),
    ...eligible,
    ...nudges.map(({ person }) => person),
    ...(review ? [review.person] : []),
    ...glass.reviewers,
  ];
  const { kind, person, target, databases, role, template, durationMs, ticket, startAt, openedAt, digest, plan } =
    request;
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
    startAt,
    openedAt,
    digest,
    plan,
    view,
    reason: reason?.text ?? null,
    decisions: lines,
    eligible: eligible.slice(0, mostNamed),
    reciprocal: deciders.reciprocal,
    nudges,
    extensions: later,
    people: await peopleOf(db, named),
    claim: claim ? { acceptedAt: claim.acceptedAt, endAt: claim.endAt, address: address ?? null } : null,
    grantReceipt: receipts.grant ?? null,
    revokeReceipt: receipts.revoke ?? null,
    review: review ?? null,
    ...glass,
    ...(await stuckOf(db, requestId, view)),
    ...(view.noticed ? { openWork: (await openWork.of(db, requestId)) ?? null } : {}),
  };
}

/** Too few could decide it, or its requester was told so: one statement, for every painting asks. */
async function stuckOf(db: Db, requestId: RequestId, { state }: RequestView): Promise<Pick<RequestModel, 'stuck'>> {
  const [row] = await db.query<{ open: boolean; told: boolean }>(
    `select exists (select from curfew.alarm where key = $1 and resolved_at is null) as open,
       exists (select from curfew.slack_message where request_id = $2 and slot = $3) as told`,
    [stuckKey(requestId), requestId, stuckSlot],
  );
  if (state.kind === 'awaiting' && row?.open === true) return { stuck: true };
  return row?.told === true ? { stuck: false } : {};
}

async function lineOf(db: Db, decision: decisions.StoredDecision, { state }: RequestView): Promise<DecisionLine> {
  const { id, person, verdict, stage, madeAt, voidedAt, voidCause } = decision;
  const reason = verdict === 'deny' ? ((await textOf(db, 'denial', id)) ?? null) : null;
  const approvals = 'approvals' in state ? state.approvals : [];
  const standsInFor = approvals.find((approval) => approval.decisionId === id)?.standsInFor ?? null;
  const cause = voidCause ?? null;
  return { id, person, verdict, stage, madeAt, voidedAt: voidedAt ?? null, cause, reason, standsInFor };
}

/** Oldest first. */
async function extensionsOf(db: Db, requestId: RequestId): Promise<readonly ExtensionLine[]> {
  const rows = await extensions.ofRequest(db, requestId);
  return Promise.all(
    rows.map(async ({ id, kind, fromAt, endAt, askedAt, outcome, cause }): Promise<ExtensionLine> => {
      const over = outcome === null ? null : { kind: outcome, cause };
      const [reason, made] = await Promise.all([textOf(db, 'extension', id), extensionLines(db, id)]);
      return { id, kind, fromAt, endAt, askedAt, reason: reason ?? null, decisions: made, outcome: over };
    }),
  );
}

async function extensionLines(db: Db, extension: ExtensionId): Promise<readonly DecisionLine[]> {
  const made = await extensionDecisions.of(db, extension);
  return Promise.all(
    made.map(async ({ id, person, verdict, stage, madeAt }): Promise<DecisionLine> => {
      const reason = verdict === 'deny' ? ((await textOf(db, 'extension-denial', id)) ?? null) : null;
      return { id, person, verdict, stage, madeAt, voidedAt: null, reason };
    }),
  );
}

/** Somebody who could fill an open stage now. `escalated`: only because it has escalated to them. */
type Able = { readonly person: PersonId; readonly stage: number; readonly escalated: boolean };
type Deciders = { readonly able: readonly Able[]; readonly reciprocal: readonly PersonId[] };

/** Who could fill the stages that wait, by the same rule that judges them; not those who sat already. */
async function decidersNow(
  db: Db,
  request: requests.RequestRow,
  { state }: RequestView,
  lines: readonly DecisionLine[],
  now: number,
): Promise<Deciders> {
  const stages = stagesOf(request.plan);
  const approvals = 'approvals' in state ? state.approvals : [];
  const waiting = state.kind === 'awaiting' ? openNow(stages, approvals, request.openedAt) : [];
  const current = asOf(stages, approvals, request.openedAt, now);
  const selectors = waiting.flatMap(({ stage }) => current[stage]?.from ?? []);
  const spoke = lines.filter((line) => line.voidedAt === null).map((line) => line.person);
  const known = await people.factsOfMany(db, [
    ...new Set([request.person, ...spoke, ...(selectors.length > 0 ? await people.peopleMatching(db, selectors) : [])]),
  ]);
  const requester = known.find((one) => one.id === request.person);
  if (!requester) return { able: [], reciprocal: [] };
  const seated = known.filter((one) => approvals.some((a) => a.person === one.id || a.standsInFor === one.id));
  const able = waiting.flatMap(({ stage }) =>
    known.flatMap((person): Able[] => {
      const [wide, narrow] = [current[stage], stages[stage]];
      if (!wide || !narrow || spoke.includes(person.id) || isRefusal(seatOf(person, wide, requester, seated)))
        return [];
      return [{ person: person.id, stage, escalated: isRefusal(seatOf(person, narrow, requester, seated)) }];
    }),
  );
  return { able, reciprocal: pairedWith(requester, known) };
}

const pairedWith = (requester: PersonFacts, others: readonly PersonFacts[]): readonly PersonId[] =>
  others
    .filter((one) => one.id !== requester.id && requester.reciprocal?.includes(one.id) === true)
    .map(({ id }) => id);

const nudgeSlot = /^dm:(reminder|escalation):(\d+):(.+)$/;

/** Those who are to be written to now, and those who were: what they were sent loses its button when it is too late. */
async function nudgesOf(
  db: Db,
  requestId: RequestId,
  { reminded = [], escalated = [] }: RequestView,
  able: readonly Able[],
): Promise<readonly Nudge[]> {
  const due = able.slice(0, 2 * mostNamed).flatMap((one): Nudge[] => {
    if (one.escalated) return escalated.includes(one.stage) ? [{ kind: 'escalation', ...of(one), due: true }] : [];
    return reminded.includes(one.stage) ? [{ kind: 'reminder', ...of(one), due: true }] : [];
  });
  if (reminded.length + escalated.length === 0) return due;
  const sent = (await slackMessages.of(db, requestId)).flatMap(({ slot }): Nudge[] => {
    const [, kind, stage, person] = nudgeSlot.exec(slot) ?? [];
    if (kind === undefined || person === undefined) return [];
    const nudge = { kind: kind as Nudge['kind'], stage: Number(stage), person: person as PersonId };
    return due.some((one) => one.kind === nudge.kind && one.stage === nudge.stage && one.person === nudge.person)
      ? []
      : [{ ...nudge, due: false }];
  });
  return [...due, ...sent];
}

const of = ({ person, stage }: Able) => ({ person, stage });

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
