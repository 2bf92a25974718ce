/** Where a request is, in one or two sentences: for the card, its thread and the requester. */
import { sessionsClosed } from '../../domain/grant.ts';
import { stagesOf } from '../../domain/plan.ts';
import type { RequestState } from '../../domain/request.ts';
import { formatSpan } from '../../domain/time.ts';
import { joined, listed, mrkdwn, type Mrkdwn, nothing, when } from '../text.ts';
import type { DecisionLine, RequestModel } from './model.ts';
import { nameOf, outcomeWords } from './words.ts';

type Waiting = Extract<RequestState, { kind: 'awaiting' }>;

/** `*read* on *orders-prod*`. */
export const subject = (model: Pick<RequestModel, 'role' | 'target'>): Mrkdwn =>
  mrkdwn`*${model.role}* on *${model.target}*`;

/** The request's state as the card says it. The word comes first; a sign before it only helps the eye. */
export function progress(model: RequestModel): Mrkdwn {
  const { state, useByAt } = model.view;
  switch (state.kind) {
    case 'requested':
      return mrkdwn`:hourglass_flowing_sand: *Sent*`;
    case 'awaiting':
      return mrkdwn`:hourglass_flowing_sand: *Waiting for approval* - ${stageProgress(model, state)}`;
    case 'approved':
      return mrkdwn`:white_check_mark: *Approved* - waiting to be claimed${useByAt === null ? '.' : mrkdwn` until ${when(useByAt)}.`}`;
    case 'granting':
      return state.ending
        ? mrkdwn`:hourglass_flowing_sand: *Ending* - it was ended while the login was being made.`
        : mrkdwn`:hourglass_flowing_sand: *Claimed* - the login is being made.`;
    case 'active':
      return mrkdwn`:key: *Active* until ${when(state.endAt, 'seconds')}.`;
    case 'revoking':
      return mrkdwn`:hourglass_flowing_sand: *Ending* - ${state.end.cause}. Not over until every node says that no session is left.`;
    case 'closed':
      return mrkdwn`:lock: *${outcomeWords[state.outcome]}* - ${ending(model, state)}`;
  }
}

/** `data owners: 1 of 2 (Ben, today at 14:02)`, for each stage that has begun. */
function stageProgress(model: RequestModel, state: Waiting): Mrkdwn {
  const stages = stagesOf(model.plan).slice(0, Math.min(state.stage + 1, 5));
  return joined(
    stages.map((stage, index) => {
      const counted = state.approvals.filter((approval) => approval.stage === index);
      const who = counted.slice(0, 5).map((approval) => {
        const decision = model.decisions.find((line) => line.id === approval.decisionId);
        return mrkdwn`${nameOf(model.people, approval.person)}${decision ? mrkdwn`, ${when(decision.madeAt)}` : nothing}`;
      });
      return mrkdwn`${stage.name}: ${counted.length} of ${stage.need}${who.length > 0 ? mrkdwn` (${joined(who, '; ')})` : nothing}`;
    }),
    ' - ',
  );
}

/** How it ended and the evidence: `ended 14:02:07, 2 sessions closed, verified in 0.4 s`. */
export function ending(model: RequestModel, state: Extract<RequestState, { kind: 'closed' }>): Mrkdwn {
  const denial = model.decisions.findLast((line) => line.verdict === 'deny');
  if (state.outcome === 'denied' && denial)
    return mrkdwn`${nameOf(model.people, denial.person)} said no ${when(denial.madeAt)}.`;
  const receipt = receiptSentence(model);
  return receipt ? mrkdwn`${state.cause}; ${receipt}` : mrkdwn`${state.cause}. Nothing had been granted.`;
}

/** The evidence of a revoke in one sentence, or undefined while there is none. */
export function receiptSentence({ revokeReceipt: receipt }: Pick<RequestModel, 'revokeReceipt'>): Mrkdwn | undefined {
  if (!receipt) return undefined;
  const closed = sessionsClosed(receipt);
  const sessions = closed === 1 ? '1 session closed' : `${closed} sessions closed`;
  const nodes = receipt.nodes.length === 1 ? nothing : mrkdwn` on ${receipt.nodes.length} nodes`;
  const tookMs = receipt.verifiedAt - receipt.startedAt;
  const took = tookMs < 100 ? 'under 0.1 s' : formatSpan(tookMs);
  const attested = receipt.attestations.map((one) => `${one.says} (${one.operator})`);
  return mrkdwn`ended ${when(receipt.verifiedAt, 'seconds')}, ${sessions}${nodes}, verified in ${took}.${
    attested.length > 0 ? mrkdwn` Attested: ${listed(attested, 3)}.` : nothing
  }`;
}

/** One line for the thread about somebody's word. */
export function decisionSentence(model: RequestModel, line: DecisionLine): Mrkdwn {
  const who = nameOf(model.people, line.person);
  if (line.voidedAt !== null) return mrkdwn`The approval of ${who} counts no more: they may not approve this now.`;
  if (line.verdict === 'deny')
    return mrkdwn`${who} denied it${line.reason === null ? nothing : mrkdwn`: ${line.reason}`}.`;
  const stage = stagesOf(model.plan)[line.stage];
  return mrkdwn`${who} approved it${stage ? mrkdwn` (${stage.name})` : nothing}.`;
}
