import type { Command } from 'commander';
import { linkCodeMinted } from '../../domain/events/people.ts';
import { formatInstant, hourMs } from '../../domain/time.ts';
import { makeCode } from '../../service/codes.ts';
import { append } from '../../store/audit.ts';
import * as linkCodes from '../../store/link-codes.ts';
import type { SlackAccount } from '../../store/link-codes.ts';
import { addLink, removeLink } from '../../store/people-change.ts';
import type { Db, Store } from '../../store/pool.ts';
import { settings, withAdminStore, withStore } from '../settings.ts';
import { exitCodes, printJson, Stopped, type Terminal } from '../terminal.ts';
import { personOf } from './requests.ts';

type Options = { readonly slack?: string; readonly code?: true; readonly remove?: true; readonly json?: true };

const lifeMs = 24 * hourMs;

/** `curfew people link`: says by hand which Slack account is a person's, or makes the code that says it. */
export function addPeopleLink(people: Command, terminal: Terminal): void {
  people
    .command('link')
    .summary("make a Slack account a person's")
    .description(
      "Makes a Slack account a person's, or prints a code that the person types in Slack: /curfew link CODE. The code works once, for 24 hours. An account beside or in place of another one approves nothing for 24 hours, unless it came by a code and the old account confirms it.",
    )
    .argument('<handle>', 'their handle')
    .option('--slack <account>', 'the account, TEAM:USER, e.g. T0123:U0456')
    .option('--code', 'print a code instead')
    .option('--remove', 'with --slack: take the account away from them')
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  curfew people link ada --code\n  curfew people link ada --slack T0123:U0456\n  curfew people link ada --slack T0123:U0456 --remove',
    )
    .action(async (handle: string, options: Options) => {
      if ((options.slack === undefined) === (options.code === undefined) || (options.remove && options.code)) {
        throw new Stopped('Give one of --slack TEAM:USER and --code; --remove goes with --slack.', exitCodes.usage);
      }
      if (options.slack === undefined)
        return withAdminStore(terminal, (store) => code(terminal, store, handle, options));
      const account = accountOf(options.slack);
      await withStore(settings(terminal, 'directoryStoreUrl').directoryStoreUrl, (store) =>
        options.remove
          ? unlink(terminal, store, handle, account, options)
          : link(terminal, store, handle, account, options),
      );
    });
}

function accountOf(text: string): SlackAccount {
  const [, team, user] = /^([TE][A-Z0-9]{1,20}):([UW][A-Z0-9]{1,20})$/.exec(text) ?? [];
  if (team === undefined || user === undefined) {
    throw new Stopped("--slack takes TEAM:USER, Slack's own ids: T0123:U0456.", exitCodes.usage);
  }
  return { team, user };
}

async function code(terminal: Terminal, store: Store, handle: string, { json }: Options): Promise<void> {
  const expiresAt = terminal.clock() + lifeMs;
  const { shown, hash } = makeCode();
  await store.transaction(async (tx) => {
    const person = await personOf(tx, handle);
    await linkCodes.mint(tx, { hash, person, expiresAt });
    await append(tx, linkCodeMinted(await loginOf(tx), person, { expiresAt }));
  });
  const command = `/curfew link ${shown}`;
  if (json) return printJson(terminal, { handle, command, code: shown, expiresAt: formatInstant(expiresAt) });
  terminal.out(`${command}\n`);
  terminal.err(
    `Give this to ${handle}, who types it in Slack before ${formatInstant(expiresAt)}. It works once: whoever types it is ${handle} from then on.\n`,
  );
}

async function link(terminal: Terminal, store: Store, handle: string, account: SlackAccount, { json }: Options) {
  const made = await store.transaction(async (tx) =>
    addLink(tx, await personOf(tx, handle), account, await loginOf(tx)),
  );
  const from = made?.approvesFromAt ?? null;
  if (json) {
    const approvesFrom = from === null ? null : formatInstant(from);
    return printJson(terminal, { handle, linked: made ? 'now' : 'already', ...account, approvesFrom });
  }
  const waits = from === null ? '' : ` It is not their first one: it approves nothing before ${formatInstant(from)}.`;
  terminal.out(`${account.team}:${account.user} is ${handle}'s${made ? '' : ' already'}.${waits}\n`);
}

async function unlink(terminal: Terminal, store: Store, handle: string, account: SlackAccount, { json }: Options) {
  const removed = await store.transaction(async (tx) =>
    removeLink(tx, await personOf(tx, handle), account, await loginOf(tx)),
  );
  if (!removed) throw new Stopped(`${account.team}:${account.user} is not ${handle}'s. Nothing changed.`);
  if (json) return printJson(terminal, { handle, removed: true, ...account });
  terminal.out(`${account.team}:${account.user} is not ${handle}'s any more.\n`);
}

/** The login by which the store knows whoever calls: the actor in the audit. */
export async function loginOf(db: Db): Promise<string> {
  const [row] = await db.query<{ login: string }>('select session_user as login');
  if (!row) throw new Error('the store did not say who asks');
  return row.login;
}
