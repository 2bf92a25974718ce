-- Curfew: what will the server's log tell of grantees' sessions? Run in the control database, with the databases of
-- grantees in curfew.databases (a JSON list). The last of the results holds rows of (severity, code, what, mend, database).
-- Never an error: without session evidence grants are made all the same, and their records say that it is missing.
create or replace function pg_temp.curfew_session_log() returns table (severity text, code text, what text, mend text, database text)
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  v_connections text; v_statements text; v_database text;
begin
  if to_regprocedure('curfew_log.read(text,bytea,bigint,integer)') is null then
    return query select 'info', 'session-evidence', 'nothing: the server''s log is not read', 'set CURFEW_TARGET_COLLECTOR_PASSWORD and run curfew target install as a superuser; a managed server''s log cannot be read', current_database()::text;
    return;
  end if;
  return query select 'info', 'session-log-hash', encode(sha256(convert_to(string_agg(concat_ws('|', f.oid::regprocedure, f.prosrc, array_to_string(f.proconfig, ','), f.prosecdef, f.provolatile,
      f.proowner::regrole, (select string_agg(g, ',' order by g) from (select concat_ws('=', x.grantee::regrole, x.privilege_type, x.is_grantable)
         from aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) x) a(g))), E'\n' order by f.oid::regprocedure::text collate "C"), 'UTF8')), 'hex'), 'compare with the shipped value', current_database()::text
    from pg_proc f where f.pronamespace = 'curfew_log'::regnamespace;
  return query select 'warning', 'session-log-role', format('%s: %s', p.rolname, coalesce('member of ' || (a.roleid::regrole)::text, 'attributes')), 'no attribute, no membership; only curfew_collector logs in', current_database()::text
    from pg_roles p left join pg_auth_members a on a.member = p.oid
    where p.rolname in ('curfew_collector', 'curfew_logreader') and (a.roleid is not null or p.rolsuper or p.rolcreaterole or p.rolcreatedb or p.rolreplication or p.rolbypassrls
      or (p.rolcanlogin and p.rolname = 'curfew_logreader'));
  v_connections := concat_ws(', ',
    case when current_setting('logging_collector') <> 'on' then 'logging_collector = on (restart)' end,
    case when current_setting('log_destination') !~ 'jsonlog' then 'log_destination = jsonlog' end,
    case when current_setting('log_connections') !~ '(^(on|true|yes|1|all)$|authorization)' then 'log_connections = on' end,
    case when current_setting('log_disconnections') <> 'on' then 'log_disconnections = on' end,
    case when current_setting('lc_messages') !~ '^(C|POSIX|en)' and current_setting('lc_messages') <> '' then 'lc_messages = C' end);
  for v_database in select jsonb_array_elements_text(current_setting('curfew.databases')::jsonb) loop
    -- What a new login there starts with: the database's own setting, else the server's.
    select case when v_connections <> '' then v_connections
                when max(x.value) filter (where x.name = 'log_statement') = 'all' then ''
                when coalesce(max(x.value) filter (where x.name = 'pgaudit.log'), 'none') !~ '^ *(none)? *$' then ''
                else format('alter database %I set log_statement = %L', v_database, 'all') end into v_statements
      from (select s.name, coalesce((select substr(o, length(s.name) + 2) from pg_db_role_setting r, unnest(r.setconfig) o
                                       where r.setdatabase = d.oid and r.setrole = 0 and starts_with(o, s.name || '=')), current_setting(s.name, true)) as value
              from pg_database d, (values ('log_statement'), ('pgaudit.log')) s(name) where d.datname = v_database) x;
    return query select case when v_statements = '' then 'info' else 'warning' end, 'session-evidence',
      case when v_connections <> '' then 'nothing' when v_statements <> '' then 'connections only' else 'statements' end,
      nullif(v_statements, ''), v_database;
  end loop;
end $$;
select * from pg_temp.curfew_session_log();
