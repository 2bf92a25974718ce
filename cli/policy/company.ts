/** Whom the commands that ask the policy ask it for: the directory of the store, or a people file without any store. */
import type { PersonId } from '../../domain/ids.ts';
import { sameHuman, type PersonFacts } from '../../domain/person.ts';
import type { Directory } from '../../policy/case-run.ts';
import { formatIssue } from '../../policy/issue.ts';
import type { Known } from '../../policy/references.ts';
import { parsePeople, type PersonEntry } from '../../service/people-file.ts';
import * as people from '../../store/people.ts';
import type { Db } from '../../store/pool.ts';
import { readFileOf, settings, withStore } from '../settings.ts';
import { exitCodes, Stopped, type Terminal } from '../terminal.ts';

/** `--people FILE` and `--on-call SCHEDULE=HANDLE`, as often as there are shifts. */
export type CompanyOptions = { readonly people?: string; readonly onCall?: readonly string[] };

/** An option that may be given more than once. */
export const several = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

export type Company = Directory & { readonly known: Known };

/** @throws Stopped where a file does not hold, or no store was configured: then it says how to do without one */
export async function companyOf(terminal: Terminal, options: CompanyOptions): Promise<Company> {
  if (options.people !== undefined) return companyFrom(terminal, options.people, options);
  const { adminStoreUrl } = orWithoutStore(() => settings(terminal, 'adminStoreUrl'));
  return withStore(adminStoreUrl, (store) => companyIn(store, options));
}

function orWithoutStore<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    throw new Stopped(`${error.message}\nOr ask without a store: --people people.yaml.`, error.exitCode);
  }
}

/** Everybody of the directory, with the facts of this moment. */
export async function companyIn(db: Db, options: Pick<CompanyOptions, 'onCall'> = {}): Promise<Company> {
  const records = await people.list(db);
  const facts = await people.factsOfMany(
    db,
    records.map(({ id }) => id),
  );
  return companyWith(
    facts,
    records.map(({ handle, id }) => [handle, id]),
    options.onCall ?? [],
  );
}

function companyFrom(terminal: Terminal, path: string, { onCall = [] }: CompanyOptions): Company {
  const parsed = parsePeople(readFileOf(terminal, path), path);
  if (!parsed.ok) throw new Stopped(parsed.issues.map(formatIssue).join('\n'), exitCodes.usage);
  const managers = new Map(parsed.people.map(({ id, manager }) => [id, manager]));
  return companyWith(
    withOtherGroups(parsed.people.map((entry) => factsIn(entry, managers))),
    parsed.people.map(({ handle, id }) => [handle, id]),
    onCall,
  );
}

const factsIn = (entry: PersonEntry, managers: ReadonlyMap<PersonId, PersonId | null>): PersonFacts => ({
  id: entry.id,
  state: entry.state ?? 'active',
  kind: entry.kind,
  manager: entry.manager,
  managersManager: (entry.manager && managers.get(entry.manager)) ?? null,
  groups: entry.groups.map(({ name }) => name).toSorted(),
  aliases: entry.aliases,
  addedBy: entry.groups.flatMap(({ name, by }) => (by === undefined ? [] : [{ group: name, by }])),
});

/** As the directory tells it: a conflict counts the groups of all accounts of a human. */
function withOtherGroups(all: readonly PersonFacts[]): readonly PersonFacts[] {
  const linked = all.filter((one) => all.some((other) => other !== one && sameHuman(one, other)));
  return all.map((one) => {
    if (!linked.includes(one)) return one;
    const others = linked.filter((other) => sameHuman(one, other)).flatMap(({ groups }) => groups);
    const otherGroups = [...new Set(others)].filter((group) => !one.groups.includes(group)).toSorted();
    return otherGroups.length > 0 ? { ...one, otherGroups } : one;
  });
}

function companyWith(
  facts: readonly PersonFacts[],
  handles: readonly (readonly [string, PersonId])[],
  onCall: readonly string[],
): Company {
  const ids = new Map(handles);
  const names = new Map(handles.map(([handle, id]) => [id, handle]));
  const shifts = onCall.map((word) => {
    const [, schedule = '', handle = ''] = /^([^=]+)=(.+)$/.exec(word) ?? [];
    const person = ids.get(handle);
    if (!person)
      throw new Stopped(`--on-call takes SCHEDULE=HANDLE of somebody who is there, not ${word}.`, exitCodes.usage);
    return { schedule, person };
  });
  return {
    people: facts.map((person) => {
      const own = shifts.flatMap((shift) => (shift.person === person.id ? [shift.schedule] : []));
      return own.length === 0
        ? person
        : { ...person, onCall: [...new Set([...(person.onCall ?? []), ...own])].toSorted() };
    }),
    idOf: (handle) => ids.get(handle) ?? (names.has(handle as PersonId) ? (handle as PersonId) : undefined),
    handleOf: (id) => names.get(id) ?? id,
    known: { groups: new Set(facts.flatMap(({ groups }) => groups)), people: new Set(ids.keys()) },
  };
}
