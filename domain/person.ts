import type { PersonId } from './ids.ts';

/** HR's word on a person. Only `active` people may ask, approve or hold anything. */
export const personStates = ['active', 'suspended', 'left'] as const;
export type PersonState = (typeof personStates)[number];

/**
 * What Curfew must know of a person to judge: no name, no e-mail, no Slack id. Read from the directory at the moment
 * of judging, and recorded with the decision so that it can be judged again later.
 */
export type PersonFacts = {
  readonly id: PersonId;
  readonly state: PersonState;
  readonly kind: 'employee' | 'contractor' | 'service';
  readonly manager: PersonId | null;
  /** Sorted names of groups. */
  readonly groups: readonly string[];
  /** Other canonical ids of the same human: several accounts are one person for separation of duty. Sorted. */
  readonly aliases: readonly PersonId[];
  /** Groups that this person was put into, each with the person who did it, where the source says so. */
  readonly addedBy: readonly { readonly group: string; readonly by: PersonId }[];
};

/** What Slack said of the account that clicked, at most a minute before (`users.info`). */
export type AccountFacts = {
  readonly deleted: boolean;
  readonly bot: boolean;
  readonly restricted: boolean;
  readonly stranger: boolean;
  readonly readAt: number;
};

/** True where two sets of facts describe one human: the same id, or an alias on either side (I6). */
export const sameHuman = (
  one: Pick<PersonFacts, 'id' | 'aliases'>,
  other: Pick<PersonFacts, 'id' | 'aliases'>,
): boolean => one.id === other.id || one.aliases.includes(other.id) || other.aliases.includes(one.id);
