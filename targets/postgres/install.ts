import { escapeIdentifier, escapeLiteral, type Client } from 'pg';
import { z } from 'zod';
import { asAdministrator, type Administrator } from './administrator.ts';
import { installSessionLog } from './session-log.ts';
import { script } from './sql.ts';
import { shortestTicketKey } from './ticket.ts';
import { makeVerifier } from './verifier.ts';

/** A template's maximum stands this much above the policy's, since the caller's clock names the end: ms. */
export const maxTtlMarginMs = 5_000;

/** PostgreSQL cuts longer names without a word, and two long ones could be one (P23). */
const name = z
  .string()
  .min(1)
  .refine((text) => Buffer.byteLength(text) <= 63 && !text.includes('\0'), 'a name has at most 63 bytes and no NUL');
const password = z.string().regex(/^[\x21-\x7e]{16,200}$/, '16 to 200 printable ASCII characters');

/** What an installation is made of; `templates[].maxMs` is the policy's maximum. */
export const installSchema = z.strictObject({
  mode: z.enum(['createrole', 'superuser']).default('createrole'),
  /** Where the ledger and the functions live; grantees need not be able to connect to it. */
  controlDatabase: name,
  /** Those that grantees may connect to. */
  databases: z.array(name).min(1),
  templates: z.array(
    z.strictObject({
      role: name,
      maxMs: z
        .int()
        .positive()
        .max(31 * 86_400_000 - maxTtlMarginMs),
      connectionLimit: z.int().min(1).max(50).default(3),
      /** Those of its targets, where the cluster has several; every one where absent. */
      databases: z.array(name).optional(),
    }),
  ),
  ticketKeys: z.array(
    z.strictObject({
      keyId: z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/),
      key: z
        .instanceof(Uint8Array)
        .refine((key) => key.byteLength >= shortestTicketKey, `at least ${shortestTicketKey} bytes`),
    }),
  ),
  workerPassword: password,
  reaperPassword: password,
  /** Of the login that reads the server's log; absent: nothing of session evidence is installed. */
  collectorPassword: password.optional(),
  /** PostgreSQL 17 and later, superuser: refuses a login that was in flight when its role was disabled. */
  loginTrigger: z.boolean().default(false),
});
export type InstallOptions = z.input<typeof installSchema>;

/**
 * Installs Curfew on a cluster, or upgrades it: may be run again with other templates or keys.
 * @returns what the login was not allowed to do and the operator should: sentences; the check repeats what matters
 * @throws the database's own error, with nothing of the failed script done; and on invalid options
 */
export async function installTarget(admin: Administrator, options: InstallOptions): Promise<readonly string[]> {
  const plan = installSchema.parse(options);
  const notes: string[] = [];
  await asAdministrator(admin, plan.controlDatabase, async (client) => {
    notes.push(...(await silence(client)));
    await client.query("select set_config('curfew.owner_mode', $1, false)", [plan.mode]);
    await runScript(client, script('install'));
    await giveLogin(client, 'curfew_worker', plan.workerPassword);
    await giveLogin(client, 'curfew_reaper', plan.reaperPassword);
    for (const { keyId, key } of plan.ticketKeys) {
      await client.query('select curfew.register_ticket_key($1, $2)', [keyId, Buffer.from(key)]);
    }
    for (const { role, maxMs, connectionLimit } of plan.templates) {
      const seconds = (maxMs + maxTtlMarginMs) / 1_000;
      await client.query('select curfew.register_template($1, make_interval(secs => $2), $3)', [
        role,
        seconds,
        connectionLimit,
      ]);
    }
    await allowConnect(client, plan.controlDatabase, ['curfew_worker', 'curfew_reaper']);
    if (plan.collectorPassword !== undefined) {
      notes.push(...(await installSessionLog(client, plan.controlDatabase, plan.collectorPassword)));
    }
  });
  for (const database of plan.databases) {
    await asAdministrator(admin, database, async (client) => {
      await runScript(client, script('database'));
      const [own, others] = partition(plan.templates, (template) => template.databases?.includes(database) ?? true);
      await allowConnect(client, database, ['curfew_worker', ...own]);
      if (others.length > 0) await refuseConnect(client, database, others);
      if (plan.loginTrigger) await runScript(client, script('login-trigger'));
    });
  }
  return notes;
}

/** A script is one transaction; what it raised leaves the connection inside it, so it is rolled back here. */
async function runScript(client: Client, text: string): Promise<void> {
  try {
    await client.query(text);
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

/** Keys and verifiers travel through this session: keep them out of the log where the login may say so. */
async function silence(client: Client): Promise<readonly string[]> {
  try {
    await client.query(
      'set log_parameter_max_length = 0; set log_statement = none; set log_min_duration_statement = -1',
    );
    return [];
  } catch {
    return [
      'This login may not switch off statement logging: if the server logs statements, its log now holds the ticket key. Rotate the key after changing that.',
    ];
  }
}

/** The server gets a verifier, so no log can hold the password (P24). */
async function giveLogin(client: Client, role: string, clear: string): Promise<void> {
  await client.query(`alter role ${escapeIdentifier(role)} login password ${escapeLiteral(makeVerifier(clear))}`);
}

/** Names of the templates for which it holds, and of the others. */
const partition = <T extends { readonly role: string }>(
  templates: readonly T[],
  holds: (template: T) => boolean,
): readonly [own: readonly string[], others: readonly string[]] => [
  templates.filter(holds).map(({ role }) => role),
  templates.filter((template) => !holds(template)).map(({ role }) => role),
];

/** Another target's templates have no business here; what an earlier installation gave is taken back. */
async function refuseConnect(client: Client, database: string, roles: readonly string[]): Promise<void> {
  await client.query(
    `revoke connect on database ${escapeIdentifier(database)} from ${roles.map(escapeIdentifier).join(', ')}`,
  );
}

/** PUBLIC must not CONNECT (P16), so everybody who shall is named. Whoever lacks the right gets a finding in the check. */
async function allowConnect(client: Client, database: string, roles: readonly string[]): Promise<void> {
  await client.query(
    `grant connect on database ${escapeIdentifier(database)} to ${roles.map(escapeIdentifier).join(', ')}`,
  );
}
