import { personStates, type PersonState } from '../../domain/person.ts';
import * as people from '../../store/people.ts';
import type { Store } from '../../store/pool.ts';
import type { Register } from '../program.ts';
import { settings, withStore } from '../settings.ts';
import { exitCodes, printJson, printTable, Stopped, type Terminal } from '../terminal.ts';
import { importFile } from './people-import.ts';
import { addPeopleErase } from './people-erase.ts';
import { addPeopleLeave } from './people-leave.ts';
import { addPeopleLink } from './people-link.ts';
import { addPeopleLogin } from './people-login.ts';
import { addPeoplePull } from './people-pull.ts';
import { showPerson } from './people-show.ts';

const withDirectory = <T>(terminal: Terminal, work: (store: Store) => Promise<T>): Promise<T> =>
  withStore(settings(terminal, 'directoryStoreUrl').directoryStoreUrl, work);

type Json = { readonly json?: true };

export const registerPeople: Register = (program, terminal, finish) => {
  const command = program
    .command('people')
    .summary('import, list, show or link people; ask their sources; say that one left; erase one')
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
    .description(
      'Shows what the directory knows of one person, who says it, what they hold, and what takes effect later.',
    )
    .argument('<handle>', 'their handle')
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExamples:\n  curfew people show ada')
    .action(async (handle: string, options: Json) => {
      await withDirectory(terminal, (store) => showPerson(terminal, store, handle, options));
    });
  addPeopleLink(command, terminal);
  addPeopleLogin(command, terminal);
  addPeopleLeave(command, terminal, finish);
  addPeoplePull(command, terminal, finish);
  addPeopleErase(command, terminal);
};

const stateOf = (text: string): PersonState => {
  const state = personStates.find((one) => one === text);
  if (!state) throw new Stopped(`--state takes ${personStates.join(', ')}.`, exitCodes.usage);
  return state;
};
