/** Who can change Curfew itself: logins, memberships, policy approvers, identity providers' tokens, installers. */
import { nameOf, type Report } from './reports.ts';

/**
 * As the store's catalogs, the policy and the tokens are now; `acts` counts what each appended to the log in the period.
 * Superusers of the cluster can do everything, and are listed; who holds the machines cannot be seen from here.
 */
export const adminsReport: Report = {
  name: 'admins',
  rowsAre: ['power', 'powers'],
  note: 'Who can change Curfew as it stands now, and how often each wrote to the log in the period. Members count whether or not they inherit. Not seen from here: who can read a process’s environment, who runs Temporal, and superusers of the targets.',
  none: 'Nobody can change anything: this store is not in use.',
  readsLog: true,
  takes: ['fromAt', 'toAt', 'person', 'groups', 'people'],
  columns: [
    { name: 'what', brief: true },
    { name: 'who', brief: true },
    { name: 'person_id', brief: true },
    { name: 'person', brief: true },
    { name: 'may', is: 'list', brief: true },
    { name: 'since', is: 'instant' },
    { name: 'until', is: 'instant', brief: true },
    { name: 'by' },
    { name: 'acts', brief: true },
    { name: 'last_act_at', is: 'instant', brief: true },
  ],
  sql: `
    with recursive held (login, role) as (
      select r.oid, r.oid from pg_catalog.pg_roles r where r.rolcanlogin
      union
      select h.login, m.roleid from held h join pg_catalog.pg_auth_members m on m.member = h.role),
    acted as materialized (
      select e.login, count(*) as acts, max(e.at) as last_at from audit.entry e
      where e.at >= $1::timestamptz and e.at < $2::timestamptz group by e.login),
    power as (
      select 'login of the store' as what, l.rolname::text as who, o.person,
        array(select x.word from (
            select r.rolname::text as word from held h join pg_catalog.pg_roles r on r.oid = h.role
              where h.login = l.oid and r.rolname in
                ('curfew_store', 'curfew_admin', 'curfew_directory', 'curfew_api', 'curfew_worker', 'curfew_reaper',
                'curfew_collector')
            union all select 'superuser' where l.rolsuper
            union all select 'makes roles' where l.rolcreaterole
            union all select 'replication' where l.rolreplication) x order by x.word) as may,
        o.linked_at as since, nullif(l.rolvaliduntil, 'infinity') as until, o.linked_by::text as by, a.acts, a.last_at
      from pg_catalog.pg_roles l
      left join curfew.operator_login o on o.login = l.rolname
      left join acted a on a.login = l.rolname
      where l.rolcanlogin
      union all
      select 'policy approver', n.handle, n.id, array(select distinct 'group ' || g.name from curfew.person_group g
          where g.person = n.id and g.name = any ($4::text[])
          union all select 'named, on call or standing in' where not exists (select from curfew.person_group g
            where g.person = n.id and g.name = any ($4::text[]))),
        null, null, null,
        (select count(*) from curfew.policy_decision d
          where d.person = n.id and d.made_at >= $1::timestamptz and d.made_at < $2::timestamptz),
        (select max(d.made_at) from curfew.policy_decision d
          where d.person = n.id and d.made_at >= $1::timestamptz and d.made_at < $2::timestamptz)
      from curfew.person n
      where n.id = any ($5::uuid[])
      union all
      select 'SCIM token', format('%s of %s', t.id, t.source), null, t.scopes, t.made_at,
        least(t.expires_at, t.revoked_at), t.made_by::text, null, t.last_used_at
      from curfew.scim_token t
      where t.made_at < $2::timestamptz and least(t.expires_at, t.revoked_at) > $1::timestamptz
      union all
      select 'installer of a target', e.login::text, o.person, array_agg(distinct e.kind || ' ' || e.subject),
        min(e.at), null, null, count(*), max(e.at)
      from audit.entry e left join curfew.operator_login o on o.login = e.login
      where e.kind in ('target.installed', 'target.uninstalled')
        and e.at >= $1::timestamptz and e.at < $2::timestamptz
      group by e.login, o.person)
    select w.what, w.who, w.person as person_id, ${nameOf('w.person::text')} as person, w.may, w.since, w.until, w.by,
      coalesce(w.acts, 0) as acts, w.last_at as last_act_at
    from power w
    where cardinality(w.may) > 0 and ($3::uuid is null or w.person = $3::uuid)
    order by w.what, w.who`,
  sums: (rows) => [
    [...Map.groupBy(rows, (row) => String(row.what))].map(([what, all]) => `${what}: ${all.length}`).join(', ') + '.',
  ],
};
