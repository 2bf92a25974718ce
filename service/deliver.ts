import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import { deliveryRefused } from '../domain/events/operation.ts';
import type { PersonId, RequestId } from '../domain/ids.ts';
import type { PersonState } from '../domain/person.ts';
import { minuteMs, secondMs } from '../domain/time.ts';
import * as alarms from '../store/alarms.ts';
import { append } from '../store/audit.ts';
import * as deliveries from '../store/deliveries.ts';
import * as people from '../store/people.ts';
import type { Db, Store } from '../store/pool.ts';
import { answering } from './answering.ts';
import type { Context } from './context.ts';
import type { Left, LeaveInputFromSource } from './contract-people.ts';
import { keepForLater } from './due.ts';
import { hrReport, type HrReport } from './hr-report.ts';
import { leave } from './leave.ts';
import { stateAfterAsking, type PersonSource } from './person-source.ts';

export type { HrReport };

/** One event as HR delivered it, its signature checked. Instants in epoch ms. */
export type HrEvent = {
  /** The delivery's id: repeats carry the same one. */
  readonly delivery: string;
  readonly state: PersonState;
  readonly who: LeaveInputFromSource['who'];
  /** The source's; absent: when it arrived. */
  readonly version?: number;
  readonly effectiveAt?: number;
};

/** What HR is answered; a repeat gets the same. `report` is where to ask how it went on. */
export type HrAnswer = {
  readonly delivery: string;
  readonly person: PersonId | null;
  /** `later`: it takes effect at `effectiveAt`, and is kept until then. */
  readonly change: Left['change'] | 'later';
  readonly state: PersonState;
  readonly requests: readonly RequestId[];
  readonly voided: number;
  /** Requests of others that live on their approval; absent: none. */
  readonly tainted?: readonly RequestId[];
  readonly learnedAt: number;
  readonly effectiveAt?: number;
  readonly report: string;
};

export type HrUseCases = {
  deliver(event: HrEvent): Promise<HrAnswer | Refusal>;
  report(input: { readonly delivery: string }): Promise<HrReport | Refusal>;
  /** Writes down, and alarms, that an event could not be understood. */
  refuseEvent(input: { readonly delivery: string; readonly refusal: Refusal }): Promise<Refusal>;
  /** Writes down that a signature did not hold. */
  refuseSignature(): Promise<void>;
};

/** One place from which word on people is delivered. */
export type HrSource = {
  /** Whose word it is: only the same source can undo it. */
  readonly name: string;
  /** Under which its deliveries are kept. */
  readonly deliveredBy: string;
  /** Of its hook. */
  readonly path: string;
  /** Where it can be asked, its deliveries are triggers, and its versions the instants of asking. */
  readonly ask?: PersonSource;
};

export const defaultHrSource: HrSource = { name: 'hr', deliveredBy: 'hr', path: '/hooks/hr/default' };

const actor = 'curfew_directory';
/** Clocks differ by less; what takes effect later than this is not now. */
const skewMs = 5 * minuteMs;
/** How long a repeat waits for the first one's answer. */
const patienceMs = 2 * secondMs;
/** Forged deliveries written to the log in a minute at most: whoever forges must not be able to fill it. */
const mostRefusals = 30;

/** @throws Error in a process without the directory's login */
export function hrUseCases(ctx: Context, source: HrSource = defaultHrSource): HrUseCases {
  const store = ctx.directory;
  if (!store) throw new Error('HR events need the directory login');
  const { deliveredBy } = source;
  const refusals: number[] = [];
  return {
    deliver: (event) => answering(ctx, 'deliver', () => deliver(ctx, store, source, event)),
    report: ({ delivery }) =>
      answering(ctx, 'report', () => hrReport(ctx, store, { source: source.name, deliveredBy, delivery })),
    refuseEvent: ({ delivery, refusal }) =>
      answering<never>(ctx, 'refuseEvent', async () => {
        const subject = `${deliveredBy}/${delivery}`;
        await append(store, deliveryRefused(actor, subject, { code: refusal.code }));
        await alarms.raise(store, unread(source));
        return refusal;
      }),
    refuseSignature: async () => {
      const now = ctx.clock();
      while (refusals[0] !== undefined && refusals[0] <= now - minuteMs) refusals.shift();
      if (refusals.length >= mostRefusals) return;
      refusals.push(now);
      await answering(ctx, 'refuseSignature', async () => {
        await append(store, deliveryRefused(actor, deliveredBy, { code: 'BadSignature' }));
      });
    },
  };
}

