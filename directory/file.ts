import { readFile } from 'node:fs/promises';
import { parsePeople } from '../service/people-file.ts';
import type { ListedPerson, Listing, PersonSource } from '../service/person-source.ts';

/** `people.yaml` as a source that is asked: read again each time, and only as a whole. */
export const fileSource = (path: string): PersonSource => ({
  async list(): Promise<Listing> {
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch {
      return { kind: 'silent', why: 'The file of people cannot be read.' };
    }
    const parsed = parsePeople(text);
    // NB. No issue's words: they quote the text.
    if (!parsed.ok)
      return {
        kind: 'silent',
        why: `The file of people has ${parsed.issues.length} mistakes: curfew people import tells them.`,
      };
    const handles = new Map(parsed.people.map(({ id, handle }) => [id, handle]));
    const people = parsed.people.map(({ handle, state, manager, groups }): ListedPerson => ({
      handle,
      ...(state === null ? {} : { state }),
      manager: manager === null ? null : (handles.get(manager) ?? null),
      groups: groups.map(({ name }) => name),
    }));
    return { kind: 'listed', people: new Map(people.map((one) => [one.handle, one])) };
  },
});
