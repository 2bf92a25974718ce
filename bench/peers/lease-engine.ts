/**
 * A rival as secret engines do it: a queue of leases under one lock, one lease at a time, the documented default
 * statements of a revocation (eight of them, in a transaction) on one connection; sessions are left alone.
 */
import type { Client } from 'pg';

/** Statements that one lease costs. */
export const statements = 8;

export async function revokeAll(target: Client, roles: readonly string[], database: string): Promise<void> {
  for (const role of roles) {
    await target.query('begin');
    await target.query('select exists (select from pg_catalog.pg_roles where rolname = $1)', [role]);
    await target.query('select distinct table_schema from information_schema.role_column_grants where grantee = $1', [
      role,
    ]);
    await target.query(`revoke all privileges on all tables in schema public from ${role}`);
    await target.query(`revoke usage on schema public from ${role}`);
    await target.query(`revoke all privileges on all sequences in schema public from ${role}`);
    await target.query('select current_database()');
    await target.query(`revoke connect on database ${database} from ${role}`);
    // Takes the login and its memberships, and leaves whoever is inside.
    await target.query(`drop role ${role}`);
    await target.query('commit');
  }
}
