/** A target of two nodes: a primary with the sample on it, and a standby that streams from it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { Client, type QueryResultRow } from 'pg';
import { freePort } from '../../dev/ports.ts';
import { startCluster, type Cluster, type PostgresVersion } from '../../dev/postgres.ts';
import { startStandby, type Standby } from '../../dev/standby.ts';
import { openTarget, type Target } from '../../targets/postgres/accessor.ts';
import type { Node } from '../../targets/postgres/nodes.ts';
import { testedMajor, type Postgres } from './postgres.ts';
import { installSample, makeSample, reaperPassword, workerPassword, type Sample } from './target.ts';

const superuserPassword = 'superuser-of-a-throw-away-cluster';
/** Fast and small: nothing in a throw-away cluster outlives it. */
const settings = { fsync: 'off', full_page_writes: 'off', autovacuum: 'off', max_connections: '60' };

export type TwoNodes = {
  readonly primary: Cluster;
  readonly standby: Standby;
  /** The same two, as the other support files take a server. */
  readonly on: { readonly primary: Postgres; readonly standby: Postgres };
  readonly nodes: readonly [Node, Node];
  /** The accessors of one node, the primary, that the sample was installed with. */
  readonly sample: Sample;
  /** Both nodes, as one of Curfew's logins; `port`: where the standby is reached, e.g. a line that can be broken. */
  readonly open: (user: 'curfew_worker' | 'curfew_reaper', port?: number) => Target;
  readonly end: () => Promise<void>;
};

type Installing = NonNullable<Parameters<typeof installSample>[1]>;
export type TwoNodesOptions = {
  readonly ticketKeys?: Installing['ticketKeys'];
  readonly collectorPassword?: string;
  /** Of both servers, on top of those of a throw-away cluster. */
  readonly config?: Readonly<Record<string, string>>;
  /** With the sample on the primary, before there is a standby. */
  readonly before?: (sample: Sample, primary: Postgres) => Promise<void>;
};

export async function startTwoNodes(options: TwoNodesOptions = {}): Promise<TwoNodes> {
  const { ticketKeys, collectorPassword, config = {}, before } = options;
  const folder = await mkdtemp(join(tmpdir(), 'curfew-test-nodes-'));
  const closing: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const end = async (): Promise<void> => {
    for (const close of closing.splice(0).toReversed()) await close();
  };
  try {
    const primary = await startCluster({
      name: 'primary',
      dataDir: join(folder, 'primary'),
      port: await freePort(),
      superuserPassword,
      version: Number(testedMajor) as PostgresVersion,
      settings: { ...settings, ...config },
    });
    closing.push(() => primary.stop());
    const on = serverOn(primary);
    await makeSample(on);
    await on.query('orders', 'alter default privileges in schema sales grant select on tables to orders_read');
    const sample = await installSample(on, {
      ...(ticketKeys === undefined ? {} : { ticketKeys }),
      ...(collectorPassword === undefined ? {} : { collectorPassword }),
    });
    closing.push(() => sample.close());
    await before?.(sample, on);
    const standby = await startStandby(primary, { name: 'standby' });
    closing.push(() => standby.stop());
    const [first, second] = [nodeOf(primary), nodeOf(standby.cluster)];
    const open: TwoNodes['open'] = (user, port = second.port) => {
      const target = openTarget({
        name: 'orders-prod',
        controlDatabase: 'control',
        nodes: [first, { ...second, port }],
        user,
        password: user === 'curfew_worker' ? workerPassword : reaperPassword,
        applicationName: user.replace('_', '-'),
      });
      closing.push(() => target.close());
      return target;
    };
    await standby.replayed();
    return {
      primary,
      standby,
      on: { primary: on, standby: serverOn(standby.cluster) },
      nodes: [first, second],
      sample,
      open,
      end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

const nodeOf = ({ name, host, port }: Cluster): Node => ({ name, host, port });

function serverOn(cluster: Cluster): Postgres {
  const { host, port } = cluster;
  const admin = { host, port, user: 'postgres', password: superuserPassword };
  const as: Postgres['as'] = async (login, work) => {
    const client = new Client({ ...admin, database: 'postgres', ...login, connectionTimeoutMillis: 5_000 });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  return {
    host,
    port,
    admin,
    as,
    log: () => readFileSync(cluster.logFile, 'utf8'),
    query: <Row extends QueryResultRow>(database: string, text: string, values: readonly unknown[] = []) =>
      as({ database }, async (client) => (await client.query<Row>(text, [...values])).rows),
    crash: async () => {
      await cluster.crash('immediate');
      await cluster.start();
    },
    stop: () => cluster.stop(),
  };
}
