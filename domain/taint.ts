/**
 * What the policy may say of what people hold on the approval of somebody who has left. `keep`: it is listed, and stays.
 * `ask`: those who could have approved it say whether it stays; where nobody does in time, it ends. `revoke`: it ends at
 * once.
 */
export const leaverApprovals = ['keep', 'ask', 'revoke'] as const;
export type LeaverApprovals = (typeof leaverApprovals)[number];
