import type { Client } from 'pg';

/** What a template can do with one relation in one database, by whatever way it has the right, PUBLIC included. */
export type Reach = {
  readonly template: string;
  readonly database: string;
  /** Schema and name, quoted where SQL would need it. */
  readonly relation: string;
  readonly kind: 'table' | 'view' | 'materialized view' | 'foreign table' | 'sequence';
  /** Sorted; a right that holds for some columns only is written `SELECT (columns)`. */
  readonly privileges: readonly string[];
};

/**
 * The effective rights of the templates in the connection's database: what Slack's Review shows, since the API reaches
 * no target. Partitions are left out, as they are reached through their parents.
 */
export async function previewPrivileges(client: Client, templates: readonly string[]): Promise<readonly Reach[]> {
  const { rows } = await client.query<Reach>(
    `with relation as (
       select c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) as name, n.oid as schema
         from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and not c.relispartition
          and n.nspname <> 'information_schema' and n.nspname !~ '^(pg_|curfew)'),
     held as (
       select t.rolname as template, r.name, r.relkind, p.privilege,
         has_table_privilege(t.oid, r.oid, p.privilege) as whole,
         p.privilege in ('SELECT', 'INSERT', 'UPDATE') and r.relkind <> 'S' and has_any_column_privilege(t.oid, r.oid, p.privilege) as part
         from pg_catalog.pg_roles t, relation r,
           unnest(case when r.relkind = 'S' then array['SELECT', 'UPDATE'] else array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'] end) p(privilege)
        where t.rolname = any($1) and has_schema_privilege(t.oid, r.schema, 'USAGE'))
     select template::text, current_database()::text as database, name as relation,
       case relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' when 'S' then 'sequence' else 'table' end as kind,
       array_agg(case when whole then privilege else privilege || ' (columns)' end order by privilege) as privileges
       from held where whole or part group by template, name, relkind order by template, name`,
    [templates],
  );
  return rows;
}
