import { isRefusal, type Refusal } from '../domain/errors.ts';
import type { PersonId } from '../domain/ids.ts';
import { stagesOf } from '../domain/plan.ts';
import { judge } from '../policy/eligibility.ts';
import * as claims from '../store/claims.ts';
import { factsOf, factsOfMany } from '../store/people.ts';
import type { Db } from '../store/pool.ts';
import * as requests from '../store/requests.ts';
import * as checks from '../store/target-checks.ts';
import { answering } from './answering.ts';
import type { Context } from './context.ts';
import type { HeldGrant, Mine, RequestStatus, ReviewModel } from './contract.ts';
import { privilegeLines } from './privileges.ts';
import { notPending, standingOf, type Standing } from './standing.ts';

/** Where a request stands. */
export const status = (ctx: Context, { requestId }: { readonly requestId: string }): Promise<RequestStatus | Refusal> =>
  answering(ctx, 'status', async () => {
    const standing = await standingOf(ctx.store, requestId);
    if (isRefusal(standing)) return standing;
    const { row, view, state } = standing;
    const { kind, target, role, durationMs, openedAt } = row;
    const claim = await claims.of(ctx.store, row.id);
    return {
      requestId: row.id,
      kind,
      requester: row.person,
      target,
      role,
      durationMs,
      openedAt,
      state: state.kind,
      view,
      endAt: claim?.endAt ?? null,
    };
  });

/** Everything that an approver is shown, from the store and nothing else: what a payload says of it counts for nothing. */
export const reviewModel = (ctx: Context, { requestId, person }: Mine): Promise<ReviewModel | Refusal> =>
  answering(ctx, 'reviewModel', async () => {
    const standing = await standingOf(ctx.store, requestId);
    if (isRefusal(standing)) return standing;
    const { row, view, decisions } = standing;
    const [reason, held, check, you] = await Promise.all([
      requests.reason(ctx.store, row.id),
      requests.heldBy(ctx.store, row.person),
      checks.latest(ctx.store, row.target),
      mayLook(ctx, standing, person),
    ]);
    const { id, kind, target, databases, role, template, durationMs, ticket, startAt, plan, digest, openedAt } = row;
    return {
      requestId: id,
      kind,
      requester: row.person,
      target,
      databases,
      role,
      template,
      durationMs,
      ticket,
      startAt,
      reason: reason?.text ?? null,
      plan,
      digest,
      openedAt,
      view,
      decisions: decisions.map(({ person: by, stage, verdict, madeAt }) => ({ person: by, stage, verdict, madeAt })),
      held: await heldGrants(ctx.store, held),
      privileges: check ? { checkedAt: check.checkedAt, lines: privilegeLines(check.result, template) } : null,
      adds: [],
      reciprocal: [],
      standsInFor: new Map(),
      you,
    };
  });

/** Would this person's decision count? As the click will be judged, but for the account, which is read at the click. */
async function mayLook(ctx: Context, { row, decisions, state }: Standing, person: PersonId): Promise<Refusal | null> {
  const [facts, requester] = await Promise.all([factsOf(ctx.store, person), factsOf(ctx.store, row.person)]);
  if (!facts || !requester) return { kind: 'refusal', code: 'UnknownPerson', message: 'Curfew does not know you yet.' };
  const now = ctx.clock();
  const stages = stagesOf(row.plan);
  const stage = state.kind === 'awaiting' ? state.stage : Math.max(0, stages.length - 1);
  const counted = await factsOfMany(
    ctx.store,
    decisions.filter(({ verdict }) => verdict === 'approve').map((one) => one.person),
  );
  const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: now };
  const click = {
    verdict: 'approve',
    digest: row.digest,
    stage,
    facts: { person: facts, account },
    madeAt: now,
  } as const;
  const seat = judge({ requester, digest: row.digest, stages }, click, counted);
  const refusal = isRefusal(seat) ? seat : undefined;
  if (refusal && refusal.code !== 'NotPending') return refusal;
  return state.kind === 'awaiting' ? null : notPending(state);
}

async function heldGrants(db: Db, held: readonly requests.FollowedRequest[]): Promise<readonly HeldGrant[]> {
  const grants = await Promise.all(
    held.map(async ({ id, target, role }) => ({
      requestId: id,
      target,
      role,
      endAt: (await claims.of(db, id))?.endAt ?? 0,
    })),
  );
  return grants.filter(({ endAt }) => endAt > 0);
}
