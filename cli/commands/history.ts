import { createHash } from 'node:crypto';
import { differencesOf, type Difference, type LogEntry } from '../../audit/history/compare.ts';
import { parseHistory } from '../../audit/history/events.ts';
import { happeningsOf, type Happening } from '../../audit/history/happenings.ts';
import { timelineOf, type Line, type Run } from '../../audit/history/timeline.ts';
import type { PersonId, RequestId } from '../../domain/ids.ts';
import { formatInstant } from '../../domain/time.ts';
import { faultOf } from '../../doctor/log/whole.ts';
import { entriesOf, type StoredEntry } from '../../store/audit.ts';
import { historiesOf, type KeptHistory } from '../../store/histories.ts';
import { leavesAbout } from '../../store/log-rows.ts';
import { namesOf } from '../../store/people-names.ts';
import type { Store } from '../../store/pool.ts';
import type { Register } from '../program.ts';
import { withAuditorStore } from '../settings.ts';
import { exitCodes, printJson, printTable, Stopped, type Terminal } from '../terminal.ts';
import { wholeId } from '../whole-id.ts';
import { handlesOf } from './requests.ts';

type Options = { readonly json?: true; readonly utc?: true; readonly names?: true };

export const registerHistory: Register = (program, terminal, finish) => {
  program
    .command('history')
    .summary('tell what happened with one request, from the log and from its Workflow')
    .description(
      'Tells what happened with one request, in order: what the audit log says, and what the history of its Workflow says, which Temporal wrote. Where the two differ, or one is not what was kept, which must not be, it says so and exits with 1. The history is there some seconds after the Workflow has closed.',
    )
    .argument('<request>', "the request's id, whole")
    .option('--names', 'call people by their names, where these were not erased, and not by their handles')
    .option('--utc', "show times in UTC, and not in this machine's zone")
    .option('--json', 'print it as JSON, with ids and times in UTC')
    .addHelpText(
      'after',
      '\nExamples:\n  curfew history 0b9c6a52-6a3f-4f0e-9a55-1d2f3c4b5a69\n  curfew history 0b9c6a52-6a3f-4f0e-9a55-1d2f3c4b5a69 --names --utc',
    )
    .action(async (given: string, { json, utc, names }: Options) => {
      const id = wholeId(given, 'A request is named by its whole id; curfew requests lists them.') as RequestId;
      const told = await withAuditorStore(terminal, (store) =>
        read(store, id, json === true ? 'ids' : names === true ? 'names' : 'handles'),
      );
      if (!told) throw new Stopped('The log has no such request; curfew requests lists them.');
      if (json) printJson(terminal, asJson(told));
      else print(terminal, told, utc === true);
      if (told.differences.length > 0) finish(exitCodes.refused);
    });
};

/** A Workflow's type; a review's Workflow counts nothing that the log has not. */
const compared = 'accessRequest';

type Told = {
  readonly id: RequestId;
  readonly lines: readonly Line[];
  readonly differences: readonly Difference[];
  readonly histories: readonly KeptHistory[];
};

async function read(store: Store, id: RequestId, how: 'ids' | 'handles' | 'names'): Promise<Told | undefined> {
  const [stored, histories] = await Promise.all([entriesOf(store, id), historiesOf(store, id)]);
  if (stored.length === 0 && histories.length === 0) return undefined;
  const entries = stored.map(({ at: atMs, ...entry }): LogEntry => ({ ...entry, atMs }));
  const runs = histories.filter(({ kind }) => kind === compared).flatMap((history) => runOf(history) ?? []);
  const differences = [
    ...(await edited(store, id)),
    ...histories.flatMap((history) => changed(history, stored)),
    ...missing(stored, histories),
    ...runs.flatMap((run) => differencesOf(entries, run.happenings, others(runs, run))),
  ];
  const ids = peopleIn(JSON.stringify([stored.map(({ actor, body }) => [actor, body]), runs]));
  const shown = how === 'ids' ? new Map<string, string>() : await shownAs(store, ids, how === 'names');
  const lines = timelineOf(id, entries, runs, (who) => shown.get(who) ?? who);
  return {
    id,
    lines,
    differences: differences.map((one) => ({ ...one, sentence: named(one.sentence, shown) })),
    histories,
  };
}

