-- Curfew: the part that lives in the target's control database (PostgreSQL 16, 17, 18).
--
-- Run it as one script over one connection (node-postgres: client.query(text)), as a superuser, or, on a
-- managed server, as its administrator (CREATEROLE, CREATE on this database, ADMIN on pg_signal_backend and on
-- each template). It is one transaction and may be run again to upgrade. After an error: ROLLBACK, nothing happened.
--
-- The mode is chosen before, on the same connection; nothing else is parametrised:
--   select set_config('curfew.owner_mode', 'createrole', false);   -- default; works on managed PostgreSQL
--   select set_config('curfew.owner_mode', 'superuser',  false);   -- where you run the server yourself
-- LOGIN and passwords of curfew_worker and curfew_reaper are given elsewhere, never here.
-- NB. No backslash in any function: with standard_conforming_strings = off, which a caller may set, it would read
-- another way, and a pattern would match what it must not.
begin;
set local client_min_messages = warning;

-- == MODE: the only block that differs between the two ways to install =======================================
do $$
declare
  v_mode text := coalesce(nullif(current_setting('curfew.owner_mode', true), ''), 'createrole');
  v_super boolean := (select rolsuper from pg_catalog.pg_roles where rolname = current_user);
  v_role name;
begin
  if current_setting('server_version_num')::int < 160000 then
    -- Below 16 there is no SET FALSE and CREATEROLE is almost a superuser: neither promise would hold.
    raise exception 'curfew needs PostgreSQL 16 or newer';
  end if;
  if v_mode not in ('createrole', 'superuser') then raise exception 'curfew.owner_mode must be createrole or superuser'; end if;
  foreach v_role in array array['curfew_owner', 'curfew_quarantine', 'curfew_worker', 'curfew_reaper']::name[] loop
    if not exists (select from pg_catalog.pg_roles where rolname = v_role) then execute format('create role %I nologin', v_role); end if;
  end loop;
  -- What the owner made as a superuser it could not end without being one: the memberships' grantor is another.
  if v_mode = 'createrole' and exists (select from pg_catalog.pg_roles r where r.rolname ~ '^cfw_[0-9a-f]{32}$' and not exists (
       select from pg_catalog.pg_auth_members a where a.roleid = r.oid and a.member = 'curfew_owner'::regrole and a.admin_option)) then
    raise exception 'cfw_ roles exist that curfew_owner made as a superuser: revoke and drop them before leaving that mode';
  end if;
  execute format('alter role curfew_owner nologin createrole%s', case
    when v_mode = 'superuser' then ' superuser'
    when v_super then ' nosuperuser' else '' end);
  if not v_super then grant curfew_owner to current_user with inherit true, set true; end if;
  if not pg_catalog.pg_has_role('curfew_owner', 'pg_signal_backend', 'usage') then grant pg_signal_backend to curfew_owner; end if;
  -- SET is needed beside INHERIT: ALTER ... OWNER TO inside REASSIGN OWNED asks for it.
  grant curfew_quarantine to curfew_owner with inherit true, set true;
  -- Grantees may take every connection that there is; the reaper gets in all the same (reserved_connections).
  if not pg_catalog.pg_has_role('curfew_reaper', 'pg_use_reserved_connections', 'usage') then
    begin
      grant pg_use_reserved_connections to curfew_reaper;
    exception when insufficient_privilege then
      raise warning 'curfew: let an administrator grant pg_use_reserved_connections to curfew_reaper';
    end;
  end if;
  if exists (select from pg_catalog.pg_namespace where nspname = 'curfew' and nspowner <> 'curfew_owner'::regrole) then
    raise exception 'a schema named curfew exists and is not owned by curfew_owner';
  end if;
  if v_super then
    -- The verifier is a parameter of curfew.grant: keep it out of slow-query and error logs. Superuser-only settings.
    alter role curfew_worker set log_parameter_max_length = 0;
    alter role curfew_worker set log_parameter_max_length_on_error = 0;
    -- A backend that is terminated inside CREATE ROLE logs that statement as CONTEXT, and nothing can catch a FATAL.
    alter role curfew_worker set log_error_verbosity = terse;
  else
    raise warning 'curfew: set log_parameter_max_length = 0 and log_error_verbosity = terse for curfew_worker through your provider';
  end if;
end $$;
-- == end of MODE =============================================================================================

-- Comforts for honest processes; whoever steals a login can undo them, so no promise rests on them.
alter role curfew_worker set default_transaction_isolation = 'read committed';
alter role curfew_reaper set default_transaction_isolation = 'read committed';
alter role curfew_worker set idle_in_transaction_session_timeout = '5s';
alter role curfew_reaper set idle_in_transaction_session_timeout = '5s';
alter role curfew_worker set statement_timeout = '30s';
alter role curfew_reaper set statement_timeout = '30s';

create schema if not exists curfew authorization curfew_owner;
set local role curfew_owner;
-- New functions of this owner are nobody's until granted.
alter default privileges for role curfew_owner revoke execute on functions from public;

-- == Tables (nobody but the owner reads them) ================================================================
create table if not exists curfew.config (
  only_row boolean primary key default true check (only_row),
  -- A client may hang in login for 2147 s (post_auth_delay): a disabled role is kept longer than that.
  graveyard interval not null default '40 minutes');
insert into curfew.config default values on conflict do nothing;

create table if not exists curfew.template (
  role name primary key,
  max_ttl interval not null check (max_ttl > '0' and max_ttl <= '31 days'),
  connection_limit int not null default 3 check (connection_limit between 1 and 50),
  enabled boolean not null default true);

-- The API's half of the two-key rule (see curfew.ticket): several keys, so that they can be rotated.
create table if not exists curfew.ticket_key (
  key_id text primary key check (key_id ~ '^[A-Za-z0-9_.-]{1,64}$'),
  inner_pad bytea not null check (length(inner_pad) = 64),   -- the key, already XORed with HMAC's two constants
  outer_pad bytea not null check (length(outer_pad) = 64),
  enabled boolean not null default true);

-- One row per grant id, for ever: it is the fence (a row that is not 'active' can never become active), the hard
-- end, the memory of the role's oid (sessions of dropped or renamed roles), and the lock of that grant.
create table if not exists curfew.ledger (
  grant_id uuid primary key,
  role name not null unique,
  role_oid oid,                           -- null: a tombstone that came before any grant
  person uuid,                            -- whose grant: an opaque id, so that a leaver's grants are found without the store
  template name,
  first_until timestamptz,                -- as first asked, so that a retry after an extension is still equal
  until timestamptz,                      -- the hard end now
  verifier_digest bytea,                  -- to tell an equal retry from an unequal one; not the verifier
  state text not null check (state in ('active', 'revoked', 'dropped')),
  granted_at timestamptz,
  revoked_at timestamptz,
  revoked_by name,
  disabled_at timestamptz,                -- last time the role was found enabled and disabled: the graveyard's clock
  dropped_at timestamptz,
  check (state <> 'active' or (role_oid is not null and until is not null and template is not null)));
