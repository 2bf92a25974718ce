/** Opening the request form, and asking: the same for the command, the form and "ask again". */
import { isRefusal, refuse, type Refusal } from '../../domain/errors.ts';
import type { PersonId } from '../../domain/ids.ts';
import type { Plan } from '../../domain/plan.ts';
import type { Ask, Opened, TargetOption } from '../../service/contract.ts';
import type { Prefill } from '../parse-line.ts';
import type { Desk } from '../service.ts';
import { listed, mrkdwn, type Mrkdwn } from '../text.ts';
import { askForm, type Offer } from '../views/ask.ts';
import type { Content } from '../views/message.ts';
import { told } from '../views/told.ts';
import { planSentence } from '../views/words.ts';
import type { Opener } from './turn.ts';

/** What a person may ask for without an incident. */
export const offersOf = (options: readonly TargetOption[]): readonly Offer[] =>
  options
    .filter((one) => one.roles.length > 0)
    .map((one) => ({
      target: one.target,
      roles: one.roles.map(({ role, note, maxMs }) => ({ role, note, maxMs })),
    }));

/** @returns a refusal where there is nothing that the person may ask for */
export async function openForm(
  desk: Desk,
  { client, triggerId }: Opener,
  person: PersonId,
  prefill: Prefill,
  problem?: string,
): Promise<Refusal | undefined> {
  const options = await desk.service.options({ person });
  if (isRefusal(options)) return options;
  const offers = offersOf(options);
  if (offers.length === 0) return refuse('PolicyDenied', 'The policy lets you ask for nothing here.');
  const lacks = problem === undefined ? {} : { problem: mrkdwn`${problem}` };
  await client.views.open({ trigger_id: triggerId, view: askForm({ offers, prefill, ...lacks }) });
  return undefined;
}

/** What the policy says of a choice, for the foot of the form. */
export async function previewOf(desk: Desk, ask: Ask): Promise<Mrkdwn> {
  const preview = await desk.service.preview(ask);
  if (isRefusal(preview)) return mrkdwn`${preview.message}`;
  const { plan } = preview;
  if (plan.verdict === 'denied') return deniedSentence(plan);
  const named = plan.verdict === 'approvals' ? plan.stages.flatMap((stage) => stage.from) : [];
  const people = await desk.records.profiles(named.flatMap((one) => (one.kind === 'person' ? [one.person] : [])));
  return planSentence(plan, people);
}

const deniedSentence = (plan: Extract<Plan, { verdict: 'denied' }>): Mrkdwn =>
  mrkdwn`The policy does not allow this: ${listed(plan.reasons, 5)}.`;

/** NB. No names: the answer to a delivery is kept for its repeats, and names stand in one table only. */
export function opened(ask: Pick<Ask, 'role' | 'target'>, { plan, confirmed }: Opened): Content {
  const says = mrkdwn`Sent: *${ask.role}* on *${ask.target}*. ${planSentence(plan, new Map())}`;
  return told(
    confirmed ? mrkdwn`${says} You will get a message when it moves.` : mrkdwn`${says} Recorded; the card follows.`,
  );
}