/** What is told here is what got its place in the log, or it is nobody's word. */
async function edited(store: Store, id: RequestId): Promise<readonly Difference[]> {
  return (await leavesAbout(store, id)).flatMap((leaf) => {
    const fault = faultOf(leaf, () => false);
    return fault ? [{ about: 'log', sentence: fault.detail, entry: leaf.entry }] : [];
  });
}

const others = (runs: readonly Run[], run: Run): readonly Happening[] =>
  runs.flatMap((one) => (one === run ? [] : one.happenings));
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const exported = (entries: readonly StoredEntry[]): readonly StoredEntry[] =>
  entries.filter(({ kind }) => kind === 'history.exported');
const textOf = ({ body }: StoredEntry, name: string): unknown => (body as Readonly<Record<string, unknown>>)[name];

/** @returns undefined where it cannot be read as a history, which `changed` names */
function runOf({ runId, bytes }: KeptHistory): Run | undefined {
  try {
    return { runId, happenings: happeningsOf(parseHistory(bytes)) };
  } catch {
    return undefined;
  }
}

/** A history is what was exported, or it proves nothing. */
function changed(history: KeptHistory, entries: readonly StoredEntry[]): readonly Difference[] {
  const { runId, bytes } = history;
  const entry = exported(entries).find((one) => textOf(one, 'run') === runId);
  const about = 'history';
  if (!entry) return [{ about, sentence: `The log does not know that the history of run ${runId} was kept.` }];
  const { id } = entry;
  if (textOf(entry, 'sha256') !== sha256(bytes))
    return [
      { about, sentence: `The history of run ${runId} is not the one that was kept: it was changed.`, entry: id },
    ];
  if (runOf(history)) return [];
  return [{ about, sentence: `What was kept as the history of run ${runId} is no history.`, entry: id }];
}

const missing = (entries: readonly StoredEntry[], histories: readonly KeptHistory[]): readonly Difference[] =>
  exported(entries)
    .filter((entry) => !histories.some(({ runId }) => runId === textOf(entry, 'run')))
    .map((entry) => ({
      about: 'history',
      sentence: `The history of run ${String(textOf(entry, 'run'))} was kept, and is gone.`,
      entry: entry.id,
    }));

const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
const peopleIn = (text: string): readonly PersonId[] => [...new Set(text.match(uuid))].map((id) => id as PersonId);
const named = (text: string, shown: ReadonlyMap<string, string>): string =>
  text.replaceAll(uuid, (id) => shown.get(id) ?? id);

/** Handles; with `names` names, where there is one that was not erased. */
async function shownAs(store: Store, ids: readonly PersonId[], names: boolean): Promise<ReadonlyMap<string, string>> {
  const handles = await handlesOf(store, ids);
  return names ? new Map([...handles, ...(await namesOf(store, ids))]) : handles;
}

const asJson = ({ id, lines, differences, histories }: Told) => ({
  request: id,
  timeline: lines.map(({ at, ...line }) => ({ at: formatInstant(at), ...line })),
  differences,
  histories: histories.map(({ workflowId, runId, kind, events, sha256: hash, originalSha256, bundles, closedAt }) => ({
    workflowId,
    runId,
    kind,
    events,
    sha256: hash,
    originalSha256,
    bundles,
    closedAt: formatInstant(closedAt),
  })),
});

function print(terminal: Terminal, { lines, differences, histories }: Told, utc: boolean): void {
  const zone = utc ? 'UTC' : Intl.DateTimeFormat().resolvedOptions().timeZone;
  const clock = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
  printTable(
    terminal,
    [`when (${zone})`, 'said by', 'what'],
    lines.map(({ at, where, what }) => [clock.format(at), where, what]),
  );
  if (differences.length > 0) {
    terminal.out('\nThe log and the history of its Workflow DIFFER, or are not what was kept, which must not be:\n');
    for (const { sentence, entry, event } of differences)
      terminal.out(
        `- ${sentence}${entry === undefined ? '' : ` (entry ${entry})`}${event === undefined ? '' : ` (event ${event})`}\n`,
      );
  } else if (histories.length === 0)
    terminal.out('\nThere is no history of its Workflow yet: this is what the log says.\n');
  else terminal.out('\nThe log and the history of its Workflow agree.\n');
}
