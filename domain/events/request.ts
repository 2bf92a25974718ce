/** Entries of what is asked for and decided. */
import type { ApproverFacts, Verdict } from '../decision.ts';
import type { DecisionId, Digest, PolicyHash, RoleName, TargetName, TemplateName } from '../ids.ts';
import type { GrantablePlan } from '../plan.ts';
import type { Outcome } from '../request.ts';
import { constructorsOf, span, type AskFacts, type KnownAs, type RefusedBody, type Sentences } from './entry.ts';

/**
 * All that its digest is made of but the request's id and the requester's, which are the entry's subject and actor, and
 * all that its plan was made of. `openedAt` is the instant by which the policy judged.
 */
type Opened = {
  readonly kind: 'access' | 'break-glass';
  readonly target: TargetName;
  readonly databases: readonly string[];
  readonly role: RoleName;
  readonly template: TemplateName;
  readonly durationMs: number;
  readonly ticket: string | null;
  readonly startAt: number | null;
  /** SHA-256 of salt and text. */
  readonly reason: string;
  readonly digest: Digest;
  readonly openedAt: number;
  readonly decideByAt: number;
  readonly policy: PolicyHash;
  readonly rule: string;
  readonly verdict: GrantablePlan['verdict'];
  readonly plan: GrantablePlan;
  readonly facts: AskFacts;
};

/** `requester` as the directory had them when the word was judged: by then an alias may have been added, or taken. */
type DecisionMade = {
  readonly decision: DecisionId;
  readonly digest: Digest;
  readonly stage: number;
  readonly verdict: Verdict;
  readonly madeAt: number;
  /** Of this person's decisions on this request, how many were void before. */
  readonly voidsBefore: number;
  /** SHA-256 of the salt and text of a denial's reason. */
  readonly denial: string | null;
  readonly facts: ApproverFacts;
  readonly requester: KnownAs;
};

export type RequestBodies = {
  readonly 'request.opened': Opened;
  readonly 'request.refused': RefusedBody & { readonly ask: 'access' | 'break-glass' };
  readonly 'request.closed': { readonly outcome: Outcome; readonly cause: string };
  readonly 'decision.made': DecisionMade;
  readonly 'decision.refused': RefusedBody & { readonly verdict: Verdict };
  readonly 'decision.voided': { readonly decision: DecisionId; readonly cause: string };
};

const entry = constructorsOf<RequestBodies>();

/** A request was opened, or a break-glass. Subject: the request. */
export const requestOpened = entry('request.opened');
/** Nothing was opened. Subject: the id that it would have had. */
export const requestRefused = entry('request.refused');
/** A request came to an end without a grant, or its grant's end was recorded before. Subject: the request. */
export const requestClosed = entry('request.closed');
/** Somebody's word on a digest was taken. Subject: the request. */
export const decisionMade = entry('decision.made');
/** Somebody's word was not taken. Subject: the request. */
export const decisionRefused = entry('decision.refused');
/** A decision does not count any more. Subject: the request. */
export const decisionVoided = entry('decision.voided');

const said = (verdict: Verdict): string => (verdict === 'approve' ? 'approved' : 'denied');

export const requestSentences: Sentences<RequestBodies> = {
  'request.opened': ({ actor, body }, nameOf) =>
    body.kind === 'break-glass'
      ? `${nameOf(actor)} broke glass for ${body.role} on ${body.target}, for ${span(body.durationMs)}.`
      : `${nameOf(actor)} asked for ${body.role} on ${body.target} for ${span(body.durationMs)}.`,
  'request.refused': ({ actor, body }, nameOf) =>
    `${nameOf(actor)} asked for ${body.ask === 'break-glass' ? 'break-glass' : 'access'} and was refused: ${body.code}.`,
  'request.closed': ({ body }) => `The request was closed as ${body.outcome}: ${body.cause}.`,
  'decision.made': ({ actor, body }, nameOf) => `${nameOf(actor)} ${said(body.verdict)} step ${body.stage + 1}.`,
  'decision.refused': ({ actor, body }, nameOf) =>
    `${nameOf(actor)} tried to ${body.verdict === 'approve' ? 'approve' : 'deny'} and was refused: ${body.code}.`,
  'decision.voided': ({ actor, body }, nameOf) => `${nameOf(actor)} made a decision void: ${body.cause}.`,
};
