import { randomUUID } from 'node:crypto';
import { isRefusal } from '../../domain/errors.ts';
import { personStates, type PersonState } from '../../domain/person.ts';
import { formatInstant } from '../../domain/time.ts';
import { formatIssue } from '../../policy/issue.ts';
import type { Left } from '../../service/contract-people.ts';
import { leave } from '../../service/leave.ts';
import { changesOf, parsePeople, type ParsedPeople } from '../../service/people-file.ts';
import { lastUnderstood } from '../../service/policy-in-force.ts';
import * as people from '../../store/people.ts';
import type { PersonChange, PersonRecord } from '../../store/people.ts';
import type { Store } from '../../store/pool.ts';
import { directoryContext } from '../context.ts';
import type { Register } from '../program.ts';
import { readFileOf, settings, withStore } from '../settings.ts';
import { exitCodes, printJson, printTable, Stopped, type Terminal } from '../terminal.ts';
import { addPeopleLink, loginOf } from './people-link.ts';
import { addPeopleLogin } from './people-login.ts';
import { personOf } from './requests.ts';

const withDirectory = <T>(terminal: Terminal, work: (store: Store) => Promise<T>): Promise<T> =>
  withStore(settings(terminal, 'directoryStoreUrl').directoryStoreUrl, work);

type Json = { readonly json?: true };

export const registerPeople: Register = (program, terminal) => {
  const command = program
    .command('people')
    .summary('import, list, show or link people; say that one left')
    .description('The directory: who there is, in which groups, and who has left.');
  command
    .command('import')
    .summary('take people from a file')
    .description(
      'Takes people from a file: all of it or, where it has a mistake, nothing. Access of whoever it says has left ends at once. People who are not in the file stay as they are.',
    )
    .argument('<file>', 'the people file')
    .option('--json', 'print what changed as JSON')
    .addHelpText('after', '\nExamples:\n  curfew people import people.yaml')
    .action((file: string, options: Json) => importFile(terminal, file, options));
  command
    .command('list')
    .summary('list people')
    .description('Lists people with their state and groups.')
    .option('--state <state>', `only those who are ${personStates.join(', ')}`)
    .option('--json', 'print them as JSON')
    .addHelpText('after', '\nExamples:\n  curfew people list --state active\n  curfew people list --json')
    .action(async (options: Json & { state?: string }) => {
      const state = options.state === undefined ? undefined : stateOf(options.state);
      const found = await withDirectory(terminal, (store) => people.list(store, state));
      if (options.json) return printJson(terminal, found);
      printTable(
        terminal,
        ['handle', 'name', 'state', 'kind', 'groups'],
        found.map((person) => [person.handle, person.name, person.state, person.kind, person.groups.join(' ')]),
      );
    });
  command
    .command('show')
    .summary('show one person')
    .description('Shows what the directory knows of one person.')
    .argument('<handle>', 'their handle')
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExamples:\n  curfew people show ada')
    .action(async (handle: string, options: Json) => {
      const person = await withDirectory(terminal, async (store) => people.show(store, await personOf(store, handle)));
      if (!person) throw new Stopped(`Nobody has the handle ${handle}.`);
      if (options.json) return printJson(terminal, person);
      printPerson(terminal, person);
    });
  addPeopleLink(command, terminal);
  addPeopleLogin(command, terminal);
  command
    .command('leave')
    .summary("end a person's access now")
    .description(
      'Says that a person has left (or, with --suspended, is suspended): everything they hold ends at once, their requests close, and their approvals of what is not granted yet are void.',
    )
    .argument('<handle>', 'their handle')
    .option('--suspended', 'suspended: may come back with what they were')
    .option('--json', 'print what follows as JSON')
    .addHelpText('after', '\nExamples:\n  curfew people leave ada\n  curfew people leave ada --suspended')
    .action(async (handle: string, options: Json & { suspended?: true }) => {
      const left = await withDirectory(terminal, async (store) => {
        await personOf(store, handle);
        return leaveNow(terminal, store, {
          handle,
          state: options.suspended ? 'suspended' : 'left',
          version: terminal.clock(),
        });
      });
      if (options.json) return printJson(terminal, left);
      if (left.change === 'older')
        throw new Stopped(`The directory has newer word on ${handle}: ${left.state}. Nothing changed.`);
      terminal.out(
        `${handle} is ${left.state}. ${left.requests.length} open requests end, ${left.voided} approvals are void; the reaper ends what they hold now.\n`,
      );
    });
};

