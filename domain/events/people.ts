/** Entries of people: what a source says of them, their accounts and tokens, their absences and their shifts. */
import type { PersonId } from '../ids.ts';
import type { PersonState } from '../person.ts';
import { constructorsOf, instant, many, span, type RefusedBody, type Sentences } from './entry.ts';

/** `before`: null for somebody who is new; absent where only links were changed. */
type PersonChanged = {
  readonly changed: readonly string[];
  readonly version?: number;
  readonly state?: PersonState;
  readonly before?: PersonState | null;
  readonly cause?: string;
};

/** What a leaving came to: requests that were closed, decisions that do not count any more. */
type LeaveReported = {
  readonly cause: string;
  readonly event: string;
  readonly closed: readonly string[];
  readonly voided: readonly string[];
  readonly safeAfterMs: number;
  readonly tainted: number;
};

type Absence = { readonly delegate: PersonId | null; readonly fromAt: number; readonly untilAt: number };

export type PeopleBodies = {
  readonly 'person.changed': PersonChanged;
  readonly 'person.unknown': { readonly event: string; readonly state: PersonState };
  readonly 'person.due': {
    readonly source: string;
    readonly event: string;
    readonly state: PersonState;
    readonly effectiveAt: number;
    /** Events of the same source about the same person that hold no more. */
    readonly replaces: readonly string[];
  };
  readonly 'person.due-settled': {
    readonly source: string;
    readonly event: string;
    readonly state: PersonState;
    readonly outcome: string;
  };
  readonly 'leave.reported': LeaveReported;
  readonly 'source.pulled': {
    readonly listed: number;
    readonly changed: number;
    readonly missing: number;
    readonly failed: number;
  };
  readonly 'scim-token.made': {
    readonly source: string;
    readonly scopes: readonly string[];
    readonly inactive: string;
    readonly expiresAt: number;
  };
  readonly 'scim-token.revoked': { readonly source: string };
  readonly 'link-code.minted': { readonly expiresAt: number };
  readonly 'link.made': { readonly link: string };
  readonly 'link.refused': RefusedBody & { readonly verdict?: string };
  readonly 'link.confirmed': { readonly link: string; readonly verdict: string };
  readonly 'absence.made': Absence;
  readonly 'absence.ended': Absence & { readonly cause?: string; readonly event?: string };
  readonly 'oncall.imported': {
    readonly source: string;
    readonly schedules: readonly string[];
    readonly shifts: number;
    readonly removed: number;
  };
  readonly 'personal-code.minted': { readonly expiresAt: number };
  readonly 'operator.linked': { readonly login: string };
};

const entry = constructorsOf<PeopleBodies>();

/** What the directory knows of somebody is another than before. Subject: the person. */
export const personChanged = entry('person.changed');
/** An event named somebody whom nobody knows. Subject: the id that they would have. */
export const personUnknown = entry('person.unknown');
/** A source said what holds from a later day on. Subject: the person. */
export const personDue = entry('person.due');
/** That day came. Subject: the person, or source and event where nobody has that name. */
export const personDueSettled = entry('person.due-settled');
/** All of a leaving is done (I9). Subject: the person. */
export const leaveReported = entry('leave.reported');
/** A source was asked for everybody. Subject: the source. */
export const sourcePulled = entry('source.pulled');
/** A token for SCIM was made. Subject: the token's id. */
export const scimTokenMade = entry('scim-token.made');
/** It holds no more. Subject: the token's id. */
export const scimTokenRevoked = entry('scim-token.revoked');
/** A code was made with which an account is linked. Subject: the person. */
export const linkCodeMinted = entry('link-code.minted');
/** An account was linked to a person; which one it is stands in the erasable table. Subject: the person. */
export const linkMade = entry('link.made');
/** No link was made, or a word on one not taken. Subject: the person or the link, where one is known. */
export const linkRefused = entry('link.refused');
/** An older account of a person said whether a new one is theirs. Subject: the person. */
export const linkConfirmed = entry('link.confirmed');
/** Somebody is away, and may have named who decides in their place. Subject: the person. */
export const absenceMade = entry('absence.made');
/** They are back, or cannot be stood in for any more. Subject: the person. */
export const absenceEnded = entry('absence.ended');
/** Shifts were imported. Subject: their source. */
export const onCallImported = entry('oncall.imported');
/** A code was made by which somebody acts from a command line. Subject: the person. */
export const personalCodeMinted = entry('personal-code.minted');
/** Who stands behind an operator's login. Subject: the person. */
export const operatorLinked = entry('operator.linked');

