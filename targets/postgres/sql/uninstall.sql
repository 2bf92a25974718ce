-- Curfew: takes the part in the control database away. Run after curfew_db is gone from every other database; one
-- transaction. Refuses while a grant is live or an ended login is still in the graveyard: their tombstones would go too.
begin;
set local client_min_messages = warning;
do $$
declare v_live int; v_left int; v_template name; v_role name;
begin
  if to_regclass('curfew.ledger') is not null then
    lock table curfew.ledger in exclusive mode;   -- no grant slips in behind the count
    select count(*) into v_live from curfew.ledger where state = 'active';
    if v_live > 0 then
      raise exception '% grants are live: end them first', v_live using errcode = 'CF014';
    end if;
  end if;
  select count(*) into v_left from pg_catalog.pg_roles where rolname ~ '^cfw_';
  if v_left > 0 then
    raise exception '% ended logins are still there: they are dropped 40 minutes after their end, while the worker runs', v_left using errcode = 'CF014';
  end if;
  for v_template in
    select g.rolname from pg_catalog.pg_auth_members a join pg_catalog.pg_roles g on g.oid = a.roleid
      join pg_catalog.pg_roles o on o.oid = a.member where o.rolname = 'curfew_owner' and g.rolname <> 'pg_signal_backend' and g.rolname <> 'curfew_quarantine'
  loop
    execute format('revoke %I from curfew_owner', v_template);
  end loop;
  drop schema if exists curfew cascade;
  drop schema if exists curfew_log cascade;
  foreach v_role in array array['curfew_worker', 'curfew_reaper', 'curfew_collector', 'curfew_logreader', 'curfew_owner']::name[] loop
    if exists (select from pg_catalog.pg_roles where rolname = v_role) then
      -- DROP OWNED asks for the role's own rights; whoever made the role, and is no superuser, may lend them to itself.
      if not pg_catalog.pg_has_role(v_role, 'usage') then execute format('grant %I to current_user with inherit true', v_role); end if;
      execute format('drop owned by %I', v_role);
    end if;
  end loop;
end $$;
commit;
