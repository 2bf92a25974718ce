import type { Refusal } from '../domain/errors.ts';
import { personUnknown } from '../domain/events/people.ts';
import { isUuid, type PersonId } from '../domain/ids.ts';
import { personIdFrom } from '../policy/digest.ts';
import * as alarms from '../store/alarms.ts';
import { append } from '../store/audit.ts';
import * as people from '../store/people.ts';
import type { Db } from '../store/pool.ts';
import { answering } from './answering.ts';
import { follow, sendSome, type Changed } from './change-person.ts';
import type { Context } from './context.ts';
import type { Left, LeaveInputFromSource } from './contract-people.ts';

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
    const { left, queued, waits } = await store.transaction((tx) =>
      handle === undefined ? unknown(tx, input, ctx.clock()) : known(tx, input, handle, ctx.clock()),
    );
    return { ...left, confirmed: (await sendSome(ctx, store, queued)) && !waits };
  });

/** @returns the source's key of somebody who is known, else undefined */
async function handleOf(db: Db, { who }: LeaveInputFromSource): Promise<string | undefined> {
  if ('handle' in who) return (await people.personByHandle(db, who.handle)) === undefined ? undefined : who.handle;
  return isUuid(who.id) ? (await people.show(db, who.id as PersonId))?.handle : undefined;
}

async function known(tx: Db, input: LeaveInputFromSource, handle: string, learnedAt: number): Promise<Changed> {
  const { state, version, actor, source } = input;
  const applied = await people.apply(tx, { handle, source, state, version }, actor);
  return follow(tx, input, applied, learnedAt);
}

async function unknown(tx: Db, input: LeaveInputFromSource, learnedAt: number): Promise<Changed> {
  const { who, state, version, actor, event, source } = input;
  if ('handle' in who && !(await people.keepWord(tx, { handle: who.handle, source, state, version }))) {
    return known(tx, input, who.handle, learnedAt);
  }
  // Of a handle the log keeps what it would be as an id: a handle is a name.
  const subject = 'handle' in who ? personIdFrom(who.handle) : who.id;
  await append(tx, personUnknown(actor, subject, { event, state }));
  const key = `person-unknown/${subject}`;
  const detail = `An event of ${source} says "${state}" of somebody whom the directory does not know.`;
  await alarms.raise(tx, { key, code: 'person-unknown', subject, detail });
  return {
    left: { person: null, change: 'unknown', state, requests: [], voided: 0, tainted: [] },
    queued: [],
    waits: false,
  };
}
