/** Entries of policies: proposed, decided, in force. */
import type { ApproverFacts, Verdict } from '../decision.ts';
import type { PolicyHash, ProposalId } from '../ids.ts';
import { constructorsOf, many, type KnownAs, type RefusedBody, type Sentences } from './entry.ts';

/** `proposer`: whose own word does not count; null where nobody is known to stand behind the login that proposed it. */
type PolicyDecided = {
  readonly proposal: ProposalId;
  readonly hash: PolicyHash;
  readonly verdict: Verdict;
  readonly madeAt: number;
  readonly facts: ApproverFacts;
  readonly proposer: KnownAs | null;
};

export type PolicyBodies = {
  /** `base`: the one that held; `changes`: how many things change for somebody. */
  readonly 'policy.proposed': {
    readonly proposal: ProposalId;
    readonly hash: PolicyHash;
    readonly base: PolicyHash | null;
    readonly changes: number;
  };
  readonly 'policy.decided': PolicyDecided;
  readonly 'policy.refused': RefusedBody & { readonly verdict?: Verdict };
  readonly 'policy.applied': {
    readonly number: number;
    readonly hash: PolicyHash | null;
    readonly proposal: ProposalId;
  };
};

const entry = constructorsOf<PolicyBodies>();

/** A text was proposed. Subject: its hash. */
export const policyProposed = entry('policy.proposed');
/** Somebody's word on it was taken. Subject: the proposal. */
export const policyDecided = entry('policy.decided');
/** A word on it was not taken. Subject: the proposal. */
export const policyRefused = entry('policy.refused');
/** It holds from here on. Subject: its hash. */
export const policyApplied = entry('policy.applied');

const short = (hash: string | null): string => hash?.slice(0, 12) ?? 'none';

export const policySentences: Sentences<PolicyBodies> = {
  'policy.proposed': ({ actor, body }, nameOf) =>
    `${nameOf(actor)} proposed the policy ${short(body.hash)}, with ${many(body.changes, 'change')}.`,
  'policy.decided': ({ actor, body }, nameOf) =>
    `${nameOf(actor)} ${body.verdict === 'approve' ? 'approved' : 'denied'} the policy ${short(body.hash)}.`,
  'policy.refused': ({ actor, subject, body }, nameOf) =>
    `The word of ${nameOf(actor)} on the policy proposal ${subject} was refused: ${body.code}.`,
  'policy.applied': ({ actor, body }, nameOf) =>
    `The policy ${short(body.hash)} holds as number ${body.number}, by the last word of ${nameOf(actor)}.`,
};
