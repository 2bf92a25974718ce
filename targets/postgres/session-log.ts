/** Session evidence on the target's side: what lets `curfew_collector` read the server's log, and what that will tell. */
import { escapeIdentifier, escapeLiteral, type Client } from 'pg';
import type { Finding } from './check.ts';
import { shippedHashes } from './shipped.ts';
import { script } from './sql.ts';
import { makeVerifier } from './verifier.ts';

const notAllowed = '42501';

/**
 * Installs the one function that reads the log, and the login that may call it, in the control database.
 * @param password of `curfew_collector`
 * @returns a sentence for the operator where this login may not pass on the right to read the log: nothing was done then
 * @throws the database's own error for anything else
 */
export async function installSessionLog(
  client: Client,
  controlDatabase: string,
  password: string,
): Promise<readonly string[]> {
  try {
    await client.query(script('session-log'));
  } catch (error) {
    await client.query('rollback');
    if ((error as { code?: unknown }).code !== notAllowed) throw error;
    return [
      'This login may not let others read the server’s log, so there will be no session evidence. Where you run the server, install as a superuser; a managed server does not give its log over SQL.',
    ];
  }
  await client.query(`alter role curfew_collector login password ${escapeLiteral(makeVerifier(password))}`);
  await client.query(`grant connect on database ${escapeIdentifier(controlDatabase)} to curfew_collector`);
  return [];
}

/**
 * What the log will tell of sessions in each database: `statements`, `connections only` or `nothing`, and what is missing
 * for more. Never an error: evidence that is missing stops no grant.
 */
export async function checkSessionLog(client: Client, databases: readonly string[]): Promise<readonly Finding[]> {
  await client.query("select set_config('curfew.databases', $1, false)", [JSON.stringify(databases)]);
  const results = (await client.query(script('session-log-check'))) as unknown as readonly { rows: Finding[] }[];
  const found = results.at(-1)?.rows ?? [];
  const changed = found.filter(
    ({ code, what }) => code === 'session-log-hash' && what !== shippedHashes['session-log-hash'],
  );
  return [
    ...found,
    ...changed.map(({ what, database }): Finding => ({
      severity: 'warning',
      code: 'session-log-changed',
      what,
      mend: 'curfew_log.read is not as shipped: find out who changed it, then run curfew target install',
      database,
    })),
  ];
}