const inPlace = (delegate: string | null, nameOf: (id: string) => string): string =>
  delegate === null ? '' : `, with ${nameOf(delegate)} in their place`;

export const peopleSentences: Sentences<PeopleBodies> = {
  'person.changed': ({ actor, subject, body }, nameOf) =>
    body.state !== undefined && body.state !== body.before
      ? `${nameOf(actor)} took in that ${nameOf(subject)} is ${body.state}${body.before == null ? '' : `, and was ${body.before}`}.`
      : `${nameOf(actor)} changed what is known of ${nameOf(subject)}: ${body.changed.join(', ')}.`,
  'person.unknown': ({ body }) => `An event said "${body.state}" of somebody whom the directory does not know.`,
  'person.due': ({ subject, body }, nameOf) =>
    `${body.source} said that ${nameOf(subject)} is ${body.state} from ${instant(body.effectiveAt)} on.`,
  'person.due-settled': ({ subject, body }, nameOf) =>
    `The day came from which ${body.source} says that ${nameOf(subject)} is ${body.state}: ${body.outcome}.`,
  'leave.reported': ({ subject, body }, nameOf) =>
    `All that ${nameOf(subject)} held is over (${body.cause}): ${many(body.closed.length, 'request')} closed, ${many(body.voided.length, 'decision')} void, within ${span(body.safeAfterMs)}.`,
  'source.pulled': ({ subject, body }) =>
    `${subject} was asked for everybody: ${many(body.listed, 'person', 'people')} listed, ${body.changed} changed, ${body.missing} missing.`,
  'scim-token.made': ({ actor, body }, nameOf) =>
    `${nameOf(actor)} made a token for ${body.source}${body.scopes === undefined ? '' : ` (${body.scopes.join(', ')})`}.`,
  'scim-token.revoked': ({ actor, body }, nameOf) => `${nameOf(actor)} ended a token of ${body.source}.`,
  'link-code.minted': ({ actor, subject }, nameOf) =>
    `${nameOf(actor)} made a code by which ${nameOf(subject)} can link an account.`,
  'link.made': ({ actor, subject }, nameOf) => `${nameOf(actor)} linked an account to ${nameOf(subject)}.`,
  'link.refused': ({ actor, body }, nameOf) => `A link that ${nameOf(actor)} tried was refused: ${body.code}.`,
  'link.confirmed': ({ subject, body }, nameOf) =>
    body.verdict === 'approve'
      ? `An older account of ${nameOf(subject)} confirmed a new one.`
      : `An older account of ${nameOf(subject)} took a new one away.`,
  'absence.made': ({ subject, body }, nameOf) =>
    `${nameOf(subject)} is away from ${instant(body.fromAt)} to ${instant(body.untilAt)}${inPlace(body.delegate, nameOf)}.`,
  'absence.ended': ({ subject }, nameOf) => `An absence of ${nameOf(subject)} is over.`,
  'oncall.imported': ({ actor, body }, nameOf) =>
    `${nameOf(actor)} imported ${many(body.shifts, 'shift')} of ${body.schedules.join(', ') || 'no schedule'} from ${body.source}.`,
  'personal-code.minted': ({ subject }, nameOf) => `${nameOf(subject)} got a code for the command line.`,
  'operator.linked': ({ actor, subject, body }, nameOf) =>
    `${nameOf(actor)} said that ${nameOf(subject)} stands behind the login ${body.login}.`,
};
