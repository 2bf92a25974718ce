import { randomBytes, randomUUID } from 'node:crypto';
import type { Client, ClientConfig } from 'pg';
import { openTarget, type Target } from '../../targets/postgres/accessor.ts';
import type { Administrator } from '../../targets/postgres/administrator.ts';
import type { GrantCall } from '../../targets/postgres/calls.ts';
import type { OnStatement } from '../../targets/postgres/connection.ts';
import { installTarget, type InstallOptions } from '../../targets/postgres/install.ts';
import { makeTicket } from '../../targets/postgres/ticket.ts';
import { makeVerifier } from '../../targets/postgres/verifier.ts';
import type { Postgres } from './postgres.ts';

export const ticketKey = randomBytes(32);
export const workerPassword = `worker-${randomBytes(18).toString('hex')}`;
export const reaperPassword = `reaper-${randomBytes(18).toString('hex')}`;
export const databases = ['orders', 'models'] as const;
export const templates = ['orders_read', 'orders_write'] as const;

/** PUBLIC loses what the preflight asks it to lose; the sample has two databases, two templates and some rows. */
export async function makeSample(postgres: Postgres): Promise<void> {
  await postgres.query('postgres', 'create database control');
  for (const database of databases) await postgres.query('postgres', `create database ${database}`);
  for (const database of ['postgres', 'template1', 'control', ...databases]) {
    await postgres.query('postgres', `revoke all on database ${database} from public`);
  }
  await postgres.as({ database: 'orders' }, (client) =>
    client.query(`create role orders_read nologin; create role orders_write nologin;
      create schema sales; create table sales.orders (id int primary key, total int, note text);
      insert into sales.orders select n, n * 10, 'note ' || n from generate_series(1, 500) n;
      create table sales.hidden (id int); create view sales.totals as select sum(total) as sum from sales.orders;
      grant usage on schema sales to orders_read, orders_write;
      grant select on sales.orders, sales.totals to orders_read;
      grant select, insert, update on sales.orders to orders_write`),
  );
}

export const installOptions = (more: Partial<InstallOptions> = {}): InstallOptions => ({
  mode: 'createrole',
  controlDatabase: 'control',
  databases: [...databases],
  templates: templates.map((role) => ({ role, maxMs: 8 * 3_600_000 })),
  ticketKeys: [{ keyId: 'key-1', key: ticketKey }],
  workerPassword,
  reaperPassword,
  ...more,
});

/** A cluster with the sample on it and Curfew installed, and both logins' accessors. */
export type Sample = { readonly worker: Target; readonly reaper: Target; close(): Promise<void> };

export async function installSample(
  postgres: Postgres,
  more: Partial<InstallOptions> = {},
  admin: Administrator = postgres.admin,
): Promise<Sample> {
  await installTarget(admin, installOptions(more));
  const worker = openWorker(postgres);
  const reaper = open(postgres, 'curfew_reaper', reaperPassword);
  return {
    worker,
    reaper,
    close: async () => {
      await worker.close();
      await reaper.close();
    },
  };
}

export const openWorker = (postgres: Postgres, onStatement?: OnStatement, maxConnections?: number): Target =>
  open(postgres, 'curfew_worker', workerPassword, onStatement, maxConnections);

function open(
  postgres: Postgres,
  user: string,
  password: string,
  onStatement?: OnStatement,
  maxConnections?: number,
): Target {
  return openTarget({
    name: 'orders-prod',
    controlDatabase: 'control',
    nodes: [{ name: 'primary', host: postgres.host, port: postgres.port }],
    user,
    password,
    applicationName: user.replace('_', '-'),
    ...(onStatement === undefined ? {} : { onStatement }),
    ...(maxConnections === undefined ? {} : { maxConnections }),
  });
}

/** What the holder keeps, and the call that makes the login. */
export type Prepared = { readonly call: GrantCall; readonly role: string; readonly password: string };

export function prepareGrant(more: Partial<GrantCall> = {}): Prepared {
  const password = randomBytes(24).toString('base64url');
  const grantId = more.grantId ?? randomUUID();
  const fields = {
    grantId,
    personId: more.personId ?? randomUUID(),
    template: more.template ?? 'orders_read',
    verifier: more.verifier ?? makeVerifier(password),
    endAt: more.endAt ?? Date.now() + 600_000,
  };
  const call: GrantCall = {
    ...fields,
    attemptDeadlineAt: more.attemptDeadlineAt ?? Date.now() + 30_000,
    keyId: more.keyId ?? 'key-1',
    ticket: more.ticket ?? makeTicket({ key: ticketKey, op: 'grant', ...fields }),
    graceMs: more.graceMs ?? 0,
    // Of a store that is never behind what a reaper has seen.
    storeIndex: more.storeIndex ?? Number.MAX_SAFE_INTEGER,
  };
  return { call, role: `cfw_${grantId.replaceAll('-', '')}`, password };
}

export const extension = (call: GrantCall, endAt: number) => ({
  grantId: call.grantId,
  endAt,
  attemptDeadlineAt: Date.now() + 30_000,
  keyId: 'key-1',
  ticket: makeTicket({
    key: ticketKey,
    op: 'extend',
    grantId: call.grantId,
    personId: call.personId,
    template: call.template,
    endAt,
  }),
});

/** Grants, and hands back what the holder has. */
export async function granted(target: Target, more: Partial<GrantCall> = {}): Promise<Prepared> {
  const prepared = prepareGrant(more);
  await target.grant(prepared.call);
  return prepared;
}

/** The holder's own session. */
export const asHolder = <T>(
  postgres: Postgres,
  holder: Prepared,
  work: (client: Client) => Promise<T>,
  more: Partial<ClientConfig> = {},
): Promise<T> => postgres.as({ user: holder.role, password: holder.password, database: 'orders', ...more }, work);

/** The SQLSTATE with which something was refused; fails if it was not. */
export async function sqlstateOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    const { code, sqlstate } = error as { code?: string; sqlstate?: string };
    return sqlstate ?? code ?? String(error);
  }
  throw new Error('was not refused');
}

/** Every role, membership and ledger row that Curfew could have made, as one text: equal texts, unchanged catalog. */
export async function catalog(postgres: Postgres): Promise<string> {
  const rows = await postgres.query<{ line: string }>(
    'control',
    `select 'role ' || r::text as line from (select rolname, rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolconnlimit, rolvaliduntil, rolpassword is null from pg_authid where rolname ~ '^(cfw_|curfew_)') r
     union all select 'member ' || m::text from (select roleid::regrole, member::regrole, grantor::regrole, admin_option, inherit_option, set_option from pg_auth_members) m
     union all select 'ledger ' || l::text from curfew.ledger l union all select 'template ' || t::text from curfew.template t order by 1`,
  );
  return rows.map((row) => row.line).join('\n');
}
