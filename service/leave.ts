import { randomUUID } from 'node:crypto';
import type { Refusal } from '../domain/errors.ts';
import { isUuid, type PersonId, type RequestId } from '../domain/ids.ts';
import { personIdFrom } from '../policy/digest.ts';
import * as absences from '../store/absences.ts';
import * as alarms from '../store/alarms.ts';
import { append, appendAll } from '../store/audit.ts';
import * as decisions from '../store/decisions.ts';
import * as intents from '../store/intents.ts';
import type { IntentScope } from '../store/intents.ts';
import * as people from '../store/people.ts';
import type { Db } from '../store/pool.ts';
import * as requests from '../store/requests.ts';
import type { OutboxMessage } from '../temporal/messages.ts';
import { answering } from './answering.ts';
import type { Context } from './context.ts';
import type { Left, LeaveInputFromSource } from './contract-people.ts';
import { queueAll, sendNow, type Queued } from './outbox.ts';

/** Messages that this process sends itself; the relay does the rest, so that HR is not kept waiting. */
const sentAtOnce = 25;

/**
 * HR's word on a person. Safe first, with Temporal dead too: one transaction of the directory's login marks the person,
 * asks for the end of everything they hold and of every request of theirs that is open, claimed or not, and voids what
 * they approved and is not granted yet, in all of their accounts (I9). Then the Workflows are told, which only keep
 * books. Word that is not new asks for the end of what is still open all the same.
 *
 * `active` gives nothing back: a rehire starts clean. Somebody whom nobody knows is audited and alarmed; the word is
 * kept, so that no import can make them active.
 * @throws Error in a process without the directory's login
 */
export const leave = (ctx: Context, input: LeaveInputFromSource): Promise<Left | Refusal> =>
  answering(ctx, 'leave', async () => {
    const store = ctx.directory;
    if (!store) throw new Error('this process takes no HR events: it has no directory login');
    const handle = await handleOf(store, input);
    const { left, queued } = await store.transaction((tx) =>
      handle === undefined ? unknown(ctx, tx, input) : change(ctx, tx, input, handle),
    );
    const sent = await Promise.all(queued.slice(0, sentAtOnce).map((message) => sendNow(ctx, store, message)));
    const confirmed = queued.length <= sentAtOnce && sent.every(({ kind }) => kind !== 'unconfirmed');
    return { ...left, confirmed };
  });

type Changed = { readonly left: Omit<Left, 'confirmed'>; readonly queued: readonly Queued[] };

/** @returns the source's key of somebody who is known, else undefined */
async function handleOf(db: Db, { who }: LeaveInputFromSource): Promise<string | undefined> {
  if ('handle' in who) return (await people.personByHandle(db, who.handle)) === undefined ? undefined : who.handle;
  return isUuid(who.id) ? (await people.show(db, who.id as PersonId))?.handle : undefined;
}

async function change(ctx: Context, tx: Db, input: LeaveInputFromSource, handle: string): Promise<Changed> {
  const { state, version, actor, source } = input;
  const applied = await people.apply(tx, { handle, source, state, version }, actor);
  const { id: person, aliases } = applied.after;
  const how = applied.kind === 'stale' ? 'older' : 'applied';
  const base = { person, state: applied.after.state, change: how, requests: [], voided: 0 } as const;
  if (applied.late) await alarmOfLateWord(tx, input, person);
  if (state === 'active') return { left: base, queued: [] };

  const closing: RequestId[] = [];
  const messages: OutboxMessage[] = [];
  let voided = 0;
  for (const account of [person, ...aliases]) {
    const ended = await endAccount(ctx, tx, { ...input, state }, account);
    closing.push(...ended.requests);
    messages.push(...ended.messages);
    voided += ended.voided;
  }
  return { left: { ...base, requests: closing, voided }, queued: await queueAll(tx, messages) };
}

