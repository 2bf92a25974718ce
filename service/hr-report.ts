import { refuse, type Refusal } from '../domain/errors.ts';
import type { RequestId, TargetName } from '../domain/ids.ts';
import type { Outcome } from '../domain/request.ts';
import * as deliveries from '../store/deliveries.ts';
import * as grants from '../store/grants.ts';
import * as intents from '../store/intents.ts';
import * as people from '../store/people.ts';
import { dueOf } from '../store/person-dues.ts';
import type { Db } from '../store/pool.ts';
import * as projections from '../store/projections.ts';
import { openOf } from '../store/requests.ts';
import type { Context } from './context.ts';
import type { HrAnswer } from './deliver.ts';
import { lastUnderstood } from './policy-in-force.ts';

/**
 * How far it is: `safe` once nothing that the person held is left on any node, in any of their accounts. Read anew each
 * time, and not from the answer alone. Never of somebody unknown: whoever they are may hold something; and not of what
 * takes effect later before it has.
 */
export type HrReport = HrAnswer & {
  readonly safe: boolean;
  /** From learning of it (or from its day) until the last grant was verified as ended; null while one is not. */
  readonly safeAfterMs: number | null;
  readonly ends: readonly {
    readonly requestId: RequestId;
    readonly state: string;
    readonly outcome: Outcome | null;
    readonly grantEndedAt: number | null;
  }[];
};

/** @param source the word's; `deliveredBy`: under which its deliveries are kept */
export async function hrReport(
  ctx: Context,
  store: Db,
  {
    source,
    deliveredBy,
    delivery,
  }: { readonly source: string; readonly deliveredBy: string; readonly delivery: string },
): Promise<HrReport | Refusal> {
  const first = await deliveries.answerOf(store, deliveredBy, delivery);
  if (!first) return refuse('UnknownRequest', 'There is no such delivery, or no answer to it yet.');
  const answer = first.answer as HrAnswer;
  if (answer.change !== 'later') return progressOf(ctx, store, answer);
  const due = await dueOf(store, source, delivery);
  if (due?.settledAt === null || !due) return { ...answer, safe: false, safeAfterMs: null, ends: [] };
  // From its day on it is like any other; what was replaced or overtaken asks for no end any more.
  if (due.outcome !== 'applied') return { ...answer, safe: due.outcome !== 'unknown', safeAfterMs: null, ends: [] };
  return progressOf(ctx, store, { ...answer, learnedAt: due.settledAt });
}

/** How far an answer is that has taken effect. */
export async function progressOf(ctx: Context, store: Db, answer: HrAnswer): Promise<HrReport> {
  const left = await whatIsLeft(ctx, store, answer);
  const ends = await Promise.all(
    [...new Set([...answer.requests, ...left.requests])].map(async (requestId) => {
      const view = await projections.viewOf(store, requestId);
      const grant = await grants.byId(store, requestId);
      const outcome = view?.state.kind === 'closed' ? view.state.outcome : null;
      return {
        requestId,
        state: view?.state.kind ?? 'requested',
        outcome,
        granted: grant !== undefined,
        grantEndedAt: grant?.endedAt ?? null,
      };
    }),
  );
  const held = ends.filter(({ granted }) => granted);
  const closed = ends.every(({ state }) => state === 'closed');
  const safe =
    answer.person !== null && !left.owed && closed && held.every(({ grantEndedAt }) => grantEndedAt !== null);
  const last = Math.max(answer.learnedAt, ...held.map(({ grantEndedAt }) => grantEndedAt ?? 0));
  return {
    ...answer,
    safe,
    safeAfterMs: safe ? last - answer.learnedAt : null,
    ends: ends.map(({ requestId, state, outcome, grantEndedAt }) => ({ requestId, state, outcome, grantEndedAt })),
  };
}

type Remainder = {
  readonly requests: readonly RequestId[];
  /** A target has not answered yet. */
  readonly owed: boolean;
};

/**
 * What is open or live now of what a leaving is about. The answer may name too little: of a delivery that was done
 * twice, or that was not new. What somebody asked for after they had come back is no part of it.
 */
async function whatIsLeft(ctx: Context, store: Db, answer: HrAnswer): Promise<Remainder> {
  const { person, state, learnedAt } = answer;
  const facts = person === null || state === 'active' ? undefined : await people.factsOf(store, person);
  if (!facts) return { requests: [], owed: false };
  const isPartOfIt = (at: number): boolean => facts.state !== 'active' || at <= learnedAt;
  const left: RequestId[] = [];
  const accounts = [facts.id, ...facts.aliases];
  for (const account of accounts) {
    const open = await openOf(store, account);
    const live = await grants.live(store, { person: account });
    left.push(...open.filter(({ openedAt }) => isPartOfIt(openedAt)).map(({ id }) => id));
    left.push(...live.filter(({ grantedAt }) => isPartOfIt(grantedAt)).map(({ requestId }) => requestId));
  }
  const about = { people: accounts, requests: [...answer.requests, ...left] };
  return {
    requests: left,
    owed: await intents.isOwed(store, { ...about, targets: await targetsOf(ctx, store) }),
  };
}

/** Hooks that run as a process of their own are configured with no targets: the policy names them. */
async function targetsOf(ctx: Context, store: Db): Promise<readonly TargetName[]> {
  if (ctx.targets.length > 0) return ctx.targets.map(({ name }) => name);
  return [...((await lastUnderstood(store))?.targets.keys() ?? [])] as TargetName[];
}
