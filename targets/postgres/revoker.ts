import DataLoader from 'dataloader';
import { greatestBatch, type Target } from './accessor.ts';
import { endGrants, type EndReceipt } from './end.ts';

/** Ends grants one by one for its callers and in batches for the target. */
export type Revoker = {
  /** @returns the evidence, ended or not, within the attempt's time. @throws TargetError: nothing is known to be disabled */
  end(grantId: string): Promise<EndReceipt>;
};

export type RevokerOptions = {
  /** How long a batch tries before it tells what is left. */
  readonly attemptMs?: number;
  /** How long the first of a batch waits for others. */
  readonly gatherMs?: number;
  readonly clock?: () => number;
};

/**
 * Gathers concurrent revokes into batches of at most 500: an off-boarding or an expiry storm is then a few round
 * trips, and each grant is still answered as soon as it is ended itself.
 */
export function createRevoker(target: Target, options: RevokerOptions = {}): Revoker {
  const { attemptMs = 8_000, gatherMs = 5, clock = Date.now } = options;
  // NB. The loader answers a batch at once, so it is given promises in boxes, and each is awaited by its own caller.
  const loader = new DataLoader<string, { readonly receipt: Promise<EndReceipt> }>(
    async (ids) => endTogether(target, ids, clock() + attemptMs, clock),
    { cache: false, maxBatchSize: greatestBatch, batchScheduleFn: (send) => setTimeout(send, gatherMs) },
  );
  return { end: async (grantId) => (await loader.load(grantId)).receipt };
}

function endTogether(target: Target, ids: readonly string[], deadlineAt: number, clock: () => number) {
  const waiting = new Map<string, PromiseWithResolvers<EndReceipt>>();
  for (const id of ids) if (!waiting.has(id)) waiting.set(id, Promise.withResolvers());
  const settle = (receipt: EndReceipt): void => waiting.get(receipt.grantId)?.resolve(receipt);
  endGrants(target, [...waiting.keys()], { deadlineAt, clock, onEnded: settle }).then(
    (receipts) => receipts.forEach(settle),
    (error: unknown) => waiting.forEach((one) => one.reject(error)),
  );
  return ids.map((id) => {
    const receipt = waiting.get(id)?.promise ?? Promise.reject(new Error('a batch lost one of its grants'));
    return { receipt };
  });
}
