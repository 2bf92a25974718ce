/** What one look of the reconciler takes at a cluster with very many live grants on it, all of which agree with the store. */
import { clusterName, controlDatabase, sampleTargets } from '../../dev/company/targets.ts';
import { storeUrl } from '../../dev/stack/environments.ts';
import { createReconcileTarget } from '../../activities/reconcile-targets.ts';
import { currentPolicy } from '../../activities/current-policy.ts';
import { hourMs } from '../../domain/time.ts';
import { openTarget } from '../../targets/postgres/accessor.ts';
import { openCatalogs } from '../../targets/postgres/catalogs.ts';
import { createRevoker } from '../../targets/postgres/revoker.ts';
import { openStore, type Db, type Store } from '../../store/pool.ts';
import { toRow } from '../../temporal/messages.ts';
import { timed, type Metric } from '../metric.ts';
import type { Ground } from './ground.ts';
import { makePeople, seed } from './seed.ts';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const looks = 3;

/** The worker of the stack is stopped: the looks are this process's alone. */
export async function measureReconcile(ground: Ground, live: number): Promise<readonly Metric[]> {
  const { stack, target: superuser } = ground;
  const { settings } = stack;
  await stack.worker.stop();
  const [person] = await makePeople(ground, 1);
  if (!person) throw new Error('nobody was made');
  await seed(ground, live, { personOf: () => person, endAt: Date.now() + hourMs });
  // What autovacuum would have done meanwhile.
  for (const table of ['pg_authid', 'pg_auth_members', 'curfew.ledger'])
    await superuser.query(`vacuum analyze ${table}`);
  for (const table of ['request', 'projection', 'access_grant'])
    await ground.store.query(`vacuum analyze curfew.${table}`);
  let statements = 0;
  const seen = {
    name: clusterName,
    controlDatabase,
    nodes: [{ name: 'primary', host: '127.0.0.1', port: settings.ports.target }] as const,
    user: 'curfew_worker',
    password: settings.secrets.targetWorker,
    applicationName: 'curfew-bench',
    onStatement: ({ purpose }: { readonly purpose: string }) => void (purpose === 'call' && (statements += 1)),
  };
  const target = openTarget(seen);
  const catalogs = openCatalogs(seen);
  const opened = openStore({ url: storeUrl(settings, 'curfew_worker'), applicationName: 'curfew-bench' });
  const look = createReconcileTarget({
    store: counting(opened, () => (statements += 1)),
    policyOf: currentPolicy(),
    clock: Date.now,
    log: silent,
    revoke: ({ requestId, ...input }) => toRow({ kind: 'revoke', payload: { requestId, input } }),
  });
  const cluster = {
    target,
    catalogs,
    revoker: createRevoker(target),
    nodes: seen.nodes,
    targets: sampleTargets.map(({ name }) => name),
  };
  try {
    const times: number[] = [];
    let found = 0;
    for (let n = 0; n < looks; n += 1) {
      statements = 0;
      times.push(await timed(async () => void ({ found } = await look(cluster))));
    }
    const ms = Math.round(times.toSorted((one, other) => one - other)[Math.floor(looks / 2)] ?? Number.NaN);
    return [
      { metric: `reconcile.${live}.ms`, value: ms, budget: null, ok: true, note: `${found} findings` },
      { metric: `reconcile.${live}.statements`, value: statements, budget: null, ok: true },
    ];
  } finally {
    await Promise.allSettled([target.close(), catalogs.close(), opened.close()]);
    await stack.worker.start();
  }
}

/** A transaction's BEGIN and COMMIT are not counted. */
const counting = (store: Store, count: () => void): Store => {
  const counted = (db: Db): Db => ({
    query: (text, values) => {
      count();
      return db.query(text, values);
    },
  });
  return {
    ...counted(store),
    transaction: (work) => store.transaction((tx) => work(counted(tx))),
    close: () => store.close(),
  };
};
