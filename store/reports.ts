/**
 * What auditors ask for, as one statement each: complete populations, nothing cut off, and a statement that whoever may
 * read the store can run again as it is printed.
 */
import type { PersonId } from '../domain/ids.ts';
import type { Db, Store } from './pool.ts';

/** What a value of a report may be. A list is of texts that stand side by side in one cell. */
export type ReportValue = string | number | boolean | null | readonly string[];
export type ReportRow = Readonly<Record<string, ReportValue>>;

/** `instant`: epoch ms here, UTC wherever it is shown. `brief`: shown where there is no room for all columns. */
export type ReportColumn = { readonly name: string; readonly is?: 'instant' | 'list'; readonly brief?: true };

/** What a report is asked with. `groups`, `people`: whom the policy lets change it, where a report needs to know. */
export type Asked = {
  readonly fromAt: number;
  readonly toAt: number;
  readonly target: string | null;
  readonly person: PersonId | null;
  readonly groups?: readonly string[];
  readonly people?: readonly PersonId[];
};

/**
 * One report. `takes`: its parameters, $1 first; each stands in the statement with its type. `rowsAre`: what is counted.
 * `note`: what holds of every row, for a reader. `sums`: what all rows together say, one sentence each.
 */
export type Report = {
  readonly name: string;
  readonly rowsAre: readonly [one: string, many: string];
  readonly note: string;
  readonly none: string;
  readonly takes: readonly (keyof Asked)[];
  readonly columns: readonly ReportColumn[];
  readonly sql: string;
  readonly sums?: (rows: readonly ReportRow[]) => readonly string[];
  /** Some of it stands in the log alone, whose oldest entries may have been retired. */
  readonly readsLog?: true;
};

export type Reported = {
  readonly rows: readonly ReportRow[];
  /** The statement with its values in it: what was run, to be run again. */
  readonly query: string;
  /** Epoch ms, where it is later than the report's beginning: entries of the log from before have been retired. */
  readonly keptFromAt: number | null;
};

/** Reads one report in one look: what it counts belongs together. Auditor and admin only. */
export async function runReport(
  store: Store,
  report: Pick<Report, 'sql' | 'takes' | 'readsLog'>,
  asked: Asked,
): Promise<Reported> {
  const values = report.takes.map((name) => valueOf(asked[name]));
  return store.transaction(async (tx) => {
    await tx.query('set transaction isolation level repeatable read, read only');
    const rows = await tx.query<ReportRow>(report.sql, values);
    return {
      rows,
      query: rerunnable(report.sql, values),
      keptFromAt: report.readsLog ? await keptFrom(tx, asked.fromAt) : null,
    };
  });
}

type SqlValue = Date | string | number | null | readonly string[];

const valueOf = (value: Asked[keyof Asked]): SqlValue =>
  value === undefined ? [] : typeof value === 'number' ? new Date(value) : value;

/** Entries whose place is in the tree but which are gone were retired: then a report that begins before is not whole. */
export async function keptFrom(db: Db, fromAt: number): Promise<number | null> {
  const [row] = await db.query<{ at: number | null }>(
    `select e.at from audit.entry e where e.id = (select min(id) from audit.entry)
       and e.at > $1 and exists (select from audit.leaf l where l.entry < e.id)`,
    [new Date(fromAt)],
  );
  return row?.at ?? null;
}

/**
 * A statement of this folder with its values as literals. Not for statements that somebody else wrote: it knows no
 * strings in which a dollar could stand.
 */
export const rerunnable = (sql: string, values: readonly SqlValue[]): string =>
  dedented(sql.replaceAll(/\$(\d+)/g, (_, number: string) => literal(values[Number(number) - 1] ?? null)));

function literal(value: SqlValue): string {
  if (value === null) return 'null';
  if (typeof value === 'number') return String(value);
  if (value instanceof Date) return quoted(value.toISOString());
  return typeof value === 'string' ? quoted(value) : `array[${value.map(quoted).join(', ')}]`;
}

/** As `standard_conforming_strings`, which is on since PostgreSQL 9.1, has it: only the quote is special. */
const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

function dedented(sql: string): string {
  const lines = sql.trim().split('\n');
  const rest = lines.slice(1).filter((line) => line.trim() !== '');
  const indent = Math.min(...rest.map((line) => line.length - line.trimStart().length), Number.MAX_SAFE_INTEGER);
  return [lines[0], ...lines.slice(1).map((line) => line.slice(indent))].map((line) => line?.trimEnd()).join('\n');
}

/** SQL: the name of a person, where the erasable table still has it. @param id an expression of their id, as text */
export const nameOf = (id: string): string =>
  `(select t.name from curfew.personal t where t.kind = 'person' and t.id = ${id})`;

/**
 * SQL: an instant that stands in an entry's body as epoch ms. Bodies are their writers' word: null for what is none.
 * @param text an expression
 */
export const instantIn = (text: string): string =>
  `case when pg_input_is_valid(${text}, 'bigint') then
        case when (${text})::bigint between 0 and 253402300799999 then to_timestamp((${text})::bigint / 1000.0) end end`;
