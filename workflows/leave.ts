import { CancellationScope } from '@temporalio/workflow';
import type { LeaveInput, LeaveReport } from './contract.ts';
import { leaving } from './proxies.ts';

/**
 * The book-keeping after somebody left or was suspended. Safety never waits for it: the revoke intents were in the
 * store before this started, and the reaper ends what they name. This withdraws their open requests, voids what they
 * approved and is not granted yet, waits for the evidence, and reports how long it took until all was safe.
 */
export async function leave(input: LeaveInput): Promise<LeaveReport> {
  return CancellationScope.nonCancellable(() => leaving.closeRequestsOf(input));
}
