import type { PersonId, PolicyHash } from './ids.ts';

/** Who may fill a seat: everybody in a group, or one person. `owner` and `manager` are resolved when a plan is made. */
export type Selector =
  { readonly kind: 'group'; readonly group: string } | { readonly kind: 'person'; readonly person: PersonId };

/** One step of a plan: `need` distinct people out of those whom a selector names. */
export type Stage = { readonly name: string; readonly need: number; readonly from: readonly Selector[] };

/** Spans in milliseconds. `decideWithinMs` runs from the request, `useWithinMs` from the last approval. */
export type Limits = { readonly maxMs: number; readonly decideWithinMs: number; readonly useWithinMs: number };

/** Break-glass only: who may review it, and within what span after the grant ended. */
export type ReviewRule = { readonly from: readonly Selector[]; readonly withinMs: number };

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
  | { readonly verdict: 'automatic'; readonly policy: PolicyHash; readonly rule: string; readonly limits: Limits }
  | {
      readonly verdict: 'approvals';
      readonly policy: PolicyHash;
      readonly rule: string;
      readonly limits: Limits;
      readonly stages: readonly Stage[];
    }
  | {
      readonly verdict: 'break-glass';
      readonly policy: PolicyHash;
      readonly rule: string;
      readonly limits: Limits;
      readonly review: ReviewRule;
    };

/** A plan under which a request may be opened. */
export type GrantablePlan = Exclude<Plan, { verdict: 'denied' }>;

/** The stages of a plan; none for automatic and break-glass. */
export const stagesOf = (plan: GrantablePlan): readonly Stage[] => (plan.verdict === 'approvals' ? plan.stages : []);
