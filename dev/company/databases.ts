/** Makes the sample databases where they are missing, installs Curfew on their cluster, and has each target checked. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { escapeIdentifier, type Client } from 'pg';
import type { Store } from '../../store/pool.ts';
import { insert as keepCheck } from '../../store/target-checks.ts';
import { asAdministrator, type Administrator } from '../../targets/postgres/administrator.ts';
import { checkTarget } from '../../targets/postgres/check.ts';
import { installTarget } from '../../targets/postgres/install.ts';
import { samplePolicy } from './directory.ts';
import { controlDatabase, sampleTargets } from './targets.ts';

export type SampleSecrets = {
  readonly targetWorker: string;
  readonly targetReaper: string;
  readonly targetCollector: string;
  readonly ticketKeyId: string;
  /** base64 */
  readonly ticketKey: string;
};

export type FurnishOptions = {
  readonly mode?: 'createrole' | 'superuser';
  /** Whether every statement in the sample databases is logged. */
  readonly logsSessions?: boolean;
};

const databases = sampleTargets.flatMap((target) => [...target.databases]);

/** May be repeated: what is there stays as it is, and Curfew's part is brought to this code. */
export async function furnish(
  admin: Administrator,
  secrets: SampleSecrets,
  { mode = 'createrole', logsSessions = true }: FurnishOptions = {},
): Promise<void> {
  const made = await createMissing(admin);
  if (logsSessions) await logStatements(admin);
  for (const database of databases.filter((name) => made.has(name))) {
    await asAdministrator(admin, database, (client) => client.query(sampleSql(database)));
  }
  await installTarget(admin, {
    mode,
    controlDatabase,
    databases,
    templates: [...templatesOf()],
    ticketKeys: [{ keyId: secrets.ticketKeyId, key: Buffer.from(secrets.ticketKey, 'base64') }],
    workerPassword: secrets.targetWorker,
    reaperPassword: secrets.targetReaper,
    collectorPassword: secrets.targetCollector,
    loginTrigger: true,
  });
}

/**
 * The operator's check of each target, kept in the store.
 * @throws naming what was found where a target is not fit
 */
export async function checkSample(admin: Administrator, store: Store): Promise<void> {
  for (const { name, databases: own, templates } of sampleTargets) {
    const result = await checkTarget(admin, { controlDatabase, databases: own, templates });
    await store.transaction((tx) => keepCheck(tx, { target: name, ok: result.ok, result }, 'curfew_admin'));
    const errors = result.findings.filter((finding) => finding.severity === 'error');
    if (errors.length > 0)
      throw new Error(`${name} is not fit: ${errors.map((each) => `${each.code} (${each.what})`).join(', ')}`);
  }
}

/** Every statement in a grantee's database is logged, and how long it took; Curfew's own are in another one. */
const logStatements = (admin: Administrator): Promise<void> =>
  asAdministrator(admin, 'postgres', async (client) => {
    for (const database of databases) {
      await client.query(`alter database ${escapeIdentifier(database)} set log_statement = 'all'`);
      await client.query(`alter database ${escapeIdentifier(database)} set log_duration = on`);
    }
  });

const sampleSql = (database: string): string => readFileSync(join(import.meta.dirname, `${database}.sql`), 'utf8');

/** The policy's maximum of each template, and its target's databases; no two targets of the sample share a template. */
function templatesOf(): readonly { readonly role: string; readonly maxMs: number; readonly databases: string[] }[] {
  const longest = new Map<string, { readonly maxMs: number; readonly databases: string[] }>();
  for (const target of samplePolicy().targets.values()) {
    for (const { template, maxMs } of target.roles.values()) {
      const before = longest.get(template)?.maxMs ?? 0;
      longest.set(template, { maxMs: Math.max(maxMs, before), databases: [...target.databases] });
    }
  }
  return [...longest].map(([role, rest]) => ({ role, ...rest }));
}

/** @returns the databases of grantees that were made now; nobody may enter any of them unasked (P16) */
async function createMissing(admin: Administrator): Promise<ReadonlySet<string>> {
  return asAdministrator(admin, 'postgres', async (client: Client) => {
    const { rows } = await client.query<{ datname: string }>('select datname from pg_database');
    const there = new Set(rows.map((row) => row.datname));
    const missing = [controlDatabase, ...databases].filter((name) => !there.has(name));
    for (const name of missing) await client.query(`create database ${escapeIdentifier(name)}`);
    for (const name of [...there, ...missing].filter((each) => each !== 'template0')) {
      await client.query(`revoke all on database ${escapeIdentifier(name)} from public`);
    }
    return new Set(missing);
  });
}