create index if not exists ledger_due on curfew.ledger (until) where state = 'active';
create index if not exists ledger_person on curfew.ledger (person) where state = 'active';
create index if not exists ledger_role on curfew.ledger (role_oid);   -- whose session it is, asked of every session
create index if not exists ledger_kept on curfew.ledger (role_oid) where state <> 'active';

-- What a first installation did not have yet. grace: logins stop this long before the end, so that whoever is inside can
-- commit; sessions go on until the end. Never a word of months or days: an hour is an hour in every time zone.
alter table curfew.ledger add column if not exists grace interval not null default '0' check (grace between '0' and '1 hour');
alter table curfew.ledger add column if not exists drop_tried_at timestamptz;   -- last time that it could not be dropped
create index if not exists ledger_graveyard on curfew.ledger ((coalesce(drop_tried_at, disabled_at))) where state = 'revoked';

-- How far Curfew's store was when the reaper last looked: the id of its newest audit entry. A store that says less was
-- restored, or is not the one, and what it holds as live may be revoked: no grant (CF015).
create table if not exists curfew.mark (
  only_row boolean primary key default true check (only_row),
  store_index bigint not null default 0 check (store_index >= 0),
  marked_at timestamptz);
insert into curfew.mark default values on conflict do nothing;

-- Sessions that were told to end, by whichever of our processes came first: so a receipt counts them all. Rows are only
-- added while the role exists, so no kill ever waits for another one's.
create table if not exists curfew.closed (role_oid oid not null, pid int not null, closed_at timestamptz not null default clock_timestamp());
create index if not exists closed_role on curfew.closed (role_oid);

-- Backends seen in the middle of login (see curfew.logins_in_flight).
create unlogged table if not exists curfew.starting (
  pid int, virtual_xid text, first_seen timestamptz not null, primary key (pid, virtual_xid));

-- == Small helpers (owner only) ==============================================================================
create or replace function curfew.role_of(p_grant uuid) returns name
language sql immutable parallel safe   -- this form is parsed at creation: no search_path to pin, and it is inlined
return ('cfw_' || replace(p_grant::text, '-', ''))::name;

-- What every writing call sets for the caller's transaction. synchronous_commit = local on ALL of them, grant too:
-- a commit that waits for a dead standby still holds its locks, and a grant's lock on its template (see grant)
-- would hold up every revoke on that template.
create or replace function curfew.begin_write() returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $$ begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'transaction isolation must be read committed' using errcode = 'CF012';
  end if;
  perform set_config('synchronous_commit', 'local', true), set_config('lock_timeout', '5s', true);
end $$;

create or replace function curfew.check_ids(p_grants uuid[]) returns uuid[]
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$ begin
  if p_grants is null or array_position(p_grants, null) is not null then
    raise exception 'grant ids must not be null' using errcode = 'CF008';
  elsif cardinality(p_grants) > 1000 then
    raise exception 'at most 1000 grants a call' using errcode = 'CF008';   -- lock table, and one transaction's length
  end if;
  return array(select distinct g from unnest(p_grants) g order by g);
end $$;

-- Every role that may be this grant's: by oid (survives a rename) and by name (a stranger that took the name).
create or replace function curfew.roles_of(p_role name, p_oid oid) returns table (oid oid, rolname name)
language sql stable set search_path = pg_catalog, pg_temp
as $$ select r.oid, r.rolname from pg_roles r where r.oid = p_oid union select r.oid, r.rolname from pg_roles r where r.rolname = p_role $$;

create or replace function curfew.end_pid(p_pid int) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp
as $$ begin
  return pg_terminate_backend(p_pid);
exception when others then
  return false;   -- e.g. somebody made the role a superuser: one refusal must not stop the others
end $$;

-- Ends a grantee's session and notes that; a standby notes nothing.
create or replace function curfew.end_session(p_oid oid, p_pid int) returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $$ begin
  perform curfew.end_pid(p_pid);
  if pg_is_in_recovery() or exists (select from curfew.closed c where c.role_oid = p_oid and c.pid = p_pid) then return; end if;
  insert into curfew.closed (role_oid, pid) values (p_oid, p_pid);
exception when others then
  null;   -- the signal is sent, and a count is not worth a session that stays open
end $$;

-- Backends past the login check that pg_stat_activity does not show with their user yet (<= 17: no row; 18: no user).
-- They hold a lock on their database from right after the check until startup ends, and pg_locks is open to all.
-- Whose login it is cannot be told.
create or replace function curfew.logins_in_flight() returns table (pid int, virtual_xid text)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return query select l.pid, min(l.virtualtransaction) from pg_locks l
    where l.locktype = 'object' and l.classid = 'pg_database'::regclass and l.mode = 'RowExclusiveLock'
      and l.pid <> pg_backend_pid()
      and not exists (select from pg_stat_activity a where a.pid = l.pid and a.usesysid is not null)
    group by l.pid;
end $$;

