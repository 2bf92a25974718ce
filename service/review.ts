import { randomBytes } from 'node:crypto';
import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import { reviewRecorded, reviewRefused } from '../domain/events/review.ts';
import { mayReview } from '../policy/powers.ts';
import { append } from '../store/audit.ts';
import { enqueue } from '../store/outbox.ts';
import { factsOf } from '../store/people.ts';
import type { Db } from '../store/pool.ts';
import * as reviews from '../store/reviews.ts';
import { toRow } from '../temporal/messages.ts';
import { answering, refused, type Attempt } from './answering.ts';
import type { Context } from './context.ts';
import type { Reviewed, ReviewInput } from './contract.ts';
import { queue } from './outbox.ts';
import { standingOf, takeTurn } from './standing.ts';
import { readText } from './texts.ts';

/**
 * The second look at a break-glass after its end: by somebody whom the plan's review rule names, never the responder
 * or an alias of theirs; once, for ever (I13).
 * @returns `SelfApproval`, `ApproverNotEligible`, `NotPending` (not over yet, or reviewed already), `InvalidInput`
 */
export const review = (ctx: Context, input: ReviewInput): Promise<Reviewed | Refusal> =>
  answering(ctx, 'review', () =>
    ctx.store.transaction(async (tx) => {
      await takeTurn(tx, input.requestId);
      const result = await record(ctx, tx, input);
      const attempt: Attempt = (code) => reviewRefused(input.person, input.requestId, { code });
      return isRefusal(result) ? refused(tx, attempt, result) : result;
    }),
  );

async function record(ctx: Context, tx: Db, input: ReviewInput): Promise<Reviewed | Refusal> {
  const standing = await standingOf(tx, input.requestId);
  if (isRefusal(standing)) return standing;
  const { row, state } = standing;
  if (row.plan.verdict !== 'break-glass') return refuse('NotPending', 'Only a break-glass is reviewed.');
  const person = await factsOf(tx, input.person);
  const responder = await factsOf(tx, row.person);
  if (!person || !responder)
    return refuse('UnknownPerson', 'Curfew does not know you yet: ask an administrator to import you.');
  const account = input.account;
  if (account && (account.deleted || account.bot || account.restricted || account.stranger)) {
    return refuse('ApproverNotEligible', 'Only full members of this workspace may review.');
  }
  if (account?.fresh === true) {
    return refuse(
      'ApproverNotEligible',
      'This Slack account was linked to you less than a day ago: confirm it from your other one, or wait.',
    );
  }
  const now = ctx.clock();
  // Whoever's Workflow was lost is over by its hard end, whoever has written that down.
  const over = await reviews.caseOf(tx, row.id);
  const overMs = over ? Math.max(0, now - over.overAt) : 0;
  const wrong = mayReview(row.plan.review, person, responder, overMs);
  if (wrong) return wrong;
  if (state.kind !== 'closed' && (!over || now < over.overAt))
    return refuse('NotPending', 'It is not over yet: review it after its end.');
  const note = readText(input.note, 'note', 'what was done, and why it was right or not');
  if (isRefusal(note)) return note;
  const reviewed = { requestId: row.id, person: person.id, verdict: input.verdict, reviewedAt: now };
  const inserted = await reviews.insert(tx, reviewed, { text: note, salt: randomBytes(16) });
  if (inserted === 'other') return refuse('NotPending', 'This was reviewed already.');
  if (inserted === 'recorded') {
    const said = { verdict: input.verdict, reviewedAt: now, overMs, facts: { person, responder } };
    await append(tx, reviewRecorded(person.id, row.id, said));
    await queue(tx, { kind: 'reviewed', payload: { requestId: row.id } });
    // NB. By the relay, for whoever sent the form waits for nobody; and at once, for no other process sends it.
    await enqueue(tx, toRow({ kind: 'review-over', payload: { requestId: row.id } }));
  }
  return { recorded: inserted };
}
