import type { Rejudged, RejudgeDeps } from '../../activities/rejudge.ts';
import type { Followed, TaintDeps } from '../../activities/taints.ts';
import { toRow } from '../../temporal/messages.ts';
import { again } from './again.ts';

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
export function keepRejudging(look: () => Promise<Rejudged>, log: Log, signal: AbortSignal): Promise<void> {
  const round = async (): Promise<void> => {
    const { looked, voided, ended } = await look();
    if (voided + ended > 0) log.info({ looked, voided, ended }, 'judged again what was open');
  };
  // Once, and not every second: without a policy or a store there is nothing to judge by, and nothing is granted.
  return again(lookEveryMs, round, signal, (err) => log.warn({ err }, 'what is open could not be judged again'));
}

/** The same for what rests on the approval of somebody who has left. */
export function keepFollowingTaints(look: () => Promise<Followed>, log: Log, signal: AbortSignal): Promise<void> {
  const round = async (): Promise<void> => {
    const { asked, settled } = await look();
    if (asked + settled > 0) log.info({ asked, settled }, 'judged what rests on the approval of somebody who left');
  };
  const failing = 'what rests on the approval of a leaver could not be judged';
  return again(lookEveryMs, round, signal, (err) => log.warn({ err }, failing));
}
