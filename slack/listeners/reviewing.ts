/** Opening Review: of a request, and of a later end that somebody asks for. */
import { isRefusal, refuse, type Refusal } from '../../domain/errors.ts';
import type { ExtensionId, PersonId } from '../../domain/ids.ts';
import { stagesOf, type GrantablePlan } from '../../domain/plan.ts';
import type { ReviewModel } from '../../service/contract.ts';
import type { Desk } from '../service.ts';
import type { People } from '../views/model.ts';
import { extensionForm } from '../views/extension-review.ts';
import { reviewForm } from '../views/review.ts';
import type { Opener, Press, Pressed } from './turn.ts';

export async function openReview(desk: Desk, press: Pressed, opener: Opener): Promise<Refusal | undefined> {
  const { requestId, person } = press;
  const model = await desk.service.reviewModel({ requestId, person });
  if (isRefusal(model)) return model;
  if (press.place.kind !== 'message' && !concerns(model, person)) return notYours;
  // Asked for now, so that it is known when the decision comes; the form does not wait for it.
  const asked = desk.accounts.factsOf(press.account);
  const people = await namedIn(desk, model, model.plan);
  await opener.client.views.open({ trigger_id: opener.triggerId, view: reviewForm(model, people) });
  await asked;
  return undefined;
}

/** @returns `foreign` where the button stands on the message of another request than the extension's */
export async function openExtensionReview(
  desk: Desk,
  press: Press & { readonly extensionId: ExtensionId },
  opener: Opener,
): Promise<Refusal | 'foreign' | undefined> {
  const { extensionId, person, place } = press;
  const model = await desk.service.extensionModel({ extensionId, person });
  if (isRefusal(model)) return model;
  if (place.kind === 'message' && place.requestId !== model.request.requestId) return 'foreign';
  if (place.kind !== 'message' && model.you !== null && !concerns(model.request, person)) return notYours;
  const asked = desk.accounts.factsOf(press.account);
  const people = await namedIn(desk, model.request, model.plan);
  await opener.client.views.open({ trigger_id: opener.triggerId, view: extensionForm(model, people) });
  await asked;
  return undefined;
}

/** Outside of the channels where it was announced, a request is shown to those whom it concerns. */
const concerns = (model: ReviewModel, person: PersonId): boolean =>
  model.you === null || model.requester === person || model.decisions.some((one) => one.person === person);

const notYours = refuse('NotAllowed', 'This does not wait for you.');

function namedIn(desk: Desk, model: ReviewModel, plan: GrantablePlan): Promise<People> {
  const selectors = [...stagesOf(model.plan), ...stagesOf(plan)].flatMap((stage) => stage.from);
  return desk.records.profiles([
    ...new Set([
      model.requester,
      ...model.decisions.map((one) => one.person),
      ...model.standsInFor.values(),
      ...model.reciprocal,
      ...selectors.flatMap((one) => (one.kind === 'person' ? [one.person] : [])),
    ]),
  ]);
}
