/** `curfew policy explain`: why the policy says what it says of one request. */
import { Option, type Command } from 'commander';
import type { RoleName, TargetName } from '../../domain/ids.ts';
import { parseSpan } from '../../domain/time.ts';
import { explainAsk } from '../../policy/explain-ask.ts';
import { explainedText } from '../../policy/explain-text.ts';
import { checkedPolicy, instantOf, policyThatHolds } from '../policy/checked.ts';
import { companyOf, several, type CompanyOptions } from '../policy/company.ts';
import type { Finish } from '../program.ts';
import { exitCodes, printJson, Stopped, type Terminal } from '../terminal.ts';

type Options = CompanyOptions & {
  readonly as: string;
  readonly target: string;
  readonly role: string;
  readonly for: string;
  readonly kind: 'access' | 'break-glass';
  readonly ticket?: string;
  readonly start?: string;
  readonly at?: string;
  readonly policy?: string;
  readonly json?: true;
};

export function addPolicyExplain(policy: Command, terminal: Terminal, finish: Finish): void {
  policy
    .command('explain')
    .summary('say why somebody would get something, or why not')
    .description(
      'Says what the policy says of one request, and why: the rule that decides, each condition with its value, who could decide today and who could not, and the nearest rule that would have allowed it. Nothing is asked for.',
    )
    .requiredOption('--as <handle>', 'who asks')
    .requiredOption('--target <name>', 'for which target')
    .requiredOption('--role <name>', 'for which role of it')
    .requiredOption('--for <span>', 'for how long: 30m, 2h, 1h30m')
    .addOption(new Option('--kind <kind>', 'what is asked for').choices(['access', 'break-glass']).default('access'))
    .option('--ticket <id>', 'with this ticket or incident')
    .option('--start <instant>', 'to begin at this instant')
    .option('--at <instant>', 'as of this instant (now)')
    .option('--policy <file-or-folder>', 'by this policy, instead of the one that holds')
    .option('--people <file>', 'people of this file, instead of the directory')
    .option(
      '--on-call <schedule=handle>',
      'who is on call, besides what the directory says; repeat it for others',
      several,
    )
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  curfew policy explain --as ada --target orders-prod --role read --for 1h\n  curfew policy explain --as ada --target orders-prod --role write --for 1h --ticket INC-12 --at 2026-03-02T09:00:00Z\n  curfew policy explain --policy policy.yaml --people people.yaml --on-call payments=ada --as ada --target orders-prod --role read --for 1h\n\nExit codes: 0 it is possible; 1 it is denied; 2 called wrongly.',
    )
    .action((options: Options) => explain(terminal, options, finish));
}

async function explain(terminal: Terminal, options: Options, finish: Finish): Promise<void> {
  const durationMs = parseSpan(options.for);
  if (durationMs === undefined)
    throw new Stopped(`--for takes a span like 30m, 8h or 1h30m, not ${JSON.stringify(options.for)}.`, exitCodes.usage);
  const startAt = instantOf('--start', options.start);
  const at = instantOf('--at', options.at) ?? terminal.clock();
  const company = await companyOf(terminal, options);
  const policy =
    options.policy === undefined
      ? await policyThatHolds(terminal)
      : checkedPolicy(terminal, options.policy, company.known);
  const id = company.idOf(options.as);
  const requester = company.people.find((person) => person.id === id);
  if (!requester) throw new Stopped(`Nobody has the handle ${JSON.stringify(options.as)}.`, exitCodes.usage);
  const { kind, ticket = null } = options;
  const asked = { target: options.target as TargetName, role: options.role as RoleName };
  const explained = explainAsk(policy, { kind, ...asked, requester, durationMs, ticket, startAt }, company.people, at);
  if (options.json) printJson(terminal, { ...explained, handles: handlesIn(explained, company.handleOf) });
  else terminal.out(explainedText(explained, company.handleOf));
  finish(explained.plan.verdict === 'denied' ? exitCodes.refused : exitCodes.done);
}

/** What the ids of the answer are called. */
function handlesIn(
  { stages }: ReturnType<typeof explainAsk>,
  handleOf: (id: ReturnType<typeof explainAsk>['stages'][number]['able'][number]['person']) => string,
): Readonly<Record<string, string>> {
  const ids = stages.flatMap(({ able, unable }) => [...able, ...unable].map(({ person }) => person));
  return Object.fromEntries([...new Set(ids)].map((id) => [id, handleOf(id)]));
}
