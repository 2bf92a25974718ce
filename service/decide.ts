import { randomBytes } from 'node:crypto';
import type { Decision } from '../domain/decision.ts';
import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import { knownAs } from '../domain/events/entry.ts';
import { decisionMade, decisionRefused } from '../domain/events/request.ts';
import type { Digest, PersonId } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import { decisionId, reasonHash } from '../policy/digest.ts';
import { append } from '../store/audit.ts';
import * as decisions from '../store/decisions.ts';
import type { Db } from '../store/pool.ts';
import { answering, refused, type Attempt } from './answering.ts';
import type { Context } from './context.ts';
import type { Decided, DecideInputFromClick } from './contract.ts';
import { queue, sendNow, type Queued } from './outbox.ts';
import { unknownPerson } from './planning.ts';
import { chooseSeat, type Chosen } from './seat.ts';
import { lapseOf, peopleIn, sittingOf, whoCould } from './sitting.ts';
import { notPending, standingOf, takeTurn, type Standing } from './standing.ts';
import { readText } from './texts.ts';

/**
 * One person's word on what they were shown. Judged on the facts of this moment, recorded with its audit entry and its
 * Update in one transaction, then sent. Clicks on one request take turns, so that the first one that settles it wins.
 * The same click again is the same decision and gets `repeated`. It fills the first open stage in which this person may
 * sit; a denial may come from any of them.
 * @returns `SelfApproval`, `StaleView`, `ApproverNotEligible`, `NotPending`, `InvalidInput` (a denial without a
 *   reason), `UnknownRequest`, `UnknownPerson`, `NotRecorded`: all audited but the last
 */
export const decide = (ctx: Context, input: DecideInputFromClick): Promise<Decided | Refusal> =>
  answering(ctx, 'decide', async () => {
    const recorded = await ctx.store.transaction(async (tx) => {
      const result = await record(ctx, tx, input);
      return isRefusal(result) ? refused(tx, attemptOf(input), result) : result;
    });
    if (isRefusal(recorded)) return recorded;
    const sent = await sendNow(ctx, ctx.store, recorded.queued, (no) => takeBack(ctx, input, recorded, no));
    if (sent.kind === 'refused') return sent.refusal;
    const view = sent.kind === 'confirmed' ? sent.view : undefined;
    return { decided: recorded.decided, confirmed: sent.kind === 'confirmed', view: view ?? recorded.standing.view };
  });

const attemptOf =
  ({ person, requestId, verdict }: DecideInputFromClick): Attempt =>
  (code) =>
    decisionRefused(person, requestId, { verdict, code });

/**
 * The Workflow's no to a new decision: it never counted, so it is void, and the seat is free for somebody else. One that
 * was recorded before stays: it may have counted in a run that the server has lost.
 */
const takeBack = (
  ctx: Context,
  input: DecideInputFromClick,
  { decided, decision }: Recorded,
  refusal: Refusal,
): Promise<void> =>
  ctx.store.transaction(async (tx) => {
    await takeTurn(tx, input.requestId);
    if (decided === 'recorded') await decisions.voidOne(tx, decision, `refused: ${refusal.code}`, 'curfew_api');
    await refused(tx, attemptOf(input), refusal);
  });

type Recorded = {
  readonly decided: Decided['decided'];
  readonly decision: Decision;
  readonly queued: Queued;
  readonly standing: Standing;
};

async function record(ctx: Context, tx: Db, input: DecideInputFromClick): Promise<Recorded | Refusal> {
  await takeTurn(tx, input.requestId);
  const standing = await standingOf(tx, input.requestId);
  if (isRefusal(standing)) return standing;
  const people = await peopleIn(tx, standing, input.person);
  const person = people.get(input.person);
  if (!person) return unknownPerson;
  const earlier = standing.decisions.find((decision) => decision.person === person.id);
  if (earlier && earlier.verdict === input.verdict && earlier.digest === input.digest) {
    return { decided: 'repeated', decision: earlier, queued: await queue(tx, messageOf(earlier)), standing };
  }
  const madeAt = ctx.clock();
  const chosen = await mayDecide(tx, standing, input, { person, people }, madeAt);
  if (isRefusal(chosen)) return chosen;
  const reason = input.verdict === 'deny' ? readText(input.reason ?? '', 'reason', 'why you deny it') : undefined;
  if (isRefusal(reason)) return reason;
  const voidsBefore = await decisions.voidsOf(tx, standing.row.id, person.id);
  const { stage } = chosen;
  const { id: requestId, digest } = standing.row;
  const of = { requestId, digest, stage, person: person.id, verdict: input.verdict };
  const decision: Decision = {
    id: decisionId({ ...of, voidsBefore }),
    ...of,
    facts: { person, account: input.account },
    madeAt,
  };
  const denial = reason === undefined ? undefined : { text: reason, salt: randomBytes(16) };
  const inserted = await decisions.insert(tx, decision, voidsBefore, denial);
  if (inserted === 'other') return refuse('NotPending', 'You decided on this request already, and otherwise.');
  if (inserted === 'recorded') {
    const { verdict, facts } = decision;
    const said = { decision: decision.id, digest, stage, verdict, madeAt, voidsBefore };
    const hash = denial ? reasonHash(denial.salt, denial.text) : null;
    const requester = knownAs(standing.requester);
    await append(tx, decisionMade(person.id, requestId, { ...said, denial: hash, facts, requester }));
  }
  return { decided: inserted, decision, queued: await queue(tx, messageOf(decision)), standing };
}

/** The rules of eligibility first: who may not decide is told so, whatever became of the request. */
async function mayDecide(
  tx: Db,
  standing: Standing,
  input: DecideInputFromClick,
  { person, people }: { readonly person: PersonFacts; readonly people: ReadonlyMap<PersonId, PersonFacts> },
  madeAt: number,
): Promise<Chosen | Refusal> {
  const { decisions: live, state, intents } = standing;
  const sitting = sittingOf(standing, people);
  const facts = { person, account: input.account };
  const click = { verdict: input.verdict, digest: input.digest as Digest, facts, madeAt };
  const chosen = chooseSeat(sitting, click, await whoCould(tx, sitting.stages));
  if (isRefusal(chosen) && chosen.code !== 'NotPending') return chosen;
  if (state.kind !== 'awaiting') return notPending(state);
  if (intents.length > 0) return refuse('NotPending', 'This request is being ended.');
  if (live.some((decision) => decision.person === person.id)) {
    return refuse('NotPending', 'You decided on this request already, and otherwise.');
  }
  return madeAt >= lapseOf(standing) ? refuse('NotPending', 'The time to decide is over.') : chosen;
}

const messageOf = ({ id, requestId, verdict, digest, stage, facts, madeAt }: Decision) =>
  ({
    kind: 'decide',
    payload: { requestId, input: { decisionId: id, verdict, digest, stage, facts, madeAt } },
  }) as const;
