/** What the requester gets as direct messages. None ever holds a password, a verifier or a claim code. */
import { shortId } from '../../domain/ids.ts';
import { formatSpan } from '../../domain/time.ts';
import { actions } from '../ids.ts';
import { mrkdwn, nothing, value, when, type Mrkdwn } from '../text.ts';
import { askAgainButton, claimButton, doneButton, extendButton, withdrawButton } from './buttons.ts';
import { button, content, context, row, section } from './kit.ts';
import type { Content } from './message.ts';
import type { ExtensionLine, RequestModel } from './model.ts';
import { extensionSentence, lapsing, loginsStopAt, overtaken, progress, receiptSentence, subject } from './progress.ts';
import { nameOf, outcomeWords, planSentence } from './words.ts';

const reference = (model: RequestModel) => context(mrkdwn`Request ${shortId(model.requestId)}`);

/** Sent as soon as the request is open, so that its sender knows that it arrived. */
export function sent(model: RequestModel): Content {
  const open = model.view.state.kind === 'awaiting';
  const says = mrkdwn`Your request for ${subject(model)} was sent. ${planSentence(model.plan, model.people)}`;
  const lapses = mrkdwn`It lapses ${when(lapsing(model))} if nobody decides.`;
  const then = open ? lapses : overtaken;
  return content(
    mrkdwn`${says} ${then}`,
    section(says),
    section(then),
    reference(model),
    row(...(open ? [withdrawButton(model.requestId)] : [])),
  );
}

/** Nobody can decide it any more, or too few can: what it comes to, and what to do. */
export function stuck(model: RequestModel): Content {
  const open = model.view.state.kind === 'awaiting';
  const says =
    model.stuck === true
      ? mrkdwn`Too few are left who could decide your request for ${subject(model)}. It lapses ${when(lapsing(model))} unless somebody joins them.`
      : mrkdwn`Your request for ${subject(model)} had too few left who could decide it. ${open ? mrkdwn`There are enough again.` : overtaken}`;
  const todo = mrkdwn`An administrator knows. Or withdraw it and ask again: where too few can decide, it goes to the owners of the target as well.`;
  const wait = model.stuck === true && open;
  return content(
    wait ? mrkdwn`${says} ${todo}` : says,
    section(says),
    ...(wait ? [section(todo)] : []),
    reference(model),
    row(...(wait ? [withdrawButton(model.requestId)] : [])),
  );
}

/** Approved: claim it, or withdraw it. */
export function approved(model: RequestModel): Content {
  const open = model.view.state.kind === 'approved';
  const by = model.view.useByAt;
  const says = mrkdwn`${subject(model)} for ${formatSpan(model.durationMs)} is approved for you.`;
  const { startAt } = model;
  const early = startAt != null && model.view.started !== true;
  const from = early ? mrkdwn`It can be claimed from ${when(startAt)}. ` : nothing;
  const next =
    by === null
      ? mrkdwn`${from}Claim it when you start.`
      : mrkdwn`${from}Claim it by ${when(by)}; the clock starts when you do.`;
  const then = open ? next : overtaken;
  return content(
    mrkdwn`${says} ${then}`,
    section(says),
    section(then),
    reference(model),
    row(...(open ? [...(early ? [] : [claimButton(model.requestId)]), withdrawButton(model.requestId)] : [])),
  );
}

/** A scheduled start has come. */
export function startable(model: RequestModel): Content {
  const open = model.view.state.kind === 'approved';
  const by = model.view.useByAt;
  const says = mrkdwn`${subject(model)} for ${formatSpan(model.durationMs)} can be claimed now${by === null ? nothing : mrkdwn`, until ${when(by)}`}.`;
  const text = open ? says : mrkdwn`${subject(model)} could be claimed from here. ${overtaken}`;
  return content(text, section(text), reference(model), row(...(open ? [claimButton(model.requestId)] : [])));
}

