import { dayMs } from '../../domain/time.ts';
import { logRetired } from '../../domain/events/retention.ts';
import { readMigrateConfig } from '../../config/cli.ts';
import { describeProblems } from '../../config/field.ts';
import { append } from '../../store/audit.ts';
import { dropPartition, partitionsOf, type Partition } from '../../store/log-retention.ts';
import { openStore, type Store } from '../../store/pool.ts';
import { counted } from '../counted.ts';
import { parseDay, parseInstant } from '../instant.ts';
import { withAdminStore } from '../settings.ts';
import { exitCodes, printJson, printTable, Stopped, type Terminal } from '../terminal.ts';
import type { AddAudit } from './audit.ts';

type Options = {
  readonly before: string;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly json?: true;
};

/** The checker looks back this far, and misses what is gone by then. */
const youngestMs = 92 * dayMs;
const patienceMs = 60_000;

/** `curfew audit retire`: old entries are dropped, by whole partitions; the tree stays. */
export const addAuditRetire: AddAudit = (audit, terminal) => {
  audit
    .command('retire')
    .summary('drop what the log said before an instant')
    .description(
      'Drops whole partitions of the log whose entries are all older than an instant: a partition is a month, or ten million entries. What they said is gone; that they were there, and in which order, still can be proven. Export or write an evidence file first. Needs the owner of the store (CURFEW_MIGRATE_URL) and an operator (CURFEW_ADMIN_STORE_URL), whose entry says what was dropped.',
    )
    .requiredOption('--before <instant>', 'a day (in UTC) or an instant, at least 92 days ago')
    .option('--dry-run', 'only say what would be dropped')
    .option('--yes', 'do not ask first')
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExamples:\n  curfew audit retire --before 2025-01-01T00:00Z --dry-run')
    .action((options: Options) => retire(terminal, options));
};

async function retire(terminal: Terminal, options: Options): Promise<void> {
  const before = parseDay(options.before) ?? parseInstant(options.before);
  if (before === undefined)
    throw new Stopped('--before takes a day (in UTC) or an instant: 2026-01-01, 2026-01-01T00:00Z.', exitCodes.usage);
  if (before > terminal.clock() - youngestMs)
    throw new Stopped('--before is less than 92 days ago: curfew doctor looks back that far.', exitCodes.usage);
  const read = readMigrateConfig(terminal.env, terminal.readText);
  if (!read.ok) throw new Stopped(describeProblems(read.problems), exitCodes.usage);
  const owner = openStore({
    url: read.config.url,
    applicationName: 'curfew-retire',
    max: 1,
    statementTimeoutMs: patienceMs,
  });
  try {
    const all = await partitionsOf(owner);
    const old = all.filter(({ newestAt }) => newestAt < before);
    const ready = old.filter(({ settled, signed }) => settled && signed);
    if (!options.json) print(terminal, old, ready);
    if (!options.dryRun && ready.length > 0) {
      await confirmed(terminal, options, ready);
      await withAdminStore(terminal, (store) => drop(store, owner, ready, new Date(before).toISOString()));
    }
    if (options.json)
      printJson(terminal, { dryRun: options.dryRun === true, before, retired: ready, kept: old.length - ready.length });
    else if (!options.dryRun) terminal.out(`${counted(ready.length, 'partitions are')} dropped.\n`);
  } finally {
    await owner.close();
  }
}

async function drop(store: Store, owner: Store, ready: readonly Partition[], before: string): Promise<void> {
  for (const partition of ready) {
    const { firstId, lastId, from, to, entries } = partition;
    // NB. First the word and then the deed: what is gone without an entry is a finding.
    await append(store, logRetired('curfew_admin', 'log', { before, firstId, lastId, from, to, entries }));
    await dropPartition(owner, partition);
  }
}

function print(terminal: Terminal, old: readonly Partition[], ready: readonly Partition[]): void {
  if (old.length === 0) return terminal.out('Nothing is that old.\n');
  printTable(
    terminal,
    ['partition', 'entries', 'newest', ''],
    old.map((one) => [
      one.name,
      one.entries,
      new Date(one.newestAt).toISOString(),
      ready.includes(one)
        ? ''
        : one.settled
          ? 'kept: no checkpoint is signed over all of it'
          : 'kept: it is still written to',
    ]),
  );
}

async function confirmed(terminal: Terminal, { yes }: Options, ready: readonly Partition[]): Promise<void> {
  if (yes) return;
  const entries = ready.reduce((sum, one) => sum + one.entries, 0);
  const answer = await terminal.ask?.(`${counted(entries, 'entries are')} dropped for ever. Go on? (yes) `);
  if (answer === undefined)
    throw new Stopped('Nobody is here to confirm this: give --yes. Nothing was dropped.', exitCodes.usage);
  if (!/^y(?:es)?$/i.test(answer.trim())) throw new Stopped('Nothing was dropped.');
}
