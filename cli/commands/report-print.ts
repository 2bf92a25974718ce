/** A report on paper: what was asked, how much there is, all of it, and the statement that it came from. */
import { cellsOf, jsonRow } from '../../audit/report/cells.ts';
import { csvLine } from '../../audit/report/csv.ts';
import { formatInstant } from '../../domain/time.ts';
import type { Report, Reported } from '../../store/reports.ts';
import { counted } from '../counted.ts';
import { printJson, printTable, type Terminal } from '../terminal.ts';
import type { Format, Period, ReportOptions } from './report-options.ts';

type Given = { readonly report: Report; readonly period: Period; readonly options: ReportOptions };

/**
 * Prints what was found. As CSV only the rows go to standard output, whatever is said of them to standard error: what is
 * piped into a file is the population and nothing else.
 */
export function printReport(terminal: Terminal, format: Format, given: Given, found: Reported): void {
  const { report } = given;
  if (format === 'json') return printJson(terminal, jsonOf(given, found));
  const told = [...headOf(given, found), ...sumsOf(report, found)].map((line) => `${line}\n`).join('');
  const query = `\nThe statement, in UTC:\n\nset time zone 'UTC';\n${found.query};\n`;
  if (format === 'csv') {
    terminal.out(csvLine(report.columns.map(({ name }) => name)));
    for (const row of found.rows) terminal.out(csvLine(cellsOf(report.columns, row)));
    return terminal.err(`${told}${query}`);
  }
  terminal.out(told);
  const columns = report.columns.filter(({ brief }) => brief);
  if (found.rows.length > 0) {
    terminal.out('\n');
    printTable(
      terminal,
      columns.map(({ name }) => name.replaceAll('_', ' ')),
      found.rows.map((row) => cellsOf(columns, row)),
    );
    terminal.out(
      `\n--format csv and --format json have ${counted(report.columns.length - columns.length, 'columns')} more.\n`,
    );
  }
  terminal.out(query);
}

function headOf({ report, period, options }: Given, { rows, keptFromAt }: Reported): readonly string[] {
  const [one, many] = report.rowsAre;
  const about = [options.target && `target ${options.target}`, options.person && `person ${options.person}`];
  const narrowed = about.filter((part) => part !== undefined && part !== '').join(', ');
  return [
    `${report.name} from ${formatInstant(period.fromAt)} until ${formatInstant(period.toAt)} (UTC)${narrowed === '' ? '' : `, ${narrowed}`}: ${rows.length} ${rows.length === 1 ? one : many}, which is ${keptFromAt === null ? 'all of them' : 'all that is kept'}.`,
    report.note,
    ...(keptFromAt === null
      ? []
      : [`NOT WHOLE: entries of the log from before ${formatInstant(keptFromAt)} have been retired.`]),
  ];
}

const sumsOf = (report: Report, { rows }: Reported): readonly string[] =>
  rows.length === 0 ? [report.none] : (report.sums?.(rows) ?? []);

const jsonOf = ({ report, period, options }: Given, found: Reported) => ({
  report: report.name,
  from: formatInstant(period.fromAt),
  to: formatInstant(period.toAt),
  zone: 'UTC',
  target: options.target ?? null,
  person: options.person ?? null,
  note: report.note,
  sums: sumsOf(report, found),
  whole: found.keptFromAt === null,
  count: found.rows.length,
  query: found.query,
  rows: found.rows.map((row) => jsonRow(report.columns, row)),
});
