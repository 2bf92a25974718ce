import { Option } from 'commander';
import { formatInstant, formatSpan } from '../../domain/time.ts';
import { claim, type Login } from '../connect/claim.ts';
import { readCode } from '../connect/code.ts';
import { exportLines, psqlLine, urlOf, type Place } from '../connect/forms.ts';
import { findPsql, runPsql } from '../connect/psql.ts';
import { query } from '../connect/query.ts';
import type { Finish, Register } from '../program.ts';
import { settings } from '../settings.ts';
import { exitCodes, printJson, printTable, Stopped, type Terminal } from '../terminal.ts';

type Options = {
  readonly api?: string;
  readonly database?: string;
  readonly psql?: true;
  readonly env?: true;
  readonly url?: true;
  readonly query?: string;
  readonly json?: true;
};

const examples = `
Examples:
  curfew connect K7WQ-... --psql
  curfew connect 'https://curfew.example.com/claim#K7WQ-...'
  eval "$(curfew connect K7WQ-... --env)"
  curfew connect K7WQ-... --query 'select count(*) from orders' --json

The password is made here and never sent; the code works once, so choose what you need with it.`;

export const registerConnect: Register = (program, terminal, finish) => {
  program
    .command('connect')
    .summary('claim approved access and use it')
    .description(
      'Claims approved access with the code that Slack showed: makes a password here, waits for the login, and shows how to use it, or uses it.',
    )
    .argument('<code>', 'the code, or the whole link')
    .option('--api <url>', 'address of the API; CURFEW_API or the link where absent')
    .option('--database <name>', 'which of the databases; the first where absent')
    .addOption(new Option('--psql', 'start psql on it').conflicts(['env', 'url', 'query', 'json']))
    .addOption(new Option('--env', 'print PGHOST, PGPASSWORD, ... for a shell').conflicts(['url', 'query', 'json']))
    .addOption(new Option('--url', 'print a postgresql:// address').conflicts(['query', 'json']))
    .option('--query <sql>', 'run one text of SQL and print its rows')
    .option('--json', 'print the login, or with --query the rows, as JSON')
    .addHelpText('after', examples)
    .action((given: string, options: Options) => connect(terminal, given, options, finish));
};

async function connect(terminal: Terminal, given: string, options: Options, finish: Finish): Promise<void> {
  const { code, api: linked } = readCode(given);
  const api = apiOf(terminal, options.api, linked);
  // NB. Before the claim: what cannot be done must not spend the code.
  const psql = options.psql ? findPsql(terminal) : undefined;
  if (options.query?.trim() === '') throw new Stopped('--query is empty.', exitCodes.usage);
  const login = await claim({
    api,
    code,
    onWait: () => terminal.err('Approved and claimed; waiting for the login.\n'),
  });
  const place = placeOf(terminal, login, options.database);
  if (psql !== undefined) {
    terminal.err(`${place.role} on ${place.database}, until ${formatInstant(place.endAt)}.${landing(place)}\n`);
    return finish(await runPsql(terminal, psql, place));
  }
  if (options.query !== undefined) return printAnswer(terminal, place, options.query, options.json);
  if (options.json) {
    const at = { endAt: formatInstant(place.endAt), loginsStopAt: formatInstant(place.loginsStopAt) };
    return printJson(terminal, { ...place, ...at, url: urlOf(place) });
  }
  if (options.env) return terminal.out(exportLines(place));
  if (options.url) return terminal.out(`${urlOf(place)}\n`);
  const left = formatSpan(Math.max(0, place.endAt - terminal.clock()));
  terminal.out(
    `${psqlLine(place)}\npassword: ${place.password}\n\nUntil ${formatInstant(place.endAt)}, for ${left}.${landing(place)} The password is shown this once.\n`,
  );
}

/** Where the policy has a grace: whoever comes later than that is let in no more. */
const landing = ({ endAt, loginsStopAt }: Place): string =>
  loginsStopAt === endAt ? '' : ` New logins until ${formatInstant(loginsStopAt)}.`;

function apiOf(terminal: Terminal, given: string | undefined, linked: string | undefined): string {
  const env = given === undefined ? terminal.env : { CURFEW_API: given };
  if (given === undefined && linked !== undefined) return linked;
  return settings({ ...terminal, env }, 'api').api;
}

/** NB. The claim is spent by now, so a wrong name of a database is told and the first one is used. */
function placeOf(terminal: Terminal, login: Login, wanted: string | undefined): Place {
  const [first] = login.databases;
  if (first === undefined) throw new Stopped('This access names no database.');
  if (wanted === undefined || login.databases.includes(wanted)) return { ...login, database: wanted ?? first };
  terminal.err(`This access is to ${login.databases.join(', ')}, not to ${JSON.stringify(wanted)}: using ${first}.\n`);
  return { ...login, database: first };
}

async function printAnswer(terminal: Terminal, place: Place, sql: string, json: true | undefined): Promise<void> {
  const { columns, rows, command } = await query(place, sql);
  if (json) {
    return printJson(
      terminal,
      rows.map((row) => Object.fromEntries(columns.map((column, index) => [column, row[index]]))),
    );
  }
  if (columns.length === 0) return terminal.out(`${command}\n`);
  printTable(terminal, columns, rows);
}
