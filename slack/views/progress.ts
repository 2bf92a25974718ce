/** Where a request is, in one or two sentences: for the card, its thread and the requester. */
import { loginsStopAt as stopAtOf, sessionsClosed } from '../../domain/grant.ts';
import { stagesOf } from '../../domain/plan.ts';
import { lapsesAt, openNow } from '../../domain/progress.ts';
import type { Approval, RequestState } from '../../domain/request.ts';
import { formatSpan } from '../../domain/time.ts';
import { joined, listed, mrkdwn, type Mrkdwn, nothing, when } from '../text.ts';
import type { DecisionLine, ExtensionLine, RequestModel } from './model.ts';
import { nameOf, outcomeWords } from './words.ts';

type Waiting = Extract<RequestState, { kind: 'awaiting' }>;

/** `*read* on *orders-prod*`. */
export const subject = (model: Pick<RequestModel, 'role' | 'target'>): Mrkdwn =>
  mrkdwn`*${model.role}* on *${model.target}*`;

/**
 * What stays of a direct message whose moment is over. NB. The same whatever comes after: each edit is a call, and a
 * story of one request has many such messages.
 */
export const overtaken = mrkdwn`That is over; what became of it stands further down.`;

/** The request's state as the card says it. The word comes first; a sign before it only helps the eye. */
export function progress(model: RequestModel): Mrkdwn {
  const { state, useByAt } = model.view;
  switch (state.kind) {
    case 'requested':
      return mrkdwn`:hourglass_flowing_sand: *Sent*`;
    case 'awaiting':
      return mrkdwn`:hourglass_flowing_sand: *Waiting for approval* - ${stageProgress(model, state)}`;
    case 'approved':
      return mrkdwn`:white_check_mark: *Approved* - ${starts(model)}${useByAt === null ? '.' : mrkdwn` until ${when(useByAt)}.`}`;
    case 'granting':
      return state.ending
        ? mrkdwn`:hourglass_flowing_sand: *Ending* - it was ended while the login was being made.`
        : mrkdwn`:hourglass_flowing_sand: *Claimed* - the login is being made.`;
    case 'active':
      return mrkdwn`:key: *Active* until ${when(state.endAt, 'seconds')}${boundTo(model)}${landing(model, state.endAt)}.${extending(model)}`;
    case 'revoking':
      return mrkdwn`:hourglass_flowing_sand: *Ending* - ${state.end.cause}. Not over until every node says that no session is left.`;
    case 'closed':
      return mrkdwn`:lock: *${outcomeWords[state.outcome]}* - ${ending(model, state)}`;
  }
}

/** When logins stop, if that is before the end; an extension moves both. */
export function loginsStopAt({ plan, claim }: Pick<RequestModel, 'plan' | 'claim'>, endAt: number): number | undefined {
  const stopAt = claim ? stopAtOf(plan.limits, claim, endAt) : endAt;
  return stopAt === endAt ? undefined : stopAt;
}

function landing(model: RequestModel, endAt: number): Mrkdwn {
  const stopAt = loginsStopAt(model, endAt);
  return stopAt === undefined ? nothing : mrkdwn`; logins stop ${when(stopAt, 'seconds')}`;
}

const starts = ({ startAt, view }: RequestModel): Mrkdwn =>
  startAt == null || view.started === true
    ? mrkdwn`waiting to be claimed`
    : mrkdwn`it can be claimed from ${when(startAt)}`;

/** What ends it besides the time. */
function boundTo({ plan }: RequestModel): Mrkdwn {
  if (!plan.until) return nothing;
  const { kind, key } = plan.until;
  return kind === 'shift' ? mrkdwn`, or the end of the shift on ${key}` : mrkdwn`, or until ${kind} ${key} is over`;
}

function extending({ view, extensions = [] }: RequestModel): Mrkdwn {
  const { state } = view;
  const { extension } = state.kind === 'active' ? state : {};
  if (extension?.kind === 'asked') return mrkdwn` More time is asked for: until ${when(extension.endAt)}.`;
  if (extension) return mrkdwn` It is being extended until ${when(extension.endAt)}.`;
  const made = extensions.filter(({ outcome }) => outcome?.kind === 'extended').length;
  if (made === 0) return nothing;
  return made === 1 ? mrkdwn` Extended once.` : mrkdwn` Extended ${made} times.`;
}

/**
 * `manager: 1 of 1 (Tomas, today at 14:02) - data owners: 0 of 2`: every stage, in order; those that are not open yet
 * say so.
 */
