import { CancellationScope, patched } from '@temporalio/workflow';
import type { LeaveInput, LeaveReport } from './contract.ts';
import { onceIn, patient } from './proxies.ts';

/**
 * The book-keeping after somebody left or was suspended. Safety never waits for it: the revoke intents were in the
 * store before this started, and the reaper ends what they name. This withdraws their open requests, voids what they
 * approved and is not granted yet, waits for the evidence, and reports how long it took until all was safe.
 */
export async function leave(input: LeaveInput): Promise<LeaveReport> {
  return CancellationScope.nonCancellable(async () => {
    // Where this fails, each Workflow is told a moment later all the same, and sees to its own end (I17).
    if (input.many && patched('ends-together')) {
      const { zones } = await patient.zonesServed();
      await Promise.allSettled(zones.map((zone) => onceIn(zone).endTogether(input)));
    }
    return patient.closeRequestsOf(input);
  });
}
