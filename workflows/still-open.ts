/** Why a message comes too early, too late, or not in the form that it should have. Instants in epoch ms. */
import { ApplicationFailure } from '@temporalio/workflow';
import { refuse, type Refusal } from '../domain/errors.ts';
import type { RequestState, StateKind } from '../domain/request.ts';
import { clocksApartMs } from '../domain/units.ts';

export const malformed = refuse('InvalidInput', 'The message does not look as it should.');
const tooLate = refuse('NotPending', 'The time for this is over.');

/** Whoever accepted the claim may have a clock that is ahead of this one; a moment later it is no mistake any more. */
export function early(startAt: number | undefined, now: number): Refusal | undefined {
  const earlyMs = (startAt ?? 0) - now;
  if (earlyMs <= 0) return undefined;
  return refuse(earlyMs <= clocksApartMs ? 'NotConfirmed' : 'NotPending', 'Its time has not come yet.');
}

/** NB. The store knows of a grant a moment before the Workflow does: what comes in between is sent again. */
export function notHeld(state: RequestState, now: number): Refusal | undefined {
  if (state.kind === 'granting' && !state.ending) return refuse('NotConfirmed', 'The grant is on its way.');
  return state.kind === 'active' && now >= state.endAt ? tooLate : undefined;
}

/**
 * The timer may fire a second late, or after a time without workers: what is over by the clock is over.
 * @param kinds the states in which the message has a meaning
 * @param lapseAt when the request lapses, where it waits
 */
export function stillOpen(
  state: RequestState,
  kinds: readonly StateKind[],
  lapseAt: number,
  now: number,
): Refusal | undefined {
  if (state.kind === 'closed') return refuse('NotPending', `This request is closed: ${state.outcome}.`);
  if (!kinds.includes(state.kind)) return refuse('NotPending', `This request is ${state.kind}.`);
  const waits = state.kind === 'awaiting' || state.kind === 'approved';
  return waits && now >= lapseAt ? tooLate : undefined;
}

/** @throws ApplicationFailure with the refusal's code, where there is one; no retry changes that */
export function demand(refusal: Refusal | undefined): void {
  if (!refusal) return;
  throw ApplicationFailure.create({ type: refusal.code, message: refusal.message, nonRetryable: true });
}
