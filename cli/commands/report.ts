import type { Command } from 'commander';
import type { RequestId } from '../../domain/ids.ts';
import { formatInstant } from '../../domain/time.ts';
import { leftBehind, type LeftBehind } from '../../store/cleaning.ts';
import type { Register } from '../program.ts';
import { withAuditorStore } from '../settings.ts';
import { printJson, printTable, type Terminal } from '../terminal.ts';
import { wholeId } from '../whole-id.ts';
import { targetNamed } from './report-options.ts';
import { addReportTainted } from './report-tainted.ts';
import { addReportReciprocity } from './report-reciprocity.ts';
import { addWholeReports } from './report-whole.ts';

export const registerReport: Register = (program, terminal) => {
  const command = program
    .command('report')
    .summary('reports for those who audit')
    .description('Reports over the whole of a period: complete, with the counts they are a part of.');
  addWholeReports(command, terminal);
  addReportReciprocity(command, terminal);
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
      const asked = {
        ...(target !== undefined && { target: targetNamed(target) }),
        ...(request !== undefined && { requestId: wholeId(request, '--request takes an id.') as RequestId }),
        limit: mostListed,
      };
      const found = await withAuditorStore(terminal, (store) => leftBehind(store, asked));
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
