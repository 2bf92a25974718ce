/** What the catalogs say about who may do what: the text that golden files of privileges are made of. */
import type { Db } from '../../store/pool.ts';

/** login -> object -> privileges, of everything outside the system's own schemas, database and memberships included. */
export type Privileges = Readonly<Record<string, Readonly<Record<string, string>>>>;

const grantsText = `
  with granted (object, acl) as (
      select 'database', coalesce(datacl, acldefault('d', datdba)) from pg_database where datname = current_database()
    union all
      select 'schema ' || nspname, coalesce(nspacl, acldefault('n', nspowner)) from pg_namespace
      where nspname !~ '^(pg_|information_schema)'
    union all
      select n.nspname || '.' || c.relname, coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner))
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname !~ '^(pg_|information_schema)' and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
    union all
      select n.nspname || '.' || p.proname || '()', coalesce(p.proacl, acldefault('f', p.proowner))
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname !~ '^(pg_|information_schema)'
    union all
      select n.nspname || '.' || c.relname || '.' || a.attname, a.attacl
      from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
      where n.nspname !~ '^(pg_|information_schema)' and a.attacl is not null)
  select coalesce(r.rolname, 'PUBLIC') as login, g.object,
    string_agg(distinct x.privilege_type || case when x.is_grantable then ' WITH GRANT OPTION' else '' end, ', ') as privileges
  from granted g cross join aclexplode(g.acl) x left join pg_roles r on r.oid = x.grantee
  where x.grantee = 0 or r.rolname like 'curfew\\_%' and r.rolname <> 'curfew_store'
  group by 1, 2 order by 1, 2`;

const rolesText = `
  select rolname as login, concat_ws(', ', case when rolcanlogin then 'login' end, case when rolsuper then 'superuser' end,
    case when rolcreaterole then 'createrole' end, case when rolcreatedb then 'createdb' end,
    case when rolreplication then 'replication' end, case when rolbypassrls then 'bypassrls' end,
    (select string_agg('member of ' || b.rolname, ', ' order by b.rolname) from pg_auth_members m
     join pg_roles b on b.oid = m.roleid where m.member = r.oid)) as attributes
  from pg_roles r where rolname like 'curfew\\_%' order by 1`;

export async function privilegesOf(admin: Db): Promise<Privileges> {
  const found: Record<string, Record<string, string>> = {};
  for (const { login, attributes } of await admin.query<{ login: string; attributes: string }>(rolesText)) {
    found[login] = { role: attributes };
  }
  for (const { login, object, privileges } of await admin.query<Record<'login' | 'object' | 'privileges', string>>(
    grantsText,
  )) {
    (found[login] ??= {})[object] = privileges;
  }
  return found;
}
