/** What people of a file say of each other: handles that must exist, accounts that must differ, chains that must end. */
import { hint, quote, type Issue, type Path } from '../policy/issue.ts';
import type { Source } from '../policy/source.ts';
import type { FilePerson } from './people-schema.ts';

type Listed = {
  /** In file order; undefined where the person's own fields are wrong. */
  readonly people: readonly (FilePerson | undefined)[];
  /** As written, so that a broken person is not called unknown as well. */
  readonly handles: readonly unknown[];
  readonly groups: readonly string[] | undefined;
};
type Tell = (at: Path, code: string, message: string) => void;

export function checkPeople(listed: Listed, source: Source): readonly Issue[] {
  const issues: Issue[] = [];
  const tell: Tell = (at, code, message) => issues.push(source.issue(at, code, message));
  const handles = new Set(listed.handles.filter((handle) => typeof handle === 'string'));
  const groups = listed.groups && new Set(listed.groups);
  listed.people.forEach((person, index) => {
    if (!person) return;
    const at: Path = ['people', index];
    checkHandles(person, handles, at, tell);
    if (groups) checkGroups(person, groups, at, tell);
  });
  checkUnique(listed, tell);
  checkManagers(listed.people, tell);
  return issues;
}

function checkHandles(person: FilePerson, known: ReadonlySet<string>, at: Path, tell: Tell): void {
  const { manager } = person;
  if (manager === person.handle) tell([...at, 'manager'], 'own-manager', 'nobody is their own manager');
  if (manager !== undefined && !known.has(manager)) {
    tell([...at, 'manager'], 'unknown-manager', `nobody has the handle ${quote(manager)}${hint(manager, known)}`);
  }
  person.aliases.forEach((alias, index) => {
    if (alias === person.handle)
      tell([...at, 'aliases', index], 'own-alias', 'an alias is another entry of the same human');
    if (known.has(alias)) return;
    tell([...at, 'aliases', index], 'unknown-alias', `nobody has the handle ${quote(alias)}${hint(alias, known)}`);
  });
  person.groups.forEach((entry, index) => {
    if (typeof entry === 'string' || known.has(entry.by)) return;
    tell(
      [...at, 'groups', index, 'by'],
      'unknown-person',
      `nobody has the handle ${quote(entry.by)}${hint(entry.by, known)}`,
    );
  });
}

function checkGroups(person: FilePerson, known: ReadonlySet<string>, at: Path, tell: Tell): void {
  person.groups.forEach((entry, index) => {
    const name = typeof entry === 'string' ? entry : entry.name;
    if (known.has(name)) return;
    tell([...at, 'groups', index], 'unknown-group', `"groups" does not list ${quote(name)}${hint(name, known)}`);
  });
}

/** Handles, ids, e-mail addresses and Slack accounts are one person's each; a group is joined once. */
function checkUnique(listed: Listed, tell: Tell): void {
  const seen = new Set<string>();
  const once = (key: string, at: Path, code: string, message: string): void => {
    if (seen.has(key)) tell(at, code, message);
    seen.add(key);
  };
  listed.handles.forEach((handle, index) => {
    if (typeof handle !== 'string') return;
    once(
      `handle ${handle}`,
      ['people', index, 'handle'],
      'duplicate-handle',
      `somebody else has the handle ${quote(handle)}`,
    );
  });
  listed.people.forEach((person, index) => {
    if (!person) return;
    const at: Path = ['people', index];
    const { id, email, slack, groups } = person;
    once(`email ${email.toLowerCase()}`, [...at, 'email'], 'duplicate-email', 'somebody else has this e-mail address');
    if (id) once(`id ${id}`, [...at, 'id'], 'duplicate-id', 'somebody else has this id');
    if (slack)
      once(
        `slack ${slack.team} ${slack.user}`,
        [...at, 'slack'],
        'duplicate-slack',
        'somebody else has this Slack account',
      );
    groups.forEach((entry, place) => {
      const name = typeof entry === 'string' ? entry : entry.name;
      once(`group ${index} ${name}`, [...at, 'groups', place], 'duplicate-group', `${quote(name)} stands here twice`);
    });
  });
}

/** A chain of managers that comes back to itself never reaches anybody: told once, where the file first enters it. */
function checkManagers(people: readonly (FilePerson | undefined)[], tell: Tell): void {
  const managers = new Map(
    people.flatMap((person) => (person?.manager ? [[person.handle, person.manager] as const] : [])),
  );
  const told = new Set<string>();
  people.forEach((person, index) => {
    if (!person || told.has(person.handle) || person.manager === person.handle) return;
    const chain = [person.handle];
    let above = managers.get(person.handle);
    while (above !== undefined && !chain.includes(above)) {
      chain.push(above);
      above = managers.get(above);
    }
    if (above !== person.handle) return;
    for (const handle of chain) told.add(handle);
    tell(
      ['people', index, 'manager'],
      'manager-cycle',
      `managers in a circle: ${[...chain, person.handle].join(' -> ')}`,
    );
  });
}

/** Each handle with the handles of all other entries of the same human, over any number of steps and from either side. */
export function humans(
  people: readonly Pick<FilePerson, 'handle' | 'aliases'>[],
): ReadonlyMap<string, readonly string[]> {
  const setOf = new Map<string, Set<string>>(people.map((person) => [person.handle, new Set([person.handle])]));
  for (const person of people) {
    for (const alias of person.aliases) {
      const [one, other] = [setOf.get(person.handle), setOf.get(alias)];
      if (!one || !other || one === other) continue;
      for (const handle of other) {
        one.add(handle);
        setOf.set(handle, one);
      }
    }
  }
  return new Map([...setOf].map(([handle, all]) => [handle, [...all].filter((other) => other !== handle)]));
}
