import { randomUUID } from 'node:crypto';
import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import { endAsked, endRefused } from '../domain/events/grant.ts';
import type { RequestId } from '../domain/ids.ts';
import { sameHuman, type AccountFacts, type PersonFacts } from '../domain/person.ts';
import type { LoadedPolicy } from '../policy/policy.ts';
import { mayEnd } from '../policy/powers.ts';
import { append } from '../store/audit.ts';
import * as claims from '../store/claims.ts';
import * as grants from '../store/grants.ts';
import * as intents from '../store/intents.ts';
import type { IntentCause } from '../store/intents.ts';
import { factsOf, factsOfMany } from '../store/people.ts';
import type { Db } from '../store/pool.ts';
import type { OutboxMessage } from '../temporal/messages.ts';
import { answering, refused } from './answering.ts';
import type { Context } from './context.ts';
import type { Ended, Mine, RevokeInput } from './contract.ts';
import { queue, sendNow, type Queued } from './outbox.ts';
import { lastUnderstood } from './policy-in-force.ts';
import { standingOf, takeTurn, type Standing } from './standing.ts';

/**
 * The holder's "I'm done". The revoke intent is in the store before anybody else is told, so that the reaper ends the
 * grant with Temporal and the worker dead.
 * @returns `NotAllowed` for anybody but the requester, `NotPending` where nothing was claimed yet or all is over
 */
export const release = (ctx: Context, { requestId, person }: Mine): Promise<Ended | Refusal> =>
  ending(ctx, requestId, person, async (tx, standing) => {
    const mine = await ownRequest(tx, standing, person);
    if (isRefusal(mine)) return mine;
    const { state } = standing;
    if (state.kind === 'awaiting' || state.kind === 'approved' || state.kind === 'requested') {
      return refuse('NotPending', 'Nothing was claimed yet: withdraw the request instead.');
    }
    const payload = { requestId: standing.row.id, input: { actor: person } };
    return { cause: 'released', message: { kind: 'release', payload } };
  });

/**
 * The requester takes the request back, in whatever state; what is held already is released.
 * @returns `NotAllowed` for anybody else, `NotPending` where all is over
 */
export const withdraw = (ctx: Context, { requestId, person }: Mine): Promise<Ended | Refusal> =>
  ending(ctx, requestId, person, async (tx, standing) => {
    const mine = await ownRequest(tx, standing, person);
    if (isRefusal(mine)) return mine;
    const payload = { requestId: standing.row.id, input: { actor: person } };
    return { cause: 'withdrawn', message: { kind: 'withdraw', payload } };
  });

/**
 * "End now", and "not you?". The owners of the target may, those whom the policy lets end any grant, an approver who
 * counted, and the holder. Neither an unknown policy nor a dead Temporal stops it (I18): where the policy that holds is
 * not understood, the last that was says who may, because ending too much is the safe mistake.
 * @returns `NotAllowed`, `UnknownPerson`, `NotPending` where all is over
 */
export const revoke = async (ctx: Context, input: RevokeInput): Promise<Ended | Refusal> => {
  const policy = await ctx.policy().catch(() => lastUnderstood(ctx.store).catch(() => undefined));
  return ending(ctx, input.requestId, input.person, async (tx, standing) => {
    const person = await factsOf(tx, input.person);
    if (!person) return refuse('UnknownPerson', 'Curfew does not know you yet: ask an administrator to import you.');
    const requester = await factsOf(tx, standing.row.person);
    const why = accountProblem(input.account) ?? (await whoEnds(tx, policy, standing, person, requester));
    if (isRefusal(why)) return why;
    const payload = { requestId: standing.row.id, input: { actor: input.person, cause: why.cause } };
    return { cause: input.disowned === true ? 'disowned' : 'revoked', message: { kind: 'revoke', payload } };
  });
};

type Ending = { readonly cause: IntentCause; readonly message: OutboxMessage };

