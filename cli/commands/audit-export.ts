/** `curfew audit export`: the log, or a period of it, in an order that never changes. */
import { Option } from 'commander';
import { exportFormats, exportHead, exportLine, type ExportFormat } from '../../audit/report/export.ts';
import { formatInstant } from '../../domain/time.ts';
import { sizeOf, waiting } from '../../store/log.ts';
import { firstKept, pageAfter, type Bounds } from '../../store/log-pages.ts';
import type { Db } from '../../store/pool.ts';
import { keptFrom } from '../../store/reports.ts';
import { counted } from '../counted.ts';
import { withAuditorStore } from '../settings.ts';
import { exitCodes, Stopped, type Terminal } from '../terminal.ts';
import type { AddAudit } from './audit.ts';
import { openExport, type ExportFile } from './audit-export-file.ts';
import { boundsOf, type PeriodOptions } from './report-options.ts';

type Options = PeriodOptions & {
  readonly format: ExportFormat;
  readonly output?: string;
  readonly cursor?: string;
  readonly resume?: true;
};

const pageSize = 1_000;

export const addAuditExport: AddAudit = (audit, terminal) => {
  audit
    .command('export')
    .summary('the log as JSON lines, CSV or OCSF events')
    .description(
      'Writes the entries of a period in the order of their places in the log, one a line. The order never changes and nothing comes in between later: a line has its place in it, and an export goes on after any place by --cursor. CSV is safe to open in a spreadsheet; ocsf is OCSF 1.9.0, classes 3007 and 3004. Entries carry ids: names stand in none of them.',
    )
    .option('--from <instant>', 'from then on; unset: 90 days before the end, or all that follows the place')
    .option('--to <instant>', 'until then; unset: everything that has its place')
    .addOption(new Option('--format <format>', 'how it is written').choices(exportFormats).default('jsonl'))
    .option('-o, --output <file>', 'into this file, which must not be there yet; unset: standard output')
    .option('--cursor <place>', 'after this place: what an earlier export printed last')
    .option('--resume', 'go on with the file of -o, after its last whole line')
    .addHelpText(
      'after',
      '\nExamples:\n  curfew audit export --from 2026-07-01 --to 2026-10-01 --format ocsf -o q3.ocsf.jsonl\n  curfew audit export --cursor 10423 >> log.jsonl',
    )
    .action(async (options: Options) => {
      const bounds = boundsOf(options, terminal.clock(), options.cursor !== undefined || options.resume === true);
      const after = cursorOf(options);
      const { output, format, resume } = options;
      await withAuditorStore(terminal, async (store) => {
        // NB. Asked first: where the store does not answer, no empty file stands in the way of the next try.
        const size = await sizeOf(store);
        let file: ExportFile | undefined;
        const leave = (): void => terminal.err(file ? `${file.leave()}\n` : '');
        const release = terminal.onInterrupt?.(leave);
        try {
          file = output === undefined ? undefined : openExport(output, format, resume === true);
          await write(terminal, store, { ...options, bounds, after, size, file });
        } catch (error) {
          leave();
          throw error;
        } finally {
          release?.();
          file?.close();
        }
      });
    });
};

/** @throws Stopped for what is no place, or says it twice */
function cursorOf({ cursor, resume, output }: Options): number {
  if (resume && (output === undefined || cursor !== undefined))
    throw new Stopped('--resume takes its place from the file of -o, and needs no --cursor.', exitCodes.usage);
  if (cursor === undefined) return -1;
  if (!/^\d{1,15}$/.test(cursor)) throw new Stopped('--cursor takes a place: 10423.', exitCodes.usage);
  return Number(cursor);
}

type Job = {
  readonly format: ExportFormat;
  readonly bounds: Bounds;
  readonly after: number;
  /** Of the log. */
  readonly size: number;
  readonly file: ExportFile | undefined;
};

async function write(terminal: Terminal, db: Db, { format, bounds, after, size, file }: Job): Promise<void> {
  const put = file ? (text: string) => file.write(text) : (text: string) => terminal.out(text);
  const begun = Math.max(after, file?.cursor ?? -1);
  // NB. After a place that is yet to be given comes nothing: whoever went on from there would lack all that is before it.
  if (begun >= size)
    throw new Stopped(
      `This log has ${counted(size, 'entries')} so far, and none at place ${begun}: that place is of another log, or this one came back from a backup. Begin another file without it.`,
    );
  if (begun < 0 && (file?.empty ?? true)) put(exportHead(format));
  let [count, cursor] = [0, begun];
  for (let next: number | null = begun; next !== null;) {
    const page = await pageAfter(db, bounds, next, size, pageSize);
    put(page.entries.map((entry) => exportLine(format, entry)).join(''));
    count += page.entries.length;
    cursor = page.entries.at(-1)?.index ?? cursor;
    next = page.next;
  }
  const { entries } = await waiting(db);
  const keptFromAt = await gapOf(db, bounds, begun);
  terminal.err(
    [
      `${counted(count, 'entries')}${told(bounds, begun)}, which is ${keptFromAt === null ? 'all of them' : 'all that is kept'}.`,
      ...(keptFromAt === null
        ? []
        : [`NOT WHOLE: entries from before ${formatInstant(keptFromAt)} have been retired.`]),
      ...(entries > 0
        ? [
            `${entries} more ${entries === 1 ? 'waits for its place' : 'wait for their places'} in the log, and ${entries === 1 ? 'comes' : 'come'} after these.`,
          ]
        : []),
      cursor < 0 ? 'No cursor: nothing was there.' : `cursor ${cursor}`,
      '',
    ].join('\n'),
  );
}

/** From when on entries are kept, epoch ms, where some that were asked for have been retired; else null. */
async function gapOf(db: Db, { fromAt }: Bounds, begun: number): Promise<number | null> {
  if ((await firstKept(db)) <= begun + 1) return null;
  return keptFrom(db, fromAt ?? 0);
}

function told({ fromAt, toAt }: Bounds, begun: number): string {
  const from = fromAt === null ? '' : ` from ${formatInstant(fromAt)}`;
  const until = toAt === null ? '' : ` until ${formatInstant(toAt)}`;
  return `${from}${until}${from + until === '' ? '' : ' (UTC)'}${begun < 0 ? '' : `, after place ${begun}`}`;
}
