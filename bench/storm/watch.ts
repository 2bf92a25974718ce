/** Looks at the target, as its superuser, until nothing of some grants is left: no login that is let in, no session. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from 'pg';

export type Left = { readonly logins: number; readonly sessions: number };

/** What is left of these roles, at this instant of the target's clock. */
export async function leftOf(target: Client, roles: readonly string[]): Promise<Left> {
  const { rows } = await target.query<Left>(
    `select (select count(*)::int from pg_roles r where r.rolname = any ($1::name[]) and r.rolcanlogin
        and (r.rolvaliduntil is null or r.rolvaliduntil > clock_timestamp())) as logins,
       (select count(*)::int from pg_stat_activity a where a.usename = any ($1::name[])) as sessions`,
    [roles],
  );
  return rows[0] ?? { logins: 0, sessions: 0 };
}

/**
 * Is anything left? Sessions first, then only whether there is any login: whoever looks takes as little as possible of the
 * cores that are measured.
 */
async function isAnyLeft(target: Client, roles: readonly string[]): Promise<boolean> {
  const { rows } = await target.query<{ left: boolean }>(
    `select case when exists (select from pg_stat_activity a where a.usename = any ($1::name[])) then true
       else exists (select from pg_roles r where r.rolname = any ($1::name[]) and r.rolcanlogin
         and (r.rolvaliduntil is null or r.rolvaliduntil > clock_timestamp())) end as left`,
    [roles],
  );
  return rows[0]?.left !== false;
}

/**
 * @returns milliseconds from `startedAt` (performance.now) until nothing was left
 * @throws Error after `withinMs`, telling what is
 */
export async function untilSafe(
  target: Client,
  roles: readonly string[],
  startedAt: number,
  withinMs = 120_000,
): Promise<number> {
  for (;;) {
    const looked = await isAnyLeft(target, roles);
    const ms = performance.now() - startedAt;
    if (!looked || ms > withinMs) {
      // All of it in one look, after the sessions were looked at before the logins.
      const left = await leftOf(target, roles);
      if (left.logins + left.sessions === 0) return ms;
      if (ms > withinMs) throw new Error(`after ${withinMs} ms: ${left.logins} logins, ${left.sessions} sessions`);
    }
    await pause(5);
  }
}

/** The same until each role is disabled in the catalog as well, and not only past its VALID UNTIL. */
export async function untilDisabled(
  target: Client,
  roles: readonly string[],
  startedAt: number,
  withinMs: number,
): Promise<number> {
  for (;;) {
    const { rows } = await target.query<{ n: number }>(
      'select count(*)::int as n from pg_roles where rolname = any ($1::name[]) and rolcanlogin',
      [roles],
    );
    const ms = performance.now() - startedAt;
    if (rows[0]?.n === 0) return ms;
    if (ms > withinMs) throw new Error(`after ${withinMs} ms ${rows[0]?.n} roles may still log in but for VALID UNTIL`);
    await pause(25);
  }
}
