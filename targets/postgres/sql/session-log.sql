-- Curfew: what curfew_collector may see of the server's own log (after install.sql, in the control database; optional).
-- Needs a login that may pass on EXECUTE on the file functions: a superuser, where you run the server yourself. Where it
-- may not, this script fails with 42501 and nothing of it is done: then there is no session evidence, and nothing else
-- changes. NB. No backslash in any function, as in install.sql.
begin;
set local client_min_messages = warning;
do $$
declare v_role name;
begin
  -- Who reads files owns this one function, and nothing else: not the ledger, not the other functions.
  foreach v_role in array array['curfew_logreader', 'curfew_collector']::name[] loop
    if not exists (select from pg_catalog.pg_roles where rolname = v_role) then execute format('create role %I nologin', v_role); end if;
  end loop;
  if exists (select from pg_catalog.pg_namespace where nspname = 'curfew_log' and nspowner <> 'curfew_logreader'::regrole) then
    raise exception 'a schema named curfew_log exists and is not owned by curfew_logreader';
  end if;
  grant execute on function pg_catalog.pg_current_logfile(text), pg_catalog.pg_ls_logdir(),
    pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean) to curfew_logreader;
  -- GRANT by somebody who may not is a warning only.
  if not has_function_privilege('curfew_logreader', 'pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)', 'execute') then
    raise exception 'the log''s files cannot be read with this login' using errcode = '42501';
  end if;
  if not pg_catalog.pg_has_role(current_user, 'curfew_logreader', 'set') then
    execute format('grant curfew_logreader to %I with inherit false, set true', current_user);
  end if;
end $$;
alter role curfew_collector set statement_timeout = '30s';
alter role curfew_collector set idle_in_transaction_session_timeout = '5s';

create schema if not exists curfew_log authorization curfew_logreader;
set local role curfew_logreader;
alter default privileges for role curfew_logreader revoke execute on functions from public;

-- From a place in the JSON log on: the lines of grantees' sessions, and the place after them. Everybody else's lines stay
-- here. A quote inside a value is always written with a backslash, so that what is looked for cannot stand in one.
--   p_file, p_head: the file read last, and the hash of its beginning, by which one that was written anew is known
--   p_next: bytes of it that were read
-- One row: file, head and next to ask with the next time; more: there is more already; lost: that file is gone or another
-- one, so what it had since may never be read; cut: the only line is the beginning of one that is longer than p_max.
create or replace function curfew_log.read(p_file text, p_head bytea, p_next bigint, p_max int)
returns table (asked_at timestamptz, file text, head bytea, next bigint, more boolean, lost boolean, cut boolean, connections boolean, copied_until timestamptz, behind bigint, times float8[], lines bytea[])
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_current text := pg_current_logfile('jsonlog');
  v_files text[]; v_sizes bigint[]; v_place int; v_chunk bytea; v_parts text[]; v_tail text;
begin
  if p_max is null or p_max not between 1024 and 4194304 or p_next < 0 then raise exception 'limit must be 1024 to 4194304' using errcode = 'CF008'; end if;
  asked_at := clock_timestamp();
  -- Who logs in, and who goes (PostgreSQL 18 names the steps, earlier ones say on or off).
  connections := current_setting('log_connections') ~ '(^(on|true|yes|1|all)$|authorization)' and current_setting('log_disconnections') = 'on';
  -- A base backup brings its primary's log along: what is older than a standby's own start is not about the standby.
  copied_until := case when pg_is_in_recovery() then pg_postmaster_start_time() end;
  file := p_file; head := p_head; next := coalesce(p_next, 0); more := false; lost := false; cut := false; behind := 0;
  times := '{}'; lines := '{}';
  if v_current is null then return next; return; end if;
  -- A file with less than that has no whole line yet.
  select array_agg(l.name order by l.modification, l.name), array_agg(l.size order by l.modification, l.name) into v_files, v_sizes
    from pg_ls_logdir() l where l.name like '%.json' and l.size >= 64;
  if v_files is null then lost := p_file is not null; return next; return; end if;
  v_current := regexp_replace(v_current, '[^/]*$', '');
  v_place := array_position(v_files, p_file);
  if v_place is not null and p_head is distinct from sha256(pg_read_binary_file(v_current || p_file, 0, 64, true)) then v_place := null; end if;
  if v_place is null then lost := p_file is not null; v_place := 1; next := 0; end if;
  loop
    v_chunk := coalesce(pg_read_binary_file(v_current || v_files[v_place], next, p_max, true), '');
    exit when position(decode('0a', 'hex') in v_chunk) > 0 or length(v_chunk) = p_max or v_place = cardinality(v_files);
    -- Nothing is added to a file that has a successor, and this was read after that was seen.
    v_place := v_place + 1; next := 0;
  end loop;
  file := v_files[v_place];
  head := sha256(coalesce(pg_read_binary_file(v_current || file, 0, 64, true), ''));
  -- Bytes as text, one character each or an escape; a line ends where a line ends.
  v_parts := string_to_array(encode(v_chunk, 'escape'), chr(10));
  v_tail := coalesce(v_parts[cardinality(v_parts)], '');
  cut := cardinality(v_parts) = 1 and length(v_chunk) = p_max;
  if cut then
    v_parts := array[encode(substring(v_chunk from 1 for 1024), 'escape')]; next := next + p_max;
  else
    v_parts := v_parts[:cardinality(v_parts) - 1]; next := next + length(v_chunk) - length(decode(v_tail, 'escape'));
  end if;
  behind := greatest(v_sizes[v_place] - next, 0) + coalesce((select sum(s) from unnest(v_sizes[v_place + 1:]) s), 0);
  more := length(v_chunk) = p_max or v_place < cardinality(v_files);
  select coalesce(array_agg(extract(epoch from substr(p.line, 15, 23)::timestamp at time zone current_setting('log_timezone'))::float8 * 1000 order by p.n), '{}'),
         coalesce(array_agg(decode(p.line, 'escape') order by p.n), '{}') into times, lines
    from unnest(v_parts) with ordinality p(line, n)
   where position('"user":"cfw_' in p.line) > 0 and p.line ~ '^[{]"timestamp":"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3} ';
  return next;
end $$;

revoke all on all functions in schema curfew_log from public, curfew_collector;
revoke all on schema curfew_log from public, curfew_collector;
grant usage on schema curfew_log to curfew_collector;
grant execute on function curfew_log.read(text, bytea, bigint, int) to curfew_collector;
reset role;
commit;
