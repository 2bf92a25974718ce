import type { Command } from 'commander';
import { isUuid, type RequestId } from '../../domain/ids.ts';
import { formatInstant } from '../../domain/time.ts';
import { leftBehind, type LeftBehind } from '../../store/cleaning.ts';
import type { Store } from '../../store/pool.ts';
import { pairs, population, reciprocityRule, type Period } from '../../store/reciprocity.ts';
import { parseDay, parseInstant } from '../instant.ts';
import type { Register } from '../program.ts';
import { withAdminStore } from '../settings.ts';
import { exitCodes, printJson, printTable, Stopped, type Terminal } from '../terminal.ts';
import { addReportTainted } from './report-tainted.ts';
import { handlesOf } from './requests.ts';

type Options = { readonly from?: string; readonly to?: string; readonly json?: true };

export const registerReport: Register = (program, terminal) => {
  const command = program
    .command('report')
    .summary('reports for those who audit')
    .description('Reports over the whole of a period: complete, with the counts they are a part of.');
  command
    .command('reciprocity')
    .summary('who approves whom, and is approved by them')
    .description(
      `Lists every two people who approved each other, with how often, both ways. A pair is called reciprocal where each approved the other at least ${reciprocityRule.atLeast} times and gave at least half of all approvals that the other one got. All accounts of a human count as one; approvals that are void do not count.`,
    )
    .option('--from <instant>', 'from then on; unset: 90 days before the end')
    .option('--to <instant>', 'until then; unset: now')
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  curfew report reciprocity\n  curfew report reciprocity --from 2026-07-01 --to 2026-10-01 --json',
    )
    .action(async (options: Options) => {
      const period = periodOf(options, terminal.clock());
      const report = await withAdminStore(terminal, (store) => read(store, period));
      if (options.json) return printJson(terminal, report);
      print(terminal, report);
    });
  registerObjects(command, terminal);
  addReportTainted(command, terminal);
};

type ObjectsOptions = { readonly target?: string; readonly request?: string; readonly json?: true };
const mostListed = 1_000;

function registerObjects(command: Command, terminal: Terminal): void {
  command
    .command('objects')
    .summary('what holders of access made, and left behind')
    .description(
      'Lists what people made on a target while they had access: tables, functions and the like, found when their login was cleaned away, some 40 minutes after the end. All of it belongs to curfew_quarantine, which may do nothing: give it another owner, or drop it.',
    )
    .option('--target <name>', 'of this target only')
    .option('--request <id>', 'of this request only')
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExamples:\n  curfew report objects --target orders-prod\n  curfew report objects --json')
    .action(async ({ target, request, json }: ObjectsOptions) => {
      if (request !== undefined && !isUuid(request)) throw new Stopped('--request takes an id.', exitCodes.usage);
      const asked = {
        ...(target && { target }),
        ...(request && { requestId: request as RequestId }),
        limit: mostListed,
      };
      const found = await withAdminStore(terminal, (store) => leftBehind(store, asked));
      if (json) return printJson(terminal, found.map(objectsOf));
      if (found.length === 0) return terminal.out('Nobody left anything behind.\n');
      printTable(
        terminal,
        ['found', 'request', 'target', 'database', 'kind', 'name'],
        found.flatMap((one) => {
          const where = [formatInstant(one.foundAt), one.grantId, one.target, one.database];
          const named = one.names ?? [];
          const more = one.total - named.length;
          return [
            ...named.map(({ kind, name }) => [...where, kind, name]),
            ...(more > 0 ? [[...where, '', `${more} more, whose names are not kept`]] : []),
          ];
        }),
      );
    });
}

const objectsOf = ({ foundAt, handedAt, ...left }: LeftBehind) => ({
  ...left,
  foundAt: formatInstant(foundAt),
  handedAt: handedAt === null ? null : formatInstant(handedAt),
});

/** @throws Stopped where they are no instants, or in the wrong order */
function periodOf({ from, to }: Options, now: number): Period {
  const toAt = to === undefined ? now : instantOf(to, '--to');
  const fromAt = from === undefined ? toAt - reciprocityRule.withinMs : instantOf(from, '--from');
  if (fromAt >= toAt) throw new Stopped('--from must lie before --to.', exitCodes.usage);
  return { fromAt, toAt };
}

function instantOf(text: string, option: string): number {
  const at = parseDay(text) ?? parseInstant(text);
  if (at !== undefined) return at;
  throw new Stopped(
    `${option} takes a day (in UTC) or an instant: 2026-07-01, 2026-07-01T09:00+02:00.`,
    exitCodes.usage,
  );
}

async function read(store: Store, period: Period) {
  // NB. One look: the counts are of the pairs that are listed.
  const { found, all } = await store.transaction(async (tx) => {
    await tx.query('set transaction isolation level repeatable read, read only');
    return { found: await pairs(tx, period), all: await population(tx, period) };
  });
  const handles = await handlesOf(
    store,
    found.flatMap(({ one, other }) => [one, other]),
  );
  return {
    from: formatInstant(period.fromAt),
    to: formatInstant(period.toAt),
    approvals: all.approvals,
    people: all.people,
    pairs: found.map((pair) => ({
      ...pair,
      one: handles.get(pair.one) ?? pair.one,
      other: handles.get(pair.other) ?? pair.other,
    })),
  };
}

type Report = Awaited<ReturnType<typeof read>>;

function print(terminal: Terminal, { from, to, approvals, people, pairs: found }: Report): void {
  terminal.out(`From ${from} until ${to}: ${approvals} approvals among ${people} people.\n`);
  if (found.length === 0) return terminal.out('No two people approved each other.\n');
  const reciprocal = found.filter((pair) => pair.reciprocal).length;
  terminal.out(`${found.length} pairs approved each other, ${reciprocal} of them reciprocal.\n\n`);
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
}
