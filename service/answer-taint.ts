import { randomUUID } from 'node:crypto';
import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import { knownAs } from '../domain/events/entry.ts';
import { endAsked } from '../domain/events/grant.ts';
import { taintAnswered, taintRefused, type TaintAnswered as AnsweredBody } from '../domain/events/review.ts';
import { isUuid, type PersonId, type TaintId } from '../domain/ids.ts';
import { judge } from '../policy/eligibility.ts';
import { stageToAnswer } from '../policy/taint.ts';
import { append } from '../store/audit.ts';
import * as extensions from '../store/extensions.ts';
import * as intents from '../store/intents.ts';
import { factsOf, factsOfMany } from '../store/people.ts';
import type { Db } from '../store/pool.ts';
import * as requests from '../store/requests.ts';
import * as taints from '../store/taints.ts';
import type { Taint } from '../store/taints.ts';
import { answering, refused } from './answering.ts';
import type { Context } from './context.ts';
import type { AnswerTaint, TaintAnswered } from './contract-people.ts';
import { queue, sendNow, type Queued } from './outbox.ts';

/**
 * Somebody's word on what rests on the approval of a leaver: it stays, or it ends now. Theirs counts who could approve
 * it in that place today, and have not approved it already (I6). The first word holds; the same one again changes
 * nothing.
 * @returns `NotPending` where nobody is asked (any more), `SelfApproval`, `ApproverNotEligible`, `UnknownPerson`,
 *   `UnknownRequest`: all audited
 */
export const answerTaint = (ctx: Context, input: AnswerTaint): Promise<TaintAnswered | Refusal> =>
  answering(ctx, 'answerTaint', async () => {
    const done = await ctx.store.transaction(async (tx) => {
      const result = await record(ctx, tx, input);
      if (!isRefusal(result)) return result;
      const { person, taintId, verdict } = input;
      return refused(tx, (code) => taintRefused(person, taintId, { verdict, code }), result);
    });
    if (isRefusal(done)) return done;
    const sent = done.queued && (await sendNow(ctx, ctx.store, done.queued));
    return { verdict: input.verdict, confirmed: sent?.kind !== 'unconfirmed' };
  });

const over = refuse('NotPending', 'This is settled already.');

async function record(
  ctx: Context,
  tx: Db,
  { taintId, person, account, verdict }: AnswerTaint,
): Promise<{ readonly queued: Queued | null } | Refusal> {
  const taint = isUuid(taintId) ? await taints.byId(tx, taintId as TaintId) : undefined;
  if (!taint) return refuse('UnknownRequest', 'There is nothing of the kind.');
  await requests.takeTurn(tx, taint.requestId);
  if (taint.answer) return same(taint, person, verdict) ? { queued: null } : over;
  const madeAt = ctx.clock();
  if (taint.outcome !== null || taint.rule !== 'ask' || (taint.answerByAt ?? 0) <= madeAt) return over;
  const facts = await factsOf(tx, person);
  if (!facts) return refuse('UnknownPerson', 'Curfew does not know you yet: ask an administrator to import you.');
  const judged = await judgedBy(tx, taint, { person: facts, account }, madeAt);
  if (isRefusal(judged)) return judged;
  if (!(await taints.answer(tx, taint.id, { person, verdict, facts: { person: facts, account }, madeAt }))) return over;
  const said = { taint: taint.id, decision: taint.decisionId, verdict, madeAt };
  await append(tx, taintAnswered(person, taint.requestId, { ...said, facts: { person: facts, account }, ...judged }));
  return { queued: verdict === 'end' ? await end(tx, taint, person) : null };
}

const same = ({ answer }: Taint, person: PersonId, verdict: string): boolean =>
  answer?.person === person && answer.verdict === verdict;

type Facts = Parameters<typeof judge>[1]['facts'];

/** @returns whom their word was judged against, or why it is not theirs to give */
async function judgedBy(
  tx: Db,
  taint: Taint,
  facts: Facts,
  madeAt: number,
): Promise<Pick<AnsweredBody, 'requester' | 'counted'> | Refusal> {
  const row = await requests.byId(tx, taint.requestId);
  const approved = taint.extensionId === null ? row : await extensions.byId(tx, taint.extensionId);
  const stage = approved && stageToAnswer(approved.plan, taint.stage);
  const requester = row && (await factsOf(tx, row.person));
  if (!row || !stage || !requester) return over;
  const counted = await factsOfMany(tx, [...(await taints.approversOf(tx, taint)), taint.person]);
  const click = { verdict: 'approve', digest: row.digest, stage: 0, facts, madeAt } as const;
  const seat = judge({ requester, digest: row.digest, stages: [stage] }, click, counted);
  return isRefusal(seat) ? seat : { requester: knownAs(requester), counted: counted.map(knownAs) };
}

/** At once, and with Temporal dead too, as whenever somebody ends something. */
async function end(tx: Db, { requestId, decisionId }: Taint, person: PersonId): Promise<Queued | null> {
  const row = await requests.byId(tx, requestId);
  if (!row || (await intents.ofRequest(tx, requestId)).length > 0) return null;
  const scope = { kind: 'grant', requestId, target: row.target } as const;
  await intents.insert(tx, { id: randomUUID(), scope, actor: person, cause: 'tainted' });
  await append(tx, endAsked(person, requestId, { cause: 'tainted', decision: decisionId }));
  const cause = 'an approver of it has left, and somebody else who may decide did not keep it';
  return queue(tx, { kind: 'revoke', payload: { requestId, input: { actor: person, cause } } });
}
