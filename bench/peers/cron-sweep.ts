/**
 * A rival as it is often built: a table of what was given, and a job that cron starts once a minute, which drops what is
 * over. It ends no session and looks at nothing afterwards. Its work is measured from the job's start; what it waits for
 * the next minute comes on top, and is told beside it.
 */
import type { Client } from 'pg';

export const everyMs = 60_000;

export async function prepare(target: Client, roles: readonly string[], until: Date): Promise<void> {
  await target.query(
    'create table if not exists sweep_access (role name primary key, expires_at timestamptz not null)',
  );
  await target.query('insert into sweep_access select r, $2 from unnest($1::name[]) as n (r)', [roles, until]);
}

/** One run of the job. @returns how many it ended */
export async function sweep(target: Client, template: string): Promise<number> {
  const { rows } = await target.query<{ role: string }>(
    'select role from sweep_access where expires_at <= clock_timestamp() order by role',
  );
  for (const { role } of rows) {
    await target.query(`revoke ${template} from ${role}`);
    await target.query(`alter role ${role} nologin`);
    await target.query('delete from sweep_access where role = $1', [role]);
  }
  return rows.length;
}
