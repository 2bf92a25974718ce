import { formatInstant } from '../../domain/time.ts';
import type { PersonId } from '../../domain/ids.ts';
import type { Register } from '../program.ts';
import { withAdminStore } from '../settings.ts';
import { printJson, printTable } from '../terminal.ts';
import { handlesOf } from './requests.ts';

type Row = {
  readonly id: string;
  readonly person: PersonId;
  readonly target: string;
  readonly role: string;
  readonly incident: string | null;
  readonly openedAt: number;
  readonly endedAt: number | null;
  readonly reviewer: PersonId | null;
  readonly verdict: string | null;
};

const registerText = `select r.id, r.person, r.target, r.role, r.ticket as incident, r.opened_at as "openedAt",
    g.ended_at as "endedAt", v.person as reviewer, v.verdict
  from curfew.request r left join curfew.access_grant g on g.request_id = r.id left join curfew.review v on v.request_id = r.id
  where r.kind = 'break-glass' and ($1 or v.request_id is null) order by r.opened_at desc limit 1000`;

export const registerBreakGlass: Register = (program, terminal) => {
  const breakGlass = program
    .command('breakglass')
    .summary('list access for incidents that waits for its review')
    .description('Access for incidents, without prior approval.');
  breakGlass
    .command('list')
    .summary('list break-glass access and its reviews')
    .description('Lists break-glass access that still waits for its review; with --all also what was reviewed.')
    .option('--all', 'also what was reviewed')
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExamples:\n  curfew breakglass list\n  curfew breakglass list --all --json')
    .action(async (options: { all?: true; json?: true }) => {
      const rows = await withAdminStore(terminal, async (store) => {
        const found = await store.query<Row>(registerText, [options.all === true]);
        const ids = found.flatMap((row) => (row.reviewer === null ? [row.person] : [row.person, row.reviewer]));
        const handles = await handlesOf(store, ids);
        return found.map((row) => ({
          ...row,
          person: handles.get(row.person) ?? row.person,
          reviewer: row.reviewer === null ? null : (handles.get(row.reviewer) ?? row.reviewer),
          openedAt: formatInstant(row.openedAt),
          endedAt: row.endedAt === null ? null : formatInstant(row.endedAt),
        }));
      });
      if (options.json) return printJson(terminal, rows);
      if (rows.length === 0) return terminal.out('Nothing waits for a review.\n');
      printTable(
        terminal,
        ['request', 'who', 'target', 'role', 'incident', 'opened', 'ended', 'review'],
        rows.map((row) => [
          row.id,
          row.person,
          row.target,
          row.role,
          row.incident,
          row.openedAt,
          row.endedAt,
          row.verdict ?? 'waiting',
        ]),
      );
    });
};
