import { CurfewError, refuse, type Refusal } from '../domain/errors.ts';
import { secondMs } from '../domain/time.ts';
import type { RequestView } from '../domain/view.ts';
import * as rows from '../store/outbox.ts';
import type { Db } from '../store/pool.ts';
import * as projections from '../store/projections.ts';
import { isForPeople, requestOf, send, toRow, type OutboxMessage } from '../temporal/messages.ts';
import type { Context } from './context.ts';

/** How long the relay leaves a row to the process that wrote it. */
const leftToWriterMs = 3 * secondMs;

/** A message with its row in the outbox. */
export type Queued = { readonly id: number; readonly message: OutboxMessage };

/** Writes a message in the transaction of the change that it follows from; `send` after the commit. */
export async function queue(tx: Db, message: OutboxMessage): Promise<Queued> {
  // What goes to people is the worker's to send, at once.
  return {
    id: await rows.enqueue(tx, { ...toRow(message), delayMs: isForPeople(message) ? 0 : leftToWriterMs }),
    message,
  };
}

/** The same for many, in one go; in their order. */
export async function queueAll(
  tx: Db,
  messages: readonly OutboxMessage[],
  delayMs = leftToWriterMs,
): Promise<readonly Queued[]> {
  const ids = await rows.enqueueAll(
    tx,
    messages.map((message) => ({ ...toRow(message), delayMs: isForPeople(message) ? 0 : delayMs })),
  );
  return messages.flatMap((message, index): readonly Queued[] => {
    const id = ids[index];
    return id === undefined ? [] : [{ id, message }];
  });
}

/**
 * `confirmed`: Temporal took it; `view` where it answered with one. `refused`: the Workflow's final no.
 * `unconfirmed`: not known; the relay repeats it under the same id.
 */
export type Sent =
  | { readonly kind: 'confirmed'; readonly view?: RequestView }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'unconfirmed' };

/**
 * Sends a queued message now. Never throws: it is recorded, and a relay will do what this does not.
 * @param settle what follows from the Workflow's no, done before the message is: if it fails, or the process dies in
 *   it, the relay hears the same no and sees to it
 */
export async function sendNow(
  ctx: Context,
  store: Db,
  { id, message }: Queued,
  settle?: (refusal: Refusal) => Promise<void>,
): Promise<Sent> {
  try {
    const view = await send(ctx.temporal, noChannels, message);
    await quietly(ctx, async () => {
      const requestId = requestOf(message);
      // NB. That a request closed is the worker's to keep, because its entry `request.closed` belongs to the same
      // transaction (I11), and only the worker may write that kind.
      if (view && requestId && view.state.kind !== 'closed') {
        await projections.save(store, requestId, view, ctx.clock());
      }
      // Nobody waits for the tick: it changes only whether the relay sends once more what is done already.
      void quietly(ctx, () => rows.done(store, id));
    });
    return view ? { kind: 'confirmed', view } : { kind: 'confirmed' };
  } catch (error) {
    if (error instanceof CurfewError && error.code !== 'NotConfirmed') {
      const refusal = refuse(error.code, error.message);
      await quietly(ctx, async () => {
        await settle?.(refusal);
        await rows.done(store, id);
      });
      return { kind: 'refused', refusal };
    }
    const code = error instanceof CurfewError ? error.code : 'unexpected';
    ctx.log.warn({ outbox: message.kind, code, err: error }, 'recorded, not confirmed: the relay sends it again');
    return { kind: 'unconfirmed' };
  }
}

/** Book-keeping after the effect: if it fails the relay repeats both, and that is harmless. */
async function quietly(ctx: Context, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    ctx.log.warn({ err: error }, 'a message was sent and could not be ticked off');
  }
}

const byWorker = (): Promise<never> =>
  Promise.reject(new CurfewError('NotConfirmed', 'What goes to people is sent by the worker.'));
const noChannels = {
  announce: byWorker,
  announceWebhook: byWorker,
  reviewed: byWorker,
  left: byWorker,
  alarm: byWorker,
  proposal: byWorker,
  link: byWorker,
  taint: byWorker,
  leftBehind: byWorker,
  repaint: byWorker,
};
