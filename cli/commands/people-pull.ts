import type { Command } from 'commander';
import { openSource } from '../../directory/open.ts';
import { parseSources } from '../../directory/parse.ts';
import type { SourceSpec } from '../../directory/spec.ts';
import { formatIssue } from '../../policy/issue.ts';
import { pullSource, type NotPulled, type Pulled } from '../../service/pull.ts';
import { directoryContext } from '../context.ts';
import { readFileOf, settings, withStore } from '../settings.ts';
import { exitCodes, printJson, Stopped, type Terminal } from '../terminal.ts';
import { loginOf } from './people-link.ts';
import type { Finish } from '../program.ts';

type Options = {
  readonly source: string;
  readonly missing?: string;
  readonly dryRun?: true;
  readonly json?: true;
};

/** `curfew people pull`: asks a source now, and not at its next turn. */
export function addPeoplePull(people: Command, terminal: Terminal, finish: Finish): void {
  people
    .command('pull')
    .summary('ask a source of people what it knows')
    .description(
      'Asks a source of CURFEW_HR_SOURCES whom it lists and how: whoever it has as gone, or elsewhere, is so here; whoever it lists no more is suspended, and an alarm says so. Where more are missing than may be, nothing of the answer is believed.',
    )
    .requiredOption('--source <name>', 'which source')
    .option('--missing <percent>', 'how many of those whom it listed may be missing; unset: as the file says')
    .option('--dry-run', 'change nothing')
    .option('--json', 'print what it comes to as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  curfew people pull --source hibob --dry-run\n  curfew people pull --source hibob --missing 50',
    )
    .action(async (options: Options) => {
      const { sources, directoryStoreUrl } = settings(terminal, 'sources', 'directoryStoreUrl');
      const spec = sourceOf(terminal, sources, options.source);
      const ask = openSource(spec);
      if (!ask) throw new Stopped(`${spec.name} cannot be asked: its "ask" is not configured.`, exitCodes.usage);
      const missingPercent = percentOf(options.missing) ?? spec.pull?.missingPercent ?? 10;
      const result = await withStore(directoryStoreUrl, async (store) =>
        pullSource(directoryContext(terminal, store), {
          source: spec.name,
          ask,
          missingPercent,
          dryRun: options.dryRun === true,
          actor: await loginOf(store),
        }),
      );
      if (result.kind !== 'pulled' || result.failed.length > 0) finish(exitCodes.refused);
      if (options.json) return printJson(terminal, { source: spec.name, dryRun: options.dryRun === true, ...result });
      tell(terminal, spec.name, result, options.dryRun === true);
    });
}

function sourceOf(terminal: Terminal, path: string, name: string): SourceSpec {
  const parsed = parseSources(readFileOf(terminal, path), path);
  if (!parsed.ok) {
    for (const issue of parsed.issues) terminal.err(`${formatIssue(issue)}\n`);
    throw new Stopped('The file of sources has mistakes: mend what is listed above.', exitCodes.usage);
  }
  const found = parsed.sources.find((source) => source.name === name);
  if (found) return found;
  const names = parsed.sources.map((source) => source.name).join(', ');
  throw new Stopped(`There is no source ${name}; known: ${names}.`, exitCodes.usage);
}

function percentOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,3}$/.test(text) || Number(text) > 100)
    throw new Stopped('--missing takes a whole number from 0 to 100.', exitCodes.usage);
  return Number(text);
}

function tell(terminal: Terminal, source: string, result: Pulled | NotPulled, dryRun: boolean): void {
  if (result.kind === 'silent') return terminal.err(`${source} did not answer. ${result.why} Nothing changed.\n`);
  if (result.kind === 'too-many-missing')
    return terminal.err(
      `${source} lists ${result.missing} of ${result.listed} people no more: nothing of its answer was believed. If it is right, give --missing 100.\n`,
    );
  const would = dryRun ? ' would be' : '';
  for (const { handle, change } of result.changed) terminal.out(`${handle}: ${change.join(', ')}\n`);
  for (const handle of result.missing) terminal.out(`${handle}: not listed any more, suspended\n`);
  const counts = `${result.listed} listed, ${result.unknown} of them unknown here`;
  terminal.out(`${counts}; ${result.changed.length}${would} changed, ${result.missing.length} missing.\n`);
  if (result.failed.length > 0) terminal.err(`Not recorded: ${result.failed.join(' ')}. Pull again.\n`);
}