async function alarmOfLateWord(tx: Db, { source, state }: LeaveInputFromSource, person: PersonId): Promise<void> {
  const detail = `An event of ${source} says "${state}", but its version is older than what ${source} said before. It was taken, because it takes access away: look whether it holds.`;
  await alarms.raise(tx, { key: `person-late/${person}`, code: 'person-late', subject: person, detail });
}

type Leaving = LeaveInputFromSource & { readonly state: 'left' | 'suspended' };
type EndedAccount = {
  readonly requests: readonly RequestId[];
  readonly messages: readonly OutboxMessage[];
  readonly voided: number;
};

/** One account of whoever leaves; the others of the same human go the same way. */
async function endAccount(ctx: Context, tx: Db, input: Leaving, person: PersonId): Promise<EndedAccount> {
  const { state, actor, event } = input;
  const open = await requests.openOf(tx, person);
  await askForTheEnd(tx, input, person, open);
  const voided = await decisions.voidAllOf(tx, person, state, actor);
  await endAbsences(tx, input, person);
  const cause = state === 'left' ? 'the person left' : 'the person was suspended';
  const messages: readonly OutboxMessage[] = [
    { kind: 'leave', payload: { personId: person, event, cause: state, learnedAt: ctx.clock() } },
    ...open.map(({ id }) => ({ kind: 'revoke', payload: { requestId: id, input: { actor, cause } } }) as const),
    ...voided.map(
      ({ id, requestId }) =>
        ({ kind: 'void', payload: { requestId, decisionId: id, input: { personId: person } } }) as const,
    ),
  ];
  return { requests: open.map(({ id }) => id), messages, voided: voided.length };
}

/** They decide for nobody any more, and nobody for them (I9). */
async function endAbsences(tx: Db, { actor, state, event }: Leaving, person: PersonId): Promise<void> {
  const ended = await absences.endAllWith(tx, person);
  await appendAll(
    tx,
    ended.map(({ person: subject, delegate, fromAt, untilAt }) => ({
      kind: 'absence.ended',
      actor,
      subject,
      body: { delegate, fromAt, untilAt, cause: state, event },
    })),
  );
}

/**
 * One intent for the person, which each target's ledger answers, and one for each request: its grant may be under way.
 * In two statements however many there are: a thousand grants are to end within a second.
 */
async function askForTheEnd(
  tx: Db,
  { state: cause, actor, event }: Leaving,
  person: PersonId,
  open: readonly requests.FollowedRequest[],
): Promise<void> {
  const scopes: readonly IntentScope[] = [
    { kind: 'person', person },
    ...open.map(({ id, target }) => ({ kind: 'grant', requestId: id, target }) as const),
  ];
  await intents.insertAll(
    tx,
    scopes.map((scope) => ({ id: randomUUID(), scope, actor, cause })),
  );
  await appendAll(
    tx,
    scopes.map((scope) => ({
      kind: 'end.asked',
      actor,
      subject: scope.kind === 'person' ? person : scope.requestId,
      body: scope.kind === 'person' ? { cause, event, requests: open.length } : { cause, event },
    })),
  );
}

async function unknown(ctx: Context, tx: Db, input: LeaveInputFromSource): Promise<Changed> {
  const { who, state, version, actor, event, source } = input;
  if ('handle' in who && !(await people.keepWord(tx, { handle: who.handle, source, state, version }))) {
    return change(ctx, tx, input, who.handle);
  }
  // Of a handle the log keeps what it would be as an id: a handle is a name.
  const subject = 'handle' in who ? personIdFrom(who.handle) : who.id;
  await append(tx, { kind: 'person.unknown', actor, subject, body: { event, state } });
  const key = `person-unknown/${subject}`;
  const detail = `An event of ${source} says "${state}" of somebody whom the directory does not know.`;
  await alarms.raise(tx, { key, code: 'person-unknown', subject, detail });
  return { left: { person: null, change: 'unknown', state, requests: [], voided: 0 }, queued: [] };
}
