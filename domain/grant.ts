import type { Limits } from './plan.ts';
import type { ExtensionId, RequestId, TargetName, TemplateName } from './ids.ts';

/** What a named operator states of a target that SQL cannot prove; printed on every receipt. */
export type Attestation = {
  readonly code: string;
  readonly says: string;
  readonly operator: string;
  readonly at: number;
};

/** The evidence of a grant: what a later transaction read back from the target's catalogs. */
export type GrantReceipt = {
  readonly kind: 'grant';
  readonly requestId: RequestId;
  readonly target: TargetName;
  readonly role: string;
  readonly template: TemplateName;
  readonly endAt: number;
  readonly grantedAt: number;
  readonly readAt: number;
  readonly canLogin: boolean;
  readonly memberships: number;
  readonly attestations: readonly Attestation[];
};

/** What one node of the target answered after a revoke. `ended` is the node's own word; a node out of reach has none. */
export type NodeEvidence = {
  readonly node: string;
  readonly standby: boolean;
  readonly sessionsFound: number;
  readonly sessionsLeft: number;
  readonly canLogin: boolean;
  readonly ended: boolean;
  readonly verifiedAt: number;
};

/** The evidence of a revoke; exists only once every node said that nothing is left (I16). */
export type RevokeReceipt = {
  readonly kind: 'revoke';
  readonly requestId: RequestId;
  readonly target: TargetName;
  readonly role: string;
  readonly startedAt: number;
  readonly verifiedAt: number;
  readonly rounds: number;
  readonly nodes: readonly NodeEvidence[];
  readonly attestations: readonly Attestation[];
};

/** The evidence of a later end: what a later transaction read back once the target had moved it. */
export type ExtensionReceipt = {
  readonly kind: 'extension';
  readonly requestId: RequestId;
  readonly extension: ExtensionId;
  readonly target: TargetName;
  readonly role: string;
  readonly endAt: number;
  /** Until when the login takes new sessions, epoch ms. */
  readonly validUntilAt: number;
  readonly canLogin: boolean;
  readonly readAt: number;
};

/**
 * How long before its end a grant takes no login any more, ms: as its plan says, and never more than half of what it is
 * held for. Sessions go on until the end.
 */
export const graceOf = ({ graceMs = 0 }: Pick<Limits, 'graceMs'>, heldMs: number): number =>
  Math.min(graceMs, Math.max(Math.floor(heldMs / 2), 0));

/**
 * Until when a grant takes new logins, epoch ms: its end, without a grace. An extension moves both.
 * @param claim as it fixed the end first
 * @param endAt the end by now
 */
export const loginsStopAt = (
  limits: Pick<Limits, 'graceMs'>,
  claim: { readonly acceptedAt: number; readonly endAt: number },
  endAt: number,
): number => endAt - graceOf(limits, claim.endAt - claim.acceptedAt);

export type Receipt = GrantReceipt | RevokeReceipt | ExtensionReceipt;

/** Sessions that a revoke closed, over all nodes. */
export const sessionsClosed = (receipt: RevokeReceipt): number =>
  receipt.nodes.reduce((sum, node) => sum + node.sessionsFound - node.sessionsLeft, 0);
