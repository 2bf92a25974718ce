/** What every listener begins with: whose click it is, on what, and that it comes from a message of ours. */
import type { Context, webApi } from '@slack/bolt';
import { refuse, isRefusal, type Refusal } from '../../domain/errors.ts';
import type { PersonId, RequestId } from '../../domain/ids.ts';
import { secondMs } from '../../domain/time.ts';
import type { Turn } from '../answers.ts';
import { pressOf } from '../payload.ts';
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

export type Pressed = Clicker & { readonly requestId: RequestId };

/**
 * A press on a message's button. The message must be one that Curfew posted for this very request: a button that was
 * copied elsewhere, or carries another request's id, is refused and audited.
 */
export async function pressedBy(desk: Desk, turn: Turn, body: unknown): Promise<Pressed | Refusal> {
  const clicker = await clickerOf(desk, turn);
  if (isRefusal(clicker)) return clicker;
  const press = pressOf(body);
  const known = press && (await requestAt(desk, press));
  if (!press || known !== press.requestId) {
    await desk.records.audit({
      kind: 'delivery.refused',
      actor: clicker.person,
      subject: press?.requestId ?? 'slack',
      body: { why: 'foreign-message', reference: clicker.reference },
    });
    return refuse('UnknownRequest', 'This button is not on a message that Curfew keeps for this request.');
  }
  return { ...clicker, requestId: press.requestId };
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
