import type { Command } from 'commander';
import type { ProposalId } from '../../domain/ids.ts';
import { formatInstant } from '../../domain/time.ts';
import { unifiedDiff } from '../../policy/diff.ts';
import * as proposals from '../../store/proposals.ts';
import type { Store } from '../../store/pool.ts';
import { withAdminStore } from '../settings.ts';
import { printJson, printTable, Stopped, type Terminal } from '../terminal.ts';
import { wholeId } from '../whole-id.ts';
import { handlesOf } from './requests.ts';

type Json = { readonly json?: true };

/** `curfew policy proposal`: what waits for a second person, and the whole of one, which Slack may be too small for. */
export function addPolicyProposals(policy: Command, terminal: Terminal): void {
  policy
    .command('proposal')
    .summary('list proposed policies, or show one whole')
    .description(
      'Lists the policies that wait for a second person; with an id, shows that one with all that it changes.',
    )
    .argument('[id]', "the proposal's id, whole")
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  curfew policy proposal\n  curfew policy proposal 0b9c6a52-6a3f-4f0e-9a55-1d2f3c4b5a69',
    )
    .action(async (given: string | undefined, options: Json) => {
      const id =
        given === undefined ? undefined : (wholeId(given, 'A proposal is named by its whole id.') as ProposalId);
      await withAdminStore(terminal, (store) =>
        id === undefined ? list(terminal, store, options) : show(terminal, store, id, options),
      );
    });
}

async function list(terminal: Terminal, store: Store, { json }: Json): Promise<void> {
  const ids = await proposals.open(store);
  const found = (await Promise.all(ids.map((id) => proposals.byId(store, id)))).flatMap((one) => (one ? [one] : []));
  const rows = found.map(({ id, hash, proposedBy, proposedAt, need, decisions, changes }) => ({
    id,
    hash,
    proposedBy,
    proposedAt: formatInstant(proposedAt),
    approvals: decisions.length,
    need,
    changes,
  }));
  if (json) return printJson(terminal, rows);
  if (rows.length === 0) return terminal.out('No proposed policy waits for anybody.\n');
  printTable(
    terminal,
    ['proposal', 'sha-256', 'by', 'at', 'approved'],
    rows.map((row) => [
      row.id,
      row.hash.slice(0, 12),
      row.proposedBy,
      row.proposedAt,
      `${row.approvals} of ${row.need}`,
    ]),
  );
}

async function show(terminal: Terminal, store: Store, id: ProposalId, { json }: Json): Promise<void> {
  const proposal = await proposals.byId(store, id);
  if (!proposal) throw new Stopped('There is no such proposal.');
  const { decisions, base, text, ...rest } = proposal;
  const handles = await handlesOf(
    store,
    decisions.map(({ person }) => person),
  );
  const said = decisions.map(({ person, verdict, madeAt }) => ({
    who: handles.get(person) ?? person,
    verdict,
    at: formatInstant(madeAt),
  }));
  const diff = unifiedDiff(base?.text ?? '', text);
  if (json)
    return printJson(terminal, {
      ...rest,
      base: base && { number: base.number, hash: base.hash },
      decisions: said,
      diff,
      text,
    });
  terminal.out(
    [
      proposal.hash,
      `Proposed by ${proposal.proposedBy} at ${formatInstant(proposal.proposedAt)}, in place of ${base ? `version ${base.number}` : 'nothing'}: ${proposal.state}.`,
      ...said.map((one) => `${one.who}: ${one.verdict}, ${one.at}`),
      ...(proposal.changes.length > 0 ? ['What would change:', ...proposal.changes.map((line) => `  ${line}`)] : []),
      '',
      diff,
    ].join('\n'),
  );
}
