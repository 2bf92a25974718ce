import { Client } from 'pg';
import type { TargetName } from '../domain/ids.ts';
import type { Administrator } from '../targets/postgres/administrator.ts';
import type { TargetAccess } from './target-facts.ts';

export type AccessOptions = {
  readonly cluster: string;
  readonly targets: readonly TargetName[];
  readonly controlDatabase: string;
  readonly databases: readonly string[];
  readonly reviewedFunctions?: readonly string[];
  /** What findings call the node of `admin`; `primary` where absent. */
  readonly node?: string;
  /** Logins on the other nodes of the cluster. */
  readonly standbys?: readonly { readonly name: string; readonly admin: Administrator }[];
};

const waitMs = 30_000;

/** A cluster as its administrator reaches it: a connection for each text, read only. */
export function openAccess(admin: Administrator, options: AccessOptions): TargetAccess {
  const { standbys = [], ...rest } = options;
  return {
    ...rest,
    query: (database, text) => ask(admin, database, text),
    standbys: standbys.map((standby) => ({
      name: standby.name,
      query: (database, text) => ask(standby.admin, database, text),
    })),
  };
}

async function ask<Row>(admin: Administrator, database: string, text: string): Promise<readonly Row[]> {
  const client = new Client({
    ...admin,
    ssl: admin.ssl ?? false,
    database,
    application_name: 'curfew-doctor',
    connectionTimeoutMillis: 5_000,
    statement_timeout: waitMs,
    query_timeout: waitMs + 2_000,
    // NB. Looking must change nothing, whoever's login it is.
    options: '-c default_transaction_read_only=on',
  });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const answer = (await client.query(text)) as unknown as { rows: Row[] } | readonly { rows: Row[] }[];
    return Array.isArray(answer)
      ? ((answer as readonly { rows: Row[] }[]).at(-1)?.rows ?? [])
      : (answer as { rows: Row[] }).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}
