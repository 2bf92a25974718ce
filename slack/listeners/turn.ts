/** What every listener begins with: whose click it is, on what, and that it comes from a message of ours. */
import type { Context, webApi } from '@slack/bolt';
import { refuse, isRefusal, type Refusal } from '../../domain/errors.ts';
import { deliveryRefused } from '../../domain/events/operation.ts';
import type { PersonId, RequestId } from '../../domain/ids.ts';
import { secondMs } from '../../domain/time.ts';
import type { Turn } from '../answers.ts';
import { ownPressOf, pressOf } from '../payload.ts';
import type { Desk, SlackAccount } from '../service.ts';

export type Clicker = Turn & { readonly person: PersonId; readonly account: SlackAccount };

/** The gate puts it there; without a gate nothing of this app may run. */
export function turnOf(context: Context): Turn {
  const { turn } = context as { readonly turn?: Turn };
  if (turn === undefined) throw new Error('a listener ran without the gate before it');
  return turn;
}

/**
 * The person behind the click, by linked account only: never by e-mail, never by name. NB. The refusal names no
 * account: the answer to a delivery is kept for its repeats, and Slack's ids stand in one table only.
 */
export async function clickerOf(desk: Desk, turn: Turn): Promise<Clicker | Refusal> {
  const { account } = turn.delivery;
  const person = account === null ? undefined : await desk.records.personOf(account);
  if (account === null || person === undefined) {
    return refuse(
      'UnknownPerson',
      'This Slack account is linked to nobody whom Curfew knows. Its member ID is in your Slack profile.',
    );
  }
  return { ...turn, person, account };
}

/**
 * Where a button was pressed: on a message that Curfew keeps for a request, or where only its reader sees it, in their
 * App Home or in an answer to them. No place of the latter is kept, so there it may only do what is its reader's own.
 */
export type Place =
  { readonly kind: 'message'; readonly requestId: RequestId } | { readonly kind: 'home' } | { readonly kind: 'answer' };

/** `value`: the id that the button carries. */
export type Press = Clicker & { readonly value: string; readonly place: Place };
export type Pressed = Clicker & { readonly requestId: RequestId; readonly place: Place };

/** A press on a button of ours. One that was copied elsewhere is refused and audited. */
export async function pressOn(desk: Desk, turn: Turn, body: unknown): Promise<Press | Refusal> {
  const clicker = await clickerOf(desk, turn);
  if (isRefusal(clicker)) return clicker;
  const own = ownPressOf(body);
  if (own) return { ...clicker, value: own.value, place: { kind: own.place } };
  const press = pressOf(body);
  const known = press && (await requestAt(desk, press));
  if (!press || known === undefined) return await foreign(desk, clicker, press?.requestId);
  return { ...clicker, value: press.requestId, place: { kind: 'message', requestId: known } };
}

/**
 * A press on a request's button. A message must be one that Curfew posted for this very request; `own`: it may be
 * pressed in App Home and in answers as well, because it does nothing to what is somebody else's.
 */
export async function pressedBy(
  desk: Desk,
  turn: Turn,
  body: unknown,
  { own = false }: { readonly own?: boolean } = {},
): Promise<Pressed | Refusal> {
  const press = await pressOn(desk, turn, body);
  if (isRefusal(press)) return press;
  const requestId = press.value as RequestId;
  const here = press.place.kind === 'message' ? press.place.requestId === requestId : own;
  return here ? { ...press, requestId } : await foreign(desk, press, requestId);
}

export async function foreign(desk: Desk, { person, reference }: Clicker, requestId?: RequestId): Promise<Refusal> {
  await desk.records.audit(deliveryRefused(person, requestId ?? 'slack', { why: 'foreign-message', reference }));
  return refuse('UnknownRequest', 'This button is not on a message that Curfew keeps for this request.');
}

/** Slack shows a message a moment before the store has its place, longer where the store is slow; a press in between waits. */
const placedWithinMs = secondMs;

async function requestAt(
  { records }: Desk,
  { channel, ts }: { readonly channel: string; readonly ts: string },
): Promise<RequestId | undefined> {
  const giveUpAt = Date.now() + placedWithinMs;
  for (;;) {
    const known = await records.requestAt(channel, ts);
    if (known !== undefined || Date.now() >= giveUpAt) return known;
    await new Promise<void>((resolve) => setTimeout(resolve, 50));
  }
}

/** What opens modals: the client of this delivery, and the trigger, which lives for three seconds. */
export type Opener = { readonly client: webApi.WebClient; readonly triggerId: string };
