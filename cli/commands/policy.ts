import { formatInstant } from '../../domain/time.ts';
import { formatIssue, type Issue } from '../../policy/issue.ts';
import { parsePolicy } from '../../policy/parse.ts';
import { current } from '../../store/policies.ts';
import type { Register } from '../program.ts';
import { readFileOf, withAdminStore } from '../settings.ts';
import { exitCodes, printJson, Stopped, type Terminal } from '../terminal.ts';
import { addPolicyApply } from './policy-apply.ts';

const lint = (
  terminal: Terminal,
  file: string,
): { readonly text: string; readonly ok: boolean; readonly issues: readonly Issue[] } => {
  const text = readFileOf(terminal, file);
  const parsed = parsePolicy(text, file);
  return { text, ok: parsed.ok, issues: parsed.ok ? parsed.warnings : parsed.issues };
};

const told = (terminal: Terminal, issues: readonly Issue[]): void => {
  for (const issue of issues) terminal.err(`${formatIssue(issue)}\n`);
};

export const registerPolicy: Register = (program, terminal, finish) => {
  const policy = program
    .command('policy')
    .summary('lint, apply or print the policy')
    .description('The policy file: who may have what, and who says so.');
  policy
    .command('lint')
    .summary('tell every mistake of a policy file')
    .description('Tells every mistake of a policy file, each with its line and column. Exit code 1 where there is one.')
    .argument('<file>', 'the policy file')
    .option('--json', 'print the issues as JSON')
    .addHelpText('after', '\nExamples:\n  curfew policy lint policy.yaml\n  curfew policy lint --json policy.yaml')
    .action((file: string, options: { json?: true }) => {
      const { ok, issues } = lint(terminal, file);
      if (options.json) printJson(terminal, { ok, issues });
      else told(terminal, issues);
      if (ok && !options.json)
        terminal.out(`${file} is a policy${issues.length > 0 ? `, with ${issues.length} warnings` : ''}.\n`);
      finish(ok ? exitCodes.done : exitCodes.refused);
    });
  addPolicyApply(policy, terminal, finish);
  policy
    .command('show')
    .summary('print the policy that holds')
    .description('Prints the text of the policy that holds.')
    .option('--json', 'print number, hash, when and by whom as well')
    .addHelpText('after', '\nExamples:\n  curfew policy show > policy.yaml')
    .action(async (options: { json?: true }) => {
      const holds = await withAdminStore(terminal, current);
      if (!holds) throw new Stopped('No policy was applied yet: nothing can be granted. Run curfew policy apply FILE.');
      if (options.json) return printJson(terminal, { ...holds, appliedAt: formatInstant(holds.appliedAt) });
      terminal.out(holds.text);
    });
};
