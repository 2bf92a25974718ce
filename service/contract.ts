/**
 * What the surfaces (Slack, HTTP, the command line) may ask for, and what they get. Every answer is the result or a
 * `Refusal`: nothing expected is thrown, and that includes a store that does not answer (`NotRecorded`). Refusals of
 * what a person tried to do are in the audit log.
 *
 * `confirmed: false` means: recorded, and Temporal has not said so yet; the outbox relay repeats it under the same id.
 */
import type { Verdict } from '../domain/decision.ts';
import type { Refusal } from '../domain/errors.ts';
import type { Digest, ExtensionId, PersonId, RequestId, RoleName, TargetName, TemplateName } from '../domain/ids.ts';
import type { AccountFacts } from '../domain/person.ts';
import type { GrantablePlan, Plan } from '../domain/plan.ts';
import type { Outcome, StateKind } from '../domain/request.ts';
import { reviewVerdicts, type ReviewVerdict } from '../store/reviews.ts';
import type { RequestView } from '../domain/view.ts';
import type { GovernanceUseCases } from './contract-governance.ts';
import type { Away, PeopleUseCases } from './contract-people.ts';

export type RequestKind = 'access' | 'break-glass';

/** What somebody asks for. `target` and `role` are as typed: nothing is trusted. `ticket`: an incident for break-glass. */
export type Ask = {
  readonly person: PersonId;
  readonly kind: RequestKind;
  readonly target: string;
  readonly role: string;
  readonly durationMs: number;
  readonly ticket?: string;
  /** A scheduled start, epoch ms: approved now, claimable then. */
  readonly startAt?: number;
};

/** `key` is what makes a repeat the same request: the Slack view's or trigger's id, or an Idempotency-Key. */
export type OpenInput = Ask & {
  readonly reason: string;
  readonly key: string;
  /** Of a break-glass, which nobody approves: what is known of the account that asks. Absent: nothing is. */
  readonly account?: Omit<AccountFacts, 'readAt'>;
};
export type Opened = {
  readonly requestId: RequestId;
  readonly plan: GrantablePlan;
  readonly repeated: boolean;
  readonly confirmed: boolean;
};

/** The plan may be a denial, which is no refusal here. `seats`: who could decide, by stage. `says`: `explainPlan` of it. */
export type Preview = { readonly plan: Plan; readonly seats: readonly (readonly PersonId[])[]; readonly says: string };

export type RoleOption = { readonly role: RoleName; readonly note: string; readonly maxMs: number };
export type TargetOption = {
  readonly target: TargetName;
  readonly roles: readonly RoleOption[];
  readonly breakGlass: readonly RoleOption[];
};

/** A live or coming grant of somebody, as an approver may see it. */
export type HeldGrant = {
  readonly requestId: RequestId;
  readonly target: TargetName;
  readonly role: RoleName;
  readonly endAt: number;
};

/** Everything that Review shows, read from the store; `digest` goes into the modal and comes back with the decision. */
export type ReviewModel = {
  readonly requestId: RequestId;
  readonly kind: RequestKind;
  readonly requester: PersonId;
  readonly target: TargetName;
  readonly databases: readonly string[];
  readonly role: RoleName;
  readonly template: TemplateName;
  readonly durationMs: number;
  readonly ticket: string | null;
  readonly startAt: number | null;
  /** Null once erased. Text that somebody else wrote: escape it. */
  readonly reason: string | null;
  readonly plan: GrantablePlan;
  readonly digest: Digest;
  readonly openedAt: number;
  readonly view: RequestView;
  readonly decisions: readonly {
    readonly person: PersonId;
    readonly stage: number;
    readonly verdict: Verdict;
    readonly madeAt: number;
  }[];
  readonly held: readonly HeldGrant[];
  /** What the target's last check says that the template may do: one line a privilege; null without a check. */
  readonly privileges: { readonly checkedAt: number; readonly lines: readonly string[] } | null;
  /** Of these lines, those that the requester's live grants on the same target do not give already. */
  readonly adds: readonly string[];
  /** Approvers, counted or able, who mostly approve the requester and are mostly approved by them. */
  readonly reciprocal: readonly PersonId[];
  /** Whom each counted approver stood in for. */
  readonly standsInFor: ReadonlyMap<PersonId, PersonId>;
  /** Would a decision of the person who looks count now? If not, why not. */
  readonly you: Refusal | null;
};

export type DecideInputFromClick = {
  readonly requestId: RequestId;
  readonly person: PersonId;
  readonly account: AccountFacts;
  readonly digest: string;
  readonly verdict: Verdict;
  /** Required to deny. */
  readonly reason?: string;
};
export type Decided = {
  readonly decided: 'recorded' | 'repeated';
  readonly confirmed: boolean;
  readonly view: RequestView;
};

/** The code is shown once, to its person; the store has its hash. */
export type Minted = { readonly code: string; readonly url: string; readonly expiresAt: number };

/** What the claim page says before the press. */
export type Peeked = {
  readonly requestId: RequestId;
  readonly target: TargetName;
  readonly databases: readonly string[];
  readonly role: RoleName;
  readonly durationMs: number;
  readonly expiresAt: number;
};

/** `address` is where the call came from: told to the requester, never in the audit log. */
export type ClaimInput = { readonly code: string; readonly verifier: string; readonly address: string };
export type Claimed = {
  readonly requestId: RequestId;
  /** `granting` until the login exists; `ended` when it never will, or is over. */
  readonly state: 'granting' | 'active' | 'ended';
  readonly outcome: Outcome | null;
  readonly role: string;
  readonly host: string;
  readonly port: number;
  readonly databases: readonly string[];
  readonly endAt: number;
  /** Until when new logins are let in: `endAt`, or its grace before it. */
  readonly loginsStopAt: number;
};

