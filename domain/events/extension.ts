/** Entries of a later end for a grant that is held. */
import type { ApproverFacts, Verdict } from '../decision.ts';
import type { DecisionId, Digest, ExtensionId } from '../ids.ts';
import type { GrantablePlan } from '../plan.ts';
import { constructorsOf, instant, type AskFacts, type KnownAs, type RefusedBody, type Sentences } from './entry.ts';

/**
 * All that its digest is made of but the request's own, and all that its plan was made of. `judgedMs` is the duration
 * that the policy judged, from `askedAt` and without a start: what was asked for first, or what is added if that is more.
 */
type ExtensionAsked = {
  readonly extension: ExtensionId;
  readonly number: number;
  /** `automatic`: within what the plan allows without anybody's word. */
  readonly kind: 'automatic' | 'asked';
  readonly fromAt: number;
  readonly endAt: number;
  readonly askedAt: number;
  readonly judgedMs: number;
  readonly digest: Digest;
  /** SHA-256 of salt and text; null where none was given. */
  readonly reason: string | null;
  readonly plan: GrantablePlan;
  readonly facts: AskFacts;
};

type ExtensionDecided = {
  readonly extension: ExtensionId;
  readonly decision: DecisionId;
  readonly digest: Digest;
  readonly stage: number;
  readonly verdict: Verdict;
  readonly madeAt: number;
  readonly denial: string | null;
  readonly facts: ApproverFacts;
  readonly requester: KnownAs;
};

type ExtensionMade = {
  readonly extension: ExtensionId;
  readonly number: number;
  readonly fromAt: number;
  readonly endAt: number;
  /** SHA-256 over the RFC 8785 form of the extension's receipt, as it is stored. */
  readonly receipt: string;
};

export type ExtensionBodies = {
  readonly 'extension.asked': ExtensionAsked;
  readonly 'extension.decided': ExtensionDecided;
  readonly 'extension.refused': RefusedBody & { readonly verdict?: Verdict; readonly extension?: string };
  readonly 'extension.made': ExtensionMade;
  readonly 'extension.failed': {
    readonly extension: ExtensionId;
    readonly number: number;
    readonly cause: string;
    readonly fromAt?: number;
  };
};

const entry = constructorsOf<ExtensionBodies>();

/** The holder asked for a later end. Subject: the request. */
export const extensionAsked = entry('extension.asked');
/** Somebody's word on an extension was taken. Subject: the request. */
export const extensionDecided = entry('extension.decided');
/** An extension was not opened, or a word on one not taken. Subject: the request, or the extension that nobody knows. */
export const extensionRefused = entry('extension.refused');
/** The target moved the end. Subject: the request. */
export const extensionMade = entry('extension.made');
/** Nothing came of it: the end stays where it was. Subject: the request. */
export const extensionFailed = entry('extension.failed');

export const extensionSentences: Sentences<ExtensionBodies> = {
  'extension.asked': ({ actor, body }, nameOf) => `${nameOf(actor)} asked to hold it until ${instant(body.endAt)}.`,
  'extension.decided': ({ actor, body }, nameOf) =>
    `${nameOf(actor)} ${body.verdict === 'approve' ? 'approved' : 'denied'} step ${body.stage + 1} of the extension.`,
  'extension.refused': ({ actor, body }, nameOf) =>
    body.verdict === undefined
      ? `${nameOf(actor)} asked to hold it for longer and was refused: ${body.code}.`
      : `The word of ${nameOf(actor)} on an extension was refused: ${body.code}.`,
  'extension.made': ({ body }) => `It ends at ${instant(body.endAt)} now.`,
  'extension.failed': ({ body }) => `Nothing came of the extension: ${body.cause}.`,
};