const stateOf = (text: string): PersonState => {
  const state = personStates.find((one) => one === text);
  if (!state) throw new Stopped(`--state takes ${personStates.join(', ')}.`, exitCodes.usage);
  return state;
};

type Going = { readonly handle: string; readonly state: PersonState; readonly version: number };

async function leaveNow(terminal: Terminal, store: Store, { handle, state, version }: Going): Promise<Left> {
  const result = await leave(directoryContext(terminal, store), {
    source: people.operator,
    event: `command-${randomUUID()}`,
    who: { handle },
    state,
    version,
    actor: await loginOf(store),
  });
  if (isRefusal(result)) throw new Stopped(result.message);
  return result;
}

export async function importFile(terminal: Terminal, file: string, options: Json): Promise<void> {
  const text = readFileOf(terminal, file);
  // Once without the store, so that a mistake in the file is told without one.
  sound(terminal, file, parsePeople(text, file));
  const result = await withDirectory(terminal, async (store) => {
    const list = await people.list(store);
    const policy = await lastUnderstood(store);
    const separation = { policy: policy ?? { conflicts: [] }, known: list };
    const parsed = sound(terminal, file, parsePeople(text, file, separation));
    const known = new Map(list.map((person) => [person.handle, person]));
    const changes = changesOf(parsed.people, terminal.clock(), (handle) => known.has(handle));
    // Safe first: whoever is gone is gone before anything else of the file is taken.
    const going = changes.filter((change) => isGoing(change, known.get(change.handle)));
    for (const { handle, state, version } of going) {
      if (state !== undefined) await leaveNow(terminal, store, { handle, state, version });
    }
    const applied = await store.transaction(async (tx) => {
      const kinds: string[] = [];
      const actor = await loginOf(tx);
      for (const change of changes) kinds.push((await people.apply(tx, change, actor)).kind);
      return kinds;
    });
    const count = (kind: string): number => applied.filter((one) => one === kind).length;
    return { people: changes.length, created: count('created'), changed: count('changed'), gone: going.length };
  });
  if (options.json) return printJson(terminal, result);
  terminal.out(`${result.people} people: ${result.created} new, ${result.changed} changed, ${result.gone} gone.\n`);
}

type Sound = Extract<ParsedPeople, { ok: true }>;

/** @throws Stopped after every issue was told */
function sound(terminal: Terminal, file: string, parsed: ParsedPeople): Sound {
  if (parsed.ok) return parsed;
  for (const issue of parsed.issues) terminal.err(`${formatIssue(issue)}\n`);
  throw new Stopped(`${file} was not imported: mend what is listed above. Nothing changed.`);
}

const isGoing = (change: PersonChange, before: PersonRecord | undefined): boolean =>
  before !== undefined && change.state !== undefined && change.state !== 'active' && change.state !== before.state;

function printPerson(terminal: Terminal, person: PersonRecord): void {
  const accounts = person.slackUser === undefined ? '-' : `${person.slackTeam}/${person.slackUser}`;
  terminal.out(
    [
      `${person.handle}: ${person.name ?? '-'} <${person.email ?? '-'}>`,
      `id       ${person.id}`,
      `state    ${person.state}, since ${formatInstant(person.changedAt)}`,
      `kind     ${person.kind}`,
      `groups   ${person.groups.join(' ') || '-'}`,
      `manager  ${person.manager ?? '-'}`,
      `aliases  ${person.aliases.join(' ') || '-'}`,
      `Slack    ${accounts}`,
      '',
    ].join('\n'),
  );
}
