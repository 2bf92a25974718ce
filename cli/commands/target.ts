import { Option } from 'commander';
import { targetInstalled, targetUninstalled } from '../../domain/events/operation.ts';
import { append } from '../../store/audit.ts';
import type { Store } from '../../store/pool.ts';
import { insert as keepCheck } from '../../store/target-checks.ts';
import { attestationCodes, checkTarget, type Attestation, type CheckResult } from '../../targets/postgres/check.ts';
import { installTarget } from '../../targets/postgres/install.ts';
import { uninstallTarget } from '../../targets/postgres/uninstall.ts';
import type { Register } from '../program.ts';
import { settings, withAdminStore } from '../settings.ts';
import { operatorOf } from '../target/administrator.ts';
import { policyInForce, wantedOf, type Wanted } from '../target/policy.ts';
import { exitCodes, printJson, printTable, Stopped, type Terminal } from '../terminal.ts';

type InstallOptions = {
  readonly cluster: string;
  readonly mode: 'createrole' | 'superuser';
  readonly loginTrigger?: true;
  readonly json?: true;
};
type CheckOptions = {
  readonly attest: readonly string[];
  readonly operator?: string;
  readonly reviewed: readonly string[];
  readonly json?: true;
};

/** Without it nothing reads the server's log. */
const collectorVariable = 'CURFEW_TARGET_COLLECTOR_PASSWORD';

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

const common = `
All targets named together are of one cluster. CURFEW_TARGET_ADMIN_URL is your own login on its control database, and
CURFEW_ADMIN_STORE_URL the store: the policy that holds there says which databases and templates each target has.`;

export const registerTarget: Register = (program, terminal, finish) => {
  const target = program
    .command('target')
    .summary('install, check or uninstall on a cluster')
    .description('PostgreSQL clusters on which access is granted.');
  target
    .command('install')
    .summary('install Curfew on a cluster, or upgrade it')
    .description(
      'Installs the functions, the ledger, the logins curfew_worker and curfew_reaper, and curfew_collector where its password is set, the ticket key and the templates; then checks. May be run again: after a new policy, a new key, a new version.',
    )
    .argument('<targets...>', 'the targets of this cluster')
    .requiredOption('--cluster <name>', 'whose ticket key of CURFEW_TICKET_KEYS is registered')
    .addOption(
      new Option('--mode <mode>', 'who owns the functions').choices(['createrole', 'superuser']).default('createrole'),
    )
    .option('--login-trigger', 'also refuse logins in flight (PostgreSQL 17+, superuser)')
    .option('--json', 'print the check as JSON')
    .addHelpText('after', `\nExamples:\n  curfew target install orders-prod models-prod --cluster main${common}`)
    .action(async (names: string[], options: InstallOptions) => {
      const ok = await withAdminStore(terminal, (store) => install(terminal, store, names, options));
      finish(ok ? exitCodes.done : exitCodes.refused);
    });
  target
    .command('check')
    .summary('check whether grants may be made on a cluster')
    .description(
      'Checks versions, pg_hba, privileges and templates, and keeps the result: without a good one of the last seven days nothing is granted. Exit code 1 where something must be mended.',
    )
    .argument('<targets...>', 'the targets of this cluster')
    .option(
      '--attest <code=text>',
      `your word for what SQL cannot show: ${attestationCodes.join(', ')}; may be repeated`,
      collect,
      [],
    )
    .option('--operator <name>', 'who gives it; printed on receipts')
    .option(
      '--reviewed <function>',
      'a SECURITY DEFINER function that somebody has reviewed; may be repeated',
      collect,
      [],
    )
    .option('--json', 'print the check as JSON')
    .addHelpText(
      'after',
      `\nExamples:\n  curfew target check orders-prod models-prod\n  curfew target check orders-prod --operator 'Ada' --attest 'hba-unseen=scram over TLS only'${common}`,
    )
    .action(async (names: string[], options: CheckOptions) => {
      const ok = await withAdminStore(terminal, async (store) => {
        const wanted = wantedOf(await policyInForce(store), names);
        return check(terminal, store, wanted, options);
      });
      finish(ok ? exitCodes.done : exitCodes.refused);
    });
  target
    .command('uninstall')
    .summary('take Curfew away from a cluster')
    .description(
      'Takes functions, ledger and logins away. Refused while a grant is live or not cleaned up yet. Templates stay.',
    )
    .argument('<targets...>', 'all the targets of this cluster')
    .requiredOption('--yes', 'really: the ledger, with its tombstones, is gone afterwards')
    .option('--json', 'print what was kept as JSON')
    .addHelpText('after', `\nExamples:\n  curfew target uninstall orders-prod models-prod --yes${common}`)
    .action((names: string[], options: { json?: true }) =>
      withAdminStore(terminal, (store) => uninstall(terminal, store, names, options.json)),
    );
};

