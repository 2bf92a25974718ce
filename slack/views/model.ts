/** All that Slack is told about one request, as the store has it: collected by `activities/tell.ts`, painted by `paint.ts`. */
import type { Verdict } from '../../domain/decision.ts';
import type { GrantReceipt, RevokeReceipt } from '../../domain/grant.ts';
import type { DecisionId, Digest, ExtensionId, PersonId, RequestId } from '../../domain/ids.ts';
import type { GrantablePlan } from '../../domain/plan.ts';
import type { RequestView } from '../../domain/view.ts';

/** How to name a person and where to write to them. Without a linked Slack account they are named but not written to. */
export type Profile = { readonly name: string | null; readonly slackTeam?: string; readonly slackUser?: string };

export type People = ReadonlyMap<PersonId, Profile>;

/** Where Curfew speaks. `team` is the workspace; people linked in another one get no messages. */
export type Workspace = {
  readonly team: string;
  /** Cards of requests. */
  readonly approvals: string;
  /** Break-glass, leavers: what nobody should miss. */
  readonly announcements: string;
  /** Proposed policies; where absent with the announcements. */
  readonly policy?: string;
};

/**
 * `reason` is a denial's, null where it was erased. `voidedAt`: when it stopped counting, and `cause` why, in words.
 * `standsInFor`: who is away, and in whose place it was given.
 */
export type DecisionLine = {
  readonly id: DecisionId;
  readonly person: PersonId;
  readonly verdict: Verdict;
  readonly stage: number;
  readonly madeAt: number;
  readonly voidedAt: number | null;
  readonly reason: string | null;
  readonly cause?: string | null;
  readonly standsInFor?: PersonId | null;
};

/** A later end that the holder asked for, with those who decided on it, oldest first. */
export type ExtensionLine = {
  readonly id: ExtensionId;
  readonly kind: 'automatic' | 'asked';
  readonly fromAt: number;
  readonly endAt: number;
  readonly askedAt: number;
  /** Null where none was given, or it was erased. */
  readonly reason: string | null;
  readonly decisions: readonly DecisionLine[];
  /** Null while it waits for somebody, or for the target. */
  readonly outcome: {
    readonly kind: 'extended' | 'denied' | 'failed';
    readonly cause: string | null;
  } | null;
};

/** Somebody who was, or is to be, asked to decide by a direct message. `due`: they still can. */
export type Nudge = {
  readonly kind: 'reminder' | 'escalation';
  readonly stage: number;
  readonly person: PersonId;
  readonly due: boolean;
};

/** What a second person said of a break-glass grant. */
export type ReviewLine = {
  readonly person: PersonId;
  readonly verdict: 'justified' | 'not-justified' | 'follow-up';
  readonly note: string | null;
  readonly reviewedAt: number;
};

export type RequestModel = {
  readonly workspace: Workspace;
  readonly requestId: RequestId;
  readonly kind: 'access' | 'break-glass';
  readonly requester: PersonId;
  readonly target: string;
  readonly databases: readonly string[];
  readonly role: string;
  readonly template: string;
  readonly durationMs: number;
  /** Break-glass: the incident's id. */
  readonly ticket: string | null;
  /** Null where it was erased. */
  readonly reason: string | null;
  /** Its scheduled start; null: whenever it is claimed. */
  readonly startAt?: number | null;
  readonly openedAt: number;
  readonly digest: Digest;
  readonly plan: GrantablePlan;
  readonly view: RequestView;
  /** Oldest first. */
  readonly decisions: readonly DecisionLine[];
  /** Who else could fill the stage that waits; without those who decided. Empty where none waits. */
  readonly eligible: readonly PersonId[];
  /** Of those who approved or could, who mostly approves the requester and is mostly approved by them. */
  readonly reciprocal?: readonly PersonId[];
  readonly nudges?: readonly Nudge[];
  /** Too few are left who could decide it. False: the requester was told so, and it is no longer so. */
  readonly stuck?: boolean;
  /** Oldest first. */
  readonly extensions?: readonly ExtensionLine[];
  /** Everybody named above. Somebody who is missing is shown as "somebody". */
  readonly people: People;
  /** `address`: from where it was claimed, as the API saw it; null where it is not known. */
  readonly claim: { readonly acceptedAt: number; readonly endAt: number; readonly address: string | null } | null;
  /** Shortly before the end: how many transactions were open when somebody looked, and since when the oldest is. */
  readonly openWork?: { readonly transactions: number; readonly oldestSinceAt: number | null } | null;
  readonly grantReceipt: GrantReceipt | null;
  readonly revokeReceipt: RevokeReceipt | null;
  readonly review: ReviewLine | null;
  /** Break-glass: `unknown` where nobody knew its incident and the policy let it through. */
  readonly incident?: 'holds' | 'unknown' | null;
  /** Break-glass: what was done about a review that nobody gave, oldest first. */
  readonly reviewSteps?: readonly ReviewNudge[];
  /** Who may review it now; empty where nobody has to. */
  readonly reviewers?: readonly PersonId[];
};

/** `owed`: it is review debt; `owed-2` says so a day later. */
export type ReviewNudge = { readonly step: 'reminded' | 'escalated' | 'owed' | `owed-${number}` };
