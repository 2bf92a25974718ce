/**
 * The gate that every delivery passes, over HTTP and Socket Mode alike, before any listener sees it:
 *
 * 1. It is of our app and for our workspace; all others are refused and audited.
 * 2. It is done once: a repeat gets the first answer (I10). Bolt checks signatures and old stamps, not repeats.
 * 3. It is answered within Slack's three seconds, whatever happens, and nothing ends in silence: an error, an unknown
 *    button or a form that nobody listens to is told to whoever clicked, with a reference and a next step.
 */
import { randomBytes } from 'node:crypto';
import { App, type AppOptions, type ReceiverEvent } from '@slack/bolt';
import { deliveryRefused } from '../domain/events/operation.ts';
import { refuse, type Refusal } from '../domain/errors.ts';
import { answerIsSeen, contentOf, refused, refusedAs, tell, type Answer, type Turn } from './answers.ts';
import { deliveryOf, type Delivery } from './payload.ts';
import { refusalOf, refusalText } from './refusals.ts';
import type { Desk } from './service.ts';
import { told } from './views/told.ts';

export type Gate = (event: ReceiverEvent, process: (event: ReceiverEvent) => Promise<void>) => Promise<void>;

export type GateOptions = {
  readonly appId: string;
  readonly teamId: string;
  /** After which a delivery is answered although its listener is still at work; Slack waits 3 s. */
  readonly answerWithinMs?: number;
  /** How long a repeat waits for the first answer. */
  readonly repeatWaitMs?: number;
};

/** A Bolt app whose deliveries all pass the gate. */
export class GatedApp extends App {
  readonly #gate: Gate;
  constructor(options: AppOptions, gate: Gate) {
    super(options);
    this.#gate = gate;
  }
  override processEvent(event: ReceiverEvent): Promise<void> {
    return this.#gate(event, (passed) => super.processEvent(passed));
  }
}

export function createGate(desk: Desk, options: GateOptions): Gate {
  const { answerWithinMs = 2_500, repeatWaitMs = 2_200 } = options;
  return async (event, process) => {
    const reference = randomBytes(4).toString('hex');
    const delivery = deliveryOf(event.body);
    const foreign = whyForeign(delivery, options);
    if (!delivery || foreign) return await turnAway(desk, event, delivery, foreign ?? 'malformed', reference);

    const { key } = delivery;
    if (key !== null) {
      try {
        const begun = await desk.records.begin(key);
        if (begun !== 'new') return await repeat(desk, event, { ...delivery, key }, begun, repeatWaitMs, reference);
      } catch (error) {
        desk.log.error({ reference, err: error }, 'a delivery could not be taken on');
        const refusal = refuse('NotRecorded', 'Not recorded: the store did not answer in time.');
        return await refused(desk, { delivery, reference, answer: (answer) => event.ack(answer) }, refusal);
      }
    }
    await once(desk, event, delivery, reference, process, answerWithinMs);
  };
}

/** Runs the listeners and sees to it that there is exactly one answer. */
async function once(
  desk: Desk,
  event: ReceiverEvent,
  delivery: Delivery,
  reference: string,
  process: (event: ReceiverEvent) => Promise<void>,
  answerWithinMs: number,
): Promise<void> {
  const after: Promise<void>[] = [];
  let answered: 'no' | 'in time' | 'for lack of time' = 'no';

  const answer = async (given: Answer | undefined, how: 'in time' | 'for lack of time'): Promise<void> => {
    answered = how;
    clearTimeout(timer);
    await event.ack(given);
    if (delivery.key !== null) after.push(keep(desk, delivery.key, given, reference));
  };
  const timer = setTimeout(() => {
    desk.log.warn({ reference, kind: delivery.kind }, 'a delivery was answered before its work was done');
    after.push(
      answer(refusedAs(delivery, late, reference), 'for lack of time').catch((error: unknown) =>
        logged(desk, reference, error),
      ),
    );
  }, answerWithinMs);
  const turn: Turn = {
    delivery,
    reference,
    async answer(given) {
      if (answered === 'no') return await answer(given, 'in time');
      // The clicker was told to wait: what comes now is told beside.
      if (answered === 'for lack of time' && answerIsSeen(delivery)) after.push(tell(desk, delivery, contentOf(given)));
    },
  };

  try {
    // Bolt acknowledges events by itself; everything else is answered by its listener, through `turn`.
    await process({ ...event, ack: () => turn.answer(), customProperties: { ...event.customProperties, turn } });
    if (answered === 'no') await refused(desk, turn, unknown);
  } catch (error) {
    logged(desk, reference, error);
    const refusal = refusalOf(error);
    if (answered === 'no') await refused(desk, turn, refusal);
    else await tell(desk, delivery, told(refusalText(refusal, reference)));
  } finally {
    clearTimeout(timer);
    await Promise.all(after);
  }
}

const late: Refusal = refuse('NotRecorded', 'This takes longer than it should, and may not be recorded yet.');
const unknown: Refusal = refuse('UnknownRequest', 'Curfew knows no such button, form or command any more.');

async function keep(desk: Desk, key: string, answer: Answer | undefined, reference: string): Promise<void> {
  try {
    await desk.records.answer(key, answer ?? null);
  } catch (error) {
    // Harmless: a repeat is done again then, and every effect is keyed by something older than the delivery.
    logged(desk, reference, error);
  }
}

/**
 * The same delivery again: it gets what the first one got, as soon as that is known. Where it is not known in time the
 * answer says so: an empty one closes a form as though it had been taken.
 */
async function repeat(
  desk: Desk,
  event: ReceiverEvent,
  delivery: Delivery & { readonly key: string },
  begun: 'busy' | { readonly answer: unknown },
  waitMs: number,
  reference: string,
): Promise<void> {
  const until = Date.now() + waitMs;
  let first = begun === 'busy' ? undefined : begun;
  while (first === undefined && Date.now() < until) {
    await new Promise<void>((resolve) => setTimeout(resolve, 50));
    first = await desk.records.answerOf(delivery.key).catch(() => undefined);
  }
  desk.log.info({ reference, known: first !== undefined }, 'a delivery came again and had no second effect');
  await event.ack(first ? (first.answer ?? undefined) : refusedAs(delivery, late, reference));
}

type Foreign = 'malformed' | 'other-app' | 'other-team';

function whyForeign(delivery: Delivery | undefined, { appId, teamId }: GateOptions): Foreign | undefined {
  if (!delivery) return 'malformed';
  if (delivery.app !== appId) return 'other-app';
  return delivery.team === teamId ? undefined : 'other-team';
}

async function turnAway(
  desk: Desk,
  event: ReceiverEvent,
  delivery: Delivery | undefined,
  why: Foreign,
  reference: string,
) {
  desk.log.warn({ reference, why }, 'a delivery was refused');
  await desk.records
    .audit(deliveryRefused('curfew_api', 'slack', { why, reference }))
    .catch((error: unknown) => logged(desk, reference, error));
  if (delivery) {
    const refusal = refuse('NotAllowed', 'This Curfew serves another workspace or app.');
    return await refused(
      desk,
      { delivery: { ...delivery, account: null }, reference, answer: (answer) => event.ack(answer) },
      refusal,
    );
  }
  const refusal = refuse('InvalidInput', 'Curfew could not read this.');
  await event.ack({ response_type: 'ephemeral', text: refusalText(refusal, reference).mrkdwn } satisfies Answer);
}

const logged = (desk: Desk, reference: string, error: unknown): void =>
  desk.log.error({ reference, err: error }, 'a delivery went wrong');
