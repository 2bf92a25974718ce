/** For whom something changes, in as few words as say it: a group, some names, or a number of people. */
import type { PersonId } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import { listed } from './selectors.ts';

const mostNames = 3;

/** @param people sorted as `all` is; never empty */
export function whoText(
  people: readonly PersonId[],
  all: readonly PersonFacts[],
  nameOf: (id: PersonId) => string,
): string {
  const count = people.length === 1 ? '1 person' : `${people.length} people`;
  if (people.length === all.length) return `everybody (${count})`;
  const wanted = new Set(people);
  const groups = new Map<string, number>();
  for (const person of all) {
    for (const group of person.groups) groups.set(group, (groups.get(group) ?? 0) + 1);
  }
  const isWhole = (group: string): boolean =>
    groups.get(group) === people.length && all.every((one) => wanted.has(one.id) === one.groups.includes(group));
  const group = [...groups.keys()].find(isWhole);
  if (group !== undefined) return `${group} (${count})`;
  if (people.length <= mostNames) return listed(people.map(nameOf), 'and');
  // Most of a group is said as such: who reads it wants to know whom it is about.
  const near = [...groups.keys()].find((name) => all.every((one) => !wanted.has(one.id) || one.groups.includes(name)));
  return near === undefined
    ? `${count} (${listed(people.slice(0, mostNames).map(nameOf), 'and')}, ...)`
    : `${count} of ${near}`;
}
