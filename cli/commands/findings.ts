import { reconciled } from '../../doctor/reconcile/told.ts';
import { formatInstant } from '../../domain/time.ts';
import { gone, type StoredFinding } from '../../store/findings.ts';
import type { Register } from '../program.ts';
import { withAdminStore } from '../settings.ts';
import { exitCodes, printJson, printTable, type Terminal } from '../terminal.ts';

export const registerFindings: Register = (program, terminal, finish) => {
  program
    .command('findings')
    .summary('list what store, Temporal and targets do not agree on')
    .description(
      'Lists what the reconciler found and what Curfew did about it, the gravest first. Exit code 1 where something is open.',
    )
    .option('--all', 'those that are gone too, at most the newest 1,000')
    .option('--json', 'print them as JSON')
    .addHelpText('after', '\nExamples:\n  curfew findings\n  curfew findings --all --json')
    .action(async (options: { all?: true; json?: true }) => {
      const { open, told, over } = await withAdminStore(terminal, async (store) => ({
        ...(await reconciled(store, terminal.clock())),
        over: options.all ? await gone(store) : [],
      }));
      terminal.err(`${told.sentence}\n`);
      finish(open.length === 0 ? exitCodes.done : exitCodes.refused);
      if (options.json) return printJson(terminal, [...open, ...over]);
      if (open.length + over.length === 0) return terminal.out('Nothing is open.\n');
      print(terminal, [...open, ...over]);
    });
};

const print = (terminal: Terminal, rows: readonly StoredFinding[]): void =>
  printTable(
    terminal,
    ['severity', 'kind', 'about', 'target', 'since', 'gone', 'what, and what was done'],
    rows.map(({ severity, kind, subject, target, firstSeenAt, goneAt, detail, did }) => [
      severity,
      kind,
      subject,
      target ?? '',
      formatInstant(firstSeenAt),
      goneAt === null ? '' : formatInstant(goneAt),
      `${detail} ${did}`,
    ]),
  );
