import { setTimeout as pause } from 'node:timers/promises';
import { heartbeat } from '@temporalio/activity';
import { CurfewError } from '../domain/errors.ts';
import { leaveReported } from '../domain/events/people.ts';
import type { DecisionId, PersonId, RequestId } from '../domain/ids.ts';
import { secondMs } from '../domain/time.ts';
import { append } from '../store/audit.ts';
import * as decisions from '../store/decisions.ts';
import * as grants from '../store/grants.ts';
import * as intents from '../store/intents.ts';
import * as outbox from '../store/outbox.ts';
import type { NewMessage } from '../store/outbox.ts';
import type { Store } from '../store/pool.ts';
import * as people from '../store/people.ts';
import * as requests from '../store/requests.ts';
import * as taints from '../store/taints.ts';
import type { LeaveActivities } from '../workflows/activities.ts';
import type { LeaveInput, LeaveReport } from '../workflows/contract.ts';
import { failing, toRetry, type Log } from './failures.ts';
import { servedZones } from './reconcile.ts';

/** What is said to the Workflows of requests; `Temporal` is one. Each may be said again. */
export type Requests = {
  revoke(id: RequestId, input: { readonly actor: string; readonly cause: string }): Promise<void>;
  voidDecisions(id: RequestId, input: { readonly personId: PersonId }): Promise<void>;
};

export type LeaveDeps = {
  /** The login `curfew_worker`. */
  readonly store: Store;
  readonly requests: Requests;
  /** The outbox's row for the notice to people. */
  readonly notice: (input: LeaveInput, report: LeaveReport) => NewMessage;
  readonly clock: () => number;
  readonly log: Log;
};

const lookMs = 500;
/** Whoever wrote the intents told the Workflows too; what is open after this is told again, then ever less often. */
const firstRepeatMs = 5 * secondMs;
const longestRepeatMs = 60 * secondMs;
const toldAtOnce = 20;
/** The store's clock stamps what the API's clock learned. */
const clocksApartMs = 5 * secondMs;

/**
 * Follows a leaving until all of it is done: nothing of the person is open, and every grant has its receipt. What may
 * have slipped in beside the leaving itself (a decision in the same second) is done here again. Once they are back, what
 * they ask for and decide from then on is no part of it.
 */
export const createLeave = (deps: LeaveDeps): LeaveActivities => ({
  zonesServed: () => zonesServed(deps),
  closeRequestsOf: failing({ log: deps.log, activity: 'leave', as: toRetry }, async (input: LeaveInput) => {
    await voidWhatIsLeft(deps, input);
    await untilClosed(deps, input);
    const report = await reportOn(deps, input);
    await deps.store.transaction(async (tx) => {
      const { cause, event } = input;
      const body = {
        cause,
        event,
        closed: report.closed,
        voided: report.voided,
        safeAfterMs: report.safeAfterMs,
        tainted: report.tainted ?? 0,
      };
      await append(tx, leaveReported('curfew_worker', input.personId, body));
      await outbox.enqueue(tx, deps.notice(input, report));
    });
    return report;
  }),
});

const zonesServed = (deps: LeaveDeps): ReturnType<LeaveActivities['zonesServed']> =>
  failing<object, { readonly zones: readonly string[] }>(
    { log: deps.log, activity: 'zonesServed', as: toRetry },
    async () => ({ zones: [...new Set(await servedZones(deps))].toSorted() }),
  )({});

async function voidWhatIsLeft({ store, requests: told }: LeaveDeps, input: LeaveInput): Promise<void> {
  const { personId, cause, learnedAt } = input;
  const untilAt = (await isGone(store, personId)) ? undefined : learnedAt + clocksApartMs;
  const voided = await store.transaction(async (tx) => {
    if (untilAt === undefined) await taints.findAll(tx, personId, input, 'curfew_worker');
    return decisions.voidAllOf(tx, personId, cause, 'curfew_worker', untilAt);
  });
  for (const { requestId, person } of voided) await saidOrOver(told.voidDecisions(requestId, { personId: person }));
}

const isGone = async (store: Store, person: PersonId): Promise<boolean> =>
  (await people.factsOf(store, person))?.state !== 'active';

/** Of whoever is gone all that is open; of whoever is back, what is older than the leaving or was asked to end by it. */
async function openStill(store: Store, input: LeaveInput): Promise<readonly requests.OpenRequest[]> {
  const { personId: person, cause, learnedAt } = input;
  const open = await requests.openIdsOf(store, person);
  if (open.length === 0 || (await isGone(store, person))) return open;
  const asked = new Set(await intents.ofLeaver(store, { person, cause, sinceAt: learnedAt - clocksApartMs }));
  return open.filter(({ id, openedAt }) => openedAt <= learnedAt || asked.has(id));
}

async function untilClosed(deps: LeaveDeps, input: LeaveInput): Promise<void> {
  const { store, clock } = deps;
  let [toldAt, againMs] = [clock(), firstRepeatMs];
  for (;;) {
    heartbeat();
    const open = await openStill(store, input);
    if (open.length === 0) return;
    if (clock() - toldAt >= againMs) {
      // Who is being ended has heard; and a thousand Workflows take their time to say so.
      await tellAgain(
        deps,
        input,
        open.filter(({ state }) => state !== 'revoking'),
      );
      [toldAt, againMs] = [clock(), Math.min(againMs * 2, longestRepeatMs)];
    }
    await pause(lookMs);
  }
}

async function tellAgain(
  { requests: told }: LeaveDeps,
  { cause }: LeaveInput,
  open: readonly requests.OpenRequest[],
): Promise<void> {
  const why = cause === 'left' ? 'the person left' : 'the person was suspended';
  for (let from = 0; from < open.length; from += toldAtOnce) {
    const some = open.slice(from, from + toldAtOnce);
    await Promise.all(some.map(({ id }) => saidOrOver(told.revoke(id, { actor: 'curfew_worker', cause: why }))));
    heartbeat();
  }
}

/** A request that closed in between needs to hear nothing. One that cannot be reached now is told in the next round. */
async function saidOrOver(saying: Promise<void>): Promise<void> {
  await saying.catch((error: unknown) => {
    if (!(error instanceof CurfewError)) throw error;
  });
}

async function reportOn({ store }: LeaveDeps, input: LeaveInput): Promise<LeaveReport> {
  const { personId: person, cause, learnedAt } = input;
  const sinceAt = learnedAt - clocksApartMs;
  const closed = await intents.ofLeaver(store, { person, cause, sinceAt });
  const voided = await decisions.voidedSince(store, person, sinceAt);
  const safeAt = Math.max(learnedAt, (await grants.lastEnded(store, closed)) ?? learnedAt);
  const tainted = await taints.countOf(store, person, input.event);
  return { closed, voided: voided.map(({ id }): DecisionId => id), safeAfterMs: safeAt - learnedAt, tainted };
}
