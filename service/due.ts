/** Word that takes effect later: kept until its day, replaced or cancelled by what its source says after it. */
import { personDue, personDueSettled, personUnknown } from '../domain/events/people.ts';
import { isUuid, type PersonId } from '../domain/ids.ts';
import { secondMs } from '../domain/time.ts';
import { personIdFrom } from '../policy/digest.ts';
import * as alarms from '../store/alarms.ts';
import { append } from '../store/audit.ts';
import * as dues from '../store/person-dues.ts';
import type { Due, DueOutcome } from '../store/person-dues.ts';
import * as people from '../store/people.ts';
import { handleHash, hearOf } from '../store/people-words.ts';
import type { Db } from '../store/pool.ts';
import { changeIn, sendSome } from './change-person.ts';
import type { Context } from './context.ts';
import type { LeaveInputFromSource } from './contract-people.ts';
import { queue, sendNow, type Queued } from './outbox.ts';
import { stateAfterAsking, type Listing, type PersonSource } from './person-source.ts';

const actor = 'curfew_directory';

export type LaterInput = LeaveInputFromSource & { readonly effectiveAt: number };
/** `later`: kept until its day; `older`: its source has said something newer before; `unknown`: an id of nobody. */
export type Kept = { readonly kind: 'later' | 'older' | 'unknown'; readonly person: PersonId | null };

/**
 * Keeps what takes effect later, and starts the Workflow `effective`, which sees to it that it does. A day that was said
 * before by the same source of the same person is replaced, whichever is the earlier, unless this one is its end. Somebody whom nobody knows is
 * alarmed at once: there is time to find out who that is.
 */
export async function keepForLater(ctx: Context, input: LaterInput): Promise<Kept> {
  const store = ctx.directory;
  if (!store) throw new Error('this process takes no HR events: it has no directory login');
  const { source, event, state, version, effectiveAt } = input;
  const { kept, queued } = await store.transaction(async (tx): Promise<{ kept: Kept; queued?: Queued }> => {
    const holder = await holderOf(tx, input.who);
    const hash = 'handle' in input.who ? handleHash(input.who.handle) : holder && handleHash(holder.handle);
    const person = holder?.id ?? null;
    if (!holder) await alarmOfUnknown(tx, input);
    if (hash === undefined) return { kept: { kind: 'unknown', person } };
    const made = await dues.keep(tx, { source, event, handleHash: hash, state, version, effectiveAt });
    if (made === 'older') return { kept: { kind: 'older', person } };
    const subject = person ?? subjectOf(input.who);
    const body = { source, event, state, effectiveAt, replaces: [...made.replaced] };
    await append(tx, personDue(input.actor, subject, body));
    const message = { kind: 'effective', payload: { source, event, effectiveAt } } as const;
    return { kept: { kind: 'later', person }, queued: await queue(tx, message) };
  });
  if (queued) await sendNow(ctx, store, queued);
  return kept;
}

type Who = LeaveInputFromSource['who'];

async function holderOf(db: Db, who: Who): Promise<{ readonly id: PersonId; readonly handle: string } | undefined> {
  if ('handle' in who) {
    const id = await people.personByHandle(db, who.handle);
    return id === undefined ? undefined : { id, handle: who.handle };
  }
  return isUuid(who.id) ? people.show(db, who.id as PersonId) : undefined;
}

const subjectOf = (who: Who): string => ('handle' in who ? personIdFrom(who.handle) : who.id);

async function alarmOfUnknown(tx: Db, { who, source, event, state, actor: by }: LaterInput): Promise<void> {
  const subject = subjectOf(who);
  await append(tx, personUnknown(by, subject, { event, state }));
  const detail = `An event of ${source} says "${state}", for a day to come, of somebody whom the directory does not know.`;
  await alarms.raise(tx, { key: `person-unknown/${subject}`, code: 'person-unknown', subject, detail });
}

/** In one look; the next one is a second later. */
const mostAtOnce = 500;
/** For so long an answer counts for everybody whose day has come: a whole team may leave at five o'clock. */
const answerHoldsMs = 10 * secondMs;

