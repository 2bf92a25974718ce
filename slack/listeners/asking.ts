/** Opening the request form, and asking: the same for the command, the form, App Home and "ask again". */
import { isRefusal, refuse, type Refusal } from '../../domain/errors.ts';
import type { PersonId } from '../../domain/ids.ts';
import { stagesOf, type Plan } from '../../domain/plan.ts';
import { hourMs } from '../../domain/time.ts';
import type { Ask, Opened, Preview, TargetOption } from '../../service/contract.ts';
import type { Prefill } from '../parse-line.ts';
import type { Desk } from '../service.ts';
import { within } from '../within.ts';
import { joined, listed, mrkdwn, sentence, value, type Mrkdwn } from '../text.ts';
import { askForm, type Offer } from '../views/ask.ts';
import type { Content } from '../views/message.ts';
import type { People } from '../views/model.ts';
import { termSentences } from '../views/terms.ts';
import { told } from '../views/told.ts';
import { nameOf, planSentence } from '../views/words.ts';
import type { AskedFields } from './asked.ts';
import type { Opener } from './turn.ts';

/** What a person may ask for without an incident. */
export const offersOf = (options: readonly TargetOption[]): readonly Offer[] =>
  options
    .filter((one) => one.roles.length > 0)
    .map((one) => ({
      target: one.target,
      roles: one.roles.map(({ role, note, maxMs }) => ({ role, note, maxMs })),
    }));

/**
 * Filled with what is known; with nothing known, with what this person asked for last.
 * @returns a refusal where there is nothing that the person may ask for
 */
export async function openForm(
  desk: Desk,
  { client, triggerId }: Opener,
  person: PersonId,
  known: Prefill,
  problem?: string,
): Promise<Refusal | undefined> {
  const [options, last] = await Promise.all([
    desk.service.options({ person }),
    Object.keys(known).length > 0 ? known : lastAsked(desk, person),
  ]);
  if (isRefusal(options)) return options;
  const offers = offersOf(options);
  if (offers.length === 0) return refuse('PolicyDenied', 'The policy lets you ask for nothing here.');
  const prefill = offered(offers, known === last ? known : last);
  const { target = '', role = '', durationMs = hourMs, reason = '' } = prefill;
  const preview = await previewOf(desk, person, { ...prefill, target, role, durationMs, reason });
  const lacks = problem === undefined ? {} : { problem: mrkdwn`${problem}` };
  await client.views.open({ trigger_id: triggerId, view: askForm({ offers, prefill, preview, ...lacks }) });
  return undefined;
}

/** The form opens without it where it is slow: the trigger lives for three seconds. */
const lastWithinMs = 700;

/** NB. Not the reason: it is this request's own. Where it cannot be said in time, the form is empty, and that is all. */
async function lastAsked(desk: Desk, person: PersonId): Promise<Prefill> {
  const overview = await within(desk.service.overview({ person }), lastWithinMs);
  if (overview === undefined || isRefusal(overview)) return {};
  const own = [...overview.grants, ...overview.requests, ...overview.recent].filter(({ kind }) => kind === 'access');
  const last = own.toSorted((one, other) => other.openedAt - one.openedAt)[0];
  return last ? { target: last.target, role: last.role, durationMs: last.durationMs } : {};
}

/** A target or role that is not offered any more is left out, so that the form shows what it will send. */
function offered(offers: readonly Offer[], { target, role, ...rest }: Prefill): Prefill {
  const offer = offers.find((one) => one.target === target);
  const given =
    offer?.roles.some((one) => one.role === role) ?? offers.some((one) => one.roles.some((each) => each.role === role));
  return {
    ...rest,
    ...(offer ? { target: offer.target } : {}),
    ...(given && role !== undefined ? { role } : {}),
  };
}

/** What the policy says of what is in the form, for its foot. */
export async function previewOf(
  desk: Desk,
  person: PersonId,
  { target, role, durationMs, ticket, startAt }: AskedFields,
): Promise<readonly Mrkdwn[]> {
  if (target === '' || role === '') return [];
  if (durationMs === null) return [mrkdwn`${unreadableSpan}`];
  const ask: Ask = {
    person,
    kind: 'access',
    target,
    role,
    durationMs,
    ...(ticket === undefined ? {} : { ticket }),
    ...(startAt === undefined ? {} : { startAt }),
  };
  const preview = await desk.service.preview(ask);
  if (isRefusal(preview)) return [mrkdwn`${sentence(preview.message, 1_000)}`];
  const { plan } = preview;
  if (plan.verdict === 'denied') return [deniedSentence(plan)];
  const named = stagesOf(plan).flatMap((stage) => stage.from);
  const people = await desk.records.profiles([
    ...new Set([
      ...named.flatMap((one) => (one.kind === 'person' ? [one.person] : [])),
      ...preview.seats.flat().slice(0, 200),
    ]),
  ]);
  return [planSentence(plan, people), ...termSentences(plan), ...seatSentence(preview, people)];
}

export const unreadableSpan = 'Write how long as 45m, 2h or 1h30m.';

const deniedSentence = (plan: Extract<Plan, { verdict: 'denied' }>): Mrkdwn =>
  mrkdwn`Not possible as it stands: ${joined(
    plan.reasons.slice(0, 5).map((reason) => value(reason, 300)),
    ' ',
  )}`;

/** `Could decide now: Tomas (manager); Ben and Priya (data owners).` */
function seatSentence({ plan, seats }: Preview, people: People): readonly Mrkdwn[] {
  const stages = plan.verdict === 'denied' ? [] : stagesOf(plan).slice(0, 6);
  if (stages.length === 0) return [];
  const each = stages.map((stage, index) => {
    const names = (seats[index] ?? []).map((person) => nameOf(people, person));
    return mrkdwn`${names.length === 0 ? 'nobody' : listed(names, 4)} (${stage.name})`;
  });
  return [mrkdwn`Could decide now: ${joined(each, '; ')}.`];
}

/** NB. No names: the answer to a delivery is kept for its repeats, and names stand in one table only. */
export function opened(ask: Pick<Ask, 'role' | 'target'>, { plan, confirmed }: Opened): Content {
  const says = mrkdwn`Sent: *${ask.role}* on *${ask.target}*. ${planSentence(plan, new Map())}`;
  return told(
    confirmed ? mrkdwn`${says} You will get a message when it moves.` : mrkdwn`${says} Recorded; the card follows.`,
  );
}
