import type { Cluster } from '../../config/targets.ts';
import { openAccess } from '../../doctor/access.ts';
import { checkAll } from '../../doctor/check-all.ts';
import { noticesOf } from '../../doctor/notices.ts';
import { reconciled } from '../../doctor/reconcile/told.ts';
import type { Witnessed } from '../../doctor/finding.ts';
import type { TargetAccess } from '../../doctor/target-facts.ts';
import type { LoadedPolicy } from '../../policy/parse.ts';
import { auditSettings, keyringOf, lookAtWitnesses } from '../audit-log.ts';
import type { Register } from '../program.ts';
import { settings, withAdminStore } from '../settings.ts';
import { administratorOf } from '../target/administrator.ts';
import { policyInForce } from '../target/policy.ts';
import { exitCodes, printJson, printTable, type Terminal } from '../terminal.ts';

export const registerDoctor: Register = (program, terminal, finish) => {
  program
    .command('doctor')
    .summary('name every broken promise')
    .description(
      "Reads the targets' catalogs and ledgers, the store and the audit log, and names each invariant that does not hold, and what the reconciler found. Changes nothing. Exit code 1 where one does not. CURFEW_TARGETS names the clusters, with an administrator's login on each.",
    )
    .option(
      '--reviewed <function>',
      'a SECURITY DEFINER function that somebody has reviewed; may be repeated',
      collect,
      [],
    )
    .option('--json', 'print the findings as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  CURFEW_TARGETS=@/etc/curfew/doctor.json curfew doctor\n  curfew doctor --json',
    )
    .action(async (options: { json?: true; reviewed: readonly string[] }) => {
      const { clusters } = settings(terminal, 'clusters');
      const witnessed = await witnessedOf(terminal);
      const { findings, notices, compared } = await withAdminStore(terminal, async (store) => {
        const policy = await policyInForce(store);
        const targets = clusters.map((cluster) => accessOf(cluster, policy, options.reviewed));
        return {
          findings: await checkAll({ store, targets, now: terminal.clock(), ...(witnessed && { witnessed }) }),
          notices: await noticesOf(store, terminal.clock()),
          compared: await reconciled(store, terminal.clock()),
        };
      });
      // Beside the output, which may be JSON: nothing is broken.
      for (const notice of notices) terminal.err(`Note (${notice.code}): ${notice.detail}\n`);
      terminal.err(`${compared.told.silent ? 'Note (reconcile-silent)' : 'Note'}: ${compared.told.sentence}\n`);
      // What the reconciler found says what was done about it; no number, because it is no judgement of a promise.
      const all = [
        ...findings,
        ...compared.open.map((one) => ({
          invariant: null,
          code: one.kind,
          subject: one.subject,
          detail: `${one.detail} ${one.did}`,
        })),
      ];
      finish(all.length === 0 ? exitCodes.done : exitCodes.refused);
      if (options.json) return printJson(terminal, all);
      if (all.length === 0) return terminal.out('Every invariant holds.\n');
      printTable(
        terminal,
        ['invariant', 'code', 'subject', 'what'],
        all.map(({ invariant, code, subject, detail }) => [invariant ?? '-', code, subject, detail]),
      );
    });
};

/** What the witnesses have, where keys say whose notes count; without keys the log is held against itself alone. */
async function witnessedOf(terminal: Terminal): Promise<Witnessed | undefined> {
  const config = auditSettings(terminal);
  const keyring = await keyringOf(config);
  if (!keyring) return undefined;
  const looks = await lookAtWitnesses(config, keyring.verifiers);
  return {
    name: config.name,
    verifiers: keyring.verifiers,
    held: looks.flatMap(({ newest }) => (newest ? [newest] : [])),
    troubles: looks.flatMap(({ name, trouble }) => (trouble === undefined ? [] : [`${name}: ${trouble}`])),
  };
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** A cluster whose targets the policy does not know any more is looked at all the same, in its control database. */
function accessOf(cluster: Cluster, policy: LoadedPolicy, reviewedFunctions: readonly string[]): TargetAccess {
  const databases = cluster.targets.flatMap((name) => policy.targets.get(name)?.databases ?? []);
  const [primary, ...standbys] = cluster.nodes;
  return openAccess(administratorOf(cluster, primary), {
    cluster: cluster.name,
    targets: cluster.targets,
    controlDatabase: cluster.database,
    databases: [...new Set(databases)],
    reviewedFunctions,
    node: primary.name,
    standbys: standbys.map((node) => ({ name: node.name, admin: administratorOf(cluster, node) })),
  });
}
