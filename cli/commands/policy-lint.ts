/** `curfew policy lint` and `curfew policy schema`. */
import type { Command } from 'commander';
import { policyJsonSchemaText } from '../../policy/json-schema.ts';
import { parsePolicy } from '../../policy/parse.ts';
import { tellIssues } from '../policy/checked.ts';
import { companyOf, type CompanyOptions } from '../policy/company.ts';
import { loadPolicy } from '../policy/load.ts';
import type { Finish } from '../program.ts';
import { exitCodes, printJson, type Terminal } from '../terminal.ts';

type LintOptions = Pick<CompanyOptions, 'people'> & { readonly json?: true };

export function addPolicyLint(policy: Command, terminal: Terminal, finish: Finish): void {
  policy
    .command('lint')
    .summary('tell every mistake of a policy')
    .description(
      'Tells every mistake of a policy at once, each with its file, line and column. With people, also the groups and people that the directory does not know.',
    )
    .argument('[file-or-folder]', 'the policy', 'policy.yaml')
    .option('--people <file>', 'a people file to check names against')
    .option('--json', 'print the issues as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  curfew policy lint policy.yaml\n  curfew policy lint --people people.yaml policy/\n  curfew policy lint --json policy.yaml\n\nExit codes: 0 it is a policy, warnings or not; 1 it has mistakes; 2 it cannot be read.',
    )
    .action(async (path: string, options: LintOptions) => {
      const text = loadPolicy(terminal, path);
      const known = options.people === undefined ? {} : (await companyOf(terminal, options)).known;
      const parsed = parsePolicy(text, path, known);
      const issues = parsed.ok ? parsed.warnings : parsed.issues;
      if (options.json) printJson(terminal, { ok: parsed.ok, issues });
      else tellIssues(terminal, issues);
      const warnings = issues.length === 1 ? ', with 1 warning' : `, with ${issues.length} warnings`;
      if (parsed.ok && !options.json) terminal.out(`${path} is a policy${issues.length > 0 ? warnings : ''}.\n`);
      finish(parsed.ok ? exitCodes.done : exitCodes.refused);
    });
}

export function addPolicySchema(policy: Command, terminal: Terminal): void {
  policy
    .command('schema')
    .summary('print the JSON Schema of policy files')
    .description('Prints the JSON Schema of policy files, from which editors complete and check while one types.')
    .option('--json', 'the same: it is JSON anyway')
    .addHelpText('after', '\nExamples:\n  curfew policy schema > policy.schema.json')
    .action(() => terminal.out(policyJsonSchemaText()));
}