-- HMAC-SHA-256 (RFC 2104) on the built-in sha256, so that no extension is needed.
create or replace function curfew.hmac_pad(p_key bytea, p_constant int) returns bytea
language plpgsql immutable strict set search_path = pg_catalog, pg_temp
as $$
declare v_pad bytea := case when length(p_key) > 64 then sha256(p_key) else p_key end;
begin
  v_pad := v_pad || decode(repeat('00', 64 - length(v_pad)), 'hex');
  for n in 0..63 loop v_pad := set_byte(v_pad, n, get_byte(v_pad, n) # p_constant); end loop;
  return v_pad;
end $$;

create or replace function curfew.hmac(p_inner_pad bytea, p_outer_pad bytea, p_message bytea) returns bytea
language sql immutable parallel safe
return sha256(p_outer_pad || sha256(p_inner_pad || p_message));

-- The two-key rule. Only the API holds the key, and makes a ticket when it has judged the approvals; only the worker
-- may call grant and extend. Neither can make a login alone. The ticket names all that matters of the grant:
--   curfew-ticket-1|grant or extend|grant id|person|template|hex of SHA-256 of the verifier ('' to extend)|end in
--   microseconds since 1970, as UTF-8. Checked before any lock is taken; compared under the key, not byte by byte.
create or replace function curfew.check_ticket(p_op text, p_grant uuid, p_person uuid, p_template text, p_digest bytea,
  p_until timestamptz, p_key_id text, p_ticket bytea) returns void
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare k curfew.ticket_key; v_expected bytea;
begin
  select * into k from curfew.ticket_key where key_id = p_key_id and enabled;
  if k.key_id is not null and isfinite(p_until) then
    v_expected := curfew.hmac(k.inner_pad, k.outer_pad, convert_to(concat_ws('|', 'curfew-ticket-1', p_op, p_grant, p_person,
      p_template, encode(p_digest, 'hex'), (extract(epoch from p_until) * 1000000)::bigint), 'UTF8'));
  end if;
  if curfew.hmac(k.inner_pad, k.outer_pad, p_ticket) is distinct from curfew.hmac(k.inner_pad, k.outer_pad, v_expected)
     or v_expected is null then
    raise exception 'no valid ticket' using errcode = 'CF013';
  end if;
end $$;

-- Null: the key is shorter than 32 bytes and was not taken.
create or replace function curfew.register_ticket_key(p_key_id text, p_key bytea) returns text
language sql security invoker set search_path = pg_catalog, pg_temp
as $$ insert into curfew.ticket_key (key_id, inner_pad, outer_pad)
    select p_key_id, curfew.hmac_pad(p_key, 54), curfew.hmac_pad(p_key, 92) where length(p_key) >= 32
  on conflict (key_id) do update set inner_pad = excluded.inner_pad, outer_pad = excluded.outer_pad, enabled = true
  returning key_id $$;

create or replace function curfew.retire_ticket_key(p_key_id text) returns void
language sql security invoker set search_path = pg_catalog, pg_temp
as $$ update curfew.ticket_key set enabled = false where key_id = p_key_id $$;

-- == Templates (called by the administrator, with the administrator's rights) ================================
-- ADMIN lets curfew_owner hand the template out; INHERIT FALSE, SET FALSE keep it from using the template itself.
-- The name is text, not name: a name that is too long would be cut to 63 bytes without a word, and be another role.
create or replace function curfew.register_template(p_role text, p_max_ttl interval, p_connection_limit int default 3) returns void
language plpgsql security invoker set search_path = pg_catalog, pg_temp
as $$
declare r pg_roles;
begin
  if p_role is null or p_max_ttl is null or p_connection_limit is null then raise exception 'null argument' using errcode = 'CF008'; end if;
  select * into r from pg_roles where rolname::text = p_role;
  if not found then raise exception 'no such role: %', p_role using errcode = 'CF004'; end if;
  -- Rights pass through every membership, so the roles above it are judged too; attributes do not pass.
  if r.rolcanlogin or r.rolsuper or r.rolcreaterole or r.rolcreatedb or r.rolreplication or r.rolbypassrls
     or exists (
       with recursive m (oid) as (select r.oid union select a.roleid from pg_auth_members a join m on a.member = m.oid)
       select from m join pg_roles u on u.oid = m.oid where u.rolsuper or u.rolname ~ '^(pg_|cfw_|curfew_)') then
    raise exception 'role % cannot be a template', p_role using errcode = 'CF004';
  end if;
  execute format('grant %I to curfew_owner with admin true, inherit false, set false', p_role);
  insert into curfew.template (role, max_ttl, connection_limit) values (p_role, p_max_ttl, p_connection_limit)
    on conflict (role) do update set max_ttl = excluded.max_ttl, connection_limit = excluded.connection_limit, enabled = true;
end $$;

-- No new grants. The ADMIN stays, because live grants must still be revoked with it.
create or replace function curfew.retire_template(p_role text) returns void
language sql security invoker set search_path = pg_catalog, pg_temp
as $$ update curfew.template set enabled = false where role::text = p_role $$;

-- == Grant ===================================================================================================
-- One call, one transaction: ledger row, role, membership. Equal calls are idempotent, unequal ones refused.
-- The lock: INSERT ... ON CONFLICT DO NOTHING waits for whoever is inserting the same id (grant or tombstone), and
-- SELECT ... FOR UPDATE for whoever is changing it; the next statement sees what they committed. So of a grant and
-- a tombstone exactly one is first, and the second knows.
-- p_grace is not the ticket's: it can only have logins stop before the end that the ticket names. p_store_index: the newest
-- audit entry of the store by which the caller judged (see curfew.mark).
drop function if exists curfew.grant(uuid, uuid, text, text, timestamptz, timestamptz, text, bytea);
create or replace function curfew.grant(
  p_grant uuid, p_person uuid, p_template text, p_verifier text, p_until timestamptz, p_attempt_deadline timestamptz,
  p_key_id text, p_ticket bytea, p_grace interval, p_store_index bigint)
returns table (role name, until timestamptz, created boolean)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
-- VALID UNTIL travels as text. A caller's DateStyle and TimeZone could make the same instant read back hours later.
set datestyle = 'ISO, YMD' set timezone = 'UTC'
-- Else the caller could have the owner given SET or INHERIT on the new role.
set createrole_self_grant = ''
as $$
#variable_conflict use_column
declare
  v_role name := curfew.role_of(p_grant);
  v_digest bytea;
  v_grace interval;
  v_inserted int;
  l curfew.ledger;
  t curfew.template;
begin
  if p_grant is null or p_person is null or p_template is null or p_verifier is null or p_until is null
     or p_attempt_deadline is null or p_key_id is null or p_ticket is null or p_grace is null or p_store_index is null then
    raise exception 'null argument' using errcode = 'CF008';
  end if;
  if p_grace < '0' or p_grace > '1 hour' then raise exception 'grace is 0 to 1 hour' using errcode = 'CF005'; end if;
  v_grace := make_interval(secs => extract(epoch from p_grace)::float8);
  -- Strict base64 and a bounded iteration count: what PostgreSQL does not recognise as a verifier it would take for
  -- a clear password and hash, and it runs the iterations inside CREATE ROLE (ten million take seconds).
  if length(p_verifier) > 300 or p_verifier !~
     '^SCRAM-SHA-256[$](409[6-9]|4[1-9][0-9]{2}|[5-9][0-9]{3}|1[0-9]{4}):(?:[A-Za-z0-9+/]{4}){5,21}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})[$][A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$' then
    raise exception 'not an acceptable SCRAM-SHA-256 verifier' using errcode = 'CF002';
  end if;
  v_digest := sha256(convert_to(p_verifier, 'UTF8'));
  perform curfew.check_ticket('grant', p_grant, p_person, p_template, v_digest, p_until, p_key_id, p_ticket);
  perform curfew.begin_write();
  if clock_timestamp() >= p_attempt_deadline then raise exception 'attempt is over' using errcode = 'CF003'; end if;
  if exists (select from curfew.mark m where m.store_index > p_store_index) then
    raise exception 'the store is behind what this target has seen of it' using errcode = 'CF015';
  end if;

  select * into t from curfew.template where role::text = p_template;
  insert into curfew.ledger (grant_id, role, role_oid, person, template, first_until, until, grace, verifier_digest, state, granted_at)
    select p_grant, v_role, 0, p_person, t.role, p_until, p_until, v_grace, v_digest, 'active', clock_timestamp() where t.enabled
    on conflict do nothing;
  get diagnostics v_inserted = row_count;
  select * into l from curfew.ledger where grant_id = p_grant for update;

  if l.grant_id is null then raise exception 'unknown template' using errcode = 'CF004'; end if;   -- nothing was inserted
  if l.state <> 'active' then raise exception 'grant is tombstoned' using errcode = 'CF001'; end if;
  if v_inserted = 0 then
    -- A retry, perhaps after an extension. Nothing is changed, so it costs no hashing.
    if l.template::text is distinct from p_template or l.person is distinct from p_person or l.first_until is distinct from p_until
       or l.grace is distinct from v_grace or l.verifier_digest is distinct from v_digest then
      raise exception 'arguments differ from the first call' using errcode = 'CF006';
    end if;
    if l.until <= clock_timestamp() then raise exception 'grant is over' using errcode = 'CF011'; end if;
    if not exists (select from pg_roles r where r.oid = l.role_oid and r.rolname = v_role and r.rolcanlogin) then
      raise exception 'the role was changed by somebody else' using errcode = 'CF009';
    end if;
    return query select v_role, l.until, false;
    return;
  end if;

  -- clock_timestamp(), not now(): the wait above counts. A raise takes the inserted row back with it.
  if not isfinite(p_until) or p_until - v_grace <= clock_timestamp() or p_until > clock_timestamp() + t.max_ttl then
    raise exception 'end is past, infinite, within its grace, or beyond the template''s maximum' using errcode = 'CF005';
  end if;
  begin
    -- One statement carries everything, because each PASSWORD clause costs a SCRAM computation.
    execute format('create role %I login nosuperuser nocreatedb nocreaterole noreplication nobypassrls inherit connection limit %s valid until %L password %L',
      v_role, t.connection_limit, p_until - v_grace, p_verifier);
  exception
    -- Re-raised bare: the original's CONTEXT quotes the statement, and with it the verifier, to client and log.
    when duplicate_object then raise exception 'role exists and the ledger does not know it' using errcode = 'CF010';
    -- OTHERS does not include a cancel (statement_timeout): named, because its CONTEXT tells as much.
    when query_canceled or others then raise exception 'create role failed' using errcode = sqlstate;
  end;
  -- Last, because from here to COMMIT this transaction holds the template's lock: 16+ lets one transaction at a time
  -- change a role's members. IN ROLE in CREATE ROLE would be shorter, but cannot say SET FALSE.
  execute format('grant %I to %I with inherit true, set false, admin false', t.role, v_role);
  update curfew.ledger set role_oid = (select r.oid from pg_roles r where r.rolname = v_role) where grant_id = p_grant;
  if clock_timestamp() >= p_attempt_deadline then raise exception 'attempt is over' using errcode = 'CF003'; end if;
  return query select v_role, p_until, true;
end $$;

-- == Extend ==================================================================================================
-- Forward only; never a tombstone, never after the end; the whole life stays within the template's maximum. The grace stays.
create or replace function curfew.extend(p_grant uuid, p_until timestamptz, p_attempt_deadline timestamptz, p_key_id text,
  p_ticket bytea) returns timestamptz
language plpgsql security definer
set search_path = pg_catalog, pg_temp set datestyle = 'ISO, YMD' set timezone = 'UTC'
as $$
declare l curfew.ledger; v_max interval;
begin
  if p_grant is null or p_until is null or p_attempt_deadline is null or p_key_id is null or p_ticket is null then
    raise exception 'null argument' using errcode = 'CF008';
  end if;
  perform curfew.begin_write();
  select * into l from curfew.ledger where grant_id = p_grant for update;
  if clock_timestamp() >= p_attempt_deadline then raise exception 'attempt is over' using errcode = 'CF003'; end if;
  if l.grant_id is null then raise exception 'no such grant' using errcode = 'CF011'; end if;
  perform curfew.check_ticket('extend', p_grant, l.person, l.template::text, '', p_until, p_key_id, p_ticket);
  if l.state <> 'active' then raise exception 'grant is tombstoned' using errcode = 'CF001'; end if;
  if l.until <= clock_timestamp() then raise exception 'grant is over' using errcode = 'CF011'; end if;
  if p_until = l.until then return l.until; end if;
  select max_ttl into v_max from curfew.template where role = l.template and enabled;
  if v_max is null then raise exception 'unknown template' using errcode = 'CF004'; end if;
  if not isfinite(p_until) or p_until < l.until or p_until > l.granted_at + v_max then
    raise exception 'end is earlier, infinite or beyond the template''s maximum' using errcode = 'CF005';
  end if;
  -- A missing or disabled role is not brought back: VALID UNTIL never makes a role able to log in.
  if not exists (select from pg_roles r where r.oid = l.role_oid and r.rolname = l.role and r.rolcanlogin) then
    raise exception 'the role was changed by somebody else' using errcode = 'CF009';
  end if;
  execute format('alter role %I valid until %L', l.role, p_until - l.grace);
  update curfew.ledger set until = p_until where grant_id = p_grant;
  return p_until;
end $$;

-- == Revoke ==================================================================================================
-- The one piece of SQL that ends grants; the caller holds their ledger rows. Every role has its own subtransaction,
-- so that one that cannot be changed does not keep the others enabled. First everything that stops logins (waits for
-- nobody but the grantee itself), then the memberships (may wait for a template's lock, 2 s for the first, and may be left for the next
-- call: logins are off, and verify counts what is left). Templates in oid order, against deadlocks.
create or replace function curfew.end_locked(p_grants uuid[])
returns table (grant_id uuid, outcome text, memberships int)
language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  r record; m record;
  v_grants uuid[] := '{}'; v_oids oid[] := '{}';   -- side by side: the roles found
  v_enabled uuid[] := '{}'; v_blocked oid[] := '{}';
  v_refused boolean; v_member name;
  v_timeout text := current_setting('lock_timeout');
begin
  perform set_config('lock_timeout', '300ms', true);
  for r in
    with l as (select x.grant_id, x.role, x.role_oid from curfew.ledger x where x.grant_id = any(p_grants)),
         o as (select l.grant_id, p.oid from l join pg_roles p on p.rolname = l.role
               union select l.grant_id, p.oid from l join pg_roles p on p.oid = l.role_oid)   -- renamed by somebody
    select o.grant_id, p.oid, p.rolname, p.rolcanlogin, p.rolcanlogin or p.rolconnlimit <> 0 or p.rolvaliduntil is distinct from '-infinity' as change
      from o join pg_roles p on p.oid = o.oid order by o.grant_id
  loop
    v_grants := v_grants || r.grant_id; v_oids := v_oids || r.oid;
    if r.rolcanlogin then v_enabled := v_enabled || r.grant_id; end if;
    continue when not r.change;   -- a repeated call would only bloat pg_authid
    for v_try in 1..2 loop
      begin
        execute format('alter role %I nologin connection limit 0 valid until ''-infinity'' password null', r.rolname);
        exit;
      exception when others then
        -- A grantee may ALTER its own ROLE (password, settings) and sit on that transaction, which blocks this one.
        -- Its sessions are to end anyway: end them now and try once more. What still fails is seen below.
        perform pg_stat_clear_snapshot();
        perform curfew.end_session(r.oid, a.pid) from pg_stat_activity a where a.usesysid = r.oid;
      end;
    end loop;
  end loop;
  -- The tombstone stands even where disabling failed: no grant can come back, and the reaper goes on trying.
  update curfew.ledger x set state = case x.state when 'dropped' then 'dropped' else 'revoked' end,
      role_oid = coalesce(x.role_oid, (select p.oid from pg_roles p where p.rolname = x.role)),
      revoked_at = coalesce(x.revoked_at, clock_timestamp()), revoked_by = coalesce(x.revoked_by, session_user),
      disabled_at = clock_timestamp()
    where x.grant_id = any(p_grants) and (x.state = 'active' or x.disabled_at is null or x.grant_id = any(v_enabled));

  perform set_config('lock_timeout', '2s', true);
  -- All that one grantor gave of a template in one statement: each REVOKE reads every membership of its template anew.
  for m in select a.roleid, g.rolname as template, b.rolname as grantor, array_agg(u.rolname order by a.member) as members
             from pg_auth_members a join pg_roles g on g.oid = a.roleid join pg_roles u on u.oid = a.member join pg_roles b on b.oid = a.grantor
            where a.member = any(v_oids) group by a.roleid, g.rolname, b.rolname order by a.roleid, b.rolname loop
    continue when m.roleid = any(v_blocked);
    v_refused := false;
    begin
      -- Memberships are per grantor since 16: name each. CASCADE takes what the grantee passed on.
      execute format('revoke %I from %s granted by %I cascade', m.template, (select string_agg(quote_ident(u), ', ') from unnest(m.members) u), m.grantor);
    exception
      when lock_not_available or deadlock_detected then
        v_blocked := v_blocked || m.roleid;
        perform set_config('lock_timeout', '100ms', true);   -- patience once, not per template: logins go off at COMMIT
      when others then v_refused := cardinality(m.members) > 1;   -- a superuser's own grant, in createrole mode: counted below, gone with the role
    end;
    continue when not v_refused;
    -- One that cannot be taken, e.g. because it is gone already, must not keep the others.
    foreach v_member in array m.members loop
      begin
        execute format('revoke %I from %I granted by %I cascade', m.template, v_member, m.grantor);
      exception
        when lock_not_available or deadlock_detected then
          v_blocked := v_blocked || m.roleid;
          perform set_config('lock_timeout', '100ms', true);
          exit;
        when others then null;
      end;
    end loop;
  end loop;
  perform set_config('lock_timeout', v_timeout, true);

  return query
    select x.grant_id, case when q.grant_id is null then 'absent' when q.login then 'failed' when q.blocked then 'blocked' else 'disabled' end,
      coalesce(q.members, 0)
    from curfew.ledger x left join (
      select o.grant_id, bool_or(p.rolcanlogin) as login, count(a.roleid)::int as members, bool_or(a.roleid = any(v_blocked)) as blocked
        from unnest(v_grants, v_oids) o(grant_id, oid) join pg_roles p on p.oid = o.oid left join pg_auth_members a on a.member = o.oid
       group by o.grant_id) q on q.grant_id = x.grant_id
    where x.grant_id = any(p_grants) order by x.grant_id;
end $$;

-- outcome: disabled | absent (tombstone only) | blocked (login off, a membership waits: call again) | failed (call again)
create or replace function curfew.revoke_many(p_grants uuid[]) returns table (grant_id uuid, outcome text, memberships int)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare v_ids uuid[] := curfew.check_ids(p_grants);
begin
  perform curfew.begin_write();
  -- Both statements in id order, and inserts before locks: that is what makes batches free of deadlocks.
  insert into curfew.ledger (grant_id, role, state, revoked_at, revoked_by)
    select g, curfew.role_of(g), 'revoked', clock_timestamp(), session_user from unnest(v_ids) g order by g on conflict do nothing;
  perform from curfew.ledger l where l.grant_id = any(v_ids) order by l.grant_id for update;
  return query select * from curfew.end_locked(v_ids);
end $$;

create or replace function curfew.revoke(p_grant uuid) returns table (grant_id uuid, outcome text, memberships int)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$ begin return query select * from curfew.revoke_many(array[p_grant]); end $$;

-- == Kill ====================================================================================================
-- In a transaction of its own, after the revoke committed; else a login could slip in behind the kill (CF007).
-- Writes nothing but its note of the sessions, so the same call serves a standby; there it does not wait for the
-- tombstone to be replayed.
-- Signals all, then waits for all together. 0 sessions is not yet "revoked": that is verify's to say.
-- sessions: those left. signalled: the pids that were told to end, so that a caller with several rounds can count each once.
create or replace function curfew.kill_many(p_grants uuid[], p_wait_ms int default 2000) returns table (grant_id uuid, sessions int, signalled int[])
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_ids uuid[] := curfew.check_ids(p_grants);
  v_grants uuid[]; v_oids oid[];                 -- side by side: the roles that are or were a grant's
  v_pids int[] := '{}'; v_whose oid[] := '{}';   -- side by side: the sessions signalled
  v_deadline timestamptz := clock_timestamp() + least(greatest(coalesce(p_wait_ms, 0), 0), 10000) * interval '1 ms';
  s record;
begin
  if pg_current_xact_id_if_assigned() is not null then
    raise exception 'kill needs a transaction of its own, after the revoke' using errcode = 'CF007';
  end if;
  perform set_config('synchronous_commit', 'local', true);   -- no dead standby holds up a kill that notes what it did
  v_ids := array(select l.grant_id from curfew.ledger l where l.grant_id = any(v_ids) and (l.state <> 'active' or pg_is_in_recovery()));
  select array_agg(o.grant_id), array_agg(o.oid) into v_grants, v_oids from (
    select l.grant_id, p.oid from curfew.ledger l join pg_roles p on p.rolname = l.role where l.grant_id = any(v_ids)
    union select l.grant_id, l.role_oid from curfew.ledger l where l.grant_id = any(v_ids) and l.role_oid is not null) o;
  loop
    -- By usesysid alone: other columns are masked, and a dropped role has no name.
    perform pg_stat_clear_snapshot();
    for s in select a.pid, a.usesysid from pg_stat_activity a where a.usesysid = any(v_oids) and a.pid <> pg_backend_pid() loop
      perform curfew.end_session(s.usesysid, s.pid);
      if s.pid <> all (v_pids) then v_pids := v_pids || s.pid; v_whose := v_whose || s.usesysid; end if;
    end loop;
    perform pg_stat_clear_snapshot();
    exit when not exists (select from pg_stat_activity a where a.usesysid = any(v_oids)) or clock_timestamp() >= v_deadline;
    perform pg_sleep(0.005);
  end loop;
  return query
    with o as (select * from unnest(v_grants, v_oids) u(grant_id, oid)),
         n as (select o.grant_id, count(*)::int as n from o join pg_stat_activity a on a.usesysid = o.oid group by 1),
         k as (select o.grant_id, array_agg(p.pid order by p.pid) as pids from o join unnest(v_pids, v_whose) p(pid, oid) on p.oid = o.oid group by 1)
    select g.grant_id, coalesce(n.n, 0), coalesce(k.pids, '{}') from unnest(v_ids) g(grant_id)
      left join n on n.grant_id = g.grant_id left join k on k.grant_id = g.grant_id order by 1;
end $$;

create or replace function curfew.kill(p_grant uuid, p_wait_ms int default 2000) returns table (grant_id uuid, sessions int, signalled int[])
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$ begin return query select * from curfew.kill_many(array[p_grant], p_wait_ms); end $$;

-- == Verify ==================================================================================================
-- The facts, read in a transaction after the revoke's (CF007 otherwise), on every node. ended = not active, cannot log
-- in, no membership, no session, no prepared transaction, and no login in flight that could be this grant's.
-- in_flight names the backends of anybody in the middle of login now. Those that begin after this node has the revoke
-- are refused by PostgreSQL, so the caller hands back as p_watch the in_flight of the first answer that says "off": only these are looked at again, and
-- other people's logins (or one held open on purpose) cannot keep a grant from being verified for ever.
-- closed: sessions of this grant that were told to end so far, by whomever; a standby does not know.
create or replace function curfew.verify_many(p_grants uuid[], p_watch text[] default null) returns table (
  grant_id uuid, state text, role_exists boolean, can_login boolean, memberships int, sessions int, prepared int, in_flight text[], ended boolean, closed int)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_ids uuid[] := curfew.check_ids(p_grants);
  v_flight text[];
begin
  if pg_current_xact_id_if_assigned() is not null then   -- it wrote something, be it behind a savepoint
    raise exception 'verify needs a transaction of its own, after the revoke' using errcode = 'CF007';
  end if;
  -- In-flight logins first: one that finishes in between shows up among the sessions.
  perform pg_stat_clear_snapshot();
  v_flight := array(select f.pid || ':' || f.virtual_xid from curfew.logins_in_flight() f);
  if p_watch is not null then v_flight := array(select unnest(v_flight) intersect select unnest(p_watch)); end if;
  perform pg_stat_clear_snapshot();
  return query
    with l as (select x.grant_id, x.state, x.role, x.role_oid from curfew.ledger x where x.grant_id = any(v_ids)),
         o as (select l.grant_id, l.role_oid as oid from l where l.role_oid is not null
               union select l.grant_id, p.oid from l join pg_roles p on p.rolname = l.role),
         s as (select a.usesysid as oid, count(*) as n from pg_stat_activity a where a.usesysid is not null group by 1),
         m as (select a.member as oid, count(*) as n from pg_auth_members a where a.member in (select o.oid from o) group by 1),
         x as (select t.owner, count(*) as n from pg_prepared_xacts t group by 1),
         c as (select k.role_oid as oid, count(distinct k.pid) as n from curfew.closed k where k.role_oid in (select o.oid from o) and not pg_is_in_recovery() group by 1),
         v as (select l.grant_id, l.state, count(p.oid) > 0 as role_exists, coalesce(bool_or(p.rolcanlogin), false) as can_login,
                 coalesce(sum(m.n), 0)::int as memberships, coalesce(sum(s.n), 0)::int as sessions, coalesce(sum(x.n), 0)::int as prepared,
                 coalesce(sum(c.n), 0)::int as closed
               from l left join o on o.grant_id = l.grant_id left join pg_roles p on p.oid = o.oid
                 left join s on s.oid = o.oid left join m on m.oid = o.oid left join x on x.owner = p.rolname left join c on c.oid = o.oid
               group by l.grant_id, l.state)
    select v.grant_id, v.state, v.role_exists, v.can_login, v.memberships, v.sessions, v.prepared, v_flight,
        v.state <> 'active' and not v.can_login and v.memberships + v.sessions + v.prepared + cardinality(v_flight) = 0, v.closed
      from v order by v.grant_id;
end $$;

create or replace function curfew.verify(p_grant uuid, p_watch text[] default null) returns table (
  grant_id uuid, state text, role_exists boolean, can_login boolean, memberships int, sessions int, prepared int, in_flight text[], ended boolean, closed int)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$ begin return query select * from curfew.verify_many(array[p_grant], p_watch); end $$;

-- == Drop ====================================================================================================
-- outcome: dropped | active | graveyard | enabled | sessions | prepared (page somebody) | deps (clean in the databases
-- named by detail, then again) | failed (detail: SQLSTATE). The graveyard's length is the target's, not the caller's.
create or replace function curfew.drop_many(p_grants uuid[]) returns table (grant_id uuid, outcome text, detail text)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_ids uuid[] := curfew.check_ids(p_grants);
  v_graveyard interval := (select graveyard from curfew.config);
  v_oids oid[]; v_role name; l curfew.ledger;
begin
  perform curfew.begin_write();
  for l in select * from curfew.ledger x where x.grant_id = any(v_ids) order by x.grant_id for update loop
    grant_id := l.grant_id; detail := null;
    v_oids := array(select r.oid from curfew.roles_of(l.role, l.role_oid) r);
    if l.state = 'active' then outcome := 'active';
    elsif exists (select from pg_roles p where p.oid = any(v_oids) and p.rolcanlogin) then outcome := 'enabled';
    elsif cardinality(v_oids) > 0 and l.disabled_at > clock_timestamp() - v_graveyard then outcome := 'graveyard';
    elsif exists (select from pg_stat_activity a where a.usesysid = any(v_oids || l.role_oid)) then outcome := 'sessions';
    elsif exists (select from pg_prepared_xacts x join pg_roles p on p.rolname = x.owner where p.oid = any(v_oids)) then outcome := 'prepared';
    else
      detail := (select string_agg(distinct d.datname, ',') from pg_shdepend s join pg_database d on d.oid = s.dbid
                  where s.refclassid = 'pg_authid'::regclass and s.refobjid = any(v_oids));
      outcome := case when detail is null then 'dropped' else 'deps' end;
      if detail is null then
        begin
          for v_role in select p.rolname from pg_roles p where p.oid = any(v_oids) loop execute format('drop role %I', v_role); end loop;
          delete from curfew.closed k where k.role_oid = any(v_oids);
          update curfew.ledger x set state = 'dropped', dropped_at = coalesce(x.dropped_at, clock_timestamp()) where x.grant_id = l.grant_id;
        exception when others then outcome := 'failed'; detail := sqlstate;
        end;
      end if;
    end if;
    if outcome not in ('dropped', 'active', 'graveyard') then   -- its turn (see to_drop) comes after the others'
      update curfew.ledger x set drop_tried_at = clock_timestamp() where x.grant_id = l.grant_id;
    end if;
    return next;
  end loop;
end $$;

-- Whose time in the graveyard is over, the longest waiting first; is_role: more than a tombstone is to go. One that could
-- not be dropped has its next turn ten minutes later, so that it cannot keep others from theirs.
create or replace function curfew.to_drop(p_limit int default 200) returns table (grant_id uuid, is_role boolean)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if p_limit is null or p_limit not between 1 and 1000 then raise exception 'limit must be 1 to 1000' using errcode = 'CF008'; end if;
  return query select l.grant_id, l.role_oid is not null from curfew.ledger l
    where l.state = 'revoked' and coalesce(l.drop_tried_at, l.disabled_at) <= clock_timestamp() - interval '10 minutes'
      and l.disabled_at <= clock_timestamp() - (select c.graveyard from curfew.config c)
    order by coalesce(l.drop_tried_at, l.disabled_at) limit p_limit;
end $$;

-- == The reaper ==============================================================================================
-- Needs nothing but the target's own clock and ledger. Ends what is due, and repairs what disagrees with the ledger:
-- roles it does not know, ended grants enabled again or given a membership, active ones whose end, name or attributes were changed.
-- It skips rows that somebody holds, so a frozen transaction holds up its own grants only; and if a due row is still
-- held ten seconds later, it ends the worker's transactions that hold the ledger.
create or replace function curfew.reap(p_limit int default 200) returns table (grant_id uuid, role name, cause text, outcome text, memberships int)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_due uuid[] := '{}'; v_wrong uuid[] := '{}'; v_locked uuid[] := '{}';
  v_blocked boolean := false;
  v_role name; x record;
begin
  if p_limit is null or p_limit not between 1 and 1000 then raise exception 'limit must be 1 to 1000' using errcode = 'CF008'; end if;
  perform curfew.begin_write();
  -- Strangers become tombstones, before any row is locked (see revoke_many). Disabled, never adopted.
  begin
    perform set_config('lock_timeout', '500ms', true);
    insert into curfew.ledger (grant_id, role, role_oid, state, revoked_at, revoked_by)
      select substr(p.rolname, 5)::uuid, p.rolname, p.oid, 'revoked', v_now, session_user from pg_roles p
       where p.rolname ~ '^cfw_[0-9a-f]{32}$' and not exists (select from curfew.ledger l where l.role = p.rolname)
       order by 1 limit p_limit on conflict do nothing;
  exception when lock_not_available then null;   -- somebody is inserting that tombstone; what is due must not wait for it
  end;
  perform set_config('lock_timeout', '5s', true);
  for v_role in select p.rolname from pg_roles p where p.rolname ~ '^cfw_' and p.rolname !~ '^cfw_[0-9a-f]{32}$' and p.rolcanlogin loop
    grant_id := null; role := v_role; cause := 'stranger'; memberships := null;
    begin
      execute format('alter role %I nologin connection limit 0 valid until ''-infinity'' password null', v_role); outcome := 'disabled';
    exception when others then outcome := 'failed';
    end;
    return next;
  end loop;

  for x in select l.grant_id from curfew.ledger l where l.state = 'active' and l.until <= v_now order by l.until limit p_limit for update skip locked loop
    v_due := v_due || x.grant_id;
  end loop;
  -- Found in one snapshot, locked afterwards: with FOR UPDATE in the join a row could be read anew and its role not,
  -- and a grant that was just extended would look tampered with.
  v_wrong := array(
    select l.grant_id from curfew.ledger l join pg_roles p on p.rolname = l.role
     where l.grant_id <> all (v_due) and (
       (l.state <> 'active' and (p.rolcanlogin or exists (select from pg_auth_members m where m.member = p.oid)))
       or (l.state = 'active' and l.until > v_now and (p.oid <> l.role_oid or p.rolvaliduntil is distinct from l.until - l.grace
         or p.rolsuper or p.rolcreaterole or p.rolcreatedb or p.rolreplication or p.rolbypassrls)))
    union
    select l.grant_id from curfew.ledger l join pg_roles p on p.oid = l.role_oid and p.rolname <> l.role
     where l.grant_id <> all (v_due) and (l.state = 'active' or p.rolcanlogin)
    limit p_limit);
  for x in select l.grant_id from curfew.ledger l where l.grant_id = any(v_wrong) order by l.grant_id for update skip locked loop
    v_locked := v_locked || x.grant_id;
  end loop;

  for x in select e.*, l.role from curfew.end_locked(v_due || v_locked) e join curfew.ledger l on l.grant_id = e.grant_id loop
    grant_id := x.grant_id; role := x.role; outcome := x.outcome; memberships := x.memberships;
    cause := case when x.grant_id = any(v_due) then 'due' else 'repair' end;
    v_blocked := v_blocked or x.outcome = 'blocked';
    return next;
  end loop;

  -- A stolen worker login could hold rows (or a template) in a transaction it never ends.
  if v_blocked or (cardinality(v_due) < p_limit and exists (
       select from curfew.ledger l where l.state = 'active' and l.until <= v_now - interval '10 s' and l.grant_id <> all (v_due))) then
    perform curfew.end_pid(k.pid) from (
      select distinct k.pid from pg_locks k join pg_stat_activity a on a.pid = k.pid
       where k.locktype = 'relation' and k.relation = 'curfew.ledger'::regclass and k.pid <> pg_backend_pid()
         and k.database = (select oid from pg_database where datname = current_database())
         and a.usesysid = (select oid from pg_roles where rolname = 'curfew_worker')) k;
  end if;
end $$;

-- Every second, after reap committed: ends the sessions of every ended grant, of dropped roles too, and logins that
-- have been in flight for 10 s while some role is in the graveyard. An honest login is past that point in milliseconds.
create or replace function curfew.reap_kill(p_wait_ms int default 1000) returns table (ended int, sessions_left int, in_flight int)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_deadline timestamptz := clock_timestamp() + least(greatest(coalesce(p_wait_ms, 0), 0), 10000) * interval '1 ms';
  v_pids int[]; v_oids oid[]; v_seen int[] := '{}';
begin
  perform curfew.begin_write();
  loop
    perform pg_stat_clear_snapshot();
    select coalesce(array_agg(a.pid), '{}'), array_agg(a.usesysid) into v_pids, v_oids from pg_stat_activity a left join pg_roles p on p.oid = a.usesysid
      where a.pid <> pg_backend_pid() and a.usesysid <> 0
        and (exists (select from curfew.ledger l where l.role_oid = a.usesysid and l.state <> 'active')
             or (p.rolname ~ '^cfw_' and not p.rolcanlogin));
    exit when cardinality(v_pids) = 0 or (cardinality(v_seen) > 0 and clock_timestamp() >= v_deadline);
    perform curfew.end_session(q.oid, q.pid) from unnest(v_oids, v_pids) q(oid, pid);
    v_seen := v_seen || v_pids;
    perform pg_sleep(0.005);
  end loop;
  sessions_left := cardinality(v_pids);
  ended := (select count(distinct q) from unnest(v_seen) q where q <> all (v_pids));

  insert into curfew.starting (pid, virtual_xid, first_seen) select f.pid, f.virtual_xid, clock_timestamp() from curfew.logins_in_flight() f
    on conflict do nothing;
  delete from curfew.starting s where not exists (select from curfew.logins_in_flight() f where f.pid = s.pid and f.virtual_xid = s.virtual_xid);
  in_flight := (select count(*) from curfew.starting);
  if exists (select from curfew.ledger l where l.state = 'revoked' and l.disabled_at > clock_timestamp() - (select graveyard from curfew.config)) then
    perform curfew.end_pid(s.pid) from curfew.starting s where s.first_seen < clock_timestamp() - interval '10 s';
  end if;
  return next;
end $$;

-- The reaper's too, every second, for a node that reap does not reach: one that only reads, or one whose primary is dead.
-- Ends the sessions of every grant that is over, be it by what was replayed there or by its end and this node's own
-- clock. On the primary it is for a storm: everybody's session ends before anybody's role is disabled. A standby notes
-- nothing, so the caller remembers the logins in flight, and hands back there as p_late those that it has met for 10 s.
create or replace function curfew.sweep(p_wait_ms int default 1000, p_late text[] default '{}')
returns table (ended int, sessions_left int, in_flight text[])
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_deadline timestamptz := clock_timestamp() + least(greatest(coalesce(p_wait_ms, 0), 0), 10000) * interval '1 ms';
  v_pids int[]; v_oids oid[]; v_seen int[] := '{}';
begin
  perform set_config('synchronous_commit', 'local', true);
  loop
    perform pg_stat_clear_snapshot();
    select coalesce(array_agg(a.pid), '{}'), array_agg(a.usesysid) into v_pids, v_oids from pg_stat_activity a left join pg_roles p on p.oid = a.usesysid
      where a.pid <> pg_backend_pid() and a.usesysid <> 0
        and (exists (select from curfew.ledger l where l.role_oid = a.usesysid and (l.state <> 'active' or l.until <= clock_timestamp()))
             or (p.rolname ~ '^cfw_' and not p.rolcanlogin));
    exit when cardinality(v_pids) = 0 or (cardinality(v_seen) > 0 and clock_timestamp() >= v_deadline);
    perform curfew.end_session(q.oid, q.pid) from unnest(v_oids, v_pids) q(oid, pid);
    v_seen := v_seen || v_pids;
    perform pg_sleep(0.005);
  end loop;
  sessions_left := cardinality(v_pids);
  ended := (select count(distinct q) from unnest(v_seen) q where q <> all (v_pids));

  perform pg_stat_clear_snapshot();
  in_flight := array(select f.pid || ':' || f.virtual_xid from curfew.logins_in_flight() f);
  if pg_is_in_recovery() and exists (select from curfew.ledger l where l.state = 'revoked' and l.disabled_at > clock_timestamp() - (select graveyard from curfew.config)) then
    perform curfew.end_pid(f.pid) from curfew.logins_in_flight() f where f.pid || ':' || f.virtual_xid = any(p_late);
  end if;
  return next;
end $$;

-- == For the reconciler ======================================================================================
-- Every cfw_ role and every ledger row that is not dropped, side by side; either half may be null.
drop function if exists curfew.list_live();   -- its columns were others once
create or replace function curfew.list_live() returns table (
  grant_id uuid, person uuid, role name, role_oid oid, state text, template name, until timestamptz, grace interval, revoked_at timestamptz,
  can_login boolean, valid_until timestamptz, memberships text[], sessions int)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select l.grant_id, l.person, coalesce(p.rolname, l.role), coalesce(p.oid, l.role_oid), l.state, l.template, l.until, l.grace, l.revoked_at,
    p.rolcanlogin, p.rolvaliduntil,
    array(select g.rolname::text from pg_auth_members m join pg_roles g on g.oid = m.roleid where m.member = p.oid order by 1),
    coalesce(s.n, 0)
  from (select * from curfew.ledger where state <> 'dropped') l
  full join (select * from pg_roles where rolname ~ '^cfw_') p on p.rolname = l.role
  left join (select usesysid, count(*)::int as n from pg_stat_activity group by 1) s on s.usesysid = coalesce(p.oid, l.role_oid) $$;

-- What is open in these grants' sessions, on the node that is asked, a standby too. Everybody may see whose a backend is and
-- that it holds the lock of its own transaction; since when, only the owner as a superuser, or a member of
-- pg_read_all_stats: elsewhere oldest_ms is null. An id that is missing in the answer has no role.
create or replace function curfew.open_work(p_grants uuid[]) returns table (grant_id uuid, sessions int, open_transactions int, oldest_ms float8)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare v_ids uuid[] := curfew.check_ids(p_grants);
begin
  perform pg_stat_clear_snapshot();
  return query
    with k as materialized (select distinct k.pid from pg_locks k where k.locktype = 'virtualxid' and k.mode = 'ExclusiveLock')
    select l.grant_id, count(a.pid)::int, count(k.pid)::int,
        (extract(epoch from clock_timestamp() - min(a.xact_start) filter (where k.pid is not null)) * 1000)::float8
      from curfew.ledger l left join pg_stat_activity a on a.usesysid = l.role_oid left join k on k.pid = a.pid
     where l.grant_id = any(v_ids) and l.role_oid is not null group by l.grant_id order by l.grant_id;
end $$;

-- == How far the store was ===================================================================================
-- The reaper's: raises the mark, never lowers it. A mark above p_index is the answer that tells of a restored store: but
-- read the store's newest entry once more first, for another process may have marked a newer one meanwhile.
create or replace function curfew.mark_store(p_index bigint) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare v_mark bigint := (select m.store_index from curfew.mark m);
begin
  if p_index is null or p_index < 0 then raise exception 'an index is 0 or more' using errcode = 'CF008'; end if;
  if p_index <= v_mark then return v_mark; end if;   -- nothing to write, so nothing is locked
  perform curfew.begin_write();
  update curfew.mark m set store_index = greatest(m.store_index, p_index), marked_at = clock_timestamp() returning m.store_index into v_mark;
  return v_mark;
end $$;

-- The administrator's, with its own rights: from now on this is how far the store is, although it was further once.
create or replace function curfew.accept_store(p_index bigint) returns void
language sql security invoker set search_path = pg_catalog, pg_temp
as $$ update curfew.mark set store_index = p_index, marked_at = clock_timestamp() $$;

-- A leaver's live grants, asked of the target itself; the store may have been restored.
create or replace function curfew.live_of(p_person uuid) returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select grant_id from curfew.ledger where person = p_person and state = 'active' order by 1 $$;

-- Who answers: after a change of either of the first two (failover, restore) revoked roles may be back. The control file
-- names the old timeline until the first checkpoint after a promotion; the WAL that is being written does not.
create or replace function curfew.whoami() returns table (system_identifier bigint, timeline int, in_recovery boolean, version int, at timestamptz)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select s.system_identifier,
          case when pg_is_in_recovery() then c.timeline_id else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int end,
          pg_is_in_recovery(), current_setting('server_version_num')::int, clock_timestamp()
        from pg_control_system() s, pg_control_checkpoint() c $$;

-- == Who may call what =======================================================================================
revoke all on all functions in schema curfew from public, curfew_worker, curfew_reaper;
revoke all on all tables in schema curfew from public, curfew_worker, curfew_reaper;
revoke all on schema curfew from public;
grant usage on schema curfew to curfew_worker, curfew_reaper;
grant execute on function
  curfew.grant(uuid, uuid, text, text, timestamptz, timestamptz, text, bytea, interval, bigint), curfew.extend(uuid, timestamptz, timestamptz, text, bytea),
  curfew.revoke(uuid), curfew.revoke_many(uuid[]), curfew.kill(uuid, int), curfew.kill_many(uuid[], int),
  curfew.verify(uuid, text[]), curfew.verify_many(uuid[], text[]), curfew.drop_many(uuid[]), curfew.to_drop(int),
  curfew.open_work(uuid[]), curfew.list_live(), curfew.live_of(uuid), curfew.whoami() to curfew_worker;
-- The reaper ends what is due or wrong, and what the store holds a revoke intent for; it can begin nothing.
grant execute on function
  curfew.reap(int), curfew.reap_kill(int), curfew.sweep(int, text[]), curfew.revoke_many(uuid[]), curfew.kill_many(uuid[], int),
  curfew.verify_many(uuid[], text[]), curfew.live_of(uuid), curfew.mark_store(bigint), curfew.whoami() to curfew_reaper;
reset role;
commit;
