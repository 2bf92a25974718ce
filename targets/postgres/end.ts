import { setTimeout as sleep } from 'node:timers/promises';
import type { Target } from './accessor.ts';
import type { Verified } from './calls.ts';
import { EvidenceBook, type EndReceipt } from './evidence.ts';
import { TargetError } from './failures.ts';

export type { EndReceipt, NodeEvidence } from './evidence.ts';

export type EndOptions = {
  /** Epoch ms: then whatever is known is returned. A caller repeats what is not ended, without end (I17). */
  readonly deadlineAt: number;
  /** Told of each grant as soon as it is ended everywhere, so that none waits for the slowest of its batch. */
  readonly onEnded?: (receipt: EndReceipt) => void;
  readonly clock?: () => number;
};

/** How long one kill waits for the sessions that it signalled to be gone; they take milliseconds. */
const killWaitMs = 1_000;
const firstPauseMs = 20;
const longestPauseMs = 500;

/**
 * The whole revoke: disable on the primary (one round trip), then on every node at once kill and verify, in later
 * transactions, until nothing is left or the deadline comes. Repeatable; the second call of an ended grant confirms it.
 * @throws TargetError if the first step did not succeed: then nothing is known to be disabled
 */
export async function endGrants(
  target: Target,
  ids: readonly string[],
  options: EndOptions,
): Promise<readonly EndReceipt[]> {
  const clock = options.clock ?? Date.now;
  const startedAt = clock();
  const unique = [...new Set(ids)];
  const book = new EvidenceBook(target.nodes, unique, startedAt, options.onEnded);
  const time = { clock, deadlineAt: options.deadlineAt };

  const revoked = await beforeDeadline(target.revokeMany(unique), time).catch(async (error: unknown) => {
    await beforeDeadline(closeAnyway(target, unique), time);
    throw error;
  });
  if (revoked === undefined) {
    void closeAnyway(target, unique);
    throw new TargetError('TargetUnavailable', `${target.name}: revoke: no answer in time`);
  }
  book.revoked(revoked);
  const nodes = target.nodes.map((node) => closeOnNode(target, node, book, time));
  await beforeDeadline(Promise.all([repeatRevoke(target, book, time), ...nodes]), time);
  return book.close();
}

/**
 * Without a primary nothing is disabled, and whoever is on a standby goes on reading. Their sessions are closed all the
 * same, each time that the revoke is tried; a standby takes that before the revoke has come there.
 */
async function closeAnyway(target: Target, ids: readonly string[]): Promise<void> {
  if (target.nodes.length < 2) return;
  await Promise.allSettled(target.nodes.map((node) => target.killMany(node, ids, 0)));
}

type Time = { readonly clock: () => number; readonly deadlineAt: number };

/** What the work answers, or undefined if the deadline is first. Work left behind ends by its own timeouts. */
async function beforeDeadline<T>(work: Promise<T>, { clock, deadlineAt }: Time): Promise<T | undefined> {
  const timer = new AbortController();
  const late = sleep(Math.max(0, deadlineAt - clock()), undefined, { signal: timer.signal }).catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
    work.catch(() => undefined);
  }
}

/** Waits ever longer between rounds, never past the deadline. @returns false when time is up */
async function pause(round: number, { clock, deadlineAt }: Time): Promise<boolean> {
  const leftMs = deadlineAt - clock();
  if (leftMs <= 0) return false;
  await sleep(Math.min(leftMs, longestPauseMs, firstPauseMs * 2 ** round));
  return clock() < deadlineAt;
}

/**
 * Rounds of kill and verify on one node. A login that was in flight when the node first said that a grant is off may
 * have passed the check before, and is watched until it is gone (P3); those that begin later are refused.
 */
async function closeOnNode(target: Target, node: string, book: EvidenceBook, time: Time): Promise<void> {
  const watched = new Map<string, readonly string[]>();
  for (let round = 0; ; round += 1) {
    const left = book.leftOn(node);
    if (left.length === 0) return;
    try {
      const waitMs = Math.max(0, Math.min(killWaitMs, time.deadlineAt - time.clock()));
      for (const row of await target.killMany(node, left, waitMs)) book.signalled(node, row.grantId, row.signalled);
      for (const { ids, watch } of questions(left, watched)) {
        const answers = await target.verifyMany(node, ids, watch);
        // NB. A standby that has not replayed the revoke still lets the login in: whoever is in flight there now says nothing.
        for (const row of answers.filter(isOff)) if (!watched.has(row.grantId)) watched.set(row.grantId, row.inFlight);
        book.verified(node, ids, answers, time.clock());
        const untold = answers.filter(isUntold).map(({ grantId }) => grantId);
        if (untold.length > 0) await target.revokeMany(untold, node);
      }
    } catch (error) {
      book.problem(node, left, error instanceof TargetError ? error.message : 'unexpected failure');
    }
    if (!(await pause(round, time))) return;
  }
}

const isOff = ({ state, canLogin }: Verified): boolean => state !== 'active' && !canLogin;

/** Two nodes take writes, as after a failover in which the old primary came back, and this one was not the one asked. */
const isUntold = ({ state, inRecovery }: Verified): boolean => state === 'active' && !inRecovery;

type Question = { readonly ids: readonly string[]; readonly watch: readonly string[] | undefined };

/** Nearly always one call: grants that the node knows to be off, with the logins to watch, and those it does not yet. */
function questions(left: readonly string[], watched: ReadonlyMap<string, readonly string[]>): readonly Question[] {
  const off = left.filter((id) => watched.has(id));
  const on = left.filter((id) => !watched.has(id));
  const watch = [...new Set(off.flatMap((id) => watched.get(id) ?? []))];
  return [...(off.length > 0 ? [{ ids: off, watch }] : []), ...(on.length > 0 ? [{ ids: on, watch: undefined }] : [])];
}

/** A membership that waited for a template's lock, or a login that could not be disabled, is tried again (I17). */
async function repeatRevoke(target: Target, book: EvidenceBook, time: Time): Promise<void> {
  for (let round = 4; ; round += 1) {
    const again = book.unfinished();
    if (again.length === 0 || !(await pause(round, time))) return;
    try {
      book.revoked(await target.revokeMany(again));
    } catch {
      // The outcome stays what it was, and so does the verdict of every node.
    }
  }
}
