/**
 * `people.yaml`: the source of people for the sample company and for small teams. Read as strictly as the policy: every
 * mistake at once, each with its place. What it says ends in `store/people.apply`, like what any other source says.
 */
import type { PersonId } from '../domain/ids.ts';
import type { PersonFacts, PersonState } from '../domain/person.ts';
import { personIdFrom } from '../policy/digest.ts';
import { inFileOrder, type Issue } from '../policy/issue.ts';
import { check } from '../policy/shape.ts';
import { readYaml, type Source } from '../policy/source.ts';
import type { PersonChange } from '../store/people.ts';
import { checkPeople, humans } from './people-checks.ts';
import { checkConflicts, type Separation } from './people-conflicts.ts';
import { fileSchema, personSchema, type FilePerson } from './people-schema.ts';

/** One person as the file has it; handles are resolved to ids. */
export type PersonEntry = {
  readonly id: PersonId;
  readonly handle: string;
  readonly name: string;
  readonly email: string;
  readonly kind: PersonFacts['kind'];
  /** Null where the file does not say: whoever is new is active, whoever is known stays as the directory has them. */
  readonly state: PersonState | null;
  readonly manager: PersonId | null;
  readonly groups: readonly { readonly name: string; readonly by?: PersonId }[];
  /** All other entries of the same human, from whichever side they were named. */
  readonly aliases: readonly PersonId[];
  /** Null where the file does not say: whatever is linked to them stays. */
  readonly slack: { readonly team: string; readonly user: string } | null;
  readonly version: number | null;
};

export type ParsedPeople =
  | { readonly ok: true; readonly people: readonly PersonEntry[]; readonly groups: ReadonlySet<string> }
  | { readonly ok: false; readonly issues: readonly Issue[] };

/**
 * Reads a people file. Never throws, whatever the text; all issues in file order.
 * Where the file lists its `groups`, a person in any other one is a mistake; where it does not, groups are what people
 * are in.
 * @param file its name, for messages
 * @param separation the policy's conflicts and who is known already; without it, nobody is in conflict
 */
export function parsePeople(text: string, file = 'people.yaml', separation?: Separation): ParsedPeople {
  const read = readYaml(text, file);
  if (!read.ok) return { ok: false, issues: inFileOrder(read.issues) };
  const { source } = read;
  const issues: Issue[] = [];
  const shape = check(fileSchema, source.data, [], source, issues);
  const listed = shape?.people ?? salvage(source);
  const people = listed.map((value, index) => check(personSchema, value, ['people', index], source, issues));
  const handles = listed.map((value) => (value as { handle?: unknown } | null)?.handle);
  issues.push(...checkPeople({ people, handles, groups: shape?.groups }, source));
  if (separation) issues.push(...checkConflicts(people, separation, source));
  if (issues.length > 0) return { ok: false, issues: inFileOrder(issues) };
  const entries = resolve(people.filter((person) => person !== undefined));
  const groups = new Set([
    ...(shape?.groups ?? []),
    ...entries.flatMap((entry) => entry.groups.map(({ name }) => name)),
  ]);
  return { ok: true, people: entries, groups };
}

/**
 * What to apply, one change a person, in one transaction. An entry is all that holds of its person, but for the state
 * and Slack: accounts are linked in other ways too, so without `slack` those that are linked stay.
 * @param version for entries without one of their own: epoch ms of the import
 * @param isKnown is this handle in the directory? Then a state that the file does not mention stays as it is, so that
 *   an old file brings nobody back
 */
export const changesOf = (
  people: readonly PersonEntry[],
  version: number,
  isKnown: (handle: string) => boolean,
): readonly PersonChange[] =>
  people.map(({ slack, state, version: own, ...person }) => ({
    ...person,
    version: own ?? version,
    ...(state !== null ? { state } : isKnown(person.handle) ? {} : { state: 'active' as const }),
    ...(slack ? { slack: [slack] } : {}),
  }));

function resolve(people: readonly FilePerson[]): readonly PersonEntry[] {
  const ids = new Map(people.map((person) => [person.handle, person.id ?? personIdFrom(person.handle)]));
  const idOf = (name: string): PersonId => ids.get(name) ?? personIdFrom(name);
  const others = humans(people);
  return people.map((person) => ({
    id: idOf(person.handle),
    handle: person.handle,
    name: person.name,
    email: person.email,
    kind: person.kind,
    state: person.state ?? null,
    manager: person.manager === undefined ? null : idOf(person.manager),
    groups: person.groups.map((entry) =>
      typeof entry === 'string' ? { name: entry } : { name: entry.name, by: idOf(entry.by) },
    ),
    aliases: (others.get(person.handle) ?? []).map(idOf).toSorted(),
    slack: person.slack ?? null,
    version: person.version ?? null,
  }));
}

/** The people of a file whose other fields are wrong, so that theirs are told as well. */
const salvage = (source: Source): readonly unknown[] => {
  const people = (source.data as { people?: unknown } | null)?.people;
  return Array.isArray(people) ? people : [];
};
