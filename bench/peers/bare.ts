/** The floor: the same roles ended by nothing but the statements that it takes, in batches, by a superuser. */
import { randomBytes } from 'node:crypto';
import type { Client } from 'pg';
import { makeVerifier } from '../../targets/postgres/verifier.ts';

export const password = 'a-password-of-the-bench';
const batch = 500;

/** Logins that are members of a template, as anybody could make them. */
export async function makeBare(
  target: Client,
  count: number,
  template: string,
  until: Date,
): Promise<readonly string[]> {
  const verifier = makeVerifier(password);
  const mark = randomBytes(4).toString('hex');
  const roles = Array.from({ length: count }, (_, n) => `bare_${mark}_${n}`);
  for (let from = 0; from < count; from += batch) {
    await target.query(
      roles
        .slice(from, from + batch)
        .map(
          (role) =>
            `create role ${role} login connection limit 3 valid until '${until.toISOString()}' password '${verifier}';
             grant ${template} to ${role} with inherit true, set false;`,
        )
        .join('\n'),
    );
  }
  return roles;
}

/** Disables, takes the membership, notes it, ends the sessions, and looks until none is left. One text a batch. */
export async function endBare(target: Client, roles: readonly string[], template: string): Promise<void> {
  await target.query('create table if not exists bare_ended (role name primary key, at timestamptz not null)');
  for (let from = 0; from < roles.length; from += batch) {
    await target.query(
      `do $$ declare r name; begin
         foreach r in array array[${roles
           .slice(from, from + batch)
           .map((role) => `'${role}'`)
           .join(',')}]::name[] loop
           execute format('alter role %I nologin connection limit 0 valid until ''-infinity'' password null', r);
           execute format('revoke ${template} from %I', r);
           insert into bare_ended values (r, clock_timestamp());
         end loop; end $$`,
    );
  }
  for (;;) {
    const { rows } = await target.query<{ n: number }>(
      `select count(pg_terminate_backend(pid))::int as n from pg_stat_activity where usename = any ($1::name[])`,
      [roles],
    );
    if (rows[0]?.n === 0) return;
  }
}

/** What a measurement made, so that the next one finds as few roles as this one did. */
export async function dropBare(target: Client, roles: readonly string[]): Promise<void> {
  for (let from = 0; from < roles.length; from += batch) {
    await target.query(
      roles
        .slice(from, from + batch)
        .map((role) => `drop role ${role};`)
        .join('\n'),
    );
  }
}