/** Intent, audit entry and message in one transaction, in turn with the request's decisions and claims; then the send. */
const ending = (
  ctx: Context,
  requestId: string,
  person: PersonFacts['id'],
  judge: (tx: Db, standing: Standing) => Promise<Ending | Refusal>,
): Promise<Ended | Refusal> =>
  answering(ctx, 'end', async () => {
    const asked = await ctx.store.transaction(async (tx) => {
      await takeTurn(tx, requestId);
      const standing = await standingOf(tx, requestId);
      const why = isRefusal(standing) ? standing : await judge(tx, standing);
      if (isRefusal(standing) || isRefusal(why)) {
        const refusal = isRefusal(why) ? why : refuse('UnknownRequest', 'There is no such request.');
        return refused(tx, (code) => endRefused(person, requestId, { code }), refusal);
      }
      return ask(tx, standing, person, why);
    });
    if (isRefusal(asked)) return asked;
    if (asked === 'over') return { already: true, confirmed: true };
    const sent = await sendNow(ctx, ctx.store, asked.queued);
    // The Workflow's no can only mean that it was over before: the intent stands and the reaper has seen to it.
    return { already: asked.already || sent.kind === 'refused', confirmed: sent.kind !== 'unconfirmed' };
  });

async function ask(
  tx: Db,
  { row, state, intents: asked }: Standing,
  person: PersonFacts['id'],
  { cause, message }: Ending,
): Promise<{ readonly already: boolean; readonly queued: Queued } | 'over'> {
  if (state.kind === 'closed' && (await nothingLeft(tx, row.id))) return 'over';
  const already = asked.some(
    (intent) => intent.actor === person && intent.cause === cause && intent.scope.kind === 'grant',
  );
  if (!already) {
    const scope = { kind: 'grant', requestId: row.id, target: row.target } as const;
    await intents.insert(tx, { id: randomUUID(), scope, actor: person, cause });
    await append(tx, endAsked(person, row.id, { cause }));
  }
  return { already, queued: await queue(tx, message) };
}

/**
 * Is a closed request over in fact? A view is the worker's word; the evidence of the end is the receipt, and without an
 * accepted claim there was never anything to grant (I18).
 */
async function nothingLeft(tx: Db, requestId: RequestId): Promise<boolean> {
  const { revoke: receipt } = await grants.receipts(tx, requestId);
  return receipt !== undefined || (await claims.of(tx, requestId)) === undefined;
}

/** NB. No look at HR's state: somebody who was suspended a moment ago may still give back what they hold. */
async function ownRequest(tx: Db, { row }: Standing, person: PersonFacts['id']): Promise<Refusal | undefined> {
  if (row.person === person) return undefined;
  const facts = await factsOf(tx, person);
  const requester = await factsOf(tx, row.person);
  return facts && requester && sameHuman(facts, requester)
    ? undefined
    : refuse('NotAllowed', 'This is not your request.');
}

/** In words for the card and the history: what they are to the request, not who they are. */
async function whoEnds(
  tx: Db,
  policy: LoadedPolicy | undefined,
  { row, decisions }: Standing,
  person: PersonFacts,
  requester: PersonFacts | undefined,
): Promise<{ readonly cause: string } | Refusal> {
  if (requester && sameHuman(person, requester)) return { cause: 'ended by its holder' };
  if (person.state !== 'active') return refuse('NotAllowed', `The directory says that you are ${person.state}.`);
  const approvers = await factsOfMany(
    tx,
    decisions.filter(({ verdict }) => verdict === 'approve').map((one) => one.person),
  );
  if (approvers.some((approver) => sameHuman(approver, person))) return { cause: 'ended by an approver' };
  if (policy && mayEnd(policy, person, row.target)) return { cause: 'ended by somebody who answers for the target' };
  return refuse(
    'NotAllowed',
    'Only the holder, an approver, an owner of the target or an access controller may end this.',
  );
}

const accountProblem = (account: AccountFacts | undefined): Refusal | undefined =>
  account && (account.deleted || account.bot || account.restricted || account.stranger)
    ? refuse('NotAllowed', 'Only full members of this workspace may do this.')
    : undefined;
