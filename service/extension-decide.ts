import { randomBytes } from 'node:crypto';
import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import { knownAs } from '../domain/events/entry.ts';
import { extensionDecided, extensionRefused } from '../domain/events/extension.ts';
import type { Digest } from '../domain/ids.ts';
import { decisionId, reasonHash } from '../policy/digest.ts';
import { append } from '../store/audit.ts';
import * as extensionDecisions from '../store/extension-decisions.ts';
import * as extensions from '../store/extensions.ts';
import type { ExtensionDecision } from '../store/extension-decisions.ts';
import type { ExtensionRow } from '../store/extensions.ts';
import { factsOfMany } from '../store/people.ts';
import type { Db } from '../store/pool.ts';
import { answering, refused, type Attempt } from './answering.ts';
import { conditionOf, type AskedBefore } from './bounds.ts';
import type { Context } from './context.ts';
import type { DecideExtension, ExtensionDecided } from './contract.ts';
import { extensionOf, noExtension, sittingIn, whyOver } from './extension-model.ts';
import { heldNow, notMoved, planOfNow, signed, stepOf, stillFits } from './extension.ts';
import { queue, sendNow, type Queued } from './outbox.ts';
import { unknownPerson } from './planning.ts';
import { chooseSeat } from './seat.ts';
import { whoCould } from './sitting.ts';
import { standingOf, takeTurn, type Standing } from './standing.ts';
import { readText } from './texts.ts';

/**
 * One person's word on an extension that they were shown, by the rules of a request's: never the holder's, one person
 * one seat, those who approved the request included. The last approval signs the ticket for the new end, after
 * everything was judged once more (two-key rule); a denial leaves the end where it was.
 * @returns as `decide`
 */
export const decideExtension = (ctx: Context, input: DecideExtension): Promise<ExtensionDecided | Refusal> =>
  answering(ctx, 'decideExtension', async () => {
    const { person, verdict } = input;
    const extension = await extensionOf(ctx.store, input.extensionId);
    const subject = isRefusal(extension) ? input.extensionId : extension.requestId;
    const attempt: Attempt = (code) =>
      extensionRefused(person, subject, { verdict, extension: input.extensionId, code });
    const before = isRefusal(extension) ? extension : await standingOf(ctx.store, extension.requestId);
    if (isRefusal(extension) || isRefusal(before)) return refused(ctx.store, attempt, noExtension);
    const policy = await ctx.policy();
    const condition = await conditionOf(ctx, before.row);
    const recorded = await ctx.store.transaction(async (tx) => {
      await takeTurn(tx, extension.requestId);
      const result = await record(ctx, tx, { policy, condition }, extension, input);
      return isRefusal(result) ? refused(tx, attempt, result) : result;
    });
    if (isRefusal(recorded)) return recorded;
    const sent =
      recorded.queued && (await sendNow(ctx, ctx.store, recorded.queued, (no) => notMoved(ctx, extension, no)));
    if (sent?.kind === 'refused' && recorded.decided === 'recorded') {
      return refused(ctx.store, attempt, sent.refusal);
    }
    return { decided: recorded.decided, settled: recorded.settled, confirmed: sent?.kind !== 'unconfirmed' };
  });

type Recorded = Pick<ExtensionDecided, 'decided' | 'settled'> & { readonly queued: Queued | undefined };

