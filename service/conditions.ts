/**
 * What was granted until an incident is resolved, a ticket closed or a shift over ends with it: at once where somebody
 * tells (`POST /hooks/conditions`), within seconds where nobody does (`workers/worker/condition-watch.ts`).
 */
import { randomUUID } from 'node:crypto';
import { refuse, type Refusal } from '../domain/errors.ts';
import { conditionEnded } from '../domain/events/grant.ts';
import { deliveryRefused } from '../domain/events/operation.ts';
import type { RequestId } from '../domain/ids.ts';
import type { Condition } from '../domain/plan.ts';
import { minuteMs } from '../domain/time.ts';
import { append } from '../store/audit.ts';
import * as conditions from '../store/conditions.ts';
import type { Bound } from '../store/conditions.ts';
import * as deliveries from '../store/deliveries.ts';
import * as intents from '../store/intents.ts';
import type { Db, Store } from '../store/pool.ts';
import { answering } from './answering.ts';
import type { Context } from './context.ts';
import { queue, sendNow, type Queued } from './outbox.ts';
import { takeTurn } from './standing.ts';

/** The end of a sentence that begins with "ended". */
const causes: Readonly<Record<Condition['kind'], string>> = {
  incident: 'the incident was resolved',
  ticket: 'the ticket was closed',
  shift: 'the shift is over',
};

/**
 * Asks for the end of what was bound to a condition that is over: intent, entry `condition.ended` and message in one
 * transaction, so that the reaper ends it with Temporal dead.
 * @param store as curfew_api or curfew_worker
 * @returns undefined where its end was asked for already because of it
 */
export const endBound = (
  store: Store,
  { requestId, target, until }: Bound,
  login: string,
): Promise<Queued | undefined> =>
  store.transaction(async (tx) => {
    await takeTurn(tx, requestId);
    if (await isAsked(tx, requestId)) return undefined;
    const scope = { kind: 'grant', requestId, target } as const;
    await intents.insert(tx, { id: randomUUID(), scope, actor: login, cause: 'condition' });
    await append(tx, conditionEnded(login, requestId, { kind: until.kind, key: until.key }));
    return queue(tx, {
      kind: 'revoke',
      payload: { requestId, input: { actor: login, cause: causes[until.kind] } },
    });
  });

const isAsked = async (tx: Db, requestId: RequestId): Promise<boolean> =>
  (await intents.ofRequest(tx, requestId)).some(({ scope, cause }) => scope.kind === 'grant' && cause === 'condition');

/** What a source of conditions said, its signature checked. */
export type ConditionEvent = {
  /** The delivery's id: repeats carry the same one. */
  readonly delivery: string;
  readonly condition: Pick<Condition, 'kind' | 'key'>;
  /** Only what is over has an effect. */
  readonly state: 'open' | 'over';
};
export type ConditionAnswer = { readonly delivery: string; readonly ended: readonly RequestId[] };

export type ConditionHook = {
  deliver(event: ConditionEvent): Promise<ConditionAnswer | Refusal>;
  /** Writes down that a delivery's signature did not hold, or that it could not be read. */
  refuse(subject: string, code: string): Promise<void>;
};

const source = 'conditions';
const login = 'curfew_api';
/** How many are told to Temporal before the answer; the relay does the rest. */
const sentAtOnce = 25;
/** Refused deliveries written to the log in a minute at most: whoever forges must not be able to fill it. */
const mostRefusals = 30;

/** What the route of signed events does with one: keep what it says, or write down that it was refused. */
export function conditionHook(ctx: Context): ConditionHook {
  const refusals: number[] = [];
  return {
    deliver: (event) => answering(ctx, 'conditions', () => deliver(ctx, event)),
    async refuse(subject, code) {
      const now = ctx.clock();
      while (refusals[0] !== undefined && refusals[0] <= now - minuteMs) refusals.shift();
      if (refusals.push(now) > mostRefusals) return void refusals.pop();
      await answering(ctx, 'conditions', async () => {
        await append(ctx.store, deliveryRefused(login, subject, { code }));
      });
    },
  };
}

/** One effect a delivery; its repeats get the first answer (I10). */
async function deliver(
  ctx: Context,
  { delivery, condition, state }: ConditionEvent,
): Promise<ConditionAnswer | Refusal> {
  const begun = await deliveries.begin(ctx.store, source, delivery);
  if (begun === 'busy') return refuse('NotRecorded', 'This delivery is being worked on: send it again.');
  if (begun !== 'new') return begun.answer as ConditionAnswer;
  const bound = state === 'over' ? await conditions.claimedUnder(ctx.store, condition) : [];
  const queued: Queued[] = [];
  for (const one of bound) {
    const message = await endBound(ctx.store, one, login);
    if (message) queued.push(message);
  }
  await Promise.all(queued.slice(0, sentAtOnce).map((message) => sendNow(ctx, ctx.store, message)));
  const answer = { delivery, ended: bound.map(({ requestId }) => requestId) };
  await deliveries.answer(ctx.store, source, delivery, answer);
  return answer;
}
