/** What tests look at of transactions that take turns. */
import type { Db } from '../../store/pool.ts';

/** How many wait for their turn now. */
export const waitForTurns = async (admin: Db): Promise<number> =>
  (
    await admin.query(
      `select from pg_stat_activity where wait_event_type = 'Lock' and query like 'select curfew.take_turns(%'`,
    )
  ).length;

/**
 * Everything that a login may hold: any advisory lock, and every lock on tables and rows that it is given.
 * @param advisory whose hashes are taken
 */
export async function holdAll(tx: Db, advisory: readonly string[]): Promise<void> {
  await tx.query('set local idle_in_transaction_session_timeout = 0');
  await tx.query('select pg_advisory_xact_lock(hashtextextended(name, 0)) from unnest($1::text[]) name', [advisory]);
  await tx.query(`do $$
    declare v_text text;
    begin
      for v_text in
        select t from pg_class c
          cross join lateral (
            select format('lock table %s in %s mode nowait', c.oid::regclass, m) as t
            from unnest(array['access share', 'row share', 'row exclusive', 'share update exclusive', 'share',
                              'share row exclusive', 'exclusive', 'access exclusive']) m
            union all
            select format('select from %s for %s nowait', c.oid::regclass, m)
            from unnest(array['key share', 'share', 'no key update', 'update']) m) x
        where c.relkind in ('r', 'p') and c.relnamespace in (
          select oid from pg_namespace where nspname in ('curfew', 'audit', 'migration'))
      loop
        begin
          execute v_text;
        exception when insufficient_privilege or lock_not_available then null;
        end;
      end loop;
      for v_text in select kind from unnest(array['request', 'grant', 'human', 'due', 'slack-line', 'newcomer',
                                                 'on-call', 'finding', 'policy', 'link-code']) kind
      loop
        begin
          perform curfew.take_turns(v_text, array['']);
        exception when insufficient_privilege then null;
        end;
      end loop;
    end $$`);
}
