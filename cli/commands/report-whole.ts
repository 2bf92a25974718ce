/** The reports that are one statement each. */
import type { Command } from 'commander';
import type { Selector } from '../../domain/plan.ts';
import { parsePolicy } from '../../policy/parse.ts';
import { peopleMatching } from '../../store/people.ts';
import * as policies from '../../store/policies.ts';
import type { Db } from '../../store/pool.ts';
import { adminsReport } from '../../store/reports-admins.ts';
import { approversReport } from '../../store/reports-approvers.ts';
import { breakGlassReport } from '../../store/reports-breakglass.ts';
import { grantsReport } from '../../store/reports-grants.ts';
import { leaversReport } from '../../store/reports-leavers.ts';
import { policyChangesReport } from '../../store/reports-policy-changes.ts';
import { refusalsReport } from '../../store/reports-refusals.ts';
import { runReport, type Asked, type Report } from '../../store/reports.ts';
import { withAuditorStore } from '../settings.ts';
import type { Terminal } from '../terminal.ts';
import {
  formatOf,
  periodOf,
  targetNamed,
  whose,
  withFormat,
  withPeriod,
  type ReportOptions,
} from './report-options.ts';
import { printReport } from './report-print.ts';

type Whole = { readonly report: Report; readonly summary: string };

const reports: readonly Whole[] = [
  { report: grantsReport, summary: 'every grant, from the request to the verified end' },
  { report: leaversReport, summary: 'who left, against the end of everything they held' },
  { report: breakGlassReport, summary: 'the register of break-glass with its reviews' },
  { report: refusalsReport, summary: 'what was tried and refused' },
  { report: approversReport, summary: 'who said yes or no to what' },
  { report: policyChangesReport, summary: 'versions of the policy, and who changed it' },
  { report: adminsReport, summary: 'who can change Curfew itself' },
];

export function addWholeReports(command: Command, terminal: Terminal): void {
  for (const { report, summary } of reports) {
    const takes = (name: keyof Asked): boolean => report.takes.includes(name);
    const own = withPeriod(command.command(report.name).summary(summary).description(report.note));
    if (takes('target')) own.option('--target <name>', 'of this target only');
    if (takes('person')) own.option('--person <person>', 'of this person only: a handle or an id');
    withFormat(own)
      .addHelpText(
        'after',
        `\nExamples:\n  curfew report ${report.name} --from 2026-07-01 --to 2026-10-01\n  curfew report ${report.name} --from 2026-07-01 --to 2026-10-01 --format csv > ${report.name}.csv`,
      )
      .action((options: ReportOptions) => answer(terminal, report, options));
  }
}

async function answer(terminal: Terminal, report: Report, options: ReportOptions): Promise<void> {
  const period = periodOf(options, terminal.clock());
  const target = options.target === undefined ? null : targetNamed(options.target);
  const found = await withAuditorStore(terminal, async (store) => {
    const asked = { ...period, target, person: await whose(store, options.person) };
    const changers = report.takes.includes('groups') ? await policyChangers(store) : {};
    return runReport(store, report, { ...asked, ...changers });
  });
  printReport(terminal, formatOf(options), { report, period, options }, found);
}

/** Whom the policy that holds lets change it. A policy that cannot be read any more names nobody. */
async function policyChangers(db: Db): Promise<Pick<Asked, 'groups' | 'people'>> {
  const held = await policies.current(db);
  const parsed = held === undefined ? undefined : parsePolicy(held.text);
  const named: readonly Selector[] = parsed?.ok ? parsed.policy.powers.changePolicy : [];
  return {
    groups: named.flatMap((selector) => (selector.kind === 'group' ? [selector.group] : [])),
    people: await peopleMatching(db, named),
  };
}
