import { CancellationScope, sleep } from '@temporalio/workflow';
import type { ReviewStart } from './contract.ts';
import { untilRecorded } from './proxies.ts';

/** Asks for the review of a break-glass until somebody gives it. What is due, and for whom, is the activity's to say. */
export async function review(input: ReviewStart): Promise<void> {
  await CancellationScope.nonCancellable(async () => {
    for (;;) {
      const { nextAt } = await untilRecorded.reviewStep(input);
      if (nextAt === null) return;
      await sleep(Math.max(nextAt - Date.now(), 1_000));
    }
  });
}
