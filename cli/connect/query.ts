import { Client, type QueryArrayResult } from 'pg';
import { tlsOptions } from '../../targets/postgres/nodes.ts';
import { Stopped } from '../terminal.ts';
import type { Place } from './forms.ts';

export type Answer = {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
  readonly command: string;
};

/**
 * Runs one text of SQL on the login. TLS as everywhere: none on loopback, verified elsewhere.
 * @returns the last statement's answer
 * @throws Stopped with what the server said
 */
export async function query(place: Place, sql: string): Promise<Answer> {
  const client = new Client({
    host: place.host,
    port: place.port,
    database: place.database,
    user: place.role,
    password: place.password,
    ssl: tlsOptions({ name: 'target', host: place.host, port: place.port }) ?? false,
    application_name: 'curfew-connect',
    connectionTimeoutMillis: 10_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const answered = (await client.query({ text: sql, rowMode: 'array' })) as QueryArrayResult | QueryArrayResult[];
    const last = Array.isArray(answered) ? answered.at(-1) : answered;
    return {
      columns: last?.fields.map((field) => field.name) ?? [],
      rows: last?.rows ?? [],
      command: last?.command ?? '',
    };
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    throw new Stopped(`The database said no${code === undefined ? '' : ` (${code})`}: ${message ?? 'no answer'}`);
  } finally {
    await client.end().catch(() => undefined);
  }
}