/** `already`: it was ending or closed before this call, and nothing more had to be done. */
export type Ended = { readonly already: boolean; readonly confirmed: boolean };

export type RevokeInput = {
  readonly requestId: RequestId;
  readonly person: PersonId;
  readonly account?: AccountFacts;
  /** The button "not you?": an approver, or the holder, says that it was somebody else. */
  readonly disowned?: boolean;
};

export { reviewVerdicts, type ReviewVerdict };
export type ReviewInput = {
  readonly requestId: RequestId;
  readonly person: PersonId;
  readonly account?: AccountFacts;
  readonly verdict: ReviewVerdict;
  readonly note: string;
};
export type Reviewed = { readonly recorded: 'recorded' | 'repeated' };

/** `reader`: whoever wants to know; absent where the caller has seen to it that they may. */
export type StatusInput = { readonly requestId: string; readonly reader?: PersonId };

export type RequestStatus = {
  readonly requestId: RequestId;
  readonly kind: RequestKind;
  readonly requester: PersonId;
  readonly target: TargetName;
  readonly role: RoleName;
  readonly durationMs: number;
  /** Its scheduled start; null: whenever it is claimed. */
  readonly startAt: number | null;
  readonly openedAt: number;
  readonly state: StateKind;
  readonly view: RequestView;
  /** When it lapses, while it waits for approval. */
  readonly lapsesAt: number;
  readonly endAt: number | null;
  /** Until when new logins are let in: `endAt`, or its grace before it; null until it is claimed. */
  readonly loginsStopAt: number | null;
};

/** Whose word: a person about one request. */
export type Mine = { readonly requestId: RequestId; readonly person: PersonId };

/** `byMs`: how much longer; absent: as long again as was asked for first. The reason is needed where it must be asked. */
export type ExtendAsk = Mine & { readonly byMs?: number; readonly reason?: string; readonly key: string };
/** `automatic`: within the allowance, on its way to the target; `asked`: the same people as for the request decide. */
export type Extended = {
  readonly extensionId: ExtensionId;
  readonly kind: 'automatic' | 'asked';
  readonly endAt: number;
  readonly confirmed: boolean;
};
/** What Review of an extension shows. */
export type ExtensionModel = {
  readonly extensionId: ExtensionId;
  readonly request: ReviewModel;
  readonly endAt: number;
  readonly fromAt: number;
  readonly reason: string | null;
  readonly digest: Digest;
  readonly plan: GrantablePlan;
  readonly open: readonly number[];
  readonly you: Refusal | null;
};
export type DecideExtension = Omit<DecideInputFromClick, 'requestId'> & { readonly extensionId: ExtensionId };
export type ExtensionDecided = {
  readonly decided: 'recorded' | 'repeated';
  readonly settled: boolean;
  readonly confirmed: boolean;
};

/** A break-glass that is over and waits for somebody's review. `owed`: it is review debt by now (I13). */
export type ReviewWaiting = {
  readonly requestId: RequestId;
  readonly requester: PersonId;
  readonly target: string;
  readonly role: string;
  readonly incident: string | null;
  readonly overAt: number;
  readonly owed: boolean;
};

/** What App Home and `/curfew mine` show. Newest first; `waiting` and `toReview` oldest first. */
export type Overview = {
  readonly person: PersonId;
  readonly grants: readonly RequestStatus[];
  readonly requests: readonly RequestStatus[];
  readonly recent: readonly RequestStatus[];
  readonly waiting: readonly RequestStatus[];
  /** Break-glass that this person may review. */
  readonly toReview: readonly ReviewWaiting[];
  readonly away: Away | null;
};

/** The use cases with their context bound: what Slack's listeners and the routes are given. */
export type UseCases = GovernanceUseCases &
  PeopleUseCases & {
    open(input: OpenInput): Promise<Opened | Refusal>;
    preview(input: Ask): Promise<Preview | Refusal>;
    options(input: { readonly person: PersonId }): Promise<readonly TargetOption[] | Refusal>;
    reviewModel(input: Mine): Promise<ReviewModel | Refusal>;
    decide(input: DecideInputFromClick): Promise<Decided | Refusal>;
    mintCode(input: Mine): Promise<Minted | Refusal>;
    peek(input: { readonly code: string }): Promise<Peeked | Refusal>;
    claim(input: ClaimInput): Promise<Claimed | Refusal>;
    claimStatus(input: { readonly code: string }): Promise<Claimed | Refusal>;
    release(input: Mine): Promise<Ended | Refusal>;
    withdraw(input: Mine): Promise<Ended | Refusal>;
    revoke(input: RevokeInput): Promise<Ended | Refusal>;
    review(input: ReviewInput): Promise<Reviewed | Refusal>;
    status(input: StatusInput): Promise<RequestStatus | Refusal>;
    extend(input: ExtendAsk): Promise<Extended | Refusal>;
    extensionModel(input: {
      readonly extensionId: ExtensionId;
      readonly person: PersonId;
    }): Promise<ExtensionModel | Refusal>;
    decideExtension(input: DecideExtension): Promise<ExtensionDecided | Refusal>;
    overview(input: { readonly person: PersonId }): Promise<Overview | Refusal>;
  };
