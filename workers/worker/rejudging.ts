import { setTimeout as pause } from 'node:timers/promises';
import type { Rejudged, RejudgeDeps } from '../../activities/rejudge.ts';
import type { Followed, TaintDeps } from '../../activities/taints.ts';
import { toRow } from '../../temporal/messages.ts';

const lookEveryMs = 1_000;

type Log = {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
};

/** What a request's Workflow is told where an approval has fallen, or all of it. */
export const rejudgeMessages: RejudgeDeps['messages'] & TaintDeps['messages'] = {
  taint: (payload) => toRow({ kind: 'taint', payload }),
  void: ({ requestId, decisionId, person }) =>
    toRow({ kind: 'void', payload: { requestId, decisionId, input: { personId: person } } }),
  repaint: (payload) => toRow({ kind: 'repaint', payload }),
  revoke: ({ requestId, ...input }) => toRow({ kind: 'revoke', payload: { requestId, input } }),
};

/** Looks every second until the signal. A look that fails leaves all as it was, and the next one does it. */
export async function keepRejudging(look: () => Promise<Rejudged>, log: Log, signal: AbortSignal): Promise<void> {
  let failing = false;
  while (!signal.aborted) {
    try {
      const { looked, voided, ended } = await look();
      failing = false;
      if (voided + ended > 0) log.info({ looked, voided, ended }, 'judged again what was open');
    } catch (err) {
      // Once, and not every second: without a policy or a store there is nothing to judge by, and nothing is granted.
      if (!failing && !signal.aborted) log.warn({ err }, 'what is open could not be judged again');
      failing = true;
    }
    await pause(lookEveryMs, undefined, { signal }).catch(() => undefined);
  }
}

/** The same for what rests on the approval of somebody who has left. */
export async function keepFollowingTaints(look: () => Promise<Followed>, log: Log, signal: AbortSignal): Promise<void> {
  let failing = false;
  while (!signal.aborted) {
    try {
      const { asked, settled } = await look();
      failing = false;
      if (asked + settled > 0) log.info({ asked, settled }, 'judged what rests on the approval of somebody who left');
    } catch (err) {
      if (!failing && !signal.aborted) log.warn({ err }, 'what rests on the approval of a leaver could not be judged');
      failing = true;
    }
    await pause(lookEveryMs, undefined, { signal }).catch(() => undefined);
  }
}