/** Whoever sent it may not look at the answer, and somebody of whom it speaks may have left. */
const unread = ({ name, deliveredBy }: HrSource): alarms.Alarm => ({
  key: `delivery-unread/${deliveredBy}`,
  code: 'delivery-unread',
  subject: `source/${name}`,
  detail: `The source ${name} has sent something, signed as it should be, that cannot be read whole: somebody of whom it speaks may have left. Look at what it sends and at where its file says that things stand.`,
});

async function deliver(ctx: Context, store: Store, source: HrSource, event: HrEvent): Promise<HrAnswer | Refusal> {
  const { delivery } = event;
  const { deliveredBy } = source;
  const learnedAt = ctx.clock();
  const begun = await deliveries.begin(store, deliveredBy, delivery);
  if (begun === 'busy') return firstAnswer(store, deliveredBy, delivery);
  // NB. What it says now is not looked at: a delivery has one effect, and its repeats get the first answer (I10).
  if (begun !== 'new') return begun.answer as HrAnswer;
  const effect = await effectOf(ctx, store, source, event, learnedAt);
  if (isRefusal(effect)) return effect;
  const answer: HrAnswer = { delivery, ...effect, learnedAt, report: `${source.path}/${delivery}` };
  await deliveries.answer(store, deliveredBy, delivery, answer);
  // As it is kept, and not as it was made here: somebody who took this delivery for abandoned may have answered first.
  return firstAnswer(store, deliveredBy, delivery);
}

type Effect = Omit<HrAnswer, 'delivery' | 'learnedAt' | 'report'>;

async function effectOf(
  ctx: Context,
  store: Store,
  source: HrSource,
  { delivery, state, who, version = ctx.clock(), effectiveAt }: HrEvent,
  learnedAt: number,
): Promise<Effect | Refusal> {
  const said = { source: source.name, event: eventOf(source, delivery), who, state, version, actor };
  if (effectiveAt !== undefined && effectiveAt > learnedAt + skewMs) {
    const kept = await keepForLater(ctx, {
      ...said,
      event: delivery,
      version: source.ask ? learnedAt : version,
      effectiveAt,
    });
    const change = kept.kind;
    const later = { person: kept.person, change, state, requests: [], voided: 0 };
    return change === 'later' ? { ...later, effectiveAt } : later;
  }
  const asked = source.ask ? await afterAsking(store, source.ask, { ...said, version: learnedAt }) : said;
  const left = await leave(ctx, asked);
  if (isRefusal(left)) return left;
  const { person, change, requests, voided, tainted } = left;
  return { person, change, state: left.state, requests, voided, ...(tainted.length > 0 ? { tainted } : {}) };
}

/** The Workflow's, too: two sources may give their deliveries the same id. */
const eventOf = ({ name, deliveredBy }: HrSource, delivery: string): string =>
  deliveredBy === defaultHrSource.deliveredBy ? delivery : `${name}-${delivery}`;

/** NB. Its versions are the instants of asking: what the answer says is as old as the question. */
async function afterAsking(store: Db, ask: PersonSource, said: LeaveInputFromSource): Promise<LeaveInputFromSource> {
  const { who, state } = said;
  const id = 'handle' in who ? await people.personByHandle(store, who.handle) : (who.id as PersonId);
  const known = id === undefined ? undefined : await people.show(store, id);
  const handle = 'handle' in who ? who.handle : known?.handle;
  if (handle === undefined) return said;
  return { ...said, state: stateAfterAsking(state, known?.state, await ask.list(), handle) };
}

/** The answer that stands. Where another process is still at it, this waits a little for what it answers. */
async function firstAnswer(store: Db, deliveredBy: string, delivery: string): Promise<HrAnswer | Refusal> {
  const until = Date.now() + patienceMs;
  for (;;) {
    const first = await deliveries.answerOf(store, deliveredBy, delivery);
    if (first) return first.answer as HrAnswer;
    if (Date.now() >= until) return refuse('NotRecorded', 'This delivery is being worked on: send it again.');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
