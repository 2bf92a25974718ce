import { formatInstant } from '../../domain/time.ts';
import { current } from '../../store/policies.ts';
import { nothingHolds } from '../policy/checked.ts';
import type { Register } from '../program.ts';
import { withAdminStore } from '../settings.ts';
import { printJson, Stopped } from '../terminal.ts';
import { addPolicyApply } from './policy-apply.ts';
import { addPolicyExplain } from './policy-explain.ts';
import { addPolicyLint, addPolicySchema } from './policy-lint.ts';
import { addPolicyPlan } from './policy-plan.ts';
import { addPolicyProposals } from './policy-proposals.ts';
import { addPolicyTest } from './policy-test.ts';

export const registerPolicy: Register = (program, terminal, finish) => {
  const policy = program
    .command('policy')
    .summary('lint, test, explain, plan, apply or print the policy')
    .description('The policy file: who may have what, and who says so.');
  addPolicyLint(policy, terminal, finish);
  addPolicyTest(policy, terminal, finish);
  addPolicyExplain(policy, terminal, finish);
  addPolicyPlan(policy, terminal, finish);
  addPolicyApply(policy, terminal, finish);
  addPolicyProposals(policy, terminal);
  addPolicySchema(policy, terminal);
  policy
    .command('show')
    .summary('print the policy that holds')
    .description('Prints the text of the policy that holds.')
    .option('--json', 'print number, hash, when and by whom as well')
    .addHelpText('after', '\nExamples:\n  curfew policy show > policy.yaml')
    .action(async (options: { json?: true }) => {
      const holds = await withAdminStore(terminal, current);
      if (!holds) throw new Stopped(nothingHolds);
      if (options.json) return printJson(terminal, { ...holds, appliedAt: formatInstant(holds.appliedAt) });
      terminal.out(holds.text);
    });
};
