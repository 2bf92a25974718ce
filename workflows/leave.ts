import { CancellationScope, patched } from '@temporalio/workflow';
import type { LeaveInput, LeaveReport } from './contract.ts';
import { endingTogether, leaving } from './proxies.ts';

/**
 * The book-keeping after somebody left or was suspended. Safety never waits for it: the revoke intents were in the
 * store before this started, and the reaper ends what they name. This withdraws their open requests, voids what they
 * approved and is not granted yet, waits for the evidence, and reports how long it took until all was safe.
 */
export async function leave(input: LeaveInput): Promise<LeaveReport> {
  return CancellationScope.nonCancellable(async () => {
    if (input.many && patched('ends-together')) await endTogether(input);
    return leaving.closeRequestsOf(input);
  });
}

/**
 * A thousand Workflows that each revoke by themselves take a thousand activities to say what one call has done. Where it
 * does not work, for whatever reason, they are told a moment later all the same, and each sees to its own end (I17).
 */
async function endTogether(input: LeaveInput): Promise<void> {
  const { zones } = await leaving.zonesServed();
  await Promise.allSettled(zones.map((zone) => endingTogether(zone).endTogether(input)));
}
