import { isRefusal, type Refusal } from '../domain/errors.ts';
import type { PersonId } from '../domain/ids.ts';
import { stagesOf } from '../domain/plan.ts';
import { seatOf } from '../policy/eligibility.ts';
import * as grants from '../store/grants.ts';
import { factsOf, factsOfMany } from '../store/people.ts';
import type { Db } from '../store/pool.ts';
import * as requests from '../store/requests.ts';
import * as checks from '../store/target-checks.ts';
import { answering } from './answering.ts';
import type { Context } from './context.ts';
import type { HeldGrant, Mine, ReviewModel } from './contract.ts';
import { unknownPerson } from './planning.ts';
import { addedLines, privilegeLines } from './privileges.ts';
import { chooseSeat, type Sitting } from './seat.ts';
import { peopleIn, sittingOf, whoCould } from './sitting.ts';
import { notPending, standingOf, type Standing } from './standing.ts';

/** Everything that an approver is shown, from the store and nothing else: what a payload says of it counts for nothing. */
export const reviewModel = (ctx: Context, { requestId, person }: Mine): Promise<ReviewModel | Refusal> =>
  answering(ctx, 'reviewModel', async () => {
    const standing = await standingOf(ctx.store, requestId);
    return isRefusal(standing) ? standing : modelOf(ctx, standing, person);
  });

/** What `person` is shown of a request; `you` says whether a word of theirs would count. */
export async function modelOf(ctx: Context, standing: Standing, person: PersonId): Promise<ReviewModel> {
  const { row, view, decisions, approvals } = standing;
  const [reason, held, check, live, reciprocal, you] = await Promise.all([
    requests.reason(ctx.store, row.id),
    requests.heldBy(ctx.store, row.person),
    checks.latest(ctx.store, row.target),
    grants.live(ctx.store, { target: row.target, person: row.person }),
    reciprocalIn(ctx.store, standing),
    mayLook(ctx, standing, person),
  ]);
  const has = live.filter(({ requestId, endAt }) => requestId !== row.id && endAt > ctx.clock());
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
    adds: check
      ? addedLines(
          check.result,
          template,
          has.map((one) => one.template),
        )
      : [],
    reciprocal,
    standsInFor: new Map(approvals.flatMap((one) => (one.standsInFor ? [[one.person, one.standsInFor]] : []))),
    you,
  };
}

/** Would this person's decision count? As the click will be judged, but for the account, which is read at the click. */
export async function mayLook(ctx: Context, standing: Standing, person: PersonId): Promise<Refusal | null> {
  const people = await peopleIn(ctx.store, standing, person);
  const sitting = sittingOf(standing, people);
  const chosen = await wouldSit(ctx, sitting, people.get(person));
  if (isRefusal(chosen) && chosen.code !== 'NotPending') return chosen;
  return standing.state.kind === 'awaiting' ? null : notPending(standing.state);
}

/** The seat that an approval of this person would fill now, their Slack account being in order. */
export async function wouldSit(
  ctx: Pick<Context, 'store' | 'clock'>,
  sitting: Sitting,
  person: Parameters<typeof seatOf>[0] | undefined,
) {
  if (!person) return unknownPerson;
  const now = ctx.clock();
  const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: now };
  const facts = { person, account };
  const click = { verdict: 'approve', digest: sitting.digest, facts, madeAt: now } as const;
  return chooseSeat(sitting, click, await whoCould(ctx.store, sitting.stages));
}

/** Those with whom the requester mostly approves mutually, of everybody who sits here or could. */
async function reciprocalIn(
  db: Db,
  { row, requester, approvals }: Pick<Standing, 'row' | 'requester' | 'approvals'>,
): Promise<readonly PersonId[]> {
  const pairs = (await factsOf(db, row.person))?.reciprocal ?? [];
  if (pairs.length === 0) return [];
  const stages = stagesOf(row.plan);
  const able = (await factsOfMany(db, pairs)).filter((one) =>
    stages.some((stage) => !isRefusal(seatOf(one, stage, requester))),
  );
  const here = new Set([...approvals.map(({ person }) => person), ...able.map(({ id }) => id)]);
  return pairs.filter((pair) => here.has(pair));
}

async function heldGrants(db: Db, held: readonly requests.FollowedRequest[]): Promise<readonly HeldGrant[]> {
  const ends = await requests.endsOf(
    db,
    held.map(({ id }) => id),
  );
  return held.flatMap(({ id, target, role }) => {
    const endAt = ends.get(id);
    return endAt === undefined ? [] : [{ requestId: id, target, role, endAt }];
  });
}
