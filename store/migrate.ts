/**
 * Brings a database to the tables of this code. Two at once are fine: the second waits. Each file of `migrations/`
 * runs once, in one transaction with the note that it ran; its SHA-256 is kept and compared for ever.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, escapeLiteral } from 'pg';
import { auditKinds, logins, type Login } from '../domain/events.ts';
import { failureOf } from './failures.ts';
import { appliedText, migrationsIn, ownFolder, pendingOf, type Applied, type Migration } from './migrations.ts';
import { scramVerifier } from './scram.ts';

export type MigrateOptions = {
  /** Of the operator's login: superuser, or owner of the database with CREATEROLE. */
  readonly adminUrl: string;
  /** Passwords to set; a login that is not named keeps what it has. */
  readonly passwords?: Partial<Readonly<Record<Login, string>>>;
  /** Of other files than this code's own, for tests. */
  readonly folder?: string;
};

/**
 * Whatever the number says, one lock for every Curfew: two of them on one database take turns. NB. Not one of those of
 * `turns.ts`: here there may be no tables yet. Any login of the store can hold this one, and up a migration, which fails
 * within the minute; nothing that runs waits for it.
 */
const advisoryLock = 7_261_843_901;

/**
 * @returns the names of the files that ran now
 * @throws MigrationError for an edited or missing file, or a store that a newer Curfew has migrated
 */
export async function migrate(options: MigrateOptions): Promise<{ readonly applied: readonly string[] }> {
  const files = await migrationsIn(options.folder ?? ownFolder);
  const client = new Client({
    connectionString: options.adminUrl,
    application_name: 'curfew-migrate',
    connectionTimeoutMillis: 10_000,
    lock_timeout: 60_000,
    query_timeout: 120_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect().catch((error: unknown) => Promise.reject(failureOf(error)));
    await client.query('select pg_advisory_lock($1)', [advisoryLock]);
    await inTransaction(client, () => prepare(client));
    const pending = pendingOf(files, await inTransaction(client, () => appliedIn(client)));
    for (const file of pending) await inTransaction(client, () => run(client, file));
    await inTransaction(client, () => fillAuditKinds(client));
    await setPasswords(client, options.passwords ?? {});
    return { applied: pending.map((file) => file.name) };
  } finally {
    // The lock ends with the session.
    await client.end().catch(() => undefined);
  }
}

/** NB. As the owner: an operator who is no superuser may act as the owner, but has none of its privileges. */
async function appliedIn(client: Client): Promise<readonly Applied[]> {
  await client.query('set local role curfew_store');
  return (await client.query<Applied>(appliedText)).rows;
}

/** The roles, who may connect, and the table of what ran. Repeated on each run, so that it mends what was lost. */
async function prepare(client: Client): Promise<void> {
  await client.query(await readFile(join(import.meta.dirname, 'prepare.sql'), 'utf8'));
}

async function run(client: Client, { name, sql, sha256 }: Migration): Promise<void> {
  await client.query(sql);
  await client.query('reset role');
  await client.query('set local role curfew_store');
  await client.query('insert into migration.applied (name, sha256) values ($1, $2)', [name, sha256]);
}

/** The table in the database becomes what `domain/events.ts` says. */
async function fillAuditKinds(client: Client): Promise<void> {
  const pairs = Object.entries(auditKinds).flatMap(([kind, writers]) => writers.map((login) => [kind, login] as const));
  await client.query('set local role curfew_store');
  await client.query('delete from audit.kind');
  await client.query('insert into audit.kind (kind, login) select * from unnest($1::text[], $2::name[])', [
    pairs.map(([kind]) => kind),
    pairs.map(([, login]) => login),
  ]);
}

/** NB. ALTER ROLE takes no parameters and is written to server logs, so what it carries is a verifier. */
async function setPasswords(client: Client, passwords: Partial<Readonly<Record<Login, string>>>): Promise<void> {
  for (const login of logins) {
    const password = passwords[login];
    if (password !== undefined)
      await client.query(`alter role ${login} password ${escapeLiteral(scramVerifier(password))}`);
  }
}

async function inTransaction<T>(client: Client, work: () => Promise<T>): Promise<T> {
  await client.query('begin');
  try {
    const result = await work();
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}