async function record(
  ctx: Context,
  tx: Db,
  asked: AskedBefore,
  extension: ExtensionRow,
  input: DecideExtension,
): Promise<Recorded | Refusal> {
  const standing = await standingOf(tx, extension.requestId);
  if (isRefusal(standing)) return standing;
  const made = await extensionDecisions.of(tx, extension.id);
  const earlier = made.find((decision) => decision.person === input.person);
  if (earlier && earlier.verdict === input.verdict && earlier.digest === input.digest) {
    return again(tx, extension, standing, made);
  }
  const chosen = await mayDecide(ctx, tx, extension, standing, made, input);
  if (isRefusal(chosen)) return chosen;
  const reason = input.verdict === 'deny' ? readText(input.reason ?? '', 'reason', 'why you deny it') : undefined;
  if (isRefusal(reason)) return reason;
  const { requestId, digest } = extension;
  const of = { requestId, digest, stage: chosen.stage, person: input.person, verdict: input.verdict };
  const facts = { person: chosen.person, account: input.account };
  const id = decisionId({ ...of, voidsBefore: 0 });
  const decision: ExtensionDecision = { id, ...of, extensionId: extension.id, facts, madeAt: chosen.madeAt };
  const settles = await settling(ctx, tx, asked, extension, standing, [...made, decision]);
  if (isRefusal(settles)) return settles;
  const denial = reason === undefined ? undefined : { text: reason, salt: randomBytes(16) };
  if ((await extensionDecisions.insert(tx, decision, denial)) !== 'recorded') {
    return refuse('NotPending', 'You decided on this extension already, and otherwise.');
  }
  const { stage, verdict } = decision;
  const said = { extension: extension.id, decision: id, digest, stage, verdict, madeAt: decision.madeAt, facts };
  const hash = denial ? reasonHash(denial.salt, denial.text) : null;
  const requester = knownAs(standing.requester);
  await append(tx, extensionDecided(input.person, requestId, { ...said, denial: hash, requester }));
  if (settles === 'denied') {
    await extensions.saveOutcome(tx, { extensionId: extension.id, kind: 'denied', cause: null, evidence: null });
  } else if (settles !== 'open') await extensions.insertTicket(tx, settles);
  return { decided: 'recorded', settled: settles !== 'open', queued: await tell(tx, extension, settles, decision) };
}

type Settling = 'open' | 'denied' | extensions.ExtensionTicket;

/** The Workflow goes on; or where people are still missing, the worker paints the card as it is now. */
async function tell(
  tx: Db,
  extension: ExtensionRow,
  settles: Settling,
  { madeAt }: ExtensionDecision,
): Promise<Queued | undefined> {
  if (settles !== 'open') return queue(tx, stepOf(extension, settles === 'denied' ? 'over' : 'approved'));
  await queue(tx, { kind: 'repaint', payload: { requestId: extension.requestId, version: madeAt } });
  return undefined;
}

/** The same click again: the same answer, and its message once more. */
async function again(
  tx: Db,
  extension: ExtensionRow,
  standing: Standing,
  made: readonly ExtensionDecision[],
): Promise<Recorded> {
  const { open, denied } = await sittingIn(tx, extension, standing, made);
  const settled = denied || open.length === 0;
  const step = stepOf(extension, denied ? 'over' : 'approved');
  return { decided: 'repeated', settled, queued: settled ? await queue(tx, step) : undefined };
}

async function mayDecide(
  ctx: Context,
  tx: Db,
  extension: ExtensionRow,
  standing: Standing,
  made: readonly ExtensionDecision[],
  input: DecideExtension,
) {
  const [person] = await factsOfMany(tx, [input.person]);
  if (!person) return unknownPerson;
  const madeAt = ctx.clock();
  const sitting = await sittingIn(tx, extension, standing, made);
  const facts = { person, account: input.account };
  const click = { verdict: input.verdict, digest: input.digest as Digest, facts, madeAt };
  const chosen = chooseSeat(sitting, click, await whoCould(tx, sitting.stages));
  if (isRefusal(chosen) && chosen.code !== 'NotPending') return chosen;
  const over = await whyOver(tx, extension, sitting);
  if (over) return over;
  if (made.some((decision) => decision.person === person.id)) {
    return refuse('NotPending', 'You decided on this extension already.');
  }
  const held = await heldNow(tx, standing, madeAt);
  if (isRefusal(held)) return held;
  return isRefusal(chosen) ? chosen : { ...chosen, person, madeAt };
}

/** What this decision makes of the extension, everything judged as of now. */
async function settling(
  ctx: Context,
  tx: Db,
  asked: AskedBefore,
  extension: ExtensionRow,
  standing: Standing,
  made: readonly ExtensionDecision[],
): Promise<Settling | Refusal> {
  const { open, denied } = await sittingIn(tx, extension, standing, made);
  if (denied) return 'denied';
  if (open.length > 0) return 'open';
  const now = ctx.clock();
  const grant = await heldNow(tx, standing, now);
  if (isRefusal(grant)) return grant;
  const planned = await planOfNow(ctx, tx, asked, standing, now, extension.endAt - extension.fromAt);
  if (isRefusal(planned)) return planned;
  return (
    stillFits(asked.policy, standing.row, extension, planned.plan, grant, now) ?? signed(ctx, standing.row, extension)
  );
}
