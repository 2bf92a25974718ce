import type { PersonId, PolicyHash } from './ids.ts';

/**
 * Who may fill a seat: everybody in a group, one person, or whoever is on call. `owner`, `manager` and
 * `managers-manager` of the policy file are resolved to these when a plan is made.
 */
export type Selector =
  | { readonly kind: 'group'; readonly group: string }
  | { readonly kind: 'person'; readonly person: PersonId }
  | { readonly kind: 'on-call'; readonly schedule: string };

/** Who is in one of the groups, or with `all` in all of them, may not fill a seat: a conflict of the policy. */
export type Conflict = { readonly name: string; readonly groups: readonly string[]; readonly all: boolean };

/**
 * One step of a plan: `need` distinct people out of those whom a selector names. Spans in milliseconds, from the
 * instant at which the stage opened. A field that is absent says: not so.
 */
export type Stage = {
  readonly name: string;
  readonly need: number;
  readonly from: readonly Selector[];
  /** Where `from` was made for this request: the rule's own words (`manager`, `group:x`), by which plans are compared. */
  readonly as?: readonly string[];
  /** Those whom the rule names were too few when it was asked, so `from` has the target's owners as well. */
  readonly ownersToo?: true;
  /** Opens together with the stage before it; else once every stage before it has its people. */
  readonly together?: boolean;
  readonly never?: readonly Conflict[];
  /** Nobody who mostly approves the requester, and is mostly approved by them. */
  readonly outsidePair?: boolean;
  readonly remindAfterMs?: number;
  /** After this time those of `to` may decide as well. */
  readonly escalate?: { readonly afterMs: number; readonly to: readonly Selector[] };
  /** The whole request lapses when this stage is not decided within this time. */
  readonly decideWithinMs?: number;
};

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Weekday = (typeof weekdays)[number];

/** When access may be held: on these days, from and to these minutes of the day (0 to 1,440) in this IANA time zone. */
export type Window = {
  readonly days: readonly Weekday[];
  readonly fromMinute: number;
  readonly toMinute: number;
  readonly zone: string;
};

/** Spans in milliseconds. `decideWithinMs` runs from the request, `useWithinMs` from the last approval or the start. */
export type Limits = {
  readonly maxMs: number;
  readonly decideWithinMs: number;
  readonly useWithinMs: number;
  /** How many extensions nobody has to approve; 0 where absent: each is asked. */
  readonly extensions?: number;
  /** Held inside of these only; always where absent. */
  readonly windows?: readonly Window[];
  /** Logins stop this long before the end, so that whoever is inside can commit; 0 where absent. */
  readonly graceMs?: number;
};

/** What a grant is bound to besides its end: it ends with whichever is over first. */
export type Condition =
  | { readonly kind: 'incident'; readonly key: string }
  | { readonly kind: 'ticket'; readonly key: string }
  | { readonly kind: 'shift'; readonly key: string };

/**
 * Break-glass only: who may review it, and within what span after the grant ended, at most a day: from then on it is
 * review debt (I13). Spans in milliseconds, from the end of the grant.
 */
export type ReviewRule = {
  readonly from: readonly Selector[];
  readonly withinMs: number;
  /** From when those who may review are reminded. */
  readonly remindAfterMs?: number;
  /** After this time those of `to` may review as well. */
  readonly escalate?: { readonly afterMs: number; readonly to: readonly Selector[] };
};

/**
 * Break-glass only. `required`: the incident must be known to go on; `flagged`: one that nobody knows is let through, and
 * everybody is told so. One that is known to be over is refused either way.
 */
export type IncidentRule = 'required' | 'flagged';

type Said = {
  readonly policy: PolicyHash;
  readonly rule: string;
  readonly limits: Limits;
  readonly until?: Condition;
};

/**
 * What the policy says of one request. Pinned in the request with the policy's hash, hashed into its digest, carried
 * by its Workflow; never computed again for that request, but the grant compares it with what the policy says then.
 */
export type Plan =
  | {
      readonly verdict: 'denied';
      readonly policy: PolicyHash;
      readonly rule: string | null;
      readonly reasons: readonly string[];
    }
  | ({ readonly verdict: 'automatic' } & Said)
  | ({ readonly verdict: 'approvals'; readonly stages: readonly Stage[] } & Said)
  | ({
      readonly verdict: 'break-glass';
      readonly review: ReviewRule;
      /** Absent in plans from before incidents were checked: those ask for none. */
      readonly incident?: IncidentRule;
    } & Said);

/** A plan under which a request may be opened. */
export type GrantablePlan = Exclude<Plan, { verdict: 'denied' }>;

/** The stages of a plan; none for automatic and break-glass. */
export const stagesOf = (plan: GrantablePlan): readonly Stage[] => (plan.verdict === 'approvals' ? plan.stages : []);

/** Which stages open together: equal numbers, growing from 0. */
export function stepsOf(stages: readonly Pick<Stage, 'together'>[]): readonly number[] {
  let step = -1;
  return stages.map((stage, index) => (index > 0 && stage.together === true ? step : (step += 1)));
}
