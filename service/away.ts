import { randomUUID } from 'node:crypto';
import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import { absenceEnded, absenceMade } from '../domain/events/people.ts';
import type { PersonId } from '../domain/ids.ts';
import { sameHuman, type PersonFacts } from '../domain/person.ts';
import { dayMs } from '../domain/time.ts';
import { unfitAccount } from '../policy/eligibility.ts';
import * as absences from '../store/absences.ts';
import { append } from '../store/audit.ts';
import { factsOf } from '../store/people.ts';
import type { Db } from '../store/pool.ts';
import { takeTurns } from '../store/turns.ts';
import { answering } from './answering.ts';
import type { Context } from './context.ts';
import type { Away, AwayInput } from './contract-people.ts';
import { activePerson } from './planning.ts';

/** Longer is no absence but another delegate: an administrator changes the groups. */
const longestAwayMs = 90 * dayMs;

/**
 * Out of office, said by oneself; replaces what one said before. Whoever is away is not counted on, and the delegate
 * decides in their place meanwhile, by the rules of a seat: never on what the person asked for, and never twice.
 * @returns `InvalidInput` with its field, `NotAllowed` for somebody who is not active, `UnknownPerson`; with a delegate
 *   also `ApproverNotEligible` and `NotRecorded`, as for a decision, where the account is not in order
 */
export const away = (ctx: Context, input: AwayInput): Promise<Away | Refusal> =>
  answering(ctx, 'away', () =>
    ctx.store.transaction(async (tx) => {
      const wrong = (await whyNot(tx, input, ctx.clock())) ?? badTimes(input, ctx.clock());
      if (wrong) return wrong;
      const { person, delegate = null, fromAt, untilAt } = input;
      await takePersonsTurn(tx, person);
      await endCurrent(ctx, tx, person);
      await absences.insert(tx, { id: randomUUID(), person, delegate, fromAt, untilAt, madeBy: person });
      await append(tx, absenceMade(person, person, { delegate, fromAt, untilAt }));
      return { fromAt, untilAt, delegate };
    }),
  );

/** Back at work: what was said of an absence is over, and the delegate with it. */
export const back = (
  ctx: Context,
  { person }: { readonly person: PersonId },
): Promise<{ readonly was: Away | null } | Refusal> =>
  answering(ctx, 'back', () =>
    ctx.store.transaction(async (tx) => {
      const facts = await activePerson(tx, person);
      if (isRefusal(facts)) return facts;
      await takePersonsTurn(tx, person);
      return { was: await endCurrent(ctx, tx, person) };
    }),
  );

/** The absence that holds now, or else the next one. */
export async function awayOf(db: Db, person: PersonId, now: number): Promise<Away | null> {
  const [first] = await absences.of(db, person, now);
  return first ? shownOf(first) : null;
}

const shownOf = ({ fromAt, untilAt, delegate }: absences.Absence): Away => ({ fromAt, untilAt, delegate });

/** NB. An account that may not decide may not have it decided by somebody of its choice either. */
async function whyNot(tx: Db, { person, delegate, account }: AwayInput, now: number): Promise<Refusal | undefined> {
  const facts = await activePerson(tx, person);
  if (isRefusal(facts)) return facts;
  if (delegate === undefined) return undefined;
  const unfit = account ? unfitAccount(account, now) : refuse('NotAllowed', 'Name a delegate in Slack.');
  return unfit ?? unfitDelegate(facts, await factsOf(tx, delegate));
}

function unfitDelegate(person: PersonFacts, delegate: PersonFacts | undefined): Refusal | undefined {
  if (!delegate) return refuseDelegate('Curfew does not know whom you named.');
  if (sameHuman(person, delegate)) return refuseDelegate('Name somebody else than yourself.');
  if (delegate.kind === 'service') return refuseDelegate('A service account decides nothing.');
  return delegate.state === 'active'
    ? undefined
    : refuseDelegate(`The directory says that they are ${delegate.state}.`);
}

function badTimes({ fromAt, untilAt }: AwayInput, now: number): Refusal | undefined {
  if (!Number.isSafeInteger(fromAt) || !Number.isSafeInteger(untilAt)) return refuseTime('Say until when.');
  if (untilAt <= now || untilAt <= fromAt) return refuseTime('An absence ends after it begins, and not in the past.');
  return untilAt - Math.max(now, fromAt) > longestAwayMs || fromAt - now > longestAwayMs
    ? refuseTime('At most 90 days ahead.')
    : undefined;
}

const refuseDelegate = (message: string): Refusal => refuse('InvalidInput', message, 'delegate');
const refuseTime = (message: string): Refusal => refuse('InvalidInput', message, 'until');

async function endCurrent(ctx: Context, tx: Db, person: PersonId): Promise<Away | null> {
  const ended = await absences.endOf(tx, person, ctx.clock());
  for (const { fromAt, untilAt, delegate } of ended) {
    await append(tx, absenceEnded(person, person, { delegate, fromAt, untilAt }));
  }
  const [first] = ended.toSorted((one, other) => one.fromAt - other.fromAt);
  return first ? shownOf(first) : null;
}

/** One absence at a time, also where somebody says two things at once. */
const takePersonsTurn = (tx: Db, person: PersonId): Promise<unknown> => takeTurns(tx, 'human', [person]);
