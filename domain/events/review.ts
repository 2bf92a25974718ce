/** Entries of a break-glass, its announcement and its review, and of what rests on the approval of somebody who is gone. */
import type { ApproverFacts } from '../decision.ts';
import type { PersonId, RoleName, TaintId, TargetName } from '../ids.ts';
import type { PersonFacts } from '../person.ts';
import { constructorsOf, instant, type KnownAs, type RefusedBody, type Sentences } from './entry.ts';

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

/** `step` of a review that waits, and since when what it is about is over (epoch ms). */
type ReviewStep = { readonly step: string; readonly overAt: number };
type Taint = { readonly taint: TaintId; readonly decision: string };

export type ReviewBodies = {
  /** `known`: does somebody know of the incident? */
  readonly 'breakglass.announced': {
    readonly target: TargetName;
    readonly role: RoleName;
    readonly incident: string | null;
    readonly durationMs: number;
    readonly known: boolean;
  };
  /** What an operator says was done by hand; `log`: SHA-256 of a file that shows it. */
  readonly 'breakglass.recorded': {
    readonly target: string;
    readonly role: string;
    readonly incident: string;
    readonly by: readonly PersonId[];
    readonly openedAt: number;
    readonly endedAt: number;
    readonly log: string | null;
  };
  readonly 'review.reminded': ReviewStep;
  readonly 'review.escalated': ReviewStep;
  readonly 'review.owed': ReviewStep;
  readonly 'review.recorded': ReviewRecorded;
  readonly 'review.refused': RefusedBody;
  readonly 'taint.found': Taint & { readonly person: PersonId; readonly cause: string; readonly event: string };
  readonly 'taint.asked': Taint & { readonly answerByAt: number | null };
  readonly 'taint.answered': TaintAnswered;
  readonly 'taint.refused': RefusedBody & { readonly verdict: 'keep' | 'end' };
  readonly 'taint.settled': Taint & { readonly outcome: string };
};

const entry = constructorsOf<ReviewBodies>();

/** Everybody is told that glass is broken, before there is a credential (I13). Subject: the request. */
export const breakGlassAnnounced = entry('breakglass.announced');
/** An operator wrote down what was done without Curfew. Subject: the target. */
export const breakGlassRecorded = entry('breakglass.recorded');
/** Those who may review a break-glass were reminded. Subject: the request. */
export const reviewReminded = entry('review.reminded');
/** Others may review it as well now. Subject: the request. */
export const reviewEscalated = entry('review.escalated');
/** Nobody reviewed it in time: its holder neither breaks glass nor approves until somebody does. Subject: the request. */
export const reviewOwed = entry('review.owed');
/** The second look, by somebody else (I13). Subject: the request. */
export const reviewRecorded = entry('review.recorded');
/** A review was not taken. Subject: the request. */
export const reviewRefused = entry('review.refused');
/** Something that is held rests on the approval of somebody who is gone. Subject: the request. */
export const taintFound = entry('taint.found');
/** Those who could decide it today are asked whether it stays. Subject: the request. */
export const taintAsked = entry('taint.asked');
/** One of them said so. Subject: the request. */
export const taintAnswered = entry('taint.answered');
/** A word on it was not taken. Subject: the taint. */
export const taintRefused = entry('taint.refused');
/** What became of it. Subject: the request. */
export const taintSettled = entry('taint.settled');

export const reviewSentences: Sentences<ReviewBodies> = {
  'breakglass.announced': ({ actor, body }, nameOf) =>
    `It was announced that ${nameOf(actor)} breaks glass for ${body.role} on ${body.target}, for the incident ${body.incident}${body.known ? '' : ', of which nobody knows'}.`,
  'breakglass.recorded': ({ actor, body }, nameOf) =>
    `${nameOf(actor)} wrote down that ${body.by.map(nameOf).join(' and ')} used ${body.role} on ${body.target} without Curfew from ${instant(body.openedAt)} to ${instant(body.endedAt)}, for ${body.incident}.`,
  'review.reminded': ({ body }) => `Those who may review it were reminded: it was over at ${instant(body.overAt)}.`,
  'review.escalated': ({ body }) => `Others may review it now as well: it was over at ${instant(body.overAt)}.`,
  'review.owed': ({ body }) => `Nobody reviewed it in time: it was over at ${instant(body.overAt)}.`,
  'review.recorded': ({ actor, body }, nameOf) => `${nameOf(actor)} reviewed the break-glass: ${body.verdict}.`,
  'review.refused': ({ actor, body }, nameOf) => `A review by ${nameOf(actor)} was refused: ${body.code}.`,
  'taint.found': ({ body }, nameOf) => `It rests on the approval of ${nameOf(body.person)}, who ${gone(body.cause)}.`,
  'taint.asked': ({ body }) =>
    `Others were asked whether it stays${body.answerByAt === null ? '' : `, until ${instant(body.answerByAt)}`}.`,
  'taint.answered': ({ actor, body }, nameOf) =>
    `${nameOf(actor)} said that it ${body.verdict === 'keep' ? 'stays' : 'ends now'}.`,
  'taint.refused': ({ actor, body }, nameOf) =>
    `The word of ${nameOf(actor)} on whether it stays was refused: ${body.code}.`,
  'taint.settled': ({ body }) => `What rested on the approval of somebody who is gone is settled: ${body.outcome}.`,
};

const gone = (cause: string): string => (cause === 'left' ? 'has left' : 'is suspended');
