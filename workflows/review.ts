import { CancellationScope, condition, setHandler } from '@temporalio/workflow';
import { reviewed, type ReviewStart } from './contract.ts';
import { untilRecorded } from './proxies.ts';

/** Asks for the review of a break-glass until somebody gives it. What is due, and for whom, is the activity's to say. */
export async function review(input: ReviewStart): Promise<void> {
  let given = false;
  setHandler(reviewed, () => {
    given = true;
  });
  await CancellationScope.nonCancellable(async () => {
    for (;;) {
      const { nextAt } = await untilRecorded.reviewStep(input);
      // NB. The signal wakes it once and the store has the last word: a signal alone must end no asking.
      if (nextAt === null) return;
      if (await condition(() => given, Math.max(nextAt - Date.now(), 1_000))) given = false;
    }
  });
}
