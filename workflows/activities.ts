/** What Workflows ask of the outside world. Implemented by the factories in `activities/`. */
import type { CredentialId, ExtensionId, RequestId, TargetName } from '../domain/ids.ts';
import type { EffectiveInput, LeaveInput, LeaveReport, RequestView, ReviewStart } from './contract.ts';

/** Bounded: short attempts, a bound over all of them; a failure never holds up a revoke. */
export type BoundedActivities = {
  /** Records the view in the store and paints it in Slack: card, thread, direct messages. Idempotent. */
  readonly tell: (input: { readonly requestId: RequestId; readonly view: RequestView }) => Promise<void>;
  /**
   * Does what is due about a break-glass that nobody has reviewed: reminds, asks more people, says that it is debt.
   * Each step once. @returns when to come again, epoch ms; null: it is reviewed, or nothing more will be done
   */
  readonly reviewStep: (input: ReviewStart) => Promise<{ readonly nextAt: number | null }>;
};

/** On the target's own queue. */
export type GrantActivities = {
  /**
   * Judges the request once more, then makes the login: one call on the target. Idempotent.
   * @param input `view` is the one in `granting`: the active one is its next
   * @returns the hard end as the target has it, in epoch milliseconds
   * @throws ApplicationFailure with the code of `domain/errors.ts` as its type
   */
  readonly grant: (input: {
    readonly requestId: RequestId;
    readonly target: TargetName;
    readonly credentialId: CredentialId;
    readonly view: RequestView;
  }) => Promise<{ readonly endAt: number }>;

  /**
   * Judges the extension once more, then moves the end: VALID UNTIL and the ledger's end in one call on the target.
   * Idempotent; the outcome, its audit entry and the extended view are in the store before it returns.
   * @param input `view` is the active one whose extension is `moving`. `over`: no further attempt will be made, for this
   *   cause in words: what has not come about by now is recorded as failed
   * @returns the hard end as the target has it
   * @throws ApplicationFailure as `grant`
   */
  readonly extend: (input: {
    readonly requestId: RequestId;
    readonly target: TargetName;
    readonly extensionId: ExtensionId;
    readonly view: RequestView;
    readonly over?: string;
  }) => Promise<{ readonly endAt: number }>;
};

/** On the target's own queue; retried without end. */
export type RevokeActivities = {
  /**
   * Disables, kills and verifies on every node; returns only when nothing is left, after the receipt, the audit entry
   * and the closed view are in the store. `view` is the one in `revoking`.
   */
  readonly revoke: (input: {
    readonly requestId: RequestId;
    readonly target: TargetName;
    readonly view: RequestView;
  }) => Promise<void>;
};

/** On the target's own queue. */
export type TogetherActivities = {
  /**
   * Ends everything that somebody who left holds on the targets that this worker serves, and records it as `revoke`
   * does, with the evidence of every node, many in one transaction. What does not end now is left to its own Workflow.
   * @returns how many were recorded
   */
  readonly endTogether: (input: LeaveInput) => Promise<{ readonly ended: number }>;
};

export type SettlingActivities = {
  /**
   * Waits until a process with the directory's login has settled what was due, and alarms where that takes long.
   * @returns what became of it
   */
  readonly untilSettled: (input: EffectiveInput) => Promise<string>;
};

export type LeaveActivities = {
  /** The zones whose targets somebody serves. */
  readonly zonesServed: () => Promise<{ readonly zones: readonly string[] }>;
  /** Voids the person's open approvals, tells the requests' Workflows, waits for the evidence, writes the report. */
  readonly closeRequestsOf: (input: LeaveInput) => Promise<LeaveReport>;
};

/** Looks at everything, says what does not agree, and ends what should not be. Each may be done again at any time. */
export type ReconcileActivities = {
  /**
   * The store and Temporal. `changed`: how many findings are new, or gone; a round of looks without any is not kept.
   * @returns the zones whose targets somebody serves
   */
  readonly reconcileRequests: () => Promise<{ readonly zones: readonly string[]; readonly changed?: number }>;
};

/** On the targets' own queue. */
export type ReconcileTargetActivities = {
  /** The store and each cluster that this worker serves. `changed` as above. */
  readonly reconcileTargets: () => Promise<{ readonly changed: number } | void>;
};
