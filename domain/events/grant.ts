/** Entries of a request's claim, its grant and its end. */
import type { NodeEvidence } from '../grant.ts';
import type { CredentialId, PolicyHash, TargetName, TemplateName } from '../ids.ts';
import type { PersonFacts } from '../person.ts';
import type { Condition } from '../plan.ts';
import type { Outcome } from '../request.ts';
import { constructorsOf, instant, many, type RefusedBody, type Sentences } from './entry.ts';

/** `facts`: of everybody who decided, and in whose place, as the directory had them when the claim was judged (I8). */
type ClaimAccepted = {
  readonly credential: CredentialId;
  readonly acceptedAt: number;
  readonly endAt: number;
  /** Names the key that signed the ticket; the ticket itself is a secret. */
  readonly ticketKey: string;
  /** The policy that held, which may be another one than the plan's. */
  readonly policy: PolicyHash;
  readonly facts: { readonly requester: PersonFacts; readonly approvers: readonly PersonFacts[] };
};

/** `cluster`: which one the target is in, by the name that its alarms bear. */
type GrantMade = {
  readonly target: TargetName;
  readonly cluster: string;
  readonly template: TemplateName;
  readonly role: string;
  readonly credential: CredentialId;
  readonly grantedAt: number;
  readonly endAt: number;
  readonly canLogin: boolean;
  readonly memberships: number;
  /** SHA-256 over the RFC 8785 form of the grant's receipt, as it is stored. */
  readonly receipt: string;
};

type GrantEnded = {
  readonly target: TargetName;
  readonly role: string;
  readonly outcome: Outcome;
  readonly cause: string;
  readonly verifiedAt: number;
  readonly sessionsClosed: number;
  /** SHA-256 over the RFC 8785 form of the revoke's receipt, as it is stored. */
  readonly receipt: string;
};

/** Why an end was asked for, and what tells more of it: whose word, which finding, which decision. */
type EndAsked = {
  readonly cause: string;
  readonly refused?: string;
  readonly finding?: string;
  readonly decision?: string;
  readonly policy?: PolicyHash;
  readonly reasons?: readonly string[];
  readonly recovery?: string;
  readonly event?: string;
  /** Of a person: how many of their requests are to end as well, each with its own entry. */
  readonly requests?: number;
};

/**
 * A grant that the reaper ended, because it was due or because somebody asked; the evidence stands here whole, for no
 * receipt has it.
 */
type ReaperEnded = {
  readonly cluster: string;
  readonly cause: 'due' | 'asked';
  readonly foundAt: number;
  readonly grantId: string;
  readonly outcome: string;
  readonly startedAt: number;
  readonly verifiedAt: number;
  readonly sessionsClosed: number;
  readonly nodes: readonly NodeEvidence[];
};

export type GrantBodies = {
  readonly 'code.minted': { readonly expiresAt: number };
  readonly 'code.refused': RefusedBody;
  readonly 'claim.accepted': ClaimAccepted;
  readonly 'claim.refused': RefusedBody;
  readonly 'grant.made': GrantMade;
  /** `sqlstate`: the target's own word, CF001 for a tombstone; null where it was not asked. */
  readonly 'grant.refused': RefusedBody & { readonly sqlstate: string | null };
  readonly 'grant.failed': { readonly target: TargetName; readonly cause: string };
  readonly 'end.asked': EndAsked;
  readonly 'end.refused': RefusedBody;
  readonly 'condition.ended': { readonly kind: Condition['kind']; readonly key: string };
  readonly 'grant.ended': GrantEnded;
  readonly 'reaper.ended': ReaperEnded;
  readonly 'reaper.surprised': {
    readonly cluster: string;
    readonly code: string;
    readonly outcome: string;
    readonly foundAt: number;
  };
};

const entry = constructorsOf<GrantBodies>();

/** A one-time code was made for the requester. Subject: the request. */
export const codeMinted = entry('code.minted');
/** No code was made. Subject: the request. */
export const codeRefused = entry('code.refused');
/** The claim that fixes the end and signs the ticket. Subject: the request. */
export const claimAccepted = entry('claim.accepted');
/** A claim with one of our codes came to nothing. Subject: the request. */
export const claimRefused = entry('claim.refused');
/** The login is there, as a later transaction read it. Subject: the request; actor: its holder. */
export const grantMade = entry('grant.made');
/** A login was refused, for good. Subject: the request. */
export const grantRefused = entry('grant.refused');
/** No login came about. Subject: the request. */
export const grantFailed = entry('grant.failed');
/** Somebody or something asked that it ends now. Subject: the request, or the person of whom all is to end. */
export const endAsked = entry('end.asked');
/** Somebody asked for an end that is not theirs to ask. Subject: the request. */
export const endRefused = entry('end.refused');
/** The incident, ticket or shift is over to which a grant was bound, and so its end was asked for. Subject: the request. */
export const conditionEnded = entry('condition.ended');
/** Nothing is left on any node (I16). Subject: the request. */
export const grantEnded = entry('grant.ended');
/** The reaper ended what was due, or what somebody asked the end of. Subject: the grant, which is the request. */
export const reaperEnded = entry('reaper.ended');
/** The reaper ended, or could not end, what nobody expected. Subject: the grant, or the login. */
export const reaperSurprised = entry('reaper.surprised');

export const grantSentences: Sentences<GrantBodies> = {
  'code.minted': ({ actor, body }, nameOf) =>
    `${nameOf(actor)} got a code to claim it, good until ${instant(body.expiresAt)}.`,
  'code.refused': ({ actor, body }, nameOf) => `${nameOf(actor)} got no code to claim it: ${body.code}.`,
  'claim.accepted': ({ actor, body }, nameOf) => `${nameOf(actor)} claimed it, until ${instant(body.endAt)}.`,
  'claim.refused': ({ actor, body }, nameOf) => `A claim of ${nameOf(actor)} was refused: ${body.code}.`,
  'grant.made': ({ actor, body }, nameOf) =>
    `${nameOf(actor)} has ${body.template} on ${body.target} until ${instant(body.endAt)}.`,
  'grant.refused': ({ body }) =>
    body.sqlstate === 'CF001'
      ? 'The login was refused: its grant had been ended, and nothing makes it again.'
      : `The login was refused: ${body.code}${body.sqlstate === null ? '' : `, ${body.sqlstate}`}.`,
  'grant.failed': ({ body }) => `No login came about on ${body.target}: ${body.cause}.`,
  'end.asked': ({ actor, body }, nameOf) => `${nameOf(actor)} asked that it ends now: ${body.cause}.`,
  'end.refused': ({ actor, body }, nameOf) => `${nameOf(actor)} asked that it ends now and was refused: ${body.code}.`,
  'condition.ended': ({ body }) => `The ${body.kind} ${body.key} is over, so what was bound to it ends now.`,
  'grant.ended': ({ body }) =>
    `Nothing is left on ${body.target}, seen at ${instant(body.verifiedAt)}: ${body.outcome}, ${many(body.sessionsClosed, 'session')} closed.`,
  'reaper.ended': ({ body }) =>
    `The reaper ended what was ${body.cause === 'asked' ? 'asked to end' : 'due'} on ${body.cluster} at ${instant(body.verifiedAt)}, ${many(body.sessionsClosed, 'session')} closed.`,
  'reaper.surprised': ({ body }) =>
    `The reaper met what nobody expected on ${body.cluster}: ${body.code}, ${body.outcome}.`,
};
