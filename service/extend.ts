import { randomBytes } from 'node:crypto';
import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import type { AskFacts } from '../domain/events/entry.ts';
import { extensionAsked, extensionRefused } from '../domain/events/extension.ts';
import type { GrantablePlan } from '../domain/plan.ts';
import { stagesOf } from '../domain/plan.ts';
import { formatInstant, secondMs } from '../domain/time.ts';
import { extensionDigestOf, extensionIdFrom, reasonHash } from '../policy/digest.ts';
import { seatedFor } from '../policy/seated.ts';
import { asksForMore } from '../policy/stricter.ts';
import { append } from '../store/audit.ts';
import type { SaltedText } from '../store/erasable-texts.ts';
import * as extensions from '../store/extensions.ts';
import type { ExtensionRow } from '../store/extensions.ts';
import type { StoredGrant } from '../store/grants.ts';
import type { Db } from '../store/pool.ts';
import { answering, refused, type Attempt } from './answering.ts';
import { conditionOf, shiftEndsAt, type AskedBefore } from './bounds.ts';
import type { Context } from './context.ts';
import type { ExtendAsk, Extended } from './contract.ts';
import { heldNow, latestEnd, notMoved, planOfNow, signed, stepOf, type PlanNow } from './extension.ts';
import { queue, sendNow, type Queued } from './outbox.ts';
import { standingOf, takeTurn, type Standing } from './standing.ts';
import { readDuration, readText } from './texts.ts';

/**
 * The holder of a grant asks for a later end: as long again as was asked for first, or `byMs`. Never past what the role
 * may be held for from its grant on, nor past the policy's window. As often as the plan allows it is given at once, with
 * a ticket for the new end; after that the people whom the policy names now decide, and a reason is needed. One at a
 * time. The target moves the end, ledger and login together: until then nothing has changed, and a revoke is final.
 *
 * Asking again with one key answers the first.
 * @returns `NotAllowed` for anybody but the holder, `NotPending` where nothing is held or another extension is under
 *   way, `InvalidInput` with its field, `PolicyDenied`, `NotRecorded`: all audited but the last
 */
export const extend = (ctx: Context, input: ExtendAsk): Promise<Extended | Refusal> =>
  answering(ctx, 'extend', async () => {
    const { requestId, person } = input;
    const attempt: Attempt = (code) => extensionRefused(person, requestId, { code });
    const before = await standingOf(ctx.store, requestId);
    if (isRefusal(before)) return refused(ctx.store, attempt, before);
    const policy = await answering(ctx, 'extend', () => ctx.policy());
    if (isRefusal(policy)) return refused(ctx.store, attempt, policy);
    const condition = await conditionOf(ctx, before.row);
    const asked = await ctx.store.transaction(async (tx) => {
      await takeTurn(tx, requestId);
      const result = await record(ctx, tx, { policy, condition }, input);
      return isRefusal(result) ? refused(tx, attempt, result) : result;
    });
    if (isRefusal(asked)) return asked;
    const { row, queued } = asked;
    const sent = await sendNow(ctx, ctx.store, queued, (no) => notMoved(ctx, row, no));
    if (sent.kind === 'refused') return refused(ctx.store, attempt, sent.refusal);
    return { extensionId: row.id, kind: row.kind, endAt: row.endAt, confirmed: sent.kind === 'confirmed' };
  });

type Asked = { readonly row: ExtensionRow; readonly queued: Queued };

async function record(ctx: Context, tx: Db, asked: AskedBefore, input: ExtendAsk): Promise<Asked | Refusal> {
  const id = extensionIdFrom(`${input.requestId} ${input.person} ${input.key}`);
  const first = await extensions.byId(tx, id);
  if (first) return { row: first, queued: await queue(tx, stepOf(first)) };
  const standing = await standingOf(tx, input.requestId);
  if (isRefusal(standing)) return standing;
  if (standing.row.person !== input.person) return refuse('NotAllowed', 'Only whoever holds this can extend it.');
  const judged = await judge(ctx, tx, asked, standing, input);
  if (isRefusal(judged)) return judged;
  const { reason, judgedMs, facts, ...rest } = judged;
  const salted: SaltedText | undefined = reason === undefined ? undefined : { text: reason, salt: randomBytes(16) };
  const hash = salted ? reasonHash(salted.salt, salted.text) : null;
  const digest = extensionDigestOf({
    extensionId: id,
    request: standing.row.digest,
    endAt: rest.endAt,
    reasonHash: hash,
    plan: rest.plan,
  });
  const { id: requestId, person: requester } = standing.row;
  const row: ExtensionRow = { id, requestId, requester, ...rest, reasonHash: hash, digest };
  const ticket = row.kind === 'automatic' ? signed(ctx, standing.row, row) : undefined;
  if (isRefusal(ticket)) return ticket;
  if ((await extensions.insert(tx, row, salted)) !== 'asked') throw new Error('an extension that another one overtook');
  if (ticket) await extensions.insertTicket(tx, ticket);
  const { number, kind, fromAt, endAt, askedAt, plan } = row;
  const said = { extension: id, number, kind, fromAt, endAt, askedAt, digest, reason: hash };
  await append(tx, extensionAsked(requester, requestId, { ...said, judgedMs, plan, facts }));
  return { row, queued: await queue(tx, stepOf(row)) };
}

