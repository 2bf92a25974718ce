import { Client, type ClientConfig } from 'pg';
import { limits } from './connection.ts';

/** An operator's own login on a target: a superuser, or the administrator of a managed server. */
export type Administrator = {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly ssl?: ClientConfig['ssl'];
};

/**
 * Opens one connection to one database, hands it over and closes it, whatever happens.
 * NB. Installing runs keys and verifiers through this connection: where the login may, their logging is off.
 */
export async function asAdministrator<T>(
  admin: Administrator,
  database: string,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({
    ...admin,
    ssl: admin.ssl ?? false,
    database,
    application_name: 'curfew-target',
    connectionTimeoutMillis: limits.connectMs,
    lock_timeout: 10_000,
    statement_timeout: 60_000,
    query_timeout: 65_000,
    idle_in_transaction_session_timeout: 30_000,
  });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
