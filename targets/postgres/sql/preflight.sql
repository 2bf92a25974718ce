-- Curfew: is this target fit? Run as a superuser (or a managed server's administrator) in the control database, after
-- install.sql, and again daily. The last of the results holds rows of (severity, code, what, mend). Any 'error': refuse.
-- A check that this login is not allowed to make is itself an 'error' row: fail closed.
-- In the databases of grantees run it too, after select set_config('curfew.preflight_part', 'database', false): it then
-- looks at PUBLIC's rights and at what database.sql made there.
create or replace function pg_temp.curfew_preflight() returns table (severity text, code text, what text, mend text)
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  v int := current_setting('server_version_num')::int;
  v_database boolean := current_setting('curfew.preflight_part', true) = 'database';
  v_schema name := case when v_database then 'curfew_db' else 'curfew' end;
  v_owner pg_roles; r record;
begin
  if v < 160014 or v between 170000 and 170009 or v between 180000 and 180003 then
    return query select 'error', 'version', current_setting('server_version'), 'at least 16.14, 17.10 or 18.4'; end if;
  if current_setting('max_prepared_transactions') <> '0' then
    return query select 'error', 'prepared-transactions', current_setting('max_prepared_transactions'), 'max_prepared_transactions = 0: a prepared transaction survives every revoke'; end if;
  if current_setting('password_encryption') <> 'scram-sha-256' then
    return query select 'error', 'password-encryption', current_setting('password_encryption'), 'password_encryption = scram-sha-256'; end if;

  begin
    -- First matching line wins in pg_hba.conf, so any non-SCRAM line that a cfw_ role could match before its reject counts.
    for r in select h.line_number, h.type, h.user_name, h.auth_method, h.error from pg_hba_file_rules h
              where h.error is not null or (h.auth_method not in ('scram-sha-256', 'reject') and not h.database <@ array['replication']
                and exists (select from unnest(h.user_name) u where u = 'all' or u like '+%' or u like '/%' or u like 'cfw\_%')
                and not exists (select from pg_hba_file_rules e where e.line_number < h.line_number and e.file_name = h.file_name and e.auth_method = 'reject'
                  and e.database = array['all'] and e.user_name = array['/^cfw_'] and e.type in (h.type, 'host') and coalesce(e.address, 'all') in ('all', coalesce(h.address, 'all'))))
              order by 1 loop
      return query select 'error', 'hba', format('line %s: %s %s %s %s', r.line_number, r.type, r.user_name, r.auth_method, r.error),
        'cfw_ roles by scram-sha-256 only: above it, a reject line for "/^cfw_" of the same type'; end loop;
    return query select 'error', 'hba-no-tls', format('line %s: %s %s', h.line_number, h.type, h.address), 'hostssl, and ssl = on: outside loopback a login would travel in the clear'
      from pg_hba_file_rules h where h.type in ('host', 'hostnossl') and h.auth_method = 'scram-sha-256' and not h.database <@ array['replication']
        and exists (select from unnest(h.user_name) u where u = 'all' or u like '+%' or u like '/%' or u like 'cfw\_%')
        and not (h.address in ('localhost', 'samehost', '::1') or h.address ~ '^127\.' and h.netmask ~ '^255\.')
        and not exists (select from pg_hba_file_rules e where e.line_number < h.line_number and e.file_name = h.file_name and e.auth_method = 'reject'
          and e.type in ('hostnossl', 'host') and e.database = array['all'] and e.user_name in (array['all'], array['/^cfw_']) and e.address = 'all');
  exception when insufficient_privilege then
    return query select 'error', 'hba-unseen', 'pg_hba_file_rules', 'run as superuser, or GRANT SELECT ON pg_hba_file_rules and EXECUTE ON FUNCTION pg_hba_file_rules()'; end;

  return query select 'error', 'public-' || lower(x.privilege_type), 'database ' || d.datname, format('revoke %s on database %I from public', x.privilege_type, d.datname)
    from pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x where x.grantee = 0 and d.datallowconn order by 3, 2;
  return query select 'error', 'public-create', 'schema ' || n.nspname || ' in ' || current_database(), format('revoke create on schema %I from public', n.nspname)
    from pg_namespace n, aclexplode(n.nspacl) x where x.grantee = 0 and x.privilege_type = 'CREATE';

  select * into v_owner from pg_roles where rolname = 'curfew_owner';
  if v_owner.oid is null or (case when v_database then to_regprocedure('curfew_db.clean(uuid)') is null else to_regclass('curfew.ledger') is null end) then
    return query select 'error', 'not-installed', current_database()::text, 'run curfew target install'; return; end if;
  return query select 'info', case when v_database then 'database-functions-hash' else 'functions-hash' end, encode(sha256(convert_to(string_agg(
      concat_ws('|', f.oid::regprocedure, f.prosrc, pg_get_function_sqlbody(f.oid), array_to_string(f.proconfig, ','), f.prosecdef, f.provolatile,
        (select string_agg(g, ',' order by g) from (select concat_ws('=', case when x.grantee = 0 then 'public' else x.grantee::regrole::text end, x.privilege_type, x.is_grantable)
           from aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) x) a(g))), E'\n' order by f.oid::regprocedure::text collate "C"), 'UTF8')), 'hex'), 'compare with the shipped value'
    from pg_proc f where f.pronamespace = to_regnamespace(quote_ident(v_schema));
  return query select 'error', 'role-grants', format('PUBLIC may %s %s', x.privilege_type, f.oid::regprocedure), 'grant only what install.sql grants'
    from pg_proc f, aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) x where f.pronamespace = to_regnamespace(quote_ident(v_schema)) and x.grantee = 0;
  return query select 'error', 'definer', f.oid::regprocedure::text, 'owner must be curfew_owner and search_path pinned: run curfew target install' from pg_proc f
    where f.pronamespace = to_regnamespace(quote_ident(v_schema)) and (f.proowner <> v_owner.oid or (f.prosqlbody is null and not coalesce(f.proconfig @> array['search_path=pg_catalog, pg_temp'], false)));
  return query select 'error', 'schema-grants', format('%s may %s in schema %s', case when x.grantee = 0 then 'PUBLIC' else x.grantee::regrole::text end, x.privilege_type, v_schema), 'revoke it'
    from pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) x
    where n.nspname = v_schema and x.grantee <> n.nspowner and not (x.privilege_type = 'USAGE' and x.grantee <> 0 and x.grantee::regrole::text in ('curfew_worker', 'curfew_reaper'));
  return query select 'error', 'connect', format('%s may not connect to database %s', p.rolname, current_database()), format('grant connect on database %I to %I', current_database(), p.rolname)
    from pg_roles p where p.rolname in ('curfew_worker', case when v_database then null else 'curfew_reaper' end) and not has_database_privilege(p.oid, current_database(), 'CONNECT');
  if v_database and v >= 170000 and not exists (select from pg_event_trigger where evtname = 'curfew_login' and evtenabled = 'A') then
    return query select 'info', 'login-trigger', current_database()::text, 'login-trigger.sql also refuses logins in flight'; end if;
  if v_database then return; end if;

  return query select 'info', 'owner-mode', case when v_owner.rolsuper then 'superuser' else 'createrole' end, null::text;
  if v_owner.rolcanlogin or not v_owner.rolcreaterole or v_owner.rolcreatedb or v_owner.rolreplication or v_owner.rolbypassrls then
    return query select 'error', 'owner-attributes', 'curfew_owner', 'NOLOGIN CREATEROLE and no other attribute (but SUPERUSER in that mode)'; end if;
  if not pg_has_role('curfew_owner', 'pg_signal_backend', 'usage') then
    return query select 'error', 'owner-signal', 'curfew_owner', 'grant pg_signal_backend to curfew_owner'; end if;
  return query select 'error', 'role-attributes', p.rolname::text, 'no attribute but LOGIN' from pg_roles p
    where p.rolname in ('curfew_worker', 'curfew_reaper', 'curfew_quarantine')
      and (p.rolsuper or p.rolcreaterole or p.rolcreatedb or p.rolreplication or p.rolbypassrls or (p.rolcanlogin and p.rolname = 'curfew_quarantine'));
  return query select 'error', 'role-membership', format('%s is a member of %s', p.rolname, a.roleid::regrole), 'revoke it' from pg_auth_members a join pg_roles p on p.oid = a.member
    where p.rolname in ('curfew_worker', 'curfew_reaper', 'curfew_quarantine') and not (p.rolname = 'curfew_reaper' and a.roleid = 'pg_use_reserved_connections'::regrole);
  if current_setting('reserved_connections')::int < 2 or not pg_has_role('curfew_reaper', 'pg_use_reserved_connections', 'usage') then
    return query select 'warning', 'reserved-connections', current_setting('reserved_connections'), 'reserved_connections = 2 or more, and grant pg_use_reserved_connections to curfew_reaper: it must get in when every connection is taken'; end if;
  return query select case when p.rolcreaterole then 'warning' else 'error' end, 'owner-membership', format('%s may act as curfew_owner', p.rolname), 'revoke it; an administrator that installs without being superuser has it' from pg_auth_members a join pg_roles p on p.oid = a.member
    where a.roleid = v_owner.oid and (p.rolcanlogin and not p.rolsuper) and (a.inherit_option or a.set_option);
  return query select 'error', 'role-owns', format('%s owns %s %s', p.rolname, s.classid::regclass, s.objid), 'reassign it' from pg_shdepend s join pg_roles p on p.oid = s.refobjid
    where s.refclassid = 'pg_authid'::regclass and s.deptype = 'o' and p.rolname in ('curfew_worker', 'curfew_reaper');
  return query select 'error', 'table-grants', format('%s may %s %s', case when x.grantee = 0 then 'PUBLIC' else x.grantee::regrole::text end, x.privilege_type, c.oid::regclass), 'revoke it: nobody but curfew_owner reads these'
    from pg_class c, aclexplode(c.relacl) x where c.relnamespace = 'curfew'::regnamespace and x.grantee <> v_owner.oid;
  return query select 'error', 'table-trigger', format('%s on %s', g.name, g.rel), 'drop it: nothing but the functions may act on these tables' from (
      select t.tgname, t.tgrelid::regclass from pg_trigger t join pg_class c on c.oid = t.tgrelid where c.relnamespace = 'curfew'::regnamespace and not t.tgisinternal
      union all select w.rulename, w.ev_class::regclass from pg_rewrite w join pg_class c on c.oid = w.ev_class where c.relnamespace = 'curfew'::regnamespace) g(name, rel);
  begin
    return query select 'error', 'template-admin', t.role::text, format('grant %I to curfew_owner with admin true, inherit false, set false', t.role) from curfew.template t
      where t.enabled and not exists (select from pg_auth_members a where a.roleid = to_regrole(quote_ident(t.role)) and a.member = v_owner.oid and a.admin_option)
         or exists (select from pg_auth_members a where a.roleid = to_regrole(quote_ident(t.role)) and a.member = v_owner.oid and (a.inherit_option or a.set_option));
    return query select 'error', 'graveyard', graveyard::text, 'at least 40 minutes: a login can be held open for 2147 s' from curfew.config where graveyard < '40 minutes';
  exception when insufficient_privilege then
    return query select 'error', 'tables-unseen', 'curfew.template', 'run as superuser or as a member of curfew_owner'; end;
  if current_setting('createrole_self_grant') <> '' then
    return query select 'warning', 'createrole-self-grant', current_setting('createrole_self_grant'), 'leave it empty (the functions pin it)'; end if;
  if not exists (select from pg_db_role_setting s where s.setrole = 'curfew_worker'::regrole and s.setdatabase = 0 and s.setconfig @> array['log_parameter_max_length=0']) and current_setting('log_parameter_max_length') <> '0' then
    return query select 'warning', 'log-parameters', 'curfew_worker', 'alter role curfew_worker set log_parameter_max_length = 0: verifiers are parameters'; end if;
  if not exists (select from pg_db_role_setting s where s.setrole = 'curfew_worker'::regrole and s.setdatabase = 0 and s.setconfig @> array['log_error_verbosity=terse']) and current_setting('log_error_verbosity') <> 'terse' then
    return query select 'warning', 'log-context', 'curfew_worker', 'alter role curfew_worker set log_error_verbosity = terse: a backend ended inside CREATE ROLE logs the statement as CONTEXT'; end if;
  return query select 'info', 'standby', coalesce(s.application_name, '') || ' ' || coalesce(s.client_addr::text, ''), 'kill and verify must reach it too' from pg_stat_replication s;
  if current_setting('synchronous_standby_names') <> '' then
    return query select 'info', 'synchronous', current_setting('synchronous_standby_names'), 'Curfew commits locally'; end if;
  return query select 'info', 'clock', clock_timestamp()::text, 'within 2 s of Curfew''s';
end $$;
select * from pg_temp.curfew_preflight() order by severity, code, what;