type Judged = Pick<ExtensionRow, 'number' | 'kind' | 'fromAt' | 'endAt' | 'plan' | 'askedAt'> & {
  readonly reason: string | undefined;
  readonly judgedMs: number;
  readonly facts: AskFacts;
};

async function judge(
  ctx: Context,
  tx: Db,
  asked: AskedBefore,
  standing: Standing,
  input: ExtendAsk,
): Promise<Judged | Refusal> {
  const now = ctx.clock();
  const grant = await heldNow(tx, standing, now);
  if (isRefusal(grant)) return grant;
  const earlier = await extensions.ofRequest(tx, standing.row.id);
  if (earlier.some(({ outcome }) => outcome === null)) {
    return refuse('NotPending', 'Another extension of this is under way: wait for its answer.');
  }
  const byMs = readDuration(input.byMs ?? standing.row.durationMs);
  if (isRefusal(byMs)) return byMs;
  const planned = await planFor(ctx, tx, asked, standing, { grant, byMs, now });
  if (isRefusal(planned)) return planned;
  const { plan, short, ask, people } = planned;
  const endAt = Math.min(planned.endAt, await shiftEndsAt(tx, standing.row, now));
  if (endAt < grant.endAt + secondMs) {
    const until = formatInstant(grant.endAt);
    return refuse(
      'PolicyDenied',
      `There is nothing left to give: it lasts until ${until}, as long as it may.`,
      'duration',
    );
  }
  // NB. What nobody has to approve rests on what was approved: that has to be as much as the policy wants now, for this.
  const pinned = standing.row.plan;
  const kind = !asksForMore(pinned, plan) && allowanceLeft(pinned, plan, earlier) > 0 ? 'automatic' : 'asked';
  if (kind === 'asked' && short) return short;
  if (kind === 'asked' && stagesOf(plan).length === 0) {
    return refuse('PolicyDenied', 'The policy gives no further extension of this. Ask anew when it has ended.');
  }
  const said = input.reason?.trim() ?? '';
  const reason = kind === 'asked' || said !== '' ? readText(said, 'reason', 'why you need it for longer') : undefined;
  if (isRefusal(reason)) return reason;
  const facts = { requester: ask.requester, people: seatedFor(asked.policy, ask, people, now) };
  const judged = { plan, askedAt: now, judgedMs: ask.durationMs, facts };
  return { number: earlier.length + 1, kind, fromAt: grant.endAt, endAt, reason, ...judged };
}

type Longer = { readonly grant: StoredGrant; readonly byMs: number; readonly now: number };

/**
 * The plan for the time that is added, and the end that it gives: at once no more than the rule gives at once, and never
 * past what the role may be held for. Judged first as what was asked for first, and again where it is longer than that.
 */
async function planFor(
  ctx: Context,
  tx: Db,
  asked: AskedBefore,
  standing: Standing,
  { grant, byMs, now }: Longer,
): Promise<(PlanNow & { readonly endAt: number }) | Refusal> {
  const { row } = standing;
  const endBy = ({ plan }: PlanNow): number =>
    Math.min(grant.endAt + Math.min(byMs, plan.limits.maxMs), latestEnd(asked.policy, row, plan, grant, now));
  const first = await planOfNow(ctx, tx, asked, standing, now);
  if (isRefusal(first)) return first;
  const addedMs = endBy(first) - grant.endAt;
  if (addedMs <= row.durationMs) return { ...first, endAt: endBy(first) };
  const longer = await planOfNow(ctx, tx, asked, standing, now, addedMs);
  return isRefusal(longer) ? longer : { ...longer, endAt: Math.min(endBy(first), endBy(longer)) };
}

/** How many more nobody has to approve: what was approved says so, and what holds now may not be less. */
function allowanceLeft(
  pinned: GrantablePlan,
  now: GrantablePlan,
  earlier: readonly extensions.FollowedExtension[],
): number {
  const allowed = Math.min(pinned.limits.extensions ?? 0, now.limits.extensions ?? 0);
  return allowed - earlier.filter(({ kind, outcome }) => kind === 'automatic' && outcome !== 'failed').length;
}
