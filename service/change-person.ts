/**
 * What a source says of a person, whichever it is, and all that follows from it, in one transaction: whoever is gone
 * loses everything (I9), and whoever has moved is judged again.
 */
import type { Refusal } from '../domain/errors.ts';
import type { RequestId } from '../domain/ids.ts';
import { secondMs } from '../domain/time.ts';
import * as alarms from '../store/alarms.ts';
import * as grants from '../store/grants.ts';
import * as intents from '../store/intents.ts';
import * as people from '../store/people.ts';
import type { AppliedChange } from '../store/people.ts';
import type { Db } from '../store/pool.ts';
import * as requests from '../store/requests.ts';
import type { OutboxMessage } from '../temporal/messages.ts';
import { answering } from './answering.ts';
import type { Context } from './context.ts';
import type { Left, PersonChangeInput } from './contract-people.ts';
import { offBoard } from './off-board.ts';
import { queueAll, sendNow, type Queued } from './outbox.ts';

export type { PersonChangeInput };

/** What has changed, and the messages that are in the outbox because of it. */
export type Changed = {
  readonly left: Omit<Left, 'confirmed'>;
  readonly queued: readonly Queued[];
  /** There are more, which the relay sends. */
  readonly waits: boolean;
};

/** Messages that this process sends itself; the relay does the rest, so that nobody is kept waiting. */
const sentAtOnce = 25;
/**
 * Workflows of somebody who held very much are told by then at the latest. Their grants are over within a second
 * whatever becomes of that; a worker that has recorded it has them told at once.
 */
const laterMs = 20 * secondMs;

/**
 * Takes the change and does at once what follows from it: of somebody who is not active any more, in any of their
 * accounts, all that `leave` does; of somebody who is, a mark by which what they hold is judged again, where their
 * groups, manager, kind or accounts are others now. A change that says nothing new ends again only what is still there.
 * @returns a refusal for what the directory cannot take (`InvalidInput`) and a store that does not answer
 * @throws Error in a process without the directory's login
 */
export const changePerson = (ctx: Context, input: PersonChangeInput): Promise<Left | Refusal> =>
  answering(ctx, 'changePerson', async () => {
    const store = ctx.directory;
    if (!store) throw new Error('this process changes nobody: it has no directory login');
    const { left, queued, waits } = await store.transaction((tx) => changeIn(tx, input, ctx.clock()));
    return { ...left, confirmed: (await sendSome(ctx, store, queued)) && !waits };
  });

/**
 * The same in a transaction of the caller's, for those who change many at once; nothing is sent: the relay does that.
 * @param learnedAt epoch ms
 * @throws CurfewError `InvalidInput` as `people.apply` does
 */
export async function changeIn(tx: Db, input: PersonChangeInput, learnedAt: number): Promise<Changed> {
  const { source, actor, change } = input;
  const applied = await people.apply(tx, { ...change, source }, actor);
  if (isOldNews(applied) && !(await holdsAnything(tx, applied)))
    return { left: leftOf(applied), queued: [], waits: false };
  return follow(tx, input, applied, learnedAt);
}

/** What follows from a change that was applied in this transaction. */
export async function follow(
  tx: Db,
  { source, event, actor }: Omit<PersonChangeInput, 'change'>,
  applied: AppliedChange,
  learnedAt: number,
): Promise<Changed> {
  const { id: person, aliases, state } = applied.after;
  const base = leftOf(applied);
  if (applied.late) await alarmOfLateWord(tx, source, applied);
  if (state === 'active') return { left: base, queued: [], waits: false };
  const closing: RequestId[] = [];
  const messages: OutboxMessage[] = [];
  const later: OutboxMessage[] = [];
  const tainted: RequestId[] = [];
  let voided = 0;
  for (const account of [person, ...aliases]) {
    const ended = await offBoard(tx, { state, actor, event, learnedAt }, account);
    closing.push(...ended.requests);
    messages.push(...ended.messages);
    later.push(...ended.later);
    tainted.push(...ended.tainted);
    voided += ended.voided;
  }
  const queued = await queueAll(tx, messages);
  await queueAll(tx, later, laterMs);
  return { left: { ...base, requests: closing, voided, tainted }, queued, waits: later.length > 0 };
}

/** Sends the first of them now. @returns whether all of them have arrived */
export async function sendSome(ctx: Context, store: Db, queued: readonly Queued[]): Promise<boolean> {
  const sent = await Promise.all(queued.slice(0, sentAtOnce).map((message) => sendNow(ctx, store, message)));
  return queued.length <= sentAtOnce && sent.every(({ kind }) => kind !== 'unconfirmed');
}

const leftOf = ({ kind, after }: AppliedChange): Changed['left'] => ({
  person: after.id,
  state: after.state,
  change: kind === 'stale' ? 'older' : 'applied',
  requests: [],
  voided: 0,
  tainted: [],
});

/** They were gone as much before: a daily list says so of everybody who has ever left. */
const isOldNews = ({ before, after }: AppliedChange): boolean =>
  after.state !== 'active' &&
  before?.state === after.state &&
  after.aliases.every((alias) => before.aliases.includes(alias));

async function holdsAnything(tx: Db, { after }: AppliedChange): Promise<boolean> {
  for (const account of [after.id, ...after.aliases]) {
    if ((await requests.openIdsOf(tx, account)).length > 0) return true;
    if ((await grants.live(tx, { person: account })).length > 0) return true;
    if (!(await intents.wasAskedToGo(tx, account))) return true;
  }
  return false;
}

async function alarmOfLateWord(tx: Db, source: string, { after }: AppliedChange): Promise<void> {
  const { id: person, state } = after;
  const detail = `An event of ${source} says "${state}", but its version is older than what ${source} said before. It was taken, because it takes access away: look whether it holds.`;
  await alarms.raise(tx, { key: `person-late/${person}`, code: 'person-late', subject: person, detail });
}
