import { randomBytes, randomUUID } from 'node:crypto';
import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import { claimAccepted, claimRefused, endAsked } from '../domain/events/grant.ts';
import type { CredentialId, RequestId } from '../domain/ids.ts';
import { append } from '../store/audit.ts';
import * as claims from '../store/claims.ts';
import type { ClaimRow } from '../store/claims.ts';
import * as decisions from '../store/decisions.ts';
import * as grants from '../store/grants.ts';
import * as intents from '../store/intents.ts';
import type { Db } from '../store/pool.ts';
import { keepText } from '../store/erasable-texts.ts';
import * as requests from '../store/requests.ts';
import { answering, refused, type Attempt } from './answering.ts';
import { conditionOf, shiftEndsAt, type AskedBefore } from './bounds.ts';
import { findCode, unknownCode, whySpent } from './claim-code.ts';
import { judgeClaim, tallyNow } from './claim-judgement.ts';
import { claimedOf } from './claim-status.ts';
import type { Context } from './context.ts';
import type { Claimed, ClaimInput } from './contract.ts';
import { queue, sendNow, type Queued } from './outbox.ts';
import { standingOf, takeTurn } from './standing.ts';

/**
 * Takes a code and the verifier that its holder's own client made. Judges everything once more, fixes the end, signs
 * the ticket without which the target makes no login, and writes claim, audit entry and Update in one transaction.
 *
 * The clock starts here: the end is now and the request's duration, whatever the grant takes, or where the policy's
 * window closes if that is earlier. Where somebody who approved may not any more, that approval is void and its stage
 * waits for another one.
 * The same code with the same verifier gets the same answer again (a lost reply); with another one it is spent.
 * A claim that its Workflow refuses is buried at once: its ticket is signed, and must open nothing (I7).
 * @returns `UnknownCode`, `CodeSpent`, `InvalidInput` for a verifier that the target would refuse, and all that
 *   `judgeClaim` says; audited where the code was one of ours
 */
export const claim = (ctx: Context, input: ClaimInput): Promise<Claimed | Refusal> =>
  answering(ctx, 'claim', async () => {
    const found = await findCode(ctx.store, input.code);
    if (isRefusal(found)) return found;
    const { id: requestId, person } = found.row.request;
    const attempt: Attempt = (code) => claimRefused(person, requestId, { code });
    const policy = await answering(ctx, 'claim', () => ctx.policy());
    if (isRefusal(policy)) return refused(ctx.store, attempt, policy);
    const condition = await conditionOf(ctx, found.row.request);
    const voids: Queued[] = [];
    const accepted = await ctx.store.transaction(async (tx) => {
      await takeTurn(tx, requestId);
      const result = await accept(ctx, tx, { policy, condition }, found.hash, input);
      if (!isRefusal(result)) return result;
      if (result.code === 'ApproverNotEligible') voids.push(...(await voidFallen(tx, requestId)));
      return refused(tx, attempt, result);
    });
    for (const message of voids) await sendNow(ctx, ctx.store, message);
    if (isRefusal(accepted)) return accepted;
    const sent = await sendNow(ctx, ctx.store, accepted.queued, (no) => bury(ctx, accepted.claim, no));
    if (sent.kind === 'refused' && !accepted.repeated) return refused(ctx.store, attempt, sent.refusal);
    return claimedOf(ctx, requestId, accepted.claim);
  });

type Accepted = { readonly claim: ClaimRow; readonly queued: Queued; readonly repeated: boolean };

async function accept(
  ctx: Context,
  tx: Db,
  asked: AskedBefore,
  hash: Buffer,
  input: ClaimInput,
): Promise<Accepted | Refusal> {
  const row = await claims.code(tx, hash);
  if (!row) return unknownCode;
  if (!ctx.tickets.accepts(input.verifier)) {
    return refuse('InvalidInput', 'That is no SCRAM-SHA-256 verifier of 4,096 to 19,999 iterations.', 'verifier');
  }
  const { request } = row;
  const earlier = await claims.of(tx, request.id);
  if (earlier && row.usedAt !== null && earlier.verifier === input.verifier) {
    return { claim: earlier, queued: await queue(tx, messageOf(earlier)), repeated: true };
  }
  const now = ctx.clock();
  const spent = whySpent(row, now);
  if (spent) return spent;
  const standing = await standingOf(tx, request.id);
  if (isRefusal(standing)) return standing;
  const fit = await judgeClaim(ctx, tx, asked, standing, now);
  if (isRefusal(fit)) return fit;

  const endAt = Math.min(now + request.durationMs, fit.closesAt, await shiftEndsAt(tx, standing.row, now));
  const { id: requestId, person, template } = request;
  const ticket = ctx.tickets.make(fit.place.cluster, { requestId, person, template, verifier: input.verifier, endAt });
  if (!ticket) return refuse('TargetNotReady', 'This process holds no ticket key for that target: tell an operator.');
  const made: ClaimRow = {
    requestId,
    credentialId: randomUUID() as CredentialId,
    verifier: input.verifier,
    ticket: ticket.mac,
    ticketKey: ticket.keyId,
    endAt,
    acceptedAt: now,
  };
  if ((await claims.insert(tx, made)) !== 'accepted' || !(await claims.use(tx, hash, now))) {
    throw new Error('a claim that another one overtook while it had the turn');
  }
  await keepText(tx, { kind: 'claim', id: requestId, person, text: input.address, salt: randomBytes(16) });
  const { facts } = fit;
  const accepted = { credential: made.credentialId, acceptedAt: now, endAt, ticketKey: ticket.keyId };
  await append(tx, claimAccepted(person, requestId, { ...accepted, policy: asked.policy.hash, facts }));
  return { claim: made, queued: await queue(tx, messageOf(made)), repeated: false };
}

/** Voids the approvals of those who may not approve any more; their stages wait for somebody else again. */
async function voidFallen(tx: Db, requestId: RequestId): Promise<readonly Queued[]> {
  const standing = await standingOf(tx, requestId);
  if (isRefusal(standing) || standing.state.kind !== 'approved') return [];
  const { fallen } = await tallyNow(tx, standing, standing.requester);
  const queued: Queued[] = [];
  for (const { decision } of fallen) {
    if (!(await decisions.voidOne(tx, decision, 'may not approve any more', actor))) continue;
    const { id: decisionId, person: personId } = decision;
    queued.push(await queue(tx, { kind: 'void', payload: { requestId, decisionId, input: { personId } } }));
  }
  return queued;
}

/**
 * The target refuses a ticket for ever once somebody asked for the end of its grant, so this asks. Without it the ticket
 * of a claim that came a moment too late would be good until its own end. The credential's id is the intent's too, as
 * where the relay hears the no: however often it is heard, it is one.
 */
async function bury(ctx: Context, { requestId, credentialId }: ClaimRow, { code }: Refusal): Promise<void> {
  await ctx.store.transaction(async (tx) => {
    const row = await requests.byId(tx, requestId);
    if (!row || (await grants.receipts(tx, requestId)).revoke) return;
    const scope = { kind: 'grant', requestId, target: row.target } as const;
    if (!(await intents.insert(tx, { id: credentialId, scope, actor, cause: 'revoked' }))) return;
    await append(tx, endAsked(actor, requestId, { cause: 'revoked', refused: code }));
  });
}

/** Nobody asked for it: the process did. */
const actor = 'curfew_api';

const messageOf = ({ requestId, credentialId }: ClaimRow) =>
  ({ kind: 'claim', payload: { requestId, input: { credentialId } } }) as const;
