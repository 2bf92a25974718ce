/** The card of a request in the approvers' channel, and the announcement of a break-glass grant, which is its card. */
import { shortId } from '../../domain/ids.ts';
import { formatSpan } from '../../domain/time.ts';
import { actions } from '../ids.ts';
import { listed, mrkdwn, value, when, type Mrkdwn } from '../text.ts';
import { button, content, context, fields, row, section } from './kit.ts';
import type { Block, Content } from './message.ts';
import type { ExtensionLine, RequestModel } from './model.ts';
import { deadlines, extensionSentence, progress, subject } from './progress.ts';
import { nameOf } from './words.ts';

/** Short on purpose: what is decided on is in Review. Its buttons are gone once they can do nothing more. */
export function card(model: RequestModel): Content {
  const asks = mrkdwn`*${nameOf(model.people, model.requester)}* asks for ${subject(model)}`;
  return content(
    mrkdwn`${asks} for ${formatSpan(model.durationMs)}. ${progress(model)}`,
    section(asks),
    facts(model),
    ...excerpt(model),
    section(progress(model)),
    ...moreTime(model),
    context(...footer(model)),
    row(...buttons(model)),
  );
}

/** Says what happened without approval, and where it stands. Posted before the login exists (I13). */
export function announcement(model: RequestModel): Content {
  const says = mrkdwn`:rotating_light: *Break-glass*: *${nameOf(model.people, model.requester)}* opens ${subject(model)} without prior approval`;
  return content(
    mrkdwn`${says}, incident ${model.ticket ?? 'unknown'}. ${progress(model)}`,
    section(says),
    facts(model),
    ...(model.incident === 'unknown'
      ? [
          section(
            mrkdwn`:warning: *Flagged*: nobody knows of an open incident ${model.ticket ?? ''}, and the policy lets that through.`,
          ),
        ]
      : []),
    ...excerpt(model),
    section(progress(model)),
    context(mrkdwn`Reviewed afterwards by a second person.`, mrkdwn`Request ${shortId(model.requestId)}`),
    row(...buttons(model)),
  );
}

const facts = (model: RequestModel): Block =>
  fields([
    mrkdwn`*For*\n${formatSpan(model.durationMs)}`,
    mrkdwn`*Databases*\n${listed(model.databases, 5)}`,
    mrkdwn`*${model.kind === 'break-glass' ? 'Incident' : 'Ticket'}*\n${model.ticket ?? 'none'}`,
    mrkdwn`*Asked*\n${when(model.openedAt)}`,
    ...(model.startAt == null ? [] : [mrkdwn`*Starts*\n${when(model.startAt)}`]),
    ...(model.plan.until ? [mrkdwn`*Ends with*\n${model.plan.until.kind} ${model.plan.until.key}`] : []),
  ]);

/** The beginning of the reason; the whole of it is in Review. */
const excerpt = (model: RequestModel): readonly Block[] =>
  model.reason === null ? [] : [section(mrkdwn`*Why*\n${value(model.reason, 200)}`)];

function footer(model: RequestModel): readonly Mrkdwn[] {
  const id = mrkdwn`Request ${shortId(model.requestId)}`;
  if (model.view.state.kind !== 'awaiting') return [id];
  const others = model.eligible.map((person) => nameOf(model.people, person));
  return [
    others.length > 0 ? mrkdwn`Can approve: ${listed(others)}` : mrkdwn`Nobody else can approve this now`,
    ...reciprocity(model),
    ...deadlines(model),
    id,
  ];
}

/** Two who mostly approve each other: told, so that whoever looks can ask somebody else. */
function reciprocity(model: RequestModel): readonly Mrkdwn[] {
  const names = (model.reciprocal ?? []).map((person) => nameOf(model.people, person));
  const requester = nameOf(model.people, model.requester);
  return names.length > 0 ? [mrkdwn`Mostly approve each other: ${requester} and ${listed(names, 3)}`] : [];
}

/** The reason of an extension that waits for somebody. */
function moreTime(model: RequestModel): readonly Block[] {
  const asked = waitingExtension(model);
  if (!asked) return [];
  const says = extensionSentence(model, asked);
  return [section(asked.reason === null ? says : mrkdwn`${says}\n*Why*\n${value(asked.reason, 200)}`)];
}

function waitingExtension({ view, extensions = [] }: RequestModel): ExtensionLine | undefined {
  const { extension } = view.state.kind === 'active' ? view.state : {};
  return extension?.kind === 'asked' ? extensions.find(({ id }) => id === extension.id) : undefined;
}

function buttons(model: RequestModel) {
  const { kind } = model.view.state;
  if (kind === 'awaiting') return [button(actions.review, 'Review', model.requestId, { style: 'primary' })];
  if (kind === 'active' || (kind === 'granting' && !model.view.state.ending)) {
    const asked = waitingExtension(model);
    const review = asked ? [button(actions.reviewExtension, 'Review', asked.id, { style: 'primary' })] : [];
    return [...review, endNow(model)];
  }
  return [];
}

const endNow = (model: RequestModel) =>
  button(actions.endNow, 'End now', model.requestId, {
    style: 'danger',
    confirm: {
      title: 'End this access now?',
      text: 'Open sessions are closed at once, and the login never works again.',
      yes: 'End now',
    },
  });
