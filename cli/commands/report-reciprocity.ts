import type { Command } from 'commander';
import { csvLine } from '../../audit/report/csv.ts';
import { formatInstant } from '../../domain/time.ts';
import type { Store } from '../../store/pool.ts';
import { pairs, pairsQuery, population, reciprocityRule, standsForHuman } from '../../store/reciprocity.ts';
import { counted } from '../counted.ts';
import { withAuditorStore } from '../settings.ts';
import { printJson, printTable, type Terminal } from '../terminal.ts';
import {
  formatOf,
  periodOf,
  whose,
  withFormat,
  withPeriod,
  type Period,
  type ReportOptions,
} from './report-options.ts';
import { handlesOf } from './requests.ts';

export function addReportReciprocity(command: Command, terminal: Terminal): void {
  const own = command
    .command('reciprocity')
    .summary('who approves whom, and is approved by them')
    .description(
      `Lists every two people who approved each other, with how often, both ways. A pair is called reciprocal where each approved the other at least ${reciprocityRule.atLeast} times and gave at least half of all approvals that the other one got. All accounts of a human count as one; approvals that are void do not count.`,
    );
  withFormat(withPeriod(own).option('--person <person>', 'pairs of this person only: a handle or an id'))
    .addHelpText(
      'after',
      '\nExamples:\n  curfew report reciprocity\n  curfew report reciprocity --from 2026-07-01 --to 2026-10-01 --json',
    )
    .action(async (options: ReportOptions) => {
      const period = periodOf(options, terminal.clock());
      const report = await withAuditorStore(terminal, (store) => read(store, period, options.person));
      const format = formatOf(options);
      if (format === 'json') return printJson(terminal, report);
      if (format === 'csv') return printCsv(terminal, report);
      print(terminal, report);
    });
}

async function read(store: Store, period: Period, person: string | undefined) {
  const named = await whose(store, person);
  const only = named === null ? null : await standsForHuman(store, named);
  // NB. One look: the counts are of the pairs that are listed.
  const { found, all } = await store.transaction(async (tx) => {
    await tx.query('set transaction isolation level repeatable read, read only');
    return { found: await pairs(tx, period), all: await population(tx, period) };
  });
  const shown = only === null ? found : found.filter(({ one, other }) => one === only || other === only);
  const handles = await handlesOf(
    store,
    shown.flatMap(({ one, other }) => [one, other]),
  );
  return {
    from: formatInstant(period.fromAt),
    to: formatInstant(period.toAt),
    zone: 'UTC',
    approvals: all.approvals,
    people: all.people,
    count: shown.length,
    query: pairsQuery(period),
    pairs: shown.map((pair) => ({
      ...pair,
      one: handles.get(pair.one) ?? pair.one,
      oneId: pair.one,
      other: handles.get(pair.other) ?? pair.other,
      otherId: pair.other,
    })),
  };
}

type Report = Awaited<ReturnType<typeof read>>;

const headings = ['one', 'one_id', 'other', 'other_id', 'one_approved', 'other_got', 'other_approved', 'one_got'];

/** Only the rows go to standard output: what is piped into a file is the population and nothing else. */
function printCsv(terminal: Terminal, report: Report): void {
  terminal.out(csvLine([...headings, 'reciprocal']));
  for (const pair of report.pairs) {
    const counts = [pair.oneApproved, pair.otherGot, pair.otherApproved, pair.oneGot];
    terminal.out(csvLine([pair.one, pair.oneId, pair.other, pair.otherId, ...counts, pair.reciprocal ? 'yes' : 'no']));
  }
  terminal.err(`${headOf(report)}${queryOf(report)}`);
}

const headOf = ({ from, to, approvals, people }: Report): string =>
  `From ${from} until ${to}: ${counted(approvals, 'approvals')} among ${people} people.\n`;

const queryOf = ({ query }: Report): string => `\nThe statement, in UTC:\n\nset time zone 'UTC';\n${query};\n`;

function print(terminal: Terminal, report: Report): void {
  const { pairs: found } = report;
  terminal.out(headOf(report));
  if (found.length === 0) {
    terminal.out(`No two people approved each other.\n${queryOf(report)}`);
    return;
  }
  const reciprocal = found.filter((pair) => pair.reciprocal).length;
  terminal.out(`${counted(found.length, 'pairs')} approved each other, ${reciprocal} of them reciprocal.\n\n`);
  printTable(
    terminal,
    ['one', 'other', 'one approved other', 'other approved one', 'reciprocal'],
    found.map((pair) => [
      pair.one,
      pair.other,
      `${pair.oneApproved} of ${pair.otherGot}`,
      `${pair.otherApproved} of ${pair.oneGot}`,
      pair.reciprocal ? 'yes' : '',
    ]),
  );
  terminal.out(queryOf(report));
}
