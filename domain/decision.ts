import type { DecisionId, Digest, PersonId, RequestId } from './ids.ts';
import type { AccountFacts, PersonFacts } from './person.ts';

export type Verdict = 'approve' | 'deny';

/**
 * One person's word on one digest, with the facts it was judged by. Never changed; a void ends it.
 * `voidsBefore`: how many of this person's decisions on this request were void before; part of the id, so that a
 * person who became eligible again may decide again.
 */
export type Decision = {
  readonly id: DecisionId;
  readonly requestId: RequestId;
  readonly digest: Digest;
  readonly stage: number;
  readonly person: PersonId;
  readonly verdict: Verdict;
  readonly facts: ApproverFacts;
  readonly madeAt: number;
};

/** What is known of an approver at the click, or again inside the grant (`account` is then what the click recorded). */
export type ApproverFacts = { readonly person: PersonFacts; readonly account: AccountFacts };
