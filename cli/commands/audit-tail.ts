/** `curfew audit tail`: what happened last, in sentences, and what happens now. */
import { setTimeout as sleep } from 'node:timers/promises';
import { exportLine, placedEntry, type PlacedLine } from '../../audit/report/export.ts';
import { sentenceOf } from '../../domain/events/sentence.ts';
import { isUuid, shortId, type PersonId, type RequestId } from '../../domain/ids.ts';
import { formatInstant, parseSpan, secondMs } from '../../domain/time.ts';
import { entriesPast, lastEntries } from '../../store/log-pages.ts';
import type { Db } from '../../store/pool.ts';
import { withAuditorStore } from '../settings.ts';
import { exitCodes, oneLine, Stopped, type Terminal } from '../terminal.ts';
import type { AddAudit } from './audit.ts';
import { handlesOf } from './requests.ts';

type Options = {
  readonly lines: string;
  readonly follow?: true;
  readonly for?: string;
  readonly names?: true;
  readonly json?: true;
};

const mostLines = 10_000;
const pageSize = 500;

export const addAuditTail: AddAudit = (audit, terminal) => {
  audit
    .command('tail')
    .summary('what happened last, and what happens now')
    .description(
      'Prints the last entries of the log, one sentence each, and with --follow every new one within a second or two, until Ctrl-C. Entries are followed by their places, so none is missed and none comes twice.',
    )
    .option('--lines <n>', 'how many of the last, 0 to 10000', '20')
    .option('--follow', 'go on with what happens')
    .option('--for <span>', 'follow for this long only: 30s, 10m')
    .option('--names', 'handles in place of the ids of people')
    .option('--json', 'print each as a line of JSON, as audit export does')
    .addHelpText('after', '\nExamples:\n  curfew audit tail --follow\n  curfew audit tail --lines 100 --json')
    .action(async (options: Options) => {
      const lines = Number(options.lines);
      if (!Number.isInteger(lines) || lines < 0 || lines > mostLines)
        throw new Stopped(`--lines takes a whole number from 0 to ${mostLines}.`, exitCodes.usage);
      const untilAt = untilOf(options, terminal.clock());
      await withAuditorStore(terminal, (store) => follow(terminal, store, { ...options, lines, untilAt }));
    });
};

/** Epoch ms; infinity: until somebody ends it. */
function untilOf({ follow: follows, for: span }: Options, now: number): number {
  if (span === undefined) return follows ? Number.POSITIVE_INFINITY : now;
  const forMs = parseSpan(span);
  if (forMs === undefined) throw new Stopped('--for takes a span: 30s, 10m.', exitCodes.usage);
  return now + forMs;
}

type Following = Pick<Options, 'names' | 'json'> & { readonly lines: number; readonly untilAt: number };

async function follow(terminal: Terminal, db: Db, { lines, untilAt, ...how }: Following): Promise<void> {
  // The newest place is looked up also where no line of the past is wanted.
  const last = await lastEntries(db, Math.max(lines, 1));
  let cursor = last.at(-1)?.index ?? -1;
  if (lines > 0) await print(terminal, db, last, how);
  while (terminal.clock() < untilAt) {
    const found = await entriesPast(db, cursor, pageSize);
    await print(terminal, db, found, how);
    cursor = found.at(-1)?.index ?? cursor;
    if (found.length < pageSize) await sleep(Math.min(secondMs, untilAt - terminal.clock()));
  }
}

/** What it is about: the first digits of an id, as messages show them. */
const shown = (subject: string): string => (isUuid(subject) ? shortId(subject as RequestId) : oneLine(subject));

async function print(
  terminal: Terminal,
  db: Db,
  found: readonly PlacedLine[],
  { names, json }: Pick<Options, 'names' | 'json'>,
): Promise<void> {
  if (json) return terminal.out(found.map((line) => exportLine('jsonl', line)).join(''));
  const entries = found.map(placedEntry);
  const ids = entries.flatMap(({ actor, subject }) => [actor, subject]).filter(isUuid) as PersonId[];
  const handles: ReadonlyMap<string, string> = names && ids.length > 0 ? await handlesOf(db, ids) : new Map();
  for (const entry of entries) {
    const sentence = sentenceOf(entry, (id) => handles.get(id) ?? id);
    terminal.out(`${formatInstant(entry.atMs)}  ${entry.index}  ${shown(entry.subject)}  ${oneLine(sentence)}\n`);
  }
}