/** Claimed, then active: how to connect, until when, from where it was claimed, and the two ways to end it. */
export function held(model: RequestModel): Content {
  const { state } = model.view;
  const live = state.kind === 'active' || (state.kind === 'granting' && !state.ending);
  const says = mrkdwn`Your access, ${subject(model)}: ${progress(model)}`;
  return content(
    says,
    section(says),
    ...(live ? [section(connect)] : []),
    section(
      mrkdwn`Claimed ${model.claim ? when(model.claim.acceptedAt, 'seconds') : nothing} from ${model.claim?.address ?? 'an address that is not known'}.${live ? mrkdwn` Not you? End it now.` : nothing}`,
    ),
    reference(model),
    row(...(live ? [doneButton(model.requestId), extendButton(model.requestId), notMe(model)] : [])),
  );
}

const connect = mrkdwn`Connect with the psql line that the claim page or \`curfew connect\` showed. The password was shown there once and is nowhere else.`;

const notMe = (model: RequestModel) =>
  button(actions.disownClaim, 'Not me: end now', model.requestId, {
    style: 'danger',
    confirm: {
      title: 'Was it not you?',
      text: 'The access ends at once, and security is told.',
      yes: 'Not me: end now',
    },
  });

/** Some minutes before the end. */
export function notice(model: RequestModel): Content {
  const { state } = model.view;
  const active = state.kind === 'active' ? state : undefined;
  const says = active
    ? mrkdwn`${ending(model, active.endAt)}${openNow(model)}`
    : mrkdwn`Your access, ${subject(model)}, was to end soon. ${overtaken}`;
  return content(
    says,
    section(says),
    reference(model),
    row(...(active ? [doneButton(model.requestId), extendButton(model.requestId)] : [])),
  );
}

function ending(model: RequestModel, endAt: number): Mrkdwn {
  const stopAt = loginsStopAt(model, endAt);
  return stopAt === undefined
    ? mrkdwn`Your access, ${subject(model)}, ends ${when(endAt)}. Open sessions are closed then: finish or save your work.`
    : mrkdwn`Your access, ${subject(model)}: logins stop ${when(stopAt)}, everything is closed ${when(endAt)}. Commit what you have open.`;
}

/** As somebody counted last: instants stay true on a message that is not painted again. */
function openNow({ openWork }: RequestModel): Mrkdwn {
  if (!openWork || openWork.transactions === 0) return nothing;
  const { transactions: many, oldestSinceAt } = openWork;
  const since =
    oldestSinceAt === null ? nothing : mrkdwn`${many === 1 ? '' : ', the oldest'} since ${when(oldestSinceAt, 'time')}`;
  return mrkdwn` ${many} open ${many === 1 ? 'transaction' : 'transactions'}${since}.`;
}

/** What became of a later end that was asked for. */
export function extended(model: RequestModel, line: ExtensionLine): Content {
  const says = mrkdwn`Your access, ${subject(model)}: ${extensionSentence(model, line)}`;
  return content(says, section(says), reference(model));
}

/** The end: how, the evidence, and a way to ask again. */
export function ended(model: RequestModel): Content {
  const { state } = model.view;
  const outcome = state.kind === 'closed' ? outcomeWords[state.outcome] : 'Ended';
  const cause = state.kind === 'closed' ? state.cause : '';
  const denial = model.decisions.findLast((line) => line.verdict === 'deny' && line.voidedAt === null);
  const denied =
    state.kind === 'closed' && state.outcome === 'denied' && denial
      ? mrkdwn`${nameOf(model.people, denial.person)}: ${value(denial.reason ?? 'no reason is kept', 500)}`
      : undefined;
  const says = mrkdwn`${subject(model)} - *${outcome}*${denied || cause === '' ? nothing : mrkdwn`: ${cause}`}.`;
  const receipt = receiptSentence(model);
  const evidence = receipt ? mrkdwn`*Receipt*: ${receipt}` : mrkdwn`Nothing had been granted.`;
  return content(
    mrkdwn`${says} ${evidence}`,
    section(says),
    ...(denied ? [section(denied)] : []),
    section(evidence),
    reference(model),
    row(...(model.kind === 'access' ? [askAgainButton(model.requestId)] : [])),
  );
}
