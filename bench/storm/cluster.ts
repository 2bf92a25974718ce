/** A target by itself, with nothing of Curfew beside it: what a call costs there is nobody else's time. */
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Client } from 'pg';
import { freePort } from '../../dev/ports.ts';
import { startCluster, type Cluster } from '../../dev/postgres.ts';
import { hourMs, minuteMs } from '../../domain/time.ts';
import { openTarget, type Target } from '../../targets/postgres/accessor.ts';
import type { GrantCall } from '../../targets/postgres/calls.ts';
import { installTarget } from '../../targets/postgres/install.ts';
import { makeTicket } from '../../targets/postgres/ticket.ts';
import { makeVerifier } from '../../targets/postgres/verifier.ts';
import { grantMany } from './grant-many.ts';
import { room } from './ground.ts';

export type Mode = 'createrole' | 'superuser';

export type BareTarget = {
  readonly cluster: Cluster;
  /** As the worker sees it, over one connection. */
  readonly target: Target;
  /** A grant that nobody has asked for yet. */
  readonly order: () => GrantCall;
  /** Makes so many grants, by the target's own function. */
  readonly fill: (count: number) => Promise<void>;
  readonly end: () => Promise<void>;
};

const template = 'bench_read';
const control = 'control';
const keyId = 'bench';
/** Orders are made just before they are sent: each has a deadline. */
const part = 5_000;
const key = randomBytes(32);
/** One for all: its making is the client's, and no part of what is measured. */
const verifier = makeVerifier('a-password-of-the-bench');

export async function startBareTarget(folder: string, name: string, mode: Mode): Promise<BareTarget> {
  const [superuserPassword, workerPassword] = [randomBytes(18).toString('hex'), randomBytes(18).toString('hex')];
  const dataDir = join(folder, name);
  const cluster = await startCluster({ name, dataDir, port: await freePort(), superuserPassword, settings: room });
  const { host, port } = cluster;
  const asSuperuser = async (database: string, text: string): Promise<void> => {
    const client = new Client({ connectionString: cluster.url({ database }) });
    await client.connect();
    // One statement at a time: VACUUM takes no others beside it.
    for (const statement of text.split(';')) await client.query(statement);
    await client.end();
  };
  await asSuperuser('postgres', `create role ${template} nologin; create database ${control}`);
  await installTarget(
    { host, port, user: 'postgres', password: superuserPassword },
    {
      mode,
      controlDatabase: control,
      databases: [control],
      templates: [{ role: template, maxMs: 3 * hourMs }],
      ticketKeys: [{ keyId, key }],
      workerPassword,
      reaperPassword: randomBytes(18).toString('hex'),
    },
  );
  const login = { host, port, database: control, user: 'curfew_worker', password: workerPassword };
  const target = openTarget({
    name,
    controlDatabase: control,
    nodes: [{ name: 'primary', host, port }],
    user: login.user,
    password: workerPassword,
    applicationName: 'curfew-bench',
    maxConnections: 1,
  });
  const order = (): GrantCall => {
    const [grantId, personId, endAt] = [randomUUID(), randomUUID(), Date.now() + 2 * hourMs];
    const ticket = makeTicket({ key, op: 'grant', grantId, personId, template, verifier, endAt });
    const fields = { grantId, personId, template, verifier, endAt, keyId, ticket };
    return { ...fields, attemptDeadlineAt: Date.now() + 5 * minuteMs, graceMs: 0, storeIndex: 0 };
  };
  return {
    cluster,
    target,
    order,
    fill: async (count) => {
      for (let left = count; left > 0; left -= part)
        await grantMany(login, Array.from({ length: Math.min(part, left) }, order));
      // What autovacuum would have done meanwhile: the catalogs are the same for whoever looks afterwards.
      await asSuperuser(
        control,
        'vacuum analyze pg_authid; vacuum analyze pg_auth_members; vacuum analyze pg_shdepend; vacuum analyze curfew.ledger; checkpoint',
      );
    },
    end: async () => {
      await target.close();
      await cluster.stop();
    },
  };
}
