/**
 * The contract between Workflows and everybody else: task queues, ids, messages, search attribute keys. One object
 * argument each. Updates where the caller needs the outcome, Signals where the message must be taken with no worker up.
 */
import { defineSearchAttributeKey } from '@temporalio/common';
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Verdict, ApproverFacts } from '../domain/decision.ts';
import type { CredentialId, DecisionId, Digest, ExtensionId, PersonId, RequestId, TargetName } from '../domain/ids.ts';
import type { GrantablePlan } from '../domain/plan.ts';
import type { PersonFacts } from '../domain/person.ts';
import type { RequestView } from '../domain/view.ts';

export type { RequestView };

/** Workflows, and the activities that touch the store and Slack. */
export const mainQueue = 'curfew';
/** Activities that touch a target: a worker beside the database holds its credential, and no other place does. */
export const targetQueue = (zone: string): string => `target-${zone}`;

export const accessRequestType = 'accessRequest';
export const leaveType = 'leave';
export const reviewType = 'review';
export const reconcileType = 'reconcile';
/** The Schedule that starts it. */
export const reconcileScheduleId = 'curfew-reconcile';
export const accessRequestId = (id: RequestId): string => `access-request/${id}`;
export const reviewId = (id: RequestId): string => `review/${id}`;
export const effectiveType = 'effective';
export const effectiveId = (source: string, event: string): string => `effective/${source}/${event}`;
export const leaveId = (person: PersonId, event: string): string => `leave/${person}/${event}`;

/** Never encrypted by Temporal, so: a target's name and an opaque id, nothing else. */
export const targetKey = defineSearchAttributeKey('CurfewTarget', 'KEYWORD');
export const requesterKey = defineSearchAttributeKey('CurfewRequester', 'KEYWORD');

/** All that a request's Workflow is told at its start. Ids, rules and instants: no names, no reason. */
export type AccessRequestInput = {
  readonly requestId: RequestId;
  readonly requester: Pick<PersonFacts, 'id' | 'aliases'>;
  readonly target: TargetName;
  readonly zone: string;
  readonly digest: Digest;
  readonly plan: GrantablePlan;
  /** When it was opened, by the store's writer; reminders and escalation count from here. Absent: when it started. */
  readonly openedAt?: number;
  /** Its scheduled start, before which it cannot be claimed. */
  readonly startAt?: number;
  readonly decideByAt: number;
  /** Painted in Slack? Without, only what must be recorded is. */
  readonly slack: boolean;
  /** How long before the end the holder is told; 0: not at all. */
  readonly noticeMs: number;
  /** Its code knows `recorded` in `revoke`. Absent in requests of before, which revoke by themselves whatever they hear. */
  readonly endsByRecord?: true;
};

export type DecideInput = {
  readonly decisionId: DecisionId;
  readonly verdict: Verdict;
  readonly digest: Digest;
  readonly stage: number;
  readonly facts: ApproverFacts;
  /** When the click was judged and recorded, by the store's writer. */
  readonly madeAt: number;
};

export const decide = defineUpdate<RequestView, [DecideInput]>('decide');
export const claim = defineUpdate<RequestView, [{ readonly credentialId: CredentialId }]>('claim');
/**
 * One step of an extension, decided and recorded by the service: `asked` (people wait for a decision), `approved` (there
 * is a ticket: the target is asked to move the end) or `over` (denied, or taken back).
 */
export type ExtendInput = {
  readonly extensionId: ExtensionId;
  readonly step: 'asked' | 'approved' | 'over';
  readonly endAt: number;
};
export const extend = defineUpdate<RequestView, [ExtendInput]>('extend');
export const release = defineUpdate<RequestView, [{ readonly actor: PersonId }]>('release');
export const withdraw = defineUpdate<RequestView, [{ readonly actor: PersonId }]>('withdraw');
/**
 * `cause` in words without names, e.g. `ended by an approver`, `the person left`. `recorded`: the receipt of its end is
 * in the store already, so that only the Workflow is left to close.
 */
export type RevokeInput = { readonly actor: string; readonly cause: string; readonly recorded?: true };
export const revoke = defineSignal<[RevokeInput]>('revoke');
/** `decisionId`: only if that decision is the one that counts; without it, whatever the person approved. */
export const voidDecisions =
  defineSignal<[{ readonly personId: PersonId; readonly decisionId?: DecisionId }]>('voidDecisions');
/** To `review`: somebody has given it. */
export const reviewed = defineSignal('reviewed');
/** For tests and support; lists and pages read the store. */
export const status = defineQuery<RequestView>('status');

/** Input of `leave`: the intents are in the store already and the reaper is at work; this does the book-keeping. */
export type LeaveInput = {
  readonly personId: PersonId;
  readonly event: string;
  readonly cause: 'left' | 'suspended';
  readonly learnedAt: number;
  /** They hold so much that it is ended and recorded together, before the Workflows are told. */
  readonly many?: true;
};
/** Input of `effective`: what a source says of a day to come waits in the store. Epoch ms. */
export type EffectiveInput = { readonly source: string; readonly event: string; readonly effectiveAt: number };
export type LeaveReport = {
  readonly closed: readonly RequestId[];
  readonly voided: readonly DecisionId[];
  /** When every grant of the person was verified as ended; milliseconds from `learnedAt`. */
  readonly safeAfterMs: number;
  /** How many grants of others rest on their approval. Absent in reports of before this was looked at. */
  readonly tainted?: number;
};

/** Input of `review`: a break-glass that was granted, and is over. */
export type ReviewStart = { readonly requestId: RequestId };

/** What Temporal says of a request's Workflow. `gone`: it ended without its clean-up. `unknown`: Temporal did not say. */
export type WorkflowFate =
  | { readonly kind: 'running' | 'completed' | 'unknown' }
  | { readonly kind: 'gone'; readonly how: 'terminated' | 'failed' | 'lost' };
