/** Entries of a break-glass, its announcement and its review, and of what rests on the approval of somebody who is gone. */
import type { ApproverFacts } from '../decision.ts';
import type { RoleName, TargetName, TaintId } from '../ids.ts';
import type { PersonFacts } from '../person.ts';
import { constructorsOf, type KnownAs, type RefusedBody } from './entry.ts';

/** What the second look was judged by: who gave it, who broke glass, and how long it was over (ms). */
type ReviewRecorded = {
  readonly verdict: string;
  readonly reviewedAt: number;
  readonly overMs: number;
  readonly facts: { readonly person: PersonFacts; readonly responder: PersonFacts };
};

/** `counted`: everybody who had a word in what rests on it, whose word this cannot be as well (I6). */
export type TaintAnswered = {
  readonly taint: TaintId;
  readonly decision: string;
  readonly verdict: 'keep' | 'end';
  readonly madeAt: number;
  readonly facts: ApproverFacts;
  readonly requester: KnownAs;
  readonly counted: readonly KnownAs[];
};

export type ReviewBodies = {
  readonly 'review.recorded': ReviewRecorded;
  readonly 'review.refused': RefusedBody;
  readonly 'taint.refused': RefusedBody & { readonly verdict: 'keep' | 'end' };
  readonly 'taint.answered': TaintAnswered;
};

const entry = constructorsOf<ReviewBodies>();

export const reviewRecorded = entry('review.recorded');
export const reviewRefused = entry('review.refused');
export const taintRefused = entry('taint.refused');
export const taintAnswered = entry('taint.answered');