async function install(
  terminal: Terminal,
  store: Store,
  names: readonly string[],
  options: InstallOptions,
): Promise<boolean> {
  const { ticketKeys, workerPassword, reaperPassword } = settings(
    terminal,
    'ticketKeys',
    'workerPassword',
    'reaperPassword',
  );
  const { collectorPassword } = terminal.env[collectorVariable]
    ? settings(terminal, 'collectorPassword')
    : { collectorPassword: undefined };
  const key = ticketKeys.get(options.cluster);
  if (!key) throw new Stopped(`CURFEW_TICKET_KEYS has no key for the cluster ${options.cluster}.`, exitCodes.usage);
  const { admin, controlDatabase } = operatorOf(terminal);
  const wanted = wantedOf(await policyInForce(store), names);
  const notes = await installTarget(admin, {
    mode: options.mode,
    controlDatabase,
    databases: [...wanted.databases],
    templates: wanted.templates.map((template) => ({ ...template, databases: [...template.databases] })),
    ticketKeys: [{ keyId: key.id, key: Uint8Array.from(key.key) }],
    workerPassword,
    reaperPassword,
    ...(collectorPassword === undefined ? {} : { collectorPassword }),
    loginTrigger: options.loginTrigger ?? false,
  });
  for (const note of notes) terminal.err(`${note}\n`);
  await store.transaction(async (tx) => {
    for (const { name } of wanted.targets) {
      const body = { mode: options.mode, key: key.id, databases: wanted.databases };
      await append(tx, targetInstalled('curfew_admin', name, body));
    }
  });
  return check(terminal, store, wanted, { attest: [], reviewed: [], ...(options.json ? { json: true } : {}) });
}

/** Checks each target by itself, since each has its own databases and templates, and keeps each result. */
async function check(terminal: Terminal, store: Store, wanted: Wanted, options: CheckOptions): Promise<boolean> {
  const { admin, controlDatabase } = operatorOf(terminal);
  const attestations = attestationsOf(options);
  const results: { target: string; result: CheckResult }[] = [];
  for (const { name, databases, templates } of wanted.targets) {
    const result = await checkTarget(admin, {
      controlDatabase,
      databases,
      templates,
      reviewedFunctions: options.reviewed,
      attestations,
      clock: terminal.clock,
    });
    await store.transaction((tx) => keepCheck(tx, { target: name, ok: result.ok, result }, 'curfew_admin'));
    results.push({ target: name, result });
  }
  if (options.json) printJson(terminal, results);
  else for (const { target, result } of results) print(terminal, target, result);
  return results.every(({ result }) => result.ok);
}

function attestationsOf({ attest, operator }: CheckOptions): readonly Attestation[] {
  if (attest.length > 0 && !operator)
    throw new Stopped('--attest needs --operator: whose word it is.', exitCodes.usage);
  return attest.map((text) => {
    const [, given, says] = /^([a-z-]+)=(.+)$/s.exec(text) ?? [];
    const code = attestationCodes.find((one) => one === given);
    if (!code || !says) {
      throw new Stopped(
        `--attest takes CODE=TEXT, with one of ${attestationCodes.join(', ')} as the code.`,
        exitCodes.usage,
      );
    }
    return { code, by: operator ?? '', says };
  });
}

function print(terminal: Terminal, target: string, result: CheckResult): void {
  terminal.out(`${target}: ${result.ok ? 'fit for grants' : 'NOT fit for grants'}\n`);
  const shown = result.findings.filter((finding) => finding.severity !== 'info');
  if (shown.length === 0) return;
  printTable(
    terminal,
    ['', 'where', 'code', 'what', 'mend'],
    shown.map((finding) => [finding.severity, finding.database, finding.code, finding.what, finding.mend]),
  );
}

async function uninstall(
  terminal: Terminal,
  store: Store,
  names: readonly string[],
  json: true | undefined,
): Promise<void> {
  const { admin, controlDatabase } = operatorOf(terminal);
  const wanted = wantedOf(await policyInForce(store), names);
  const done = await uninstallTarget(admin, { controlDatabase, databases: wanted.databases });
  if (done.kind === 'refused') throw new Stopped(done.why);
  await store.transaction(async (tx) => {
    for (const { name } of wanted.targets) {
      await append(tx, targetUninstalled('curfew_admin', name, { kept: done.kept.length }));
    }
  });
  if (json) return printJson(terminal, done);
  terminal.out('Curfew is gone from this cluster.\n');
  for (const kept of done.kept) terminal.err(`kept ${kept}\n`);
}
