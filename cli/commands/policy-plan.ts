/** `curfew policy plan`: what a policy would change for whom. Nothing is changed. */
import type { Command } from 'commander';
import { compare } from '../../policy/compare.ts';
import { checkedPolicy, policyThatHolds } from '../policy/checked.ts';
import { companyOf, several, type CompanyOptions } from '../policy/company.ts';
import { exitCodes, printJson, type Terminal } from '../terminal.ts';
import type { Finish } from '../program.ts';

type Options = CompanyOptions & { readonly against?: string; readonly json?: true };

export function addPolicyPlan(policy: Command, terminal: Terminal, finish: Finish): void {
  policy
    .command('plan')
    .summary('say what a policy would change for whom')
    .description(
      'Compares a policy with the one that holds: everybody asks for every role of every target of both, and what is not the same is told, group by group. Nothing is changed.',
    )
    .argument('<file-or-folder>', 'the new policy')
    .option('--against <file-or-folder>', 'compare with this policy, instead of the one that holds')
    .option('--people <file>', 'people of this file, instead of the directory')
    .option(
      '--on-call <schedule=handle>',
      'who is on call, besides what the directory says; repeat it for others',
      several,
    )
    .option('--json', 'print the changes as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  curfew policy plan policy.yaml\n  curfew policy plan --people people.yaml --against old.yaml new.yaml\n\nExit codes: 0 compared, whatever changes; 1 the new policy does not lint; 2 a file cannot be read.',
    )
    .action(async (path: string, options: Options) => {
      const company = await companyOf(terminal, options);
      const after = checkedPolicy(terminal, path, company.known);
      const before =
        options.against === undefined ? await policyThatHolds(terminal) : checkedPolicy(terminal, options.against);
      const { lines, changes, judged, cut } = compare(before, after, company.people, {
        now: terminal.clock(),
        nameOf: company.handleOf,
      });
      if (options.json) printJson(terminal, { before: before.hash, after: after.hash, lines, changes, judged, cut });
      else
        terminal.out(lines.length === 0 ? 'Nothing changes for anybody.\n' : lines.map((line) => `${line}\n`).join(''));
      finish(exitCodes.done);
    });
}
