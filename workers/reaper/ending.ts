import type { Target } from '../../targets/postgres/accessor.ts';
import type { EndReceipt } from '../../targets/postgres/end.ts';
import { createRevoker } from '../../targets/postgres/revoker.ts';
import { pause } from './pace.ts';

/** A grant that is being ended: since when, and what became of it once every node said that nothing is left. */
export type UnderWay = {
  readonly grantId: string;
  readonly sinceAt: number;
  readonly ended: Promise<EndReceipt | undefined>;
};

/** Ends grants of one cluster, each without end until it is verified on every node. */
export type Ending = {
  /**
   * Begins to end a grant, or joins what is under way.
   * `ended` resolves with the evidence, or with undefined when the process stops before; it never rejects.
   */
  end(grantId: string): UnderWay & { readonly begun: boolean };
  /** Those not ended yet, the oldest first. */
  underWay(): readonly UnderWay[];
};

export type EndingOptions = {
  readonly signal: AbortSignal;
  readonly clock: () => number;
  /** Told each time an attempt did not end a grant: what is missing, in words without secrets. */
  readonly onAttempt?: (grantId: string, missing: string) => void;
  readonly retryMs?: number;
  readonly attemptMs?: number;
};

/**
 * Concurrent grants go to the target in batches (createRevoker): one call for all that are asked for at once. Each is
 * repeated until it is ended: a node that is out of reach keeps its grant here, and others do not wait for it.
 */
export function createEnding(target: Target, options: EndingOptions): Ending {
  const { signal, clock, onAttempt, retryMs = 1_000, attemptMs = 5_000 } = options;
  const revoker = createRevoker(target, { attemptMs, clock });
  const open = new Map<string, UnderWay>();

  async function untilEnded(grantId: string): Promise<EndReceipt | undefined> {
    while (!signal.aborted) {
      try {
        const receipt = await revoker.end(grantId);
        if (receipt.ended) return receipt;
        onAttempt?.(grantId, missingOf(receipt));
      } catch (error) {
        onAttempt?.(grantId, error instanceof Error ? error.message : 'unexpected failure');
      }
      await pause(retryMs, signal);
    }
    return undefined;
  }

  return {
    end(grantId) {
      const already = open.get(grantId);
      if (already) return { ...already, begun: false };
      const ended = untilEnded(grantId).finally(() => open.delete(grantId));
      const begun: UnderWay = { grantId, sinceAt: clock(), ended };
      open.set(grantId, begun);
      return { ...begun, begun: true };
    },
    underWay: () => [...open.values()].toSorted((one, other) => one.sinceAt - other.sinceAt),
  };
}

/** Which nodes do not say "ended", and why not. */
function missingOf(receipt: EndReceipt): string {
  const nodes = receipt.nodes
    .filter((node) => !node.ended)
    .map(
      (node) =>
        `${node.node}: ${node.problem ?? `${node.facts?.sessions ?? 0} sessions, ${node.facts?.memberships ?? 0} memberships`}`,
    );
  return `${receipt.outcome}; ${nodes.join('; ')}`;
}
