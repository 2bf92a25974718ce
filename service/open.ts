import { randomBytes } from 'node:crypto';
import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import type { AskFacts } from '../domain/events/entry.ts';
import { requestOpened, requestRefused } from '../domain/events/request.ts';
import type { RequestId } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import type { GrantablePlan } from '../domain/plan.ts';
import { minuteMs } from '../domain/time.ts';
import { digestOf, reasonHash, requestIdFrom } from '../policy/digest.ts';
import type { Ask } from '../policy/plan.ts';
import { seatedFor } from '../policy/seated.ts';
import { append } from '../store/audit.ts';
import { factsOf } from '../store/people.ts';
import type { Db } from '../store/pool.ts';
import * as projections from '../store/projections.ts';
import type { IncidentKnown } from '../store/announcements.ts';
import type { SaltedText } from '../store/erasable-texts.ts';
import * as requests from '../store/requests.ts';
import type { RequestRow } from '../store/requests.ts';
import type { AccessRequestInput } from '../workflows/contract.ts';
import { answering, refused, type Attempt } from './answering.ts';
import { announce, breakGlassLimit, incidentNow, takeHumansTurn, unfitToBreak } from './break-glass.ts';
import type { Context } from './context.ts';
import type { Opened, OpenInput } from './contract.ts';
import { queue, sendNow, type Queued } from './outbox.ts';
import { activePerson, placeOf, planNow, type Place } from './planning.ts';
import { firstView } from './standing.ts';
import { notWhileBehind } from './store-behind.ts';
import { firstRefusal, readDuration, readIncident, readText, readTicket } from './texts.ts';

/**
 * Opens a request, or a break-glass: judged, then written with its audit entry, its first view and its start in one
 * transaction, then started. Asking again with one key opens nothing new and answers the first.
 *
 * A break-glass is announced in the very transaction that opens it, long before there is a credential (I13).
 * @returns `InvalidInput` with its field, `UnknownTarget`, `UnknownPerson`, `NotAllowed`, `PolicyDenied` with every
 *   unmet rule, `NotRecorded`
 */
export const open = (ctx: Context, input: OpenInput): Promise<Opened | Refusal> =>
  answering(ctx, 'open', async () => {
    const id = requestIdFrom(`${input.kind} ${input.person} ${input.key}`);
    const first = await requests.byId(ctx.store, id);
    if (first) return startAgain(ctx, first);
    const attempt: Attempt = (code) => requestRefused(input.person, id, { ask: input.kind, code });
    const judged = await judge(ctx, input, id);
    if (isRefusal(judged)) return refused(ctx.store, attempt, judged);
    const started = await ctx.store.transaction((tx) => record(ctx, tx, judged));
    if (isRefusal(started)) return refused(ctx.store, attempt, started);
    if (started === 'repeated') {
      const there = await requests.byId(ctx.store, id);
      return there ? startAgain(ctx, there) : refuse('NotRecorded', 'Not recorded: try again.');
    }
    const sent = await sendNow(ctx, ctx.store, started);
    return { requestId: id, plan: judged.row.plan, repeated: false, confirmed: sent.kind === 'confirmed' };
  });

type Judged = {
  readonly row: RequestRow;
  readonly reason: SaltedText;
  readonly facts: AskFacts;
  readonly start: AccessRequestInput;
  /** Of a break-glass: what is known of its incident. */
  readonly incident?: IncidentKnown;
};

async function judge(ctx: Context, input: OpenInput, id: RequestId): Promise<Judged | Refusal> {
  const text = readText(input.reason, 'reason', 'why you need it');
  const ticket = input.kind === 'break-glass' ? readIncident(input.ticket) : readTicket(input.ticket);
  const durationMs = readDuration(input.durationMs);
  const wrong = firstRefusal(text, ticket, durationMs);
  if (wrong || isRefusal(text) || isRefusal(ticket) || isRefusal(durationMs))
    return wrong ?? refuse('InvalidInput', 'Not valid.');
  const unfit = input.kind === 'break-glass' && input.account && unfitToBreak(input.account);
  if (unfit) return unfit;
  const behind = await notWhileBehind(ctx.store);
  if (behind) return behind;
  const policy = await ctx.policy();
  const place = placeOf(ctx, policy, input);
  if (isRefusal(place)) return place;
  const requester = await activePerson(ctx.store, input.person);
  if (isRefusal(requester)) return requester;
  const { target, role } = place;
  const ask: Ask = { kind: input.kind, requester, target, role, durationMs, ticket, startAt: input.startAt ?? null };
  // NB. What is recorded is the very instant by which it was judged, so that anybody can judge it again.
  const openedAt = ctx.clock();
  const { plan, gives, fields, people } = await planNow(ctx.store, policy, ask, openedAt);
  if (plan.verdict === 'denied') {
    const field = fields?.find((one) => one !== null) ?? undefined;
    return refuse('PolicyDenied', plan.reasons.join(' '), field);
  }
  if (!gives) throw new Error('a plan that grants and gives nothing');
  const incident = await incidentNow(ctx, plan, requester);
  if (isRefusal(incident)) return incident;
  const salt = randomBytes(16);
  const shown = {
    requestId: id,
    requester: requester.id,
    target,
    role,
    durationMs,
    ticket,
    plan,
    startAt: ask.startAt,
    ...gives,
    reasonHash: reasonHash(salt, text),
  };
  const row: RequestRow = {
    id,
    kind: input.kind,
    person: requester.id,
    target,
    databases: gives.databases,
    role,
    template: gives.template,
    durationMs,
    ticket,
    startAt: shown.startAt,
    reasonHash: shown.reasonHash,
    plan,
    policyHash: policy.hash,
    digest: digestOf(shown),
    openedAt,
    decideByAt: openedAt + plan.limits.decideWithinMs,
  };
  const known = incident === undefined ? {} : { incident };
  const facts = { requester, people: seatedFor(policy, ask, people, openedAt) };
  return { row, reason: { text, salt }, facts, start: startOf(ctx, row, requester, place.place), ...known };
}

