import type { NodeEvidence } from '../../domain/grant.ts';
import type { EndReceipt } from '../../targets/postgres/end.ts';

/** An ended grant as it is kept in the store: counts and instants, no secrets. */
export type Evidence = {
  readonly grantId: string;
  readonly outcome: string;
  readonly startedAt: number;
  readonly verifiedAt: number;
  readonly sessionsClosed: number;
  readonly nodes: readonly NodeEvidence[];
};

/** @param receipt of a grant that every node calls ended: each has its answer then */
export function evidenceOf(receipt: EndReceipt): Evidence {
  const nodes = receipt.nodes.map((node) => ({
    node: node.node,
    standby: node.facts?.inRecovery ?? false,
    sessionsFound: node.sessionsFound,
    sessionsLeft: node.facts?.sessions ?? node.sessionsFound,
    canLogin: node.facts?.canLogin ?? true,
    ended: node.ended,
    verifiedAt: node.verifiedAt ?? receipt.startedAt,
  }));
  return {
    grantId: receipt.grantId,
    outcome: receipt.outcome,
    startedAt: receipt.startedAt,
    verifiedAt: receipt.verifiedAt ?? receipt.startedAt,
    sessionsClosed: receipt.nodes.reduce((sum, node) => sum + node.sessionsClosed, 0),
    nodes,
  };
}
