import { randomUUID } from 'node:crypto';
import { formatIssue } from '../../policy/issue.ts';
import { changeIn } from '../../service/change-person.ts';
import { changesOf, parsePeople, type ParsedPeople } from '../../service/people-file.ts';
import { lastUnderstood } from '../../service/policy-in-force.ts';
import * as people from '../../store/people.ts';
import type { PersonChange, PersonRecord } from '../../store/people.ts';
import { readFileOf, settings, withStore } from '../settings.ts';
import { printJson, Stopped, type Terminal } from '../terminal.ts';
import { loginOf } from './people-link.ts';

/**
 * Takes a file in one transaction, with all that follows from each change of it: whoever is gone loses everything, and
 * whoever has moved is judged again.
 */
export async function importFile(terminal: Terminal, file: string, options: { readonly json?: true }): Promise<void> {
  const text = checkFile(terminal, file);
  const result = await withStore(settings(terminal, 'directoryStoreUrl').directoryStoreUrl, async (store) => {
    const list = await people.list(store);
    const policy = await lastUnderstood(store);
    const separation = { policy: policy ?? { conflicts: [] }, known: list };
    const parsed = sound(terminal, file, parsePeople(text, file, separation));
    const known = new Map(list.map((person) => [person.handle, person]));
    const changes = changesOf(parsed.people, terminal.clock(), (handle) => known.has(handle));
    const event = `import-${randomUUID()}`;
    await store.transaction(async (tx) => {
      const actor = await loginOf(tx);
      for (const change of changes) {
        await changeIn(tx, { source: people.operator, event, actor, change }, terminal.clock());
      }
    });
    const after = new Map((await people.list(store)).map((person) => [person.handle, person]));
    return { people: changes.length, ...counted(changes, known, after) };
  });
  if (options.json) return printJson(terminal, result);
  terminal.out(`${result.people} people: ${result.created} new, ${result.changed} changed, ${result.gone} gone.\n`);
}

/**
 * Once without the store, so that a mistake in the file is told without one.
 * @returns its text
 * @throws Stopped after every issue was told
 */
export function checkFile(terminal: Terminal, file: string): string {
  const text = readFileOf(terminal, file);
  sound(terminal, file, parsePeople(text, file));
  return text;
}

type Known = ReadonlyMap<string, PersonRecord>;

function counted(changes: readonly PersonChange[], before: Known, after: Known) {
  const pairs = changes.map(({ handle }) => [before.get(handle), after.get(handle)] as const);
  const known = pairs.filter(([was]) => was !== undefined);
  return {
    created: pairs.length - known.length,
    changed: known.filter(([was, is]) => JSON.stringify(shown(was)) !== JSON.stringify(shown(is))).length,
    gone: known.filter(([was, is]) => is?.state !== was?.state && is?.state !== 'active').length,
  };
}

/** Not the version and its instant: an import says all again. */
const shown = (person: PersonRecord | undefined): unknown => ({ ...person, version: 0, changedAt: 0 });

type Sound = Extract<ParsedPeople, { ok: true }>;

/** @throws Stopped after every issue was told */
function sound(terminal: Terminal, file: string, parsed: ParsedPeople): Sound {
  if (parsed.ok) return parsed;
  for (const issue of parsed.issues) terminal.err(`${formatIssue(issue)}\n`);
  throw new Stopped(`${file} was not imported: mend what is listed above. Nothing changed.`);
}