/** Everything that opening writes; nothing of it is there without the rest, and of a refusal there is nothing. */
async function record(ctx: Context, tx: Db, judged: Judged): Promise<Queued | 'repeated' | Refusal> {
  const { row, reason, facts, start, incident } = judged;
  if (row.kind === 'break-glass') {
    const limit = await limitInTurn(ctx, tx, row);
    if (limit) return limit;
  }
  if ((await requests.insert(tx, row, reason)) === 'repeated') return 'repeated';
  await append(tx, requestOpened(row.person, row.id, openedBody(row, facts)));
  if (incident !== undefined) await announce(tx, row, incident);
  await projections.save(tx, row.id, firstView(row), ctx.clock());
  return queue(tx, { kind: 'start', payload: start });
}

/** NB. Asked in the transaction that opens: five presses at once are judged one after the other. */
async function limitInTurn(ctx: Context, tx: Db, row: RequestRow): Promise<'repeated' | Refusal | undefined> {
  const requester = await activePerson(tx, row.person);
  if (isRefusal(requester)) return requester;
  await takeHumansTurn(tx, requester);
  if (await requests.byId(tx, row.id)) return 'repeated';
  return breakGlassLimit(tx, requester, ctx.clock());
}

function openedBody(row: RequestRow, facts: AskFacts) {
  const { kind, target, databases, role, template, durationMs, ticket, startAt, digest, openedAt, decideByAt } = row;
  const { plan, policyHash: policy, reasonHash: reason } = row;
  const asked = { kind, target, databases, role, template, durationMs, ticket, startAt, reason };
  const judged = { policy, rule: plan.rule, verdict: plan.verdict, plan, facts };
  return { ...asked, digest, openedAt, decideByAt, ...judged };
}

/** A request that is there already: the first answer, and its start once more in case nobody took it. */
async function startAgain(ctx: Context, row: RequestRow): Promise<Opened | Refusal> {
  const requester = await factsOf(ctx.store, row.person);
  const place = ctx.targets.find(({ name }) => name === row.target);
  if (!requester || !place) return { requestId: row.id, plan: row.plan, repeated: true, confirmed: false };
  const queued = await queue(ctx.store, { kind: 'start', payload: startOf(ctx, row, requester, place) });
  const sent = await sendNow(ctx, ctx.store, queued);
  return { requestId: row.id, plan: row.plan, repeated: true, confirmed: sent.kind === 'confirmed' };
}

const startOf = (
  ctx: Context,
  row: Pick<RequestRow, 'id' | 'target' | 'digest' | 'openedAt' | 'startAt' | 'decideByAt'> & {
    readonly plan: GrantablePlan;
  },
  requester: PersonFacts,
  { zone }: Place['place'],
): AccessRequestInput => ({
  requestId: row.id,
  requester: { id: requester.id, aliases: requester.aliases },
  target: row.target,
  zone,
  digest: row.digest,
  plan: row.plan,
  openedAt: row.openedAt,
  ...(row.startAt === null ? {} : { startAt: row.startAt }),
  decideByAt: row.decideByAt,
  slack: ctx.slackEnabled,
  noticeMs: noticeOf(row.plan, ctx.noticeMs),
  endsByRecord: true,
});

/** Nobody's logins stop without a word a minute before. */
const noticeOf = ({ limits: { graceMs = 0 } }: GrantablePlan, noticeMs: number): number =>
  graceMs === 0 ? noticeMs : Math.max(noticeMs, graceMs + minuteMs);
