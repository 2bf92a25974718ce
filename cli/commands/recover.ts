import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { minuteMs, secondMs } from '../../domain/time.ts';
import { newestIndex } from '../../store/audit.ts';
import type { Store } from '../../store/pool.ts';
import * as recovery from '../../store/recovery.ts';
import type { Recovery } from '../../store/recovery.ts';
import type { Register } from '../program.ts';
import { openSite, type Seen, type Site } from '../recover/clusters.ts';
import { lookAtLog, nextEpoch, requireWholeLog, requireWholeLook, type LogLook } from '../recover/log.ts';
import { settings, withAdminStore } from '../settings.ts';
import { exitCodes, printJson, printTable, Stopped, type Terminal } from '../terminal.ts';
import { checkFile, importFile } from './people-import.ts';

type Options = {
  readonly people?: string | false;
  readonly because?: string;
  readonly despiteFaults?: true;
  readonly dryRun?: true;
  readonly force?: true;
  readonly json?: true;
};

/** Requests asked to end in one transaction. */
const batch = 500;
/** How long the reaper and the Workflows are waited for, before an operator is told what is missing. */
const reaperMs = 2 * minuteMs;
const workflowsMs = 30 * secondMs;
/** Where nothing has moved for this long, nobody is there who moves it. */
const calmMs = 5 * secondMs;
const lookEveryMs = 500;

export const registerRecover: Register = (program, terminal, finish) => {
  program
    .command('recover')
    .summary('take a store into service again that came back from a backup')
    .description(
      'A store that was restored may hold as live what was revoked since, so it grants nothing until this has run: it ends everything that is open or live, takes the people from their source again, writes down that it did, and has every cluster accept the store as it is. May be interrupted and run again. CURFEW_TARGETS names all clusters, with an administrator of each; worker and reaper must be running.',
    )
    .option('--people <file>', 'the people file, imported again: the store may have forgotten who left')
    .option('--no-people', 'the people are up to date by another way; needs --because')
    .option('--because <text>', 'why the people are not imported again; kept in the audit log, so name nobody')
    .option('--despite-faults', 'also where entries of the log are not what they were; what was found is written down')
    .option('--dry-run', 'only say how far the store is behind, and what would end')
    .option('--force', 'also where no cluster has seen the store further than it is')
    .option('--json', 'print what was found and done as JSON')
    .addHelpText(
      'after',
      `
Examples:
  CURFEW_TARGETS=@/etc/curfew/doctor.json curfew recover --dry-run
  curfew recover --people people.yaml
  curfew recover --no-people --because 'SCIM has pushed everybody again'`,
    )
    .action(async (options: Options) => {
      const code = await withAdminStore(terminal, (store) => run(terminal, store, options));
      finish(code);
    });
};

async function run(terminal: Terminal, store: Store, options: Options): Promise<number> {
  const { clusters } = settings(terminal, 'clusters');
  const sites = clusters.map(openSite);
  try {
    const newest = await newestIndex(store);
    const seen: Seen[] = [];
    for (const site of sites) seen.push(await site.look(store));
    const under = await recovery.latestRecovery(store);
    const { behind } = await recovery.storeIndex(store);
    const open = await recovery.openCount(store);
    const looked = await lookAtLog(terminal, store);
    const { size, epoch, lost = null, shown = null, faults, obstacles } = looked;
    const log = { size, epoch, lost, shown, faults, obstacles };
    const needed = behind || lost !== null || seen.some(({ mark }) => mark > newest);
    if (!options.json) print(terminal, seen, newest, open, looked);
    if (options.dryRun) {
      if (options.json) printJson(terminal, { dryRun: true, needed, newest, open, clusters: seen, log });
      else terminal.out(needed ? 'The store is behind: nothing is granted.\n' : 'The store is not behind.\n');
      return needed ? exitCodes.refused : exitCodes.done;
    }
    if (!needed && options.force !== true) {
      if (options.json) printJson(terminal, { needed, newest, open, clusters: seen, log });
      else terminal.out('The store is not behind; nothing was done. --force recovers all the same.\n');
      return exitCodes.done;
    }
    const people = sourceOf(options);
    checkImport(terminal, options);
    requireWholeLook(looked);
    requireWholeLog(looked, options.despiteFaults === true);
    if (under?.completedAt === null) terminal.err(`Going on with the recovery of ${stamp(under.begunAt)}.\n`);
    const found = seen.map(({ cluster, mark }) => ({ cluster, mark, newest }));
    const begun = await recovery.beginRecovery(store, { id: randomUUID(), found, people });
    const done = await recover(terminal, store, sites, seen, begun, options);
    if (options.json) printJson(terminal, { needed, newest, clusters: seen, log, ...done });
    else {
      terminal.out(`Recovered: ${done.asked} requests asked to end, ${done.ended} grants ended; grants work again.\n`);
      if (done.stillOpen > 0)
        terminal.out(`${done.stillOpen} requests have no Workflow that closes them; the reconciler does.\n`);
    }
    return exitCodes.done;
  } finally {
    await Promise.all(sites.map((site) => site.close()));
  }
}

