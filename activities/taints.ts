/**
 * What people hold on the approval of somebody who has left: kept, asked about, or ended, as the policy says. Kept by the
 * store alone, so it needs no Temporal; whoever is not answered in time has ended it, for that is the safe mistake.
 */
import { randomUUID } from 'node:crypto';
import { CurfewError } from '../domain/errors.ts';
import { taintAsked, taintSettled } from '../domain/events/review.ts';
import { endAsked } from '../domain/events/grant.ts';
import type { TaintId } from '../domain/ids.ts';
import { stageToAnswer, toAnswerWithinMs } from '../policy/taint.ts';
import { append } from '../store/audit.ts';
import * as extensions from '../store/extensions.ts';
import * as intents from '../store/intents.ts';
import { enqueue, type NewMessage } from '../store/outbox.ts';
import type { Db, Store } from '../store/pool.ts';
import * as requests from '../store/requests.ts';
import * as taints from '../store/taints.ts';
import type { OpenTaint, Taint, TaintOutcome } from '../store/taints.ts';
import type { CurrentPolicy } from './current-policy.ts';
import type { EndMessages } from './rejudge-end.ts';

export type TaintDeps = {
  /** The login `curfew_worker`. */
  readonly store: Store;
  readonly policyOf: CurrentPolicy;
  readonly clock: () => number;
  readonly messages: EndMessages & {
    readonly taint: (of: { readonly taintId: TaintId; readonly step: 'asked' | 'settled' }) => NewMessage;
  };
};

/** How many were asked about, and settled, in one look. */
export type Followed = { readonly asked: number; readonly settled: number };

const actor = 'curfew_worker';
const atOnce = 500;

/** @returns one look at all that is open; it throws where the store does not answer, or no policy can be read */
export function createTaints(deps: TaintDeps): () => Promise<Followed> {
  const { store, clock } = deps;
  return async () => {
    const open = await taints.toFollow(store, clock(), atOnce);
    let [asked, settled] = [0, 0];
    let strange: Error | undefined;
    for (const taint of open) {
      try {
        const done = await store.transaction((tx) => follow(deps, tx, taint));
        if (done === 'asked') asked += 1;
        if (done === 'settled') settled += 1;
      } catch (cause) {
        if (cause instanceof CurfewError) throw cause;
        strange ??= new Error(`what rests on a leaver's approval (${taint.id}) could not be judged`, { cause });
      }
    }
    if (strange) throw strange;
    return { asked, settled };
  };
}

type Done = 'asked' | 'settled' | 'waits';

async function follow(deps: TaintDeps, tx: Db, taint: OpenTaint): Promise<Done> {
  if (taint.closed === true || taint.superseded) return settle(deps, tx, taint, 'over');
  // It was claimed and not granted when they left, so their word did not count any more (I8): the grant refuses, or it
  // was on its way to the target already, and then it ends whatever the policy says.
  if (taint.void && !taint.granted) return 'waits';
  if (taint.void) {
    await end(deps, tx, taint, tooLate);
    return settle(deps, tx, taint, 'ended');
  }
  // Nothing lasting follows from a suspension: while it lasts it is listed, and then it is over.
  if (taint.cause === 'suspended') return taint.back ? settle(deps, tx, taint, 'lifted') : 'waits';
  if (taint.rule === null) return askPolicy(deps, tx, taint);
  if (taint.answer) {
    if (taint.answer.verdict === 'keep') return settle(deps, tx, taint, 'kept');
    await end(deps, tx, taint, answeredEnd);
    return settle(deps, tx, taint, 'ended');
  }
  if (taint.answerByAt !== null && taint.answerByAt <= deps.clock()) {
    await end(deps, tx, taint, unanswered);
    return settle(deps, tx, taint, 'unanswered');
  }
  return 'waits';
}

const answeredEnd = 'an approver of it has left, and somebody else who may decide did not keep it';
const unanswered = 'an approver of it has left, and nobody else said in time that it stays';
const tooLate = 'an approver of it had left before it was granted';
const byPolicy = 'an approver of it has left';

async function askPolicy(deps: TaintDeps, tx: Db, taint: OpenTaint): Promise<Done> {
  const { leaverApprovals: rule } = await deps.policyOf(tx);
  const answerByAt = rule === 'ask' ? deps.clock() + toAnswerWithinMs(await stageOf(tx, taint)) : null;
  if (!(await taints.ask(tx, taint.id, rule, answerByAt))) return 'waits';
  if (rule === 'keep') return settle(deps, tx, taint, 'kept');
  if (rule === 'revoke') {
    await end(deps, tx, taint, byPolicy);
    return settle(deps, tx, taint, 'ended');
  }
  await append(tx, taintAsked(actor, taint.requestId, { taint: taint.id, decision: taint.decisionId, answerByAt }));
  await enqueue(tx, deps.messages.taint({ taintId: taint.id, step: 'asked' }));
  return 'asked';
}

/** The stage of the plan by which it was approved: the request's, or the extension's. */
async function stageOf(tx: Db, { requestId, extensionId, stage }: Taint) {
  const of = extensionId === null ? await requests.byId(tx, requestId) : await extensions.byId(tx, extensionId);
  return of && stageToAnswer(of.plan, stage);
}

/** In the request's turn; what is asked to end already is not asked twice. */
async function end({ messages }: TaintDeps, tx: Db, { requestId, decisionId }: Taint, cause: string): Promise<void> {
  await requests.takeTurn(tx, requestId);
  const row = await requests.byId(tx, requestId);
  if (!row || (await intents.ofRequest(tx, requestId)).length > 0) return;
  const scope = { kind: 'grant', requestId, target: row.target } as const;
  await intents.insert(tx, { id: randomUUID(), scope, actor, cause: 'tainted' });
  await append(tx, endAsked(actor, requestId, { cause: 'tainted', decision: decisionId }));
  await enqueue(tx, messages.revoke({ requestId, actor, cause }));
}

async function settle({ messages }: TaintDeps, tx: Db, taint: Taint, outcome: TaintOutcome): Promise<Done> {
  if (!(await taints.settle(tx, taint.id, outcome))) return 'waits';
  await append(tx, taintSettled(actor, taint.requestId, { taint: taint.id, decision: taint.decisionId, outcome }));
  // Nobody was shown the others.
  if (taint.rule === 'ask') await enqueue(tx, messages.taint({ taintId: taint.id, step: 'settled' }));
  return 'settled';
}
