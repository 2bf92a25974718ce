import type { PersonId } from './ids.ts';

/** HR's word on a person. Only `active` people may ask, approve or hold anything. */
export const personStates = ['active', 'suspended', 'left'] as const;
export type PersonState = (typeof personStates)[number];

/**
 * What Curfew must know of a person to judge: no name, no e-mail, no Slack id. Read from the directory at the moment
 * of judging, and recorded with the decision so that it can be judged again later. What is absent is nothing, nobody or
 * no: facts that were recorded before Curfew knew of such a thing read the same.
 */
export type PersonFacts = {
  readonly id: PersonId;
  readonly state: PersonState;
  readonly kind: 'employee' | 'contractor' | 'service';
  readonly manager: PersonId | null;
  /** The manager of the manager. */
  readonly managersManager?: PersonId | null;
  /** Sorted names of groups. */
  readonly groups: readonly string[];
  /** Groups of their other accounts that this one is not in: a conflict counts them, a seat does not. Sorted. */
  readonly otherGroups?: readonly string[];
  /** Other canonical ids of the same human: several accounts are one person for separation of duty. Sorted. */
  readonly aliases: readonly PersonId[];
  /** Groups that this person was put into, each with the person who did it, where the source says so. */
  readonly addedBy: readonly { readonly group: string; readonly by: PersonId }[];
  /** The on-call schedules on which this person is on call at this moment. Sorted. */
  readonly onCall?: readonly string[];
  /** Out of office at this moment: not counted on, but not forbidden to decide. */
  readonly away?: boolean;
  /** Those who are away and named this person to decide in their place, at this moment. Depth 1. Sorted by id. */
  readonly standsInFor?: readonly Delegator[];
  /** People with whom this one mostly approves mutually (`store/reciprocity.ts`). Sorted. */
  readonly reciprocal?: readonly PersonId[];
  /** A break-glass of theirs, by any of their accounts, was not reviewed in time: they decide nothing until it is (I13). */
  readonly reviewDebt?: true;
};

/** Somebody who is away, as far as it matters to whoever stands in for them; `by` made the delegation. */
export type Delegator = Pick<
  PersonFacts,
  | 'id'
  | 'state'
  | 'kind'
  | 'manager'
  | 'groups'
  | 'otherGroups'
  | 'aliases'
  | 'addedBy'
  | 'onCall'
  | 'reciprocal'
  | 'reviewDebt'
> & { readonly by: PersonId };

/** What Slack said of the account that clicked, at most a minute before (`users.info`). */
export type AccountFacts = {
  readonly deleted: boolean;
  readonly bot: boolean;
  readonly restricted: boolean;
  readonly stranger: boolean;
  /** Linked in place of another account, less than a day ago, and the old account has not confirmed it. */
  readonly fresh?: boolean;
  readonly readAt: number;
};

/** The groups of all accounts of one human: what a conflict goes by. A seat goes by the account's own. */
export const groupsOfHuman = ({
  groups,
  otherGroups,
}: Pick<PersonFacts, 'groups' | 'otherGroups'>): readonly string[] =>
  otherGroups ? [...groups, ...otherGroups] : groups;

/** True where two sets of facts describe one human: the same id, or an alias on either side (I6). */
export const sameHuman = (
  one: Pick<PersonFacts, 'id' | 'aliases'>,
  other: Pick<PersonFacts, 'id' | 'aliases'>,
): boolean => one.id === other.id || one.aliases.includes(other.id) || other.aliases.includes(one.id);
