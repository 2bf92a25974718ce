import { isRefusal, type Refusal } from '../domain/errors.ts';
import { loginsStopAt } from '../domain/grant.ts';
import { stagesOf } from '../domain/plan.ts';
import { lapsesAt } from '../domain/progress.ts';
import type { RequestView } from '../domain/view.ts';
import * as requests from '../store/requests.ts';
import type { ClaimedSpan, RequestRow } from '../store/requests.ts';
import { answering } from './answering.ts';
import type { Context } from './context.ts';
import type { RequestStatus, StatusInput } from './contract.ts';
import { mayRead } from './reading.ts';
import { noSuchRequest, standingOf } from './standing.ts';

/**
 * Where a request stands.
 * @param asked `reader`: only for somebody whom it concerns; without, the caller has seen to that
 * @returns `UnknownRequest`, in the same words for what is not there and for what is not theirs
 */
export const status = (ctx: Context, { requestId, reader }: StatusInput): Promise<RequestStatus | Refusal> =>
  answering(ctx, 'status', async () => {
    const standing = await standingOf(ctx.store, requestId);
    if (isRefusal(standing)) return standing;
    if (reader !== undefined && !(await mayRead(ctx, standing, reader))) return noSuchRequest;
    const { row, view, state } = standing;
    const span = (await requests.spansOf(ctx.store, [row.id])).get(row.id);
    return { ...shown(row, view, span), state: state.kind };
  });

export const shown = (row: RequestRow, view: RequestView, span: ClaimedSpan | undefined): RequestStatus => {
  const { id: requestId, kind, person: requester, target, role, durationMs, startAt, openedAt, plan, decideByAt } = row;
  return {
    requestId,
    kind,
    requester,
    target,
    role,
    durationMs,
    startAt,
    openedAt,
    state: view.state.kind,
    view,
    lapsesAt: lapsesAt(
      stagesOf(plan),
      view.state.kind === 'awaiting' ? view.state.approvals : [],
      openedAt,
      decideByAt,
    ),
    endAt: span?.endAt ?? null,
    loginsStopAt: span ? loginsStopAt(plan.limits, span.claim, span.endAt) : null,
  };
};
