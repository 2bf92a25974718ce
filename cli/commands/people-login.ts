import type { Command } from 'commander';
import { formatInstant } from '../../domain/time.ts';
import { all, link } from '../../store/operator-logins.ts';
import { withAdminStore } from '../settings.ts';
import { exitCodes, printJson, printTable, Stopped, type Terminal } from '../terminal.ts';
import { handlesOf, personOf } from './requests.ts';

type Json = { readonly json?: true };

/** `curfew people link-login`: who stands behind an operator's own login, so that who proposes a policy is somebody. */
export function addPeopleLogin(people: Command, terminal: Terminal): void {
  people
    .command('link-login')
    .summary("say which person stands behind an operator's login")
    .description(
      "Says which person stands behind an operator's own login on the store. A policy that they propose then takes one other person, and not two. It counts for what is proposed from now on, and only where another operator's login says it.",
    )
    .argument('<login>', 'the login on the store, e.g. ada_ops')
    .argument('<handle>', "the person's handle")
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExamples:\n  curfew people link-login ada_ops ada')
    .action(async (login: string, handle: string, options: Json) => {
      if (!/^[a-z_][a-z0-9_$.@-]{0,62}$/i.test(login))
        throw new Stopped('That is no name of a login.', exitCodes.usage);
      const linked = await withAdminStore(terminal, (store) =>
        store.transaction(async (tx) => {
          const [own] = await tx.query<{ own: boolean }>('select session_user = $1 as own', [login]);
          if (own?.own === true)
            throw new Stopped('A login cannot say itself who is behind it: another operator has to.');
          await link(tx, login, await personOf(tx, handle));
          return { login, handle };
        }),
      );
      if (options.json) return printJson(terminal, linked);
      terminal.out(`Behind ${login} stands ${handle}, from now on.\n`);
    });
  people
    .command('logins')
    .summary("list operators' logins and who stands behind them")
    .description("Lists operators' own logins on the store and the person behind each.")
    .option('--json', 'print them as JSON')
    .addHelpText('after', '\nExamples:\n  curfew people logins')
    .action(async (options: Json) => {
      const rows = await withAdminStore(terminal, async (store) => {
        const found = await all(store);
        const handles = await handlesOf(
          store,
          found.map(({ person }) => person),
        );
        return found.map((one) => ({ ...one, handle: handles.get(one.person) ?? one.person }));
      });
      if (options.json) return printJson(terminal, rows);
      if (rows.length === 0) return terminal.out('No login is linked to anybody.\n');
      printTable(
        terminal,
        ['login', 'who', 'said by', 'since'],
        rows.map((row) => [row.login, row.handle, row.linkedBy, formatInstant(row.linkedAt)]),
      );
    });
}
