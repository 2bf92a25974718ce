import { formatInstant } from '../../domain/time.ts';
import type { PersonId } from '../../domain/ids.ts';
import type { Store } from '../../store/pool.ts';
import { endsOf, followedOf } from '../../store/requests.ts';
import * as taints from '../../store/taints.ts';
import { withAuditorStore } from '../settings.ts';
import { printJson, printTable, type Terminal } from '../terminal.ts';
import type { Command } from 'commander';
import { handlesOf } from './requests.ts';

type Options = { readonly all?: true; readonly json?: true };

/** As many as one look is read for; whoever has more asks the audit log. */
const most = 10_000;

export function addReportTainted(command: Command, terminal: Terminal): void {
  command
    .command('tainted')
    .summary('what lives on the approval of somebody who has left')
    .description(
      'Lists what people hold on the approval of somebody who has left or is suspended, whom it was asked of, and what came of it. What the policy says of it (leavers: { approvals: keep | ask | revoke }) is done by itself; this shows it.',
    )
    .option('--all', 'what has ended since as well')
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExamples:\n  curfew report tainted\n  curfew report tainted --all --json')
    .action(async ({ all, json }: Options) => {
      const found = await withAuditorStore(terminal, (store) => read(store, all === true));
      if (json) return printJson(terminal, found);
      if (found.length === 0) return terminal.out('Nothing lives on the approval of somebody who is gone.\n');
      printTable(
        terminal,
        ['request', 'holder', 'target', 'role', 'until', 'approved by', 'who', 'found', 'rule', 'became'],
        found.map((one) => [
          one.request,
          one.holder,
          one.target,
          one.role,
          one.until ?? '-',
          one.approver,
          one.cause,
          one.found,
          one.rule ?? '-',
          one.outcome ?? (one.answerBy === null ? 'open' : `asked until ${one.answerBy}`),
        ]),
      );
    });
}

/** Those that are kept are still alive: they are shown until they end. */
async function read(store: Store, all: boolean) {
  const found = await taints.list(store, { openOnly: false, limit: most });
  const requests = new Map(
    (await followedOf(store, [...new Set(found.map(({ requestId }) => requestId))])).map((row) => [row.id, row]),
  );
  const ends = await endsOf(store, [...requests.keys()]);
  const people = [...requests.values()].map(({ person }) => person);
  const answered = found.flatMap(({ answer }): readonly PersonId[] => (answer ? [answer.person] : []));
  const handles = await handlesOf(store, [...people, ...answered, ...found.map(({ person }) => person)]);
  const nameOf = (id: PersonId): string => handles.get(id) ?? id;
  return found.flatMap((taint) => {
    const row = requests.get(taint.requestId);
    const lives = row !== undefined && row.view?.state.kind !== 'closed' && taint.outcome !== 'lifted';
    if (!row || !(all || lives)) return [];
    return [
      {
        request: row.id,
        holder: nameOf(row.person),
        target: row.target,
        role: row.role,
        until: at(ends.get(row.id)),
        extension: taint.extensionId,
        approver: nameOf(taint.person),
        cause: taint.cause,
        found: formatInstant(taint.foundAt),
        rule: taint.rule,
        answerBy: at(taint.answerByAt),
        answer: taint.answer && { by: nameOf(taint.answer.person), verdict: taint.answer.verdict },
        outcome: taint.outcome,
        lives,
      },
    ];
  });
}

const at = (instant: number | null | undefined): string | null => (instant == null ? null : formatInstant(instant));
