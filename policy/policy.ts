import type { PolicyHash, RoleName, TargetName, TemplateName } from '../domain/ids.ts';
import type { Limits, ReviewRule, Selector, Stage } from '../domain/plan.ts';

/**
 * A policy file, parsed, checked and compiled: immutable, closed over nothing else. Each role of each target carries
 * the rules that can decide on it, in file order, with owners and limits resolved; so judging a request is a walk over
 * a short list. Maps and no objects: a name that comes from a payload can only ever find what the file defines.
 */
export type LoadedPolicy = {
  readonly hash: PolicyHash;
  readonly targets: ReadonlyMap<string, TargetPolicy>;
  /** Who may end any grant, on any target; owners of a target may end those on it. */
  readonly endAnyGrant: readonly Selector[];
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
  readonly rules: readonly Rule[];
  readonly breakGlass: readonly BreakGlassRule[];
};

/** A rule as it holds for one role of one target. */
export type Rule = {
  readonly name: string;
  /** Whose requests it decides; null: everybody's. */
  readonly requesters: readonly Selector[] | null;
  readonly limits: Limits;
  /** None: automatic. */
  readonly stages: readonly Stage[];
};

export type BreakGlassRule = {
  readonly name: string;
  readonly who: readonly Selector[];
  readonly limits: Limits;
  readonly review: ReviewRule;
};
