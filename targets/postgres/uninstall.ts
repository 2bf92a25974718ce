import type { Client } from 'pg';
import { asAdministrator, type Administrator } from './administrator.ts';
import { script } from './sql.ts';

export type UninstallOptions = { readonly controlDatabase: string; readonly databases: readonly string[] };
export type Uninstalled =
  | { readonly kind: 'uninstalled'; readonly kept: readonly string[] }
  | { readonly kind: 'refused'; readonly why: string };

/**
 * Takes Curfew away from a cluster. Refused while a grant is live or an ended login is not dropped yet; the ledger goes
 * with it, and with the ledger the tombstones, so grant ids must never be used on that cluster again.
 * @returns `kept`: roles that could not be dropped and why, e.g. a quarantine that owns what grantees left behind
 */
export async function uninstallTarget(admin: Administrator, options: UninstallOptions): Promise<Uninstalled> {
  const refusal = await asAdministrator(admin, options.controlDatabase, whatIsLeft);
  if (refusal !== undefined) return { kind: 'refused', why: refusal };
  for (const database of options.databases) {
    await asAdministrator(admin, database, (client) => takeFromDatabase(client));
  }
  return asAdministrator(admin, options.controlDatabase, async (client) => {
    try {
      await client.query(script('uninstall'));
    } catch (error) {
      await client.query('rollback');
      if ((error as { code?: unknown }).code === stillLive)
        return { kind: 'refused', why: (error as Error).message } as const;
      throw error;
    }
    return { kind: 'uninstalled', kept: await dropRoles(client) } as const;
  });
}

/** Raised by sql/uninstall.sql. */
const stillLive = 'CF014';

/** The same question as the script's, asked before any database is touched. */
async function whatIsLeft(client: Client): Promise<string | undefined> {
  const { rows } = await client.query<{ live: string; left: string; installed: boolean }>(
    `select to_regclass('curfew.ledger') is not null as installed,
       (select count(*) from pg_roles where rolname like 'cfw\\_%' and rolcanlogin) as live,
       (select count(*) from pg_roles where rolname like 'cfw\\_%' and not rolcanlogin) as left`,
  );
  const [found] = rows;
  if (!found?.installed) return 'Curfew is not installed in this database.';
  if (Number(found.live) > 0) return `${found.live} grants are live: end them first.`;
  if (Number(found.left) > 0) {
    return `${found.left} ended logins are still in the graveyard: they are dropped 40 minutes after their end, while the worker runs.`;
  }
  return undefined;
}

async function takeFromDatabase(client: Client): Promise<void> {
  await client.query('begin');
  try {
    // NB. Only a superuser could make the event trigger, so only then is there one to drop.
    await client.query(`do $$ begin
      if exists (select from pg_catalog.pg_event_trigger where evtname = 'curfew_login') then drop event trigger curfew_login; end if;
    end $$`);
    await client.query('drop schema if exists curfew_login cascade');
    await client.query('drop schema if exists curfew_db cascade');
    // DROP OWNED asks for the role's own rights; whoever made the role, and is no superuser, may lend them to itself.
    await client.query(`do $$ declare v_role name; begin
      for v_role in select rolname from pg_catalog.pg_roles where rolname in ('curfew_worker', 'curfew_reaper', 'curfew_owner') loop
        if not pg_catalog.pg_has_role(v_role, 'usage') then execute format('grant %I to current_user with inherit true', v_role); end if;
        execute format('drop owned by %I', v_role);
      end loop;
    end $$`);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

/** Each on its own, so that one which still owns something does not keep the others. */
async function dropRoles(client: Client): Promise<readonly string[]> {
  const kept: string[] = [];
  for (const role of [
    'curfew_worker',
    'curfew_reaper',
    'curfew_collector',
    'curfew_logreader',
    'curfew_owner',
    'curfew_quarantine',
  ]) {
    try {
      await client.query(`drop role if exists ${role}`);
    } catch (error) {
      kept.push(`${role}: ${(error as Error).message}`);
    }
  }
  return kept;
}
