import type { Target } from '../../targets/postgres/accessor.ts';
import type { Reaped } from '../../targets/postgres/calls.ts';
import type { EndReceipt } from '../../targets/postgres/end.ts';
import type { Ending } from './ending.ts';
import { pause } from './pace.ts';

/** What a round found and did: told to the log and the store after the target is safe, never before. */
export type Found = {
  readonly reaped: Reaped;
  readonly at: number;
  /** False where the grant was under way already, e.g. a role that only a superuser can disable, met every second. */
  readonly begun: boolean;
  readonly ended: Promise<EndReceipt | undefined>;
};

export type DueOptions = {
  readonly target: Target;
  readonly ending: Ending;
  readonly clock: () => number;
  readonly onFound: (found: Found) => void;
};

/** As many as one transaction may disable without holding its locks for long. */
const batch = 500;
/** So few first: where there are as many, it is a storm, and those who are inside wait for no more than these. */
const firstBatch = 50;
/** A storm of 10,000 is worked through in one round of these calls; more comes in the next. */
const longestRound = 21;
/** How long a round waits for its own batch before it sweeps; the sweep ends whatever is left anyway. */
const settleMs = 500;
const killWaitMs = 500;

/**
 * One round on one cluster, with nothing but the cluster's own clock and ledger (I2): disable what is due and what
 * disagrees with the ledger; close and verify exactly those on every node, so that there is evidence of each; then
 * sweep every session of anything ended, whoever ended it. The steps are transactions of their own: only a later one
 * sees what an earlier one did.
 * @throws TargetError when the cluster did not answer; the caller's next round tries again
 */
export async function reapRound({ target, ending, clock, onFound }: DueOptions): Promise<void> {
  for (let call = 0; call < longestRound; call += 1) {
    const most = call === 0 ? firstBatch : batch;
    const found = await target.reap(most);
    const begun = found.map((reaped) => begin(reaped, ending, clock(), onFound)).filter((each) => each !== undefined);
    if (found.length === most) {
      // A storm. Nobody logs in any more, by VALID UNTIL; so those who are inside come before the roles that are left.
      if (call === 0) await target.sweep(target.primary(), killWaitMs);
      continue;
    }
    if (begun.length > 0) await Promise.race([Promise.all(begun), pause(settleMs)]);
    break;
  }
  await target.reapKill(killWaitMs);
}

/** @returns what the round waits for: the end of a grant that it began to end itself */
function begin(
  reaped: Reaped,
  ending: Ending,
  at: number,
  onFound: DueOptions['onFound'],
): Promise<unknown> | undefined {
  const { begun, ended } =
    reaped.grantId === null ? { begun: false, ended: Promise.resolve(undefined) } : ending.end(reaped.grantId);
  onFound({ reaped, at, begun, ended });
  return begun ? ended : undefined;
}
