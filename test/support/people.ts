/** People for judging, without a store: facts with everything that a test does not care about filled in. */
import type { ApproverFacts } from '../../domain/decision.ts';
import type { PersonId } from '../../domain/ids.ts';
import type { AccountFacts, PersonFacts } from '../../domain/person.ts';

export const idOf = (name: string): PersonId => name as PersonId;

export const person = (name: string, groups: readonly string[] = [], more: Partial<PersonFacts> = {}): PersonFacts => ({
  id: idOf(name),
  state: 'active',
  kind: 'employee',
  manager: null,
  groups: [...groups].toSorted(),
  aliases: [],
  addedBy: [],
  ...more,
});

/** A full member of the workspace, as read at this instant. */
export const account = (readAt: number, more: Partial<AccountFacts> = {}): AccountFacts => ({
  deleted: false,
  bot: false,
  restricted: false,
  stranger: false,
  readAt,
  ...more,
});

export const approver = (who: PersonFacts, readAt: number): ApproverFacts => ({
  person: who,
  account: account(readAt),
});
