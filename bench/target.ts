/**
 * What a grant and a revoke cost on the target: counts of round trips and transactions, and times against the same
 * statements bare, on the same kind of connection, turn by turn. A cluster of its own, with fsync on.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { freePort } from '../dev/ports.ts';
import { startCluster, type Cluster } from '../dev/postgres.ts';
import { hourMs, minuteMs } from '../domain/time.ts';
import { openTarget, type Target } from '../targets/postgres/accessor.ts';
import { endGrants } from '../targets/postgres/end.ts';
import { installTarget } from '../targets/postgres/install.ts';
import { makeTicket } from '../targets/postgres/ticket.ts';
import { makeVerifier } from '../targets/postgres/verifier.ts';
import { count, interleaved, ratio, timed, type Metric } from './metric.ts';

const template = 'bench_read';
const counted = 20;
const key = randomBytes(32);
const [workerPassword, reaperPassword] = [randomBytes(18).toString('hex'), randomBytes(18).toString('hex')];

/** @param timedPairs how many times each side of a ratio is taken */
export async function measureTarget({ timedPairs = 150 } = {}): Promise<readonly Metric[]> {
  const folder = await mkdtemp(join(tmpdir(), 'curfew-bench-'));
  let cluster: Cluster | undefined;
  try {
    cluster = await startBenchCluster(folder);
    await furnish(cluster);
    return [...(await counts(cluster)), ...(await ratios(cluster, timedPairs))];
  } finally {
    await cluster?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** @param folder where its data go */
export const startBenchCluster = async (folder: string): Promise<Cluster> =>
  startCluster({
    name: 'bench',
    dataDir: join(folder, 'data'),
    port: await freePort(),
    superuserPassword: randomBytes(18).toString('hex'),
    // Its own transactions would be counted as ours.
    settings: { autovacuum: 'off' },
  });

/** Curfew on the cluster's database `control`, and beside it what the bare floor needs. */
export async function furnish(cluster: Cluster): Promise<void> {
  await asSuperuser(cluster, 'postgres', async (client) => {
    await client.query(`create role ${template} nologin`);
    await client.query('create database control');
    await client.query('revoke all on database control from public');
    // The floor's login: it may make roles and hand out the template, and nothing stands between.
    await client.query(`create role bare login createrole password '${workerPassword}'`);
    await client.query(`grant ${template} to bare with admin true, inherit false, set false`);
    await client.query('grant connect on database control to bare');
  });
  const { host, port, superuserPassword: password } = cluster;
  await installTarget(
    { host, port, user: 'postgres', password },
    {
      mode: 'createrole',
      controlDatabase: 'control',
      databases: ['control'],
      templates: [{ role: template, maxMs: hourMs }],
      ticketKeys: [{ keyId: 'bench', key }],
      workerPassword,
      reaperPassword,
    },
  );
  await asSuperuser(cluster, 'control', async (client) => {
    await client.query('create table bare_ledger (id uuid primary key, role name, until timestamptz, state text)');
    await client.query('grant select, insert, update on bare_ledger to bare');
  });
}

/** Round trips as the accessor's own hook tells them; transactions as the server counted them. */
async function counts(cluster: Cluster): Promise<readonly Metric[]> {
  const calls: string[] = [];
  const used = async (work: (target: Target) => Promise<void>): Promise<number> => {
    const before = await committed(cluster);
    const target = open(cluster, (call) => calls.push(call));
    await work(target);
    await target.close();
    return (await committed(cluster)) - before;
  };
  const nothing = await used(async (target) => void (await target.whoami('primary')));
  calls.length = 0;
  const ids: string[] = [];
  const granting = await used(async (target) => {
    await target.whoami('primary');
    for (let n = 0; n < counted; n += 1) ids.push(await grant(target));
  });
  const of = (call: string): number => calls.filter((one) => one === call).length;
  const grants = of('grant');
  calls.length = 0;
  let rounds = 0;
  await used(async (target) => {
    for (const id of ids) {
      const [receipt] = await endGrants(target, [id], { deadlineAt: Date.now() + minuteMs });
      if (!receipt?.ended) throw new Error('a grant did not end');
      rounds += 1;
    }
  });
  return [
    count('grant.roundtrips', grants / counted, 1),
    count('grant.transactions', (granting - nothing) / counted, 1),
    count('revoke.roundtrips', of('revoke') / counted, 1),
    count('kill.roundtrips', of('kill') / rounds, 1),
  ];
}

async function ratios(cluster: Cluster, timedPairs: number): Promise<readonly Metric[]> {
  const target = open(cluster, () => undefined);
  const bare = new Client({
    host: cluster.host,
    port: cluster.port,
    database: 'control',
    user: 'bare',
    password: workerPassword,
  });
  await bare.connect();
  try {
    await target.whoami('primary');
    const granted: string[] = [];
    const made: string[] = [];
    const grants = await interleaved(
      timedPairs,
      async () => {
        const order = await orderOf();
        return timed(async () => void granted.push((await target.grant(order)) && order.grantId));
      },
      async () => {
        const [id, verifier] = [randomUUID(), makeVerifier('bench-password-bench')];
        made.push(id);
        return timed(() => bare.query(bareGrant(id, verifier)));
      },
    );
    const revokes = await interleaved(
      timedPairs,
      (turn) => timed(() => target.revokeMany([granted[turn] ?? ''])),
      (turn) => timed(() => bare.query(bareRevoke(made[turn] ?? ''))),
    );
    return [ratio('grant.sql.ratio', grants, 1.5), ratio('revoke.sql.ratio', revokes, 3)];
  } finally {
    await bare.end();
    await target.close();
  }
}

const roleOfBare = (id: string): string => `bare_${id.replaceAll('-', '')}`;

/** One text, so one round trip and one transaction. */
const bareGrant = (id: string, verifier: string): string =>
  `create role ${roleOfBare(id)} login connection limit 3 valid until '${new Date(Date.now() + hourMs / 2).toISOString()}' password '${verifier}';
   grant ${template} to ${roleOfBare(id)} with inherit true, set false`;
const bareRevoke = (id: string): string =>
  `alter role ${roleOfBare(id)} nologin connection limit 0 valid until '-infinity' password null;
   revoke ${template} from ${roleOfBare(id)};
   insert into bare_ledger values ('${id}', '${roleOfBare(id)}', now(), 'revoked')`;

/** What the worker gives a new grant's call. */
export async function orderOf() {
  const grantId = randomUUID();
  const personId = randomUUID();
  const verifier = makeVerifier('bench-password-bench');
  const endAt = Date.now() + hourMs / 2;
  const ticket = makeTicket({ key, op: 'grant', grantId, personId, template, verifier, endAt });
  return {
    grantId,
    personId,
    template,
    verifier,
    endAt,
    attemptDeadlineAt: Date.now() + minuteMs,
    keyId: 'bench',
    ticket,
    graceMs: 0,
    storeIndex: 0,
  };
}

async function grant(target: Target): Promise<string> {
  const order = await orderOf();
  await target.grant(order);
  return order.grantId;
}

/** The target as the worker has it. */
export function open({ host, port }: Cluster, onCall: (call: string) => void): Target {
  return openTarget({
    name: 'bench',
    controlDatabase: 'control',
    nodes: [{ name: 'primary', host, port }],
    user: 'curfew_worker',
    password: workerPassword,
    applicationName: 'curfew-bench',
    maxConnections: 1,
    onStatement: ({ call, purpose }) => purpose === 'call' && onCall(call),
  });
}

/** Transactions committed in the control database. A session's own are counted at the latest when it is gone. */
async function committed(cluster: Cluster): Promise<number> {
  return asSuperuser(cluster, 'postgres', async (client) => {
    for (let tried = 0; tried < 200; tried += 1) {
      const { rows } = await client.query<{ open: number; n: number }>(
        `select (select count(*)::int from pg_stat_activity where datname = 'control') as open, xact_commit::int as n
           from pg_stat_database where datname = 'control'`,
      );
      if (rows[0]?.open === 0) return rows[0].n;
      await new Promise((later) => setTimeout(later, 20));
    }
    throw new Error('sessions of the bench did not end');
  });
}

async function asSuperuser<T>(cluster: Cluster, database: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: cluster.url({ database }) });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
