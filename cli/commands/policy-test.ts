/** `curfew policy test`: the cases beside a policy. */
import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { formatFailure, runCase, type Failure } from '../../policy/case-run.ts';
import { parseCases, type Case } from '../../policy/cases.ts';
import { checkedPolicy, tellIssues } from '../policy/checked.ts';
import { companyOf, several, type CompanyOptions } from '../policy/company.ts';
import type { Finish } from '../program.ts';
import { readFileOf } from '../settings.ts';
import { exitCodes, printJson, Stopped, type Terminal } from '../terminal.ts';

type Options = CompanyOptions & { readonly json?: true; readonly cases?: string };

export function addPolicyTest(policy: Command, terminal: Terminal, finish: Finish): void {
  policy
    .command('test')
    .summary('ask a policy what its cases expect')
    .description(
      'Runs the cases of every *.test.yaml beside a policy. People are those of the directory, or of a people file.',
    )
    .argument('[file-or-folder]', 'the policy', 'policy.yaml')
    .option('--cases <file>', 'the cases of this file, instead of those beside the policy')
    .option('--people <file>', 'people of this file, instead of the directory')
    .option(
      '--on-call <schedule=handle>',
      'who is on call, besides what the directory says; repeat it for others',
      several,
    )
    .option('--json', 'print what failed as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  curfew policy test --people people.yaml policy.yaml\n  curfew policy test --json policy/\n\nExit codes: 0 every case holds; 1 some do not; 2 a file cannot be read.',
    )
    .action(async (path: string, options: Options) => {
      const company = await companyOf(terminal, options);
      const checked = checkedPolicy(terminal, path, company.known);
      const files = options.cases === undefined ? casesBeside(path) : [options.cases];
      const cases = files.flatMap((file) => readCases(terminal, file));
      const now = terminal.clock();
      const failures = cases.flatMap((one) => runCase(checked, one, company, now));
      const failed = new Set(failures.map(({ case: name }) => name)).size;
      if (options.json) printJson(terminal, { cases: cases.length, failed, failures });
      else tell(terminal, failures, cases.length, failed);
      finish(failed === 0 ? exitCodes.done : exitCodes.refused);
    });
}

function tell(terminal: Terminal, failures: readonly Failure[], cases: number, failed: number): void {
  for (const failure of failures) terminal.err(`${formatFailure(failure)}\n`);
  terminal.out(failed === 0 ? `All ${cases} cases hold.\n` : `${failed} of ${cases} cases do not hold.\n`);
}

function casesBeside(path: string): readonly string[] {
  const folder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? path : dirname(path);
  const names = readdirSync(folder).filter((name) => /\.test\.ya?ml$/.test(name));
  if (names.length === 0)
    throw new Stopped(`${folder} has no file that ends in .test.yaml: there is nothing to test.`, exitCodes.usage);
  return names.toSorted().map((name) => join(folder, name));
}

function readCases(terminal: Terminal, file: string): readonly Case[] {
  const parsed = parseCases(readFileOf(terminal, file), file);
  if (parsed.ok) return parsed.cases;
  tellIssues(terminal, parsed.issues);
  throw new Stopped(`${file} was not run: mend what is listed above.`);
}
