/** What is said of people: who has left or is away, and who somebody at a command line is. A part of `contract.ts`. */
import type { Refusal } from '../domain/errors.ts';
import type { PersonId, RequestId } from '../domain/ids.ts';
import type { AccountFacts, PersonState } from '../domain/person.ts';
import type { PersonChange } from '../store/people.ts';

export type LeaveInputFromSource = {
  /** Which source says so, e.g. `hr`: only the same source can undo it. */
  readonly source: string;
  /** The delivery's id: the same event twice is one leaving. */
  readonly event: string;
  readonly who: { readonly handle: string } | { readonly id: string };
  readonly state: PersonState;
  /** The source's; an older one changes nothing, unless it takes more away. */
  readonly version: number;
  readonly actor: string;
};
/** A change of a person as its source says it; ordered by the source's own versions. */
export type PersonChangeInput = {
  /** Who says so, e.g. `scim`: its word is undone by itself only. */
  readonly source: string;
  /** The delivery's id: the same event twice is one leaving. */
  readonly event: string;
  /** A person's id, or a login's name. */
  readonly actor: string;
  readonly change: PersonChange;
};
export type Left = {
  /** Null: nobody by that name; alarmed. */
  readonly person: PersonId | null;
  readonly change: 'applied' | 'older' | 'unknown';
  readonly state: PersonState;
  readonly requests: readonly RequestId[];
  readonly voided: number;
  /** What others hold on their approval, and goes as the policy says. */
  readonly tainted: readonly RequestId[];
  readonly confirmed: boolean;
};

/**
 * Out of office; instants in epoch ms. `delegate` decides in their place meanwhile; who names one decides too, so
 * `account` is what Slack says of the account that does.
 */
export type AwayInput = {
  readonly person: PersonId;
  readonly fromAt: number;
  readonly untilAt: number;
  readonly delegate?: PersonId;
  readonly account?: AccountFacts;
};
export type Away = { readonly fromAt: number; readonly untilAt: number; readonly delegate: PersonId | null };

/** Proves for a few minutes to the command line who somebody is; shown once. */
export type PersonalCode = { readonly code: string; readonly expiresAt: number };

/** A word on what rests on the approval of somebody who has left; `taintId` is the note's. */
export type AnswerTaint = {
  readonly taintId: string;
  readonly person: PersonId;
  readonly account: AccountFacts;
  readonly verdict: 'keep' | 'end';
};
export type TaintAnswered = { readonly verdict: 'keep' | 'end'; readonly confirmed: boolean };

export type PeopleUseCases = {
  leave(input: LeaveInputFromSource): Promise<Left | Refusal>;
  /** What any source says of a person, with all that follows; `event` is the delivery's id. */
  changePerson(input: PersonChangeInput): Promise<Left | Refusal>;
  answerTaint(input: AnswerTaint): Promise<TaintAnswered | Refusal>;
  away(input: AwayInput): Promise<Away | Refusal>;
  back(input: { readonly person: PersonId }): Promise<{ readonly was: Away | null } | Refusal>;
  personalCode(input: { readonly person: PersonId; readonly account: AccountFacts }): Promise<PersonalCode | Refusal>;
  personOfCode(input: { readonly code: string }): Promise<{ readonly person: PersonId } | Refusal>;
};
