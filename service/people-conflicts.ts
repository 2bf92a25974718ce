/** Groups in which nobody may be at once (`conflicts` with `never: both`): an import puts nobody into all of them. */
import type { PersonRecord } from '../store/people.ts';
import type { Issue } from '../policy/issue.ts';
import type { LoadedPolicy } from '../policy/policy.ts';
import { conflictsOf } from '../policy/powers.ts';
import type { Source } from '../policy/source.ts';
import { humans } from './people-checks.ts';
import type { FilePerson } from './people-schema.ts';

export type Separation = {
  readonly policy: Pick<LoadedPolicy, 'conflicts'>;
  /** The directory as it is: groups of accounts that the file does not name count as well. */
  readonly known: readonly Pick<PersonRecord, 'id' | 'handle' | 'groups' | 'aliases'>[];
};

/**
 * Judges each person with the groups of all accounts of the same human, as the file leaves them: those that it names as
 * it says, the others as the directory has them. The issue stands at the groups of the first of them.
 */
export function checkConflicts(
  people: readonly (FilePerson | undefined)[],
  { policy, known }: Separation,
  source: Source,
): readonly Issue[] {
  const issues: Issue[] = [];
  const groupsOf = groupsByHandle(people, known);
  const accountsOf = humans(linked(people, known));
  const told = new Set<string>();
  people.forEach((person, index) => {
    if (!person || told.has(person.handle)) return;
    const accounts = [person.handle, ...(accountsOf.get(person.handle) ?? [])];
    const groups = [...new Set(accounts.flatMap((handle) => groupsOf.get(handle) ?? []))];
    for (const conflict of conflictsOf(policy, groups)) {
      for (const handle of accounts) told.add(handle);
      const also = accounts.length > 1 ? `, all accounts together (${accounts.toSorted().join(', ')})` : '';
      const message = `${person.handle} may not be in ${conflict.groups.join(' and ')} at once${also}: the policy's conflict "${conflict.name}" forbids it`;
      issues.push(source.issue(['people', index, 'groups'], 'conflict', message));
    }
  });
  return issues;
}

function groupsByHandle(
  people: readonly (FilePerson | undefined)[],
  known: Separation['known'],
): ReadonlyMap<string, readonly string[]> {
  const said = people.flatMap((person) =>
    person
      ? [[person.handle, person.groups.map((entry) => (typeof entry === 'string' ? entry : entry.name))] as const]
      : [],
  );
  return new Map([...known.map(({ handle, groups }) => [handle, groups] as const), ...said]);
}

/** Who is an alias of whom: by the file where it names somebody, else by the directory. */
function linked(
  people: readonly (FilePerson | undefined)[],
  known: Separation['known'],
): readonly Pick<FilePerson, 'handle' | 'aliases'>[] {
  const handles = new Map(known.map(({ id, handle }) => [id, handle]));
  const said = people.flatMap((person) => (person ? [person] : []));
  const named = new Set(said.map(({ handle }) => handle));
  const others = known.flatMap(({ handle, aliases }) =>
    named.has(handle) ? [] : [{ handle, aliases: aliases.flatMap((id) => handles.get(id) ?? []) }],
  );
  return [...said, ...others];
}
