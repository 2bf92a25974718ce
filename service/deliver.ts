import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import type { PersonId, RequestId } from '../domain/ids.ts';
import type { PersonState } from '../domain/person.ts';
import type { Outcome } from '../domain/request.ts';
import { minuteMs, secondMs } from '../domain/time.ts';
import * as alarms from '../store/alarms.ts';
import { append } from '../store/audit.ts';
import * as deliveries from '../store/deliveries.ts';
import * as grants from '../store/grants.ts';
import * as intents from '../store/intents.ts';
import * as people from '../store/people.ts';
import * as projections from '../store/projections.ts';
import type { Db, Store } from '../store/pool.ts';
import { openOf } from '../store/requests.ts';
import { answering } from './answering.ts';
import type { Context } from './context.ts';
import type { Left, LeaveInputFromSource } from './contract-people.ts';
import { leave } from './leave.ts';

/** One event as HR delivered it, its signature checked. Instants in epoch ms. */
export type HrEvent = {
  /** The delivery's id: repeats carry the same one. */
  readonly delivery: string;
  readonly state: PersonState;
  readonly who: LeaveInputFromSource['who'];
  readonly version: number;
  readonly effectiveAt?: number;
};

/** What HR is answered; a repeat gets the same. `report` is where to ask how it went on. */
export type HrAnswer = {
  readonly delivery: string;
  readonly person: PersonId | null;
  readonly change: Left['change'];
  readonly state: PersonState;
  readonly requests: readonly RequestId[];
  readonly voided: number;
  readonly learnedAt: number;
  readonly report: string;
};

/**
 * How far it is: `safe` once nothing that the person held is left on any node, in any of their accounts. Read anew each
 * time, and not from the answer alone. Never of somebody unknown: whoever they are may hold something.
 */
export type HrReport = HrAnswer & {
  readonly safe: boolean;
  /** From learning of it until the last grant was verified as ended; null while one is not. */
  readonly safeAfterMs: number | null;
  readonly ends: readonly {
    readonly requestId: RequestId;
    readonly state: string;
    readonly outcome: Outcome | null;
    readonly grantEndedAt: number | null;
  }[];
};

export type HrUseCases = {
  deliver(event: HrEvent): Promise<HrAnswer | Refusal>;
  report(input: { readonly delivery: string }): Promise<HrReport | Refusal>;
  /** Writes down that an event could not be understood. */
  refuseEvent(input: { readonly delivery: string; readonly refusal: Refusal }): Promise<Refusal>;
  /** Writes down that a signature did not hold. */
  refuseSignature(): Promise<void>;
};

const source = 'hr';
const actor = 'curfew_directory';
/** Clocks differ by less; what takes effect later than this is not now. */
const skewMs = 5 * minuteMs;
/** How long a repeat waits for the first one's answer. */
const patienceMs = 2 * secondMs;
/** Forged deliveries written to the log in a minute at most: whoever forges must not be able to fill it. */
const mostRefusals = 30;

/** @throws Error in a process without the directory's login */
export function hrUseCases(ctx: Context): HrUseCases {
  const store = ctx.directory;
  if (!store) throw new Error('HR events need the directory login');
  const refusals: number[] = [];
  return {
    deliver: (event) => answering(ctx, 'deliver', () => deliver(ctx, store, event)),
    report: ({ delivery }) => answering(ctx, 'report', () => report(ctx, store, delivery)),
    refuseEvent: ({ delivery, refusal }) =>
      answering<never>(ctx, 'refuseEvent', async () => {
        await append(store, {
          kind: 'delivery.refused',
          actor,
          subject: `${source}/${delivery}`,
          body: { code: refusal.code },
        });
        return refusal;
      }),
    refuseSignature: async () => {
      const now = ctx.clock();
      while (refusals[0] !== undefined && refusals[0] <= now - minuteMs) refusals.shift();
      if (refusals.length >= mostRefusals) return;
      refusals.push(now);
      await answering(ctx, 'refuseSignature', async () => {
        await append(store, { kind: 'delivery.refused', actor, subject: source, body: { code: 'BadSignature' } });
      });
    },
  };
}

