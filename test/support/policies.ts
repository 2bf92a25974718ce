/** A policy that holds, however many people that takes: for tests of something else. */
import type { PersonId, PolicyHash } from '../../domain/ids.ts';
import * as policies from '../../store/policies.ts';
import { insertDecision } from '../../store/proposals.ts';
import { addPerson, sha256 } from './store-sample.ts';
import type { TestStore } from './store.ts';

const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: 1 };

/** Proposes a text and lets two people who do nothing else approve it. Nothing is linted. @returns its version's number */
export async function holdPolicy({ as }: Pick<TestStore, 'as'>, text: string): Promise<number> {
  const hash = sha256(text) as PolicyHash;
  const { kind, number, proposal } = await as.curfew_admin.transaction((tx) =>
    policies.apply(tx, { hash, text }, 'curfew_admin'),
  );
  if (kind !== 'proposed' || proposal === undefined) return number;
  const people = await Promise.all(['policy-one', 'policy-two'].map((handle) => decider(as, handle)));
  return as.curfew_api.transaction(async (tx) => {
    for (const person of people) {
      const facts = { person: { ...noFacts, id: person }, account };
      await insertDecision(tx, { proposal, person, hash, verdict: 'approve', facts, madeAt: Date.now() });
    }
    const made = await policies.adopt(tx, proposal, people[0] ?? '');
    if (made === undefined) throw new Error('two approved a policy, and it does not hold');
    return made;
  });
}

const decider = async (as: TestStore['as'], handle: string): Promise<PersonId> =>
  addPerson(as.curfew_directory, handle);

const noFacts = { state: 'active', kind: 'employee', manager: null, groups: [], aliases: [], addedBy: [] } as const;
