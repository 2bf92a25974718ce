-- Runs before the migrations, each time, as the operator's login: roles belong to the cluster and not to a database,
-- so another database's Curfew may have made them, at this very moment too.
do $$
declare v_login name;
begin
  foreach v_login in array array['curfew_store', 'curfew_api', 'curfew_directory', 'curfew_admin', 'curfew_worker',
                                 'curfew_reaper', 'curfew_collector', 'curfew_auditor']::name[] loop
    begin
      execute format('create role %I nologin', v_login);
    exception when duplicate_object or unique_violation then null;
    end;
    if v_login <> 'curfew_store' and not (select rolcanlogin from pg_roles where rolname = v_login) then
      execute format('alter role %I login', v_login);
    end if;
    execute format('grant connect on database %I to %I', current_database(), v_login);
  end loop;
  -- Who is no superuser must be able to act as the owner; a CREATEROLE login may give itself that (PostgreSQL 16).
  if not pg_has_role(current_user, 'curfew_store', 'SET') then
    execute format('grant curfew_store to %I with inherit false, set true', current_user);
  end if;
  execute format('revoke all on database %I from public', current_database());
end $$;
revoke create on schema public from public;

create schema if not exists migration authorization curfew_store;
set local role curfew_store;
create table if not exists migration.applied (
  name text primary key,
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  applied_at timestamptz not null default clock_timestamp());
grant usage on schema migration
  to curfew_api, curfew_directory, curfew_admin, curfew_worker, curfew_reaper, curfew_collector, curfew_auditor;
grant select on migration.applied
  to curfew_api, curfew_directory, curfew_admin, curfew_worker, curfew_reaper, curfew_collector, curfew_auditor;