/** In words, for the audit log. @throws Stopped where it was not said */
function sourceOf({ people, because }: Options): string {
  if (typeof people === 'string') return 'imported from a file';
  if (people === false && because !== undefined && because.trim() !== '') return `not imported: ${because.trim()}`;
  throw new Stopped(
    'Say where the people come from: --people FILE, or --no-people --because TEXT where they are up to date already.',
    exitCodes.usage,
  );
}

/** Before anything has ended: what the import needs is the last thing that an operator wants to look for then. */
function checkImport(terminal: Terminal, { people }: Options): void {
  if (typeof people !== 'string') return;
  settings(terminal, 'directoryStoreUrl');
  checkFile(terminal, people);
}

type Done = { readonly asked: number; readonly ended: number; readonly stillOpen: number };

/** What takes away comes first; the last step alone gives anything back. Each step may be repeated. */
async function recover(
  terminal: Terminal,
  store: Store,
  sites: readonly Site[],
  seen: readonly Seen[],
  begun: Recovery,
  options: Options,
): Promise<Done> {
  const say = (text: string): void => terminal.err(`${text}\n`);
  const asked = await askAll(store, begun.id);
  say(`Asked ${asked} open requests to end.`);
  let ended = 0;
  for (const site of sites) {
    const result = await site.endAll();
    if (result.left > 0)
      throw new Stopped(
        `${result.left} grants on ${site.name} are not verified as ended. Mend that, and run it again.`,
      );
    ended += result.ended;
    say(`${site.name}: ${result.ended} grants ended, none is live.`);
  }
  const targets = seen.flatMap((one) => one.targets);
  const owed = await untilNone(() => recovery.owedOf(store, begun.id, targets), reaperMs);
  if (owed > 0) throw new Stopped(`The reaper has not verified ${owed} ends. Is it running? Then run this again.`);
  if (typeof options.people === 'string')
    await importFile({ ...terminal, out: (text) => terminal.err(text) }, options.people, {});
  const stillOpen = await untilNone(() => recovery.openCount(store), workflowsMs, calmMs);
  const newest = await newestIndex(store);
  // Looked at again: what ends has its entries too, and a witness may have got more since.
  const log = await lookAtLog(terminal, store);
  requireWholeLook(log);
  requireWholeLog(log, options.despiteFaults === true);
  for (const site of sites) await site.accept(newest);
  await store.transaction(async (tx) => {
    const epoch = await nextEpoch(tx, log, begun.id);
    await recovery.completeRecovery(tx, { ...begun, closed: asked, epoch, faults: log.faults });
  });
  return { asked, ended, stillOpen };
}

async function askAll(store: Store, id: string): Promise<number> {
  let asked = 0;
  for (;;) {
    const some = await store.transaction((tx) => recovery.askAllToEnd(tx, id, batch));
    asked += some;
    if (some < batch) return asked;
  }
}

/** @returns how many are left by the end of the wait, or when there was no progress for `calm` */
async function untilNone(count: () => Promise<number>, withinMs: number, calm = withinMs): Promise<number> {
  const deadlineAt = performance.now() + withinMs;
  let [before, movedAt] = [Infinity, performance.now()];
  for (;;) {
    const left = await count();
    const now = performance.now();
    if (left < before) [before, movedAt] = [left, now];
    if (left === 0 || now >= deadlineAt || now - movedAt >= calm) return left;
    await pause(lookEveryMs);
  }
}

const stamp = (at: number): string => new Date(at).toISOString();

function print(terminal: Terminal, seen: readonly Seen[], newest: number, open: number, log: LogLook): void {
  terminal.out(`The store is at audit entry ${newest}, with ${open} open requests.\n`);
  if (log.lost !== undefined) terminal.out(`The log is not what was signed before: ${log.lost}.\n`);
  if (log.shown)
    terminal.out(
      log.shown.at === undefined
        ? 'Nothing of the log is shown to be what was signed.\n'
        : `Its first ${log.shown.size} of ${log.size} entries are what was signed until ${stamp(log.shown.at)}.\n`,
    );
  for (const fault of log.faults) terminal.err(`${fault}\n`);
  for (const obstacle of log.obstacles) terminal.err(`${obstacle}\n`);
  printTable(
    terminal,
    ['cluster', 'has seen it at', 'live grants', 'of them unknown here'],
    seen.map(({ cluster, mark, live, unknown }) => [cluster, mark, live, unknown]),
  );
}