function stageProgress(model: RequestModel, state: Waiting): Mrkdwn {
  const stages = stagesOf(model.plan);
  const open = new Set(openNow(stages, state.approvals, model.openedAt).map(({ stage }) => stage));
  return joined(
    stages.slice(0, 6).map((stage, index) => {
      const counted = state.approvals.filter((approval) => approval.stage === index);
      const who = counted.slice(0, 5).map((approval) => seat(model, approval));
      const later = counted.length < stage.need && !open.has(index) ? mrkdwn`, later` : nothing;
      return mrkdwn`${stage.name}: ${counted.length} of ${stage.need}${who.length > 0 ? mrkdwn` (${joined(who, '; ')})` : later}`;
    }),
    ' - ',
  );
}

/** `Ben, today at 14:02`, or `Ben for Ana, today at 14:02`. */
function seat(model: RequestModel, { decisionId, person, standsInFor }: Approval): Mrkdwn {
  const decision = model.decisions.find((line) => line.id === decisionId);
  const at = decision ? mrkdwn`, ${when(decision.madeAt)}` : nothing;
  const instead = standsInFor === undefined ? nothing : mrkdwn` for ${nameOf(model.people, standsInFor)}`;
  return mrkdwn`${nameOf(model.people, person)}${instead}${at}`;
}

/** When the open stages remind, ask others as well, or lapse, whichever comes next: one sentence each. */
export function deadlines(model: RequestModel): readonly Mrkdwn[] {
  const { state, escalated = [] } = model.view;
  if (state.kind !== 'awaiting') return [];
  const open = openNow(stagesOf(model.plan), state.approvals, model.openedAt);
  const wider = open.flatMap(({ stage, escalateAt }) =>
    escalateAt !== null && !escalated.includes(stage) ? [escalateAt] : [],
  );
  return [
    ...(wider.length > 0 ? [mrkdwn`Others are asked as well ${when(Math.min(...wider))}`] : []),
    ...(escalated.length > 0 ? [mrkdwn`Others were asked as well`] : []),
    mrkdwn`Lapses ${when(lapsing(model))}`,
  ];
}

/** When it lapses if nobody decides, while it waits. */
export function lapsing({ plan, openedAt, view: { state, decideByAt } }: RequestModel): number {
  const approvals = state.kind === 'awaiting' ? state.approvals : [];
  return lapsesAt(stagesOf(plan), approvals, openedAt, decideByAt);
}

/** How it ended and the evidence: `ended 14:02:07, 2 sessions closed, verified in 0.4 s`. */
function ending(model: RequestModel, state: Extract<RequestState, { kind: 'closed' }>): Mrkdwn {
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
  const instead =
    line.standsInFor == null ? nothing : mrkdwn` in the place of ${nameOf(model.people, line.standsInFor)}`;
  if (line.voidedAt !== null) {
    const why = line.cause == null || line.cause === '' ? mrkdwn`they may not approve this now` : mrkdwn`${line.cause}`;
    return mrkdwn`The approval of ${who} counts no more: ${why}. That step is open again.`;
  }
  if (line.verdict === 'deny')
    return mrkdwn`${who} denied it${instead}${line.reason === null ? nothing : mrkdwn`: ${line.reason}`}.`;
  const stage = stagesOf(model.plan)[line.stage];
  return mrkdwn`${who} approved it${instead}${stage ? mrkdwn` (${stage.name})` : nothing}.`;
}

/** One line for the thread about a later end. */
export function extensionSentence(model: RequestModel, line: ExtensionLine): Mrkdwn {
  const holder = nameOf(model.people, model.requester);
  switch (line.outcome?.kind) {
    case undefined:
      return line.kind === 'asked'
        ? mrkdwn`${holder} asks for more time, until ${when(line.endAt)}.`
        : mrkdwn`${holder} extends it until ${when(line.endAt)}, as the policy allows.`;
    case 'extended':
      return mrkdwn`Extended until ${when(line.endAt, 'seconds')}.`;
    case 'denied':
      return deniedSentence(model, line);
    case 'failed':
      return mrkdwn`It could not be extended${line.outcome.cause === null ? nothing : mrkdwn`: ${line.outcome.cause}`}. Its end stays where it was.`;
  }
}

function deniedSentence(model: RequestModel, { decisions }: ExtensionLine): Mrkdwn {
  const denial = decisions.findLast(({ verdict }) => verdict === 'deny');
  const why = denial?.reason ?? null;
  return mrkdwn`${denial ? nameOf(model.people, denial.person) : 'Somebody'} said no to more time${why === null ? nothing : mrkdwn`: ${why}`}.`;
}
