import { basename } from 'node:path';
import { onCallImported } from '../../domain/events/people.ts';
import { formatInstant } from '../../domain/time.ts';
import { formatIssue, type Issue } from '../../policy/issue.ts';
import { groupPattern } from '../../policy/selectors.ts';
import { parseCalendar } from '../../service/on-call-calendar.ts';
import { parseOnCallFile } from '../../service/on-call-file.ts';
import { findPeople, horizonMs, type ParsedShifts } from '../../service/on-call.ts';
import { append } from '../../store/audit.ts';
import * as onCall from '../../store/on-call.ts';
import * as people from '../../store/people.ts';
import { dayMs } from '../../domain/time.ts';
import type { Register } from '../program.ts';
import { readFileOf, settings, withStore } from '../settings.ts';
import { exitCodes, printJson, printTable, Stopped, type Terminal } from '../terminal.ts';
import { loginOf } from './people-link.ts';
import { handlesOf } from './requests.ts';

type Options = {
  readonly schedule?: string;
  readonly source?: string;
  readonly dryRun?: true;
  readonly json?: true;
};

export const registerOnCall: Register = (program, terminal) => {
  const command = program
    .command('oncall')
    .summary('import or list who is on call')
    .description('Who is on call when: what the policy calls on-call:<schedule>, and what until: shift goes by.');
  command
    .command('import')
    .summary('take shifts from a file')
    .description(
      `Takes the shifts of the next ${horizonMs / dayMs} days from a YAML or iCalendar file: all of it or, where it has a mistake, nothing. It replaces what the same source said before. In a calendar, an event is the shift of its attendees or, without any, of whom its summary names by handle or e-mail address.`,
    )
    .argument('<file>', 'the file: .ics is read as iCalendar, all else as YAML')
    .option('--schedule <name>', 'the schedule of a calendar; unset: the file’s name without .ics')
    .option('--source <name>', 'whose word it is; unset: the file’s name')
    .option('--dry-run', 'change nothing')
    .option('--json', 'print what was taken as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  curfew oncall import shifts.yaml\n  curfew oncall import payments.ics --schedule payments --dry-run',
    )
    .action((file: string, options: Options) => importShifts(terminal, file, options));
  command
    .command('list')
    .summary('list shifts that are not over')
    .description('Lists shifts that are not over, by schedule.')
    .option('--json', 'print them as JSON')
    .addHelpText('after', '\nExamples:\n  curfew oncall list')
    .action((options: Pick<Options, 'json'>) => list(terminal, options));
};

const directoryUrl = (terminal: Terminal): string => settings(terminal, 'directoryStoreUrl').directoryStoreUrl;

function parse(terminal: Terminal, file: string, { schedule }: Options): ParsedShifts {
  const text = readFileOf(terminal, file);
  if (!/\.ics$/i.test(file)) {
    if (schedule === undefined) return parseOnCallFile(text, file);
    throw new Stopped('--schedule goes with a calendar: a YAML file names its schedules itself.', exitCodes.usage);
  }
  const name = schedule ?? basename(file).replace(/\.ics$/i, '');
  if (groupPattern.test(name)) return parseCalendar(text, { file, schedule: name, now: terminal.clock() });
  throw new Stopped(
    `"${name}" is no name of a schedule: give --schedule with lower-case letters, digits and . _ -.`,
    exitCodes.usage,
  );
}

/** @throws Stopped after every issue was told */
function refuse(terminal: Terminal, file: string, issues: readonly Issue[]): never {
  for (const issue of issues) terminal.err(`${formatIssue(issue)}\n`);
  throw new Stopped(`${file} was not imported: mend what is listed above. Nothing changed.`);
}

async function importShifts(terminal: Terminal, file: string, options: Options): Promise<void> {
  const parsed = parse(terminal, file, options);
  if (!parsed.ok) return refuse(terminal, file, parsed.issues);
  const source = options.source ?? basename(file);
  const result = await withStore(directoryUrl(terminal), async (store) => {
    const found = findPeople(parsed.shifts, await people.list(store), terminal.clock());
    if (!found.ok) return refuse(terminal, file, found.issues);
    const { shifts, warnings, past, later } = found;
    for (const warning of warnings) terminal.err(`${formatIssue(warning)}\n`);
    const { schedules } = parsed;
    const counts = { source, schedules, shifts: shifts.length, past, later, leftOut: warnings.length };
    if (options.dryRun) return { ...counts, removed: null };
    return store.transaction(async (tx) => {
      const { removed } = await onCall.replace(tx, source, shifts);
      const body = { source, schedules, shifts: shifts.length, removed };
      await append(tx, onCallImported(await loginOf(tx), `oncall/${source}`, body));
      return { ...counts, removed };
    });
  });
  if (options.json) return printJson(terminal, { ...result, dryRun: options.dryRun === true });
  const others = `${result.past} are over, ${result.later} begin after ${horizonMs / dayMs} days.`;
  const before =
    result.removed === null
      ? 'Nothing changed (--dry-run).'
      : `They replace ${result.removed} that ${source} said before.`;
  terminal.out(`${result.shifts} shifts of ${result.schedules.join(', ')}; ${others} ${before}\n`);
}

async function list(terminal: Terminal, { json }: Pick<Options, 'json'>): Promise<void> {
  const rows = await withStore(directoryUrl(terminal), async (store) => {
    const shifts = await onCall.after(store, terminal.clock());
    const handles = await handlesOf(
      store,
      shifts.map(({ person }) => person),
    );
    return shifts.map(({ person, fromAt, untilAt, schedule, source }) => ({
      schedule,
      who: handles.get(person) ?? person,
      from: formatInstant(fromAt),
      until: formatInstant(untilAt),
      source,
    }));
  });
  if (json) return printJson(terminal, rows);
  if (rows.length === 0) return terminal.out('Nobody is on call: curfew oncall import takes shifts from a file.\n');
  printTable(
    terminal,
    ['schedule', 'who', 'from', 'until', 'source'],
    rows.map((row) => Object.values(row)),
  );
}