/**
 * Makes word of what waits for a day that has come, each in a transaction of its own with all that follows from it.
 * Where its source can be asked, it is asked first. Two processes at it share the work; one that fails is logged, holds
 * up nobody else, and is tried again at the next look.
 * @returns how many were settled
 */
export async function settleDue(ctx: Context, sources: ReadonlyMap<string, PersonSource> = new Map()): Promise<number> {
  const store = ctx.directory;
  if (!store) throw new Error('this process settles nothing: it has no directory login');
  const ask = asking(sources, ctx.clock);
  const toSend: Queued[] = [];
  let settled = 0;
  for (const next of await dues.coming(store, ctx.clock(), mostAtOnce)) {
    try {
      const answer = await ask(next.source);
      const queued = await store.transaction((tx) => settleOne(tx, next, answer, ctx.clock()));
      settled += queued === undefined ? 0 : 1;
      toSend.push(...(queued ?? []));
    } catch (err) {
      ctx.log.warn({ source: next.source, event: next.event, err }, 'due, and not settled yet');
    }
  }
  // Everybody first: a Temporal that hangs keeps nobody. What this does not send the relay does.
  await sendSome(ctx, store, toSend);
  return settled;
}

/** `askedAt`: epoch ms. What it says is as old as the question, whatever has been said while it was on its way. */
type Answer = { readonly listing: Listing; readonly askedAt: number };

function asking(
  sources: ReadonlyMap<string, PersonSource>,
  clock: () => number,
): (source: string) => Promise<Answer | undefined> {
  const answers = new Map<string, Answer>();
  return async (source) => {
    const known = answers.get(source);
    if (known && clock() - known.askedAt < answerHoldsMs) return known;
    const askedAt = clock();
    const listing = await sources.get(source)?.list();
    if (!listing) return undefined;
    answers.set(source, { listing, askedAt });
    return { listing, askedAt };
  };
}

/** @returns undefined where somebody else has settled or replaced it meanwhile */
async function settleOne(
  tx: Db,
  next: Due,
  answer: Answer | undefined,
  now: number,
): Promise<readonly Queued[] | undefined> {
  const due = await dues.takeDue(tx, next);
  if (!due) return undefined;
  const holder = (await dues.holderOf(tx, due.handleHash)) ?? (await newcomer(tx, due.handleHash));
  const said = answer && holder ? await afterAsking(tx, due, holder, answer) : due;
  return settle(tx, said, holder, now);
}

/** NB. Of nobody the word is kept in the newcomers' turn: whoever is made meanwhile would not have heard it. */
async function newcomer(tx: Db, hash: string): Promise<Holder | undefined> {
  await people.newcomersTurn(tx);
  return dues.holderOf(tx, hash);
}

type Holder = { readonly id: PersonId; readonly handle: string };

/** NB. An answer that is older than what was said with this day, or since, gives nothing back. */
async function afterAsking(tx: Db, due: Due, { id, handle }: Holder, { listing, askedAt }: Answer): Promise<Due> {
  const listed = listing.kind === 'listed' ? listing.people.get(handle)?.state : undefined;
  if (listed !== undefined) return { ...due, state: listed, version: askedAt };
  const known = due.state === 'active' ? (await people.directoryFactsOf(tx, id))?.state : undefined;
  return { ...due, state: stateAfterAsking(due.state, known, listing, handle) };
}

async function settle(tx: Db, due: Due, holder: Holder | undefined, now: number): Promise<readonly Queued[]> {
  const { source, event, state, version } = due;
  let outcome: DueOutcome = 'unknown';
  let queued: readonly Queued[] = [];
  if (holder) {
    const change = { handle: holder.handle, version, state, dated: true };
    const changed = await changeIn(tx, { source, event: `due-${source}-${event}`, actor, change }, now);
    outcome = changed.left.change === 'older' ? 'overtaken' : 'applied';
    queued = changed.queued;
  } else if (state !== 'active') {
    await hearOf(tx, { handleHash: due.handleHash, source, version, state, dated: true });
  }
  await dues.settle(tx, due, outcome);
  const subject = holder?.id ?? `${source}/${event}`;
  await append(tx, personDueSettled(actor, subject, { source, event, state, outcome }));
  return queued;
}
