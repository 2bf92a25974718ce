/** What a grant is bound to besides its duration: an incident, a ticket, a shift; and the policy's windows. */
import { asPlanned, type ConditionState } from '../domain/condition.ts';
import { refuse, type Refusal } from '../domain/errors.ts';
import type { Condition, Window } from '../domain/plan.ts';
import type { LoadedPolicy } from '../policy/policy.ts';
import { formatOpening, nextOpening, windowAt } from '../policy/windows.ts';
import { shiftEndOf } from '../store/on-call.ts';
import { factsOf } from '../store/people.ts';
import type { Db } from '../store/pool.ts';
import type { RequestRow } from '../store/requests.ts';
import type { Context } from './context.ts';

/** What is read before the transaction, because it is asked elsewhere or takes a connection of its own. */
export type AskedBefore = { readonly policy: LoadedPolicy; readonly condition: ConditionState };

/** What the request is bound to, asked before anybody's turn is taken: it may be somebody else's server that answers. */
export async function conditionOf(ctx: Context, { plan, person }: RequestRow): Promise<ConditionState> {
  const requester = plan.until && (await factsOf(ctx.store, person));
  return plan.until && requester ? asPlanned(plan, await ctx.conditions(plan.until, requester)) : 'holds';
}

/** Bound to something that is over, or of which nobody knows whether it is: then nothing is granted (I18). */
export function conditionStands(until: Condition | undefined, state: ConditionState): Refusal | undefined {
  if (!until || state === 'holds') return undefined;
  const what = until.kind === 'shift' ? `Your shift on ${until.key}` : `The ${until.kind} ${until.key}`;
  return state === 'over'
    ? refuse('PolicyDenied', `${what} is over, and this was for as long as it lasts.`)
    : refuse('NotRecorded', `${what} could not be looked up just now. Nothing is given before it is: try again.`);
}

/**
 * When the shift ends to which the request is bound, as the last import said; infinity where it is bound to none. A
 * shift that is cut short later ends the grant all the same, when that is noticed.
 */
export async function shiftEndsAt(db: Db, { plan, person }: RequestRow, now: number): Promise<number> {
  if (plan.until?.kind !== 'shift') return Number.POSITIVE_INFINITY;
  const holder = await factsOf(db, person);
  const accounts = [person, ...(holder?.aliases ?? [])];
  const schedule = plan.until.key;
  const ends = await Promise.all(accounts.map((account) => shiftEndOf(db, { schedule, person: account }, now)));
  const known = ends.filter((end) => end !== undefined);
  return known.length > 0 ? Math.max(...known) : Number.POSITIVE_INFINITY;
}

/** @returns when the window closes that is open now, infinity without any, or when the next one opens */
export function closingOf(windows: readonly Window[] | undefined, now: number): number | Refusal {
  if (!windows) return Number.POSITIVE_INFINITY;
  const open = windowAt(windows, now);
  if (open) return open.closesAt;
  const next = nextOpening(windows, now);
  const when = next ? ` It opens ${formatOpening(next, now)}.` : '';
  return refuse('NotPending', `The policy gives this at certain times only, and now is none of them.${when}`);
}
