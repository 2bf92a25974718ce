import {
  ActivityFailure,
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  setHandler,
  sleep,
  TimeoutFailure,
} from '@temporalio/workflow';
import { errors } from '../domain/errors.ts';
import type { Outcome } from '../domain/request.ts';
import {
  claim,
  decide,
  extend,
  release,
  revoke,
  status,
  voidDecisions,
  withdraw,
  type AccessRequestInput,
} from './contract.ts';
import { until } from './deadline.ts';
import { Life } from './life.ts';
import { bounded, extending, granting, revokingOnce, revokingUntilDone, untilRecorded } from './proxies.ts';
import { isAccessRequestInput } from './shape.ts';

/**
 * One request, from the question to the receipt. Reads top to bottom as it happens: pending -> grant -> hold -> revoke.
 *
 * 1. Handlers are registered before the first await; they only move `life`, and this loop does what follows from it.
 * 2. Everything runs in one non-cancellable scope. An operator's cancel is one more event, so it can overtake nothing:
 *    a grant under way is waited for and then revoked.
 * 3. Whatever became of the grant activity (made, refused, timed out), its login is revoked: a reply may be lost (I17).
 * 4. `tell` runs beside the loop: Slack can neither hold up nor fail a grant or a revoke.
 *
 * @returns how it ended; a cancelled request completes too, after its clean-up
 */
export async function accessRequest(input: AccessRequestInput): Promise<Outcome> {
  if (!isAccessRequestInput(input))
    throw ApplicationFailure.create({ type: 'InvalidInput', message: 'not a request', nonRetryable: true });
  const life = new Life(input);
  setHandler(decide, life.decide, { validator: life.mayDecide });
  setHandler(claim, life.claim, { validator: life.mayClaim });
  setHandler(extend, life.extend, { validator: life.mayExtend });
  setHandler(release, life.release, { validator: life.mayEnd });
  setHandler(withdraw, life.withdraw, { validator: life.mayEnd });
  setHandler(revoke, life.revoke);
  setHandler(voidDecisions, life.voidDecisions);
  setHandler(status, () => life.view());
  CancellationScope.current().cancelRequested.catch(life.cancel);

  return CancellationScope.nonCancellable(async () => {
    const told = tellPeople(input, life);
    await pending(life);
    if (life.is('granting')) {
      await grant(input, life);
      await hold(input, life);
      await end(input, life);
    }
    await told;
    await condition(allHandlersFinished);
    return life.state.kind === 'closed' ? life.state.outcome : 'failed';
  });
}

/** Until somebody claims it or it closes. The lapse and whatever people are told before it are one deadline that moves. */
async function pending(life: Life): Promise<void> {
  const over = (): boolean => !life.is('awaiting', 'approved');
  for (;;) {
    await until(over, () => life.pendingAt());
    if (over()) return;
    if (Date.now() >= life.lapseAt()) break;
    life.remind();
  }
  life.happened({
    kind: 'lapsed',
    cause: life.is('approved') ? 'nobody claimed it in time' : 'nobody decided in time',
  });
}

/** End-at is what the target answered, never computed again: a reset of this Workflow must not move it. */
async function grant({ requestId, target, zone }: AccessRequestInput, life: Life): Promise<void> {
  if (life.state.kind !== 'granting') return;
  if (life.state.ending) {
    // Ended in the same breath as it was claimed: no login is made only to be taken away.
    life.happened({ kind: 'grant-failed', cause: 'it was ended before it was granted' });
    return;
  }
  try {
    const { endAt } = await granting(zone).grant({
      requestId,
      target,
      credentialId: life.state.credentialId,
      view: life.view(),
    });
    life.happened({ kind: 'granted', endAt });
  } catch (error) {
    life.happened({ kind: 'grant-failed', cause: causeOf(error) });
  }
}

/** Until the end, or until somebody ends it; with stops on the way where the holder is told, or the end moves. */
async function hold(input: AccessRequestInput, life: Life): Promise<void> {
  while (life.state.kind === 'active') {
    const { endAt } = life.state;
    const at = life.holdAt();
    await until(
      () => !life.is('active') || life.moving() !== undefined,
      () => at,
    );
    if (life.moving()) await moveEnd(input, life);
    else if (!life.is('active')) return;
    else if (at < endAt) life.notice();
    else life.happened({ kind: 'expired' });
  }
}

/**
 * The end moves only as the target answers. Whoever ends the grant meanwhile has to wait for that answer, and meets a
 * state that takes no extension any more. One that did not work is asked of once more what has come of it.
 */
async function moveEnd({ requestId, target, zone }: AccessRequestInput, life: Life): Promise<void> {
  const extension = life.moving();
  if (!extension || life.state.kind !== 'active') return;
  const { id } = extension;
  const order = { requestId, target, extensionId: id, view: life.view() };
  const { extend: ask } = extending(zone, life.state.endAt - Date.now());
  const moved = await ask(order)
    .catch((error: unknown) => ask({ ...order, over: causeOf(error, 'extension') }))
    .catch(() => undefined);
  life.happened(moved ? { kind: 'extended', id, endAt: moved.endAt } : { kind: 'extension-over', id });
}

/**
 * The only way out of a grant, without end (I17). The activity returns once every node said that nothing is left (I16);
 * where many were ended together, that was recorded before this was told. No marker says which way was taken: that is in
 * the input and the Signal, so a replay takes it again.
 */
async function end({ requestId, target, zone }: AccessRequestInput, life: Life): Promise<void> {
  const order = { requestId, target, view: life.view() };
  try {
    if (!life.endRecorded) await revokingOnce(zone).revoke(order);
  } catch {
    // It takes longer than a moment, so people see "revoking" until it is done, and not "active".
    life.untold = true;
    await retryRevoke(zone, order);
  }
  life.happened({ kind: 'verified' });
}

async function retryRevoke(
  zone: string,
  order: Parameters<ReturnType<typeof revokingUntilDone>['revoke']>[0],
): Promise<void> {
  for (;;) {
    try {
      return await revokingUntilDone(zone).revoke(order);
    } catch {
      // Retries are unlimited, so this is a failure that somebody marked as final. There is none in a revoke.
      await sleep('5s');
    }
  }
}

/**
 * Paints the newest view whenever there is something to tell; what changes while it paints is told together, after it.
 * A close that no revoke recorded must reach the store, so that one is tried until it does.
 */
async function tellPeople({ requestId }: AccessRequestInput, life: Life): Promise<void> {
  for (;;) {
    await condition(() => life.untold || life.is('closed'));
    if (!life.untold) return;
    life.untold = false;
    const tell = life.closedUnrecorded ? untilRecorded.tell : bounded.tell;
    // What failed is painted with the next change.
    await tell({ requestId, view: life.view() }).catch(() => undefined);
  }
}

/** In words without names, for the card and the audit log. Messages of the table's own codes are Curfew's own words. */
function causeOf(error: unknown, what = 'grant'): string {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure && cause.type && cause.type in errors)
    return `${cause.type}: ${cause.message}`;
  return cause instanceof TimeoutFailure ? `the ${what} did not answer in time` : `the ${what} failed`;
}
