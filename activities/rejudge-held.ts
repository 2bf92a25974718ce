/**
 * Whoever has moved keeps what the policy would give them as they are now, and loses the rest, with the reason. Only
 * they: a policy that became stricter ends nothing that somebody holds. Their requests under way are judged with
 * everybody else's (`rejudge.ts`).
 */
import { CurfewError } from '../domain/errors.ts';
import type { Decision } from '../domain/decision.ts';
import type { PersonId, RequestId } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import { stagesOf, type GrantablePlan } from '../domain/plan.ts';
import { minuteMs } from '../domain/time.ts';
import { planFor } from '../policy/plan.ts';
import type { LoadedPolicy } from '../policy/policy.ts';
import { noLongerGiven } from '../policy/stricter.ts';
import { tally } from '../policy/tally.ts';
import * as intents from '../store/intents.ts';
import * as moved from '../store/moved.ts';
import type { Db, Store } from '../store/pool.ts';
import * as requests from '../store/requests.ts';
import type { RequestRow } from '../store/requests.ts';
import { read, suspectsOf, type Known } from './rejudge-case.ts';
import { askTheEnd, type EndMessages } from './rejudge-end.ts';

const movesAtOnce = 1_000;
const batch = 200;
/** A claim that was judged before the move is granted within this, or never (`proxies.granting`). */
const comesOutWithinMs = 2 * minuteMs;

export type HeldDeps = {
  /** The login `curfew_worker`. */
  readonly store: Store;
  readonly clock: () => number;
  readonly messages: EndMessages;
};

/**
 * One look at what everybody who has moved holds. A move is looked at until all that was under way at its time is there.
 * @returns how many were asked to end; `strange`: the first that could not be judged, which holds up nobody else
 */
export async function judgeMovers(
  deps: HeldDeps,
  policy: LoadedPolicy,
): Promise<{ readonly ended: number; readonly strange: Error | undefined }> {
  const { store, clock } = deps;
  const moves = await moved.unsettled(store, movesAtOnce);
  if (moves.length === 0) return { ended: 0, strange: undefined };
  const held = await moved.heldAmong(store, [...new Set(moves.flatMap(({ requests: theirs }) => theirs))]);
  let ended = 0;
  let strange: Error | undefined;
  const stuck = new Set<RequestId>();
  const mayEnd = (row: RequestRow, known: Known): boolean => reasonsOf(policy, row, known).length > 0;
  for (let from = 0; from < held.length; from += batch) {
    for (const row of await suspectsOf(store, policy, held.slice(from, from + batch), mayEnd)) {
      try {
        if (await store.transaction((tx) => endIfStill(deps, tx, policy, row))) ended += 1;
      } catch (cause) {
        if (cause instanceof CurfewError) throw cause;
        stuck.add(row.id);
        strange ??= new Error(`what is held of request ${row.id} could not be judged again`, { cause });
      }
    }
  }
  // A move of which something could not be judged is looked at again; the others are not kept open by it.
  const settled = moves.filter(
    (move) =>
      move.seenAt !== null &&
      clock() - move.seenAt >= comesOutWithinMs &&
      !move.requests.some((request) => stuck.has(request)),
  );
  await moved.looked(
    store,
    moves.map(({ id }) => id),
    settled.map(({ id }) => id),
  );
  return { ended, strange };
}

/** As of the opening, so that the hour ends nothing; by their own facts of today, and the approvers' of that day. */
export function reasonsOf(policy: LoadedPolicy, row: RequestRow, { facts, decisions }: Known): readonly string[] {
  const requester = facts.get(row.person);
  if (!requester || requester.state !== 'active') return [];
  const live = decisions.get(row.id) ?? [];
  const then = asRecorded(live, requester);
  const counts = (plan: GrantablePlan) => tally({ ...row, requester, stages: stagesOf(plan) }, live, then);
  const fallen = counts(row.plan).fallen.length > 0;
  const planned = planFor(policy, { ...row, requester }, [...facts.values()], row.openedAt);
  return [
    ...noLongerGiven(row, planned, (plan) => counts(plan).open.length === 0),
    ...(fallen ? ['An approval does not count for them as they are now.'] : []),
  ];
}

/** NB. Whether an approver may still approve is another question: what they gave while they might is given. */
const asRecorded = (made: readonly Decision[], requester: PersonFacts): ReadonlyMap<PersonId, PersonFacts> =>
  new Map(
    [
      ...made.flatMap(({ facts }) => facts.person.standsInFor ?? []),
      ...made.map(({ facts }) => facts.person),
      requester,
    ].map((one) => [one.id, one]),
  );

/** In the request's turn, by what holds then. */
async function endIfStill({ messages }: HeldDeps, tx: Db, policy: LoadedPolicy, row: RequestRow): Promise<boolean> {
  await requests.takeTurn(tx, row.id);
  if ((await intents.ofRequest(tx, row.id)).length > 0) return false;
  const reasons = reasonsOf(policy, row, await read(tx, policy, [row]));
  if (reasons.length === 0) return false;
  const says = 'its holder has moved, and would not be given it now';
  await askTheEnd(messages, tx, row, { cause: 'moved', says, policy, reasons });
  return true;
}
