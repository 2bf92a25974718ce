import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import { loginsStopAt } from '../domain/grant.ts';
import { roleOf, type RequestId } from '../domain/ids.ts';
import * as claims from '../store/claims.ts';
import type { ClaimRow } from '../store/claims.ts';
import * as grants from '../store/grants.ts';
import * as projections from '../store/projections.ts';
import * as requests from '../store/requests.ts';
import { answering } from './answering.ts';
import { findCode } from './claim-code.ts';
import type { Context } from './context.ts';
import type { Claimed } from './contract.ts';

/**
 * Is the login there yet? Asked by the client that claimed, with the code that it used up.
 * @returns `UnknownCode`, or `NotPending` where the code was never used
 */
export const claimStatus = (ctx: Context, { code }: { readonly code: string }): Promise<Claimed | Refusal> =>
  answering(ctx, 'claimStatus', async () => {
    const found = await findCode(ctx.store, code);
    if (isRefusal(found)) return found;
    const { request, usedAt } = found.row;
    const claim = usedAt === null ? undefined : await claims.of(ctx.store, request.id);
    return claim ? claimedOf(ctx, request.id, claim) : refuse('NotPending', 'Nothing was claimed with this code.');
  });

/** What somebody who claimed is told: where to connect, as whom, until when; never a secret. */
export async function claimedOf(ctx: Context, requestId: RequestId, claim: ClaimRow): Promise<Claimed | Refusal> {
  const row = await requests.byId(ctx.store, requestId);
  const place = ctx.targets.find(({ name }) => name === row?.target);
  if (!row || !place) return refuse('UnknownTarget', 'This installation does not serve that target any more.');
  const view = await projections.viewOf(ctx.store, requestId);
  const grant = await grants.byId(ctx.store, requestId);
  const kind = view?.state.kind;
  const over = kind === 'closed' || kind === 'revoking' || (grant !== undefined && grant.endedAt !== null);
  const endAt = grant?.endAt ?? claim.endAt;
  const made = over ? 'ended' : 'active';
  return {
    requestId,
    // The grant's own row counts before any view: it is written with the receipt, and a view may lag.
    state: over || grant || kind === 'active' ? made : 'granting',
    outcome: view?.state.kind === 'closed' ? view.state.outcome : null,
    role: roleOf(requestId),
    host: place.host,
    port: place.port,
    databases: row.databases,
    endAt,
    loginsStopAt: loginsStopAt(row.plan.limits, claim, endAt),
  };
}
