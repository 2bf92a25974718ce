import type { PersonFacts } from '../domain/person.ts';
import type { LeaverApprovals } from '../domain/taint.ts';
import type { PolicyHash, RoleName, TargetName, TemplateName } from '../domain/ids.ts';
import type { Conflict, IncidentRule, Limits, ReviewRule, Selector, Stage } from '../domain/plan.ts';
import type { Place } from './issue.ts';

/**
 * A policy, parsed, checked and compiled: immutable, closed over nothing else. Each role of each target carries the
 * rules that can decide on it, in file order, with owners and limits resolved and conditions compiled; so judging a
 * request is a walk over a short list. Maps and no objects: a name that comes from a payload can only ever find what
 * the file defines.
 */
export type LoadedPolicy = {
  readonly hash: PolicyHash;
  readonly targets: ReadonlyMap<string, TargetPolicy>;
  readonly powers: Powers;
  readonly conflicts: readonly NeverRule[];
  /** May one person change the rules alone? (`policyChange: one-person`) */
  readonly onePersonChanges: boolean;
  /** May requests be approved from the command line? (`commandLine: { approve: true }`) */
  readonly approveByCommand: boolean;
  /** What becomes of what people hold on the approval of somebody who has left. (`leavers: { approvals: ... }`) */
  readonly leaverApprovals: LeaverApprovals;
};

/** Who may do what besides asking and approving. */
export type Powers = {
  /** On any target; owners of a target may end those on it. */
  readonly endAnyGrant: readonly Selector[];
  readonly changePolicy: readonly Selector[];
  /** Sees everything: requests, policy, reports. */
  readonly readEverything: readonly Selector[];
};

export const forbidden = ['approve', 'request', 'breakGlass', 'changePolicy'] as const;
export type Forbidden = (typeof forbidden)[number];

/** A conflict of the file: who is in one of the groups never does these; with `both`, nobody is in all of them. */
export type NeverRule = {
  readonly name: string;
  readonly groups: readonly string[];
  readonly never: readonly Forbidden[] | 'both';
};

export type TargetPolicy = {
  readonly name: TargetName;
  readonly labels: ReadonlyMap<string, string>;
  readonly owners: readonly Selector[];
  readonly databases: readonly string[];
  readonly roles: ReadonlyMap<string, RolePolicy>;
};

export type RolePolicy = {
  readonly name: RoleName;
  readonly template: TemplateName;
  /** No rule gives more, in milliseconds; the target registers its template with 5 s above. */
  readonly maxMs: number;
  readonly note: string;
  /** Any of these that holds denies. */
  readonly deny: readonly DenyRule[];
  readonly rules: readonly Rule[];
  readonly breakGlass: readonly BreakGlassRule[];
};

/** `true` and `false` as CEL has them; `failed`, with why, counts as not satisfied in a rule and as denied in a denial. */
export type ConditionResult = true | false | { readonly failed: string };

/** A CEL expression, compiled once. `text` is as written; `clauses` are its parts where it is a conjunction. */
export type CompiledCondition = {
  readonly text: string;
  readonly at: Place;
  readonly clauses: readonly Clause[];
  readonly evaluate: (facts: ConditionFacts) => ConditionResult;
};

/** `early`: it looks at the requester and the target only, so it is known before anything is asked for. */
export type Clause = {
  readonly text: string;
  readonly early?: boolean;
  readonly evaluate: (facts: ConditionFacts) => ConditionResult;
};

/** What a condition may look at, by the names of the file: `requester`, `target`, `request`. */
export type ConditionFacts = {
  readonly requester: PersonFacts;
  readonly target: Pick<TargetPolicy, 'name' | 'labels'>;
  readonly request: {
    readonly role: string;
    readonly durationMs: number;
    readonly ticket: string | null;
    readonly startAt: number | null;
    readonly now: number;
  };
};

export type DenyRule = { readonly name: string; readonly at: Place; readonly condition: CompiledCondition };

/** A stage's people before the requester is known: `manager` is somebody else for everybody. */
export type RuleSelector = Selector | { readonly kind: 'manager' } | { readonly kind: 'managers-manager' };
export type RuleStage = Omit<Stage, 'from' | 'escalate'> & {
  readonly from: readonly RuleSelector[];
  readonly escalate?: { readonly afterMs: number; readonly to: readonly RuleSelector[] };
};

/** A rule as it holds for one role of one target. */
export type Rule = {
  readonly name: string;
  readonly at: Place;
  /** Whose requests it decides; null: everybody's. */
  readonly requesters: readonly Selector[] | null;
  readonly condition: CompiledCondition | null;
  readonly limits: Limits;
  /** None: automatic. */
  readonly stages: readonly RuleStage[];
  /** The grant ends with it. `shift` names the schedule. */
  readonly until:
    { readonly kind: 'incident' | 'ticket' } | { readonly kind: 'shift'; readonly schedule: string } | null;
};

export type BreakGlassRule = {
  readonly name: string;
  readonly at: Place;
  readonly who: readonly Selector[];
  readonly limits: Limits;
  readonly review: ReviewRule;
  /** What becomes of an incident that nobody knows. */
  readonly incident: IncidentRule;
  readonly never: readonly Conflict[];
};
