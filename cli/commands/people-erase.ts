import type { Command } from 'commander';
import { personErased } from '../../domain/events/retention.ts';
import { append } from '../../store/audit.ts';
import { erasePerson, notErasable } from '../../store/erasing.ts';
import { StoreError } from '../../store/failures.ts';
import { counted } from '../counted.ts';
import { settings, withStore } from '../settings.ts';
import { exitCodes, printJson, Stopped, type Terminal } from '../terminal.ts';
import { loginOf } from './people-link.ts';
import { personOf } from './requests.ts';

type Options = { readonly because: string; readonly yes?: true; readonly json?: true };

/** `curfew people erase`: a person who has left is nobody any more, and every proof about what they did still holds. */
export function addPeopleErase(people: Command, terminal: Terminal): void {
  people
    .command('erase')
    .summary('erase the names and words of a person who has left')
    .description(
      'Deletes everything by which a person who has left can be known: name, e-mail, Slack account, what they wrote, and their handle. Entries, receipts and histories keep ids and salted hashes, so every proof still holds. It cannot be undone; take them out of their source first, or it brings them back.',
    )
    .argument('<handle>', 'their handle')
    .requiredOption('--because <text>', 'why; kept in the audit log, so name nobody')
    .option('--yes', 'do not ask first')
    .option('--json', 'print what was erased as JSON')
    .addHelpText('after', '\nExamples:\n  curfew people erase ada --because "asked for it, case 1207"')
    .action((handle: string, options: Options) => erase(terminal, handle, options));
}

async function erase(terminal: Terminal, handle: string, { because, yes, json }: Options): Promise<void> {
  const why = because.trim();
  if (why === '' || why.length > 200)
    throw new Stopped('--because takes a text of at most 200 characters.', exitCodes.usage);
  if (why.toLowerCase().includes(handle.toLowerCase()))
    throw new Stopped('--because is kept in the audit log for ever, so it must not name them.', exitCodes.usage);
  await withStore(settings(terminal, 'directoryStoreUrl').directoryStoreUrl, async (store) => {
    const person = await personOf(store, handle);
    await confirmed(terminal, handle, yes);
    const rows = await store
      .transaction(async (tx) => {
        const erased = await erasePerson(tx, person);
        await append(tx, personErased(await loginOf(tx), person, { rows: erased, because: why }));
        return erased;
      })
      .catch((error: unknown) => {
        if (error instanceof StoreError && error.sqlstate === notErasable)
          throw new Stopped(
            `${handle} is not erased: only somebody who has left, and whose grants have all ended, is.`,
          );
        throw error;
      });
    if (json) return printJson(terminal, { person, rows });
    terminal.out(`${handle} is erased, ${counted(rows, 'rows')}; what the log says of them stands under ${person}.\n`);
  });
}

async function confirmed(terminal: Terminal, handle: string, yes: true | undefined): Promise<void> {
  if (yes) return;
  const answer = await terminal.ask?.(`Everything by which ${handle} can be known is deleted for ever. Go on? (yes) `);
  if (answer === undefined)
    throw new Stopped('Nobody is here to confirm this: give --yes. Nothing changed.', exitCodes.usage);
  if (!/^y(?:es)?$/i.test(answer.trim())) throw new Stopped('Nothing changed.');
}