async function deliver(ctx: Context, store: Store, event: HrEvent): Promise<HrAnswer | Refusal> {
  const { delivery, state, who, version, effectiveAt } = event;
  const learnedAt = ctx.clock();
  if (effectiveAt !== undefined && effectiveAt > learnedAt + skewMs) return notYet(store, event);
  const begun = await deliveries.begin(store, source, delivery);
  if (begun === 'busy') return firstAnswer(store, delivery);
  // NB. What it says now is not looked at: a delivery has one effect, and its repeats get the first answer (I10).
  if (begun !== 'new') return begun.answer as HrAnswer;
  const left = await leave(ctx, { source, event: delivery, who, state, version, actor });
  if (isRefusal(left)) return left;
  const { person, change, requests, voided } = left;
  const path = `/hooks/hr/default/${delivery}`;
  const answer = { delivery, person, change, state: left.state, requests, voided, learnedAt, report: path };
  await deliveries.answer(store, source, delivery, answer);
  // As it is kept, and not as it was made here: somebody who took this delivery for abandoned may have answered first.
  return firstAnswer(store, delivery);
}

/** Nothing is kept of it, so that the same delivery may come again when it holds; somebody must know, so it alarms. */
async function notYet(store: Db, { delivery }: HrEvent): Promise<Refusal> {
  const refusal = refuse('InvalidInput', 'This takes effect later: send it again then.', 'data.effectiveAt');
  const subject = `${source}/${delivery}`;
  await append(store, { kind: 'delivery.refused', actor, subject, body: { code: refusal.code } });
  const detail = 'An event that takes effect later was refused: its source has to send it again then.';
  await alarms.raise(store, { key: `delivery-early/${delivery}`, code: 'delivery-early', subject, detail });
  return refusal;
}

/** The answer that stands. Where another process is still at it, this waits a little for what it answers. */
async function firstAnswer(store: Db, delivery: string): Promise<HrAnswer | Refusal> {
  const until = Date.now() + patienceMs;
  for (;;) {
    const first = await deliveries.answerOf(store, source, delivery);
    if (first) return first.answer as HrAnswer;
    if (Date.now() >= until) return refuse('NotRecorded', 'This delivery is being worked on: send it again.');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function report(ctx: Context, store: Db, delivery: string): Promise<HrReport | Refusal> {
  const first = await deliveries.answerOf(store, source, delivery);
  if (!first) return refuse('UnknownRequest', 'There is no such delivery, or no answer to it yet.');
  const answer = first.answer as HrAnswer;
  const left = await whatIsLeft(ctx, store, answer);
  const ends = await Promise.all(
    [...new Set([...answer.requests, ...left.requests])].map(async (requestId) => {
      const view = await projections.viewOf(store, requestId);
      const grant = await grants.byId(store, requestId);
      const outcome = view?.state.kind === 'closed' ? view.state.outcome : null;
      return {
        requestId,
        state: view?.state.kind ?? 'requested',
        outcome,
        granted: grant !== undefined,
        grantEndedAt: grant?.endedAt ?? null,
      };
    }),
  );
  const held = ends.filter(({ granted }) => granted);
  const closed = ends.every(({ state }) => state === 'closed');
  const safe =
    answer.person !== null && !left.owed && closed && held.every(({ grantEndedAt }) => grantEndedAt !== null);
  const last = Math.max(answer.learnedAt, ...held.map(({ grantEndedAt }) => grantEndedAt ?? 0));
  return {
    ...answer,
    safe,
    safeAfterMs: safe ? last - answer.learnedAt : null,
    ends: ends.map(({ requestId, state, outcome, grantEndedAt }) => ({ requestId, state, outcome, grantEndedAt })),
  };
}

type Remainder = {
  readonly requests: readonly RequestId[];
  /** A target has not answered yet. */
  readonly owed: boolean;
};

/**
 * What is open or live now of what a leaving is about. The answer may name too little: of a delivery that was done
 * twice, or that was not new. What somebody asked for after they had come back is no part of it.
 */
async function whatIsLeft(ctx: Context, store: Db, answer: HrAnswer): Promise<Remainder> {
  const { person, state, learnedAt } = answer;
  const facts = person === null || state === 'active' ? undefined : await people.factsOf(store, person);
  if (!facts) return { requests: [], owed: false };
  const isPartOfIt = (at: number): boolean => facts.state !== 'active' || at <= learnedAt;
  const left: RequestId[] = [];
  const accounts = [facts.id, ...facts.aliases];
  for (const account of accounts) {
    const open = await openOf(store, account);
    const live = await grants.live(store, { person: account });
    left.push(...open.filter(({ openedAt }) => isPartOfIt(openedAt)).map(({ id }) => id));
    left.push(...live.filter(({ grantedAt }) => isPartOfIt(grantedAt)).map(({ requestId }) => requestId));
  }
  const about = { people: accounts, requests: [...answer.requests, ...left] };
  return {
    requests: left,
    owed: await intents.isOwed(store, { ...about, targets: ctx.targets.map(({ name }) => name) }),
  };
}
