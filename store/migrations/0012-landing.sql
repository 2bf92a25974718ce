-- How a grant lands, what was cleaned up after it, and a store that came back from a backup.
set local role curfew_store;

-- == How far this store is ===================================================================================
-- Targets are told, and hold the store to it: one that says less than before was restored from a backup.
create function audit.newest() returns bigint
language sql stable security definer set search_path = pg_catalog, pg_temp
return coalesce((select max(e.id) from audit.entry e), 0);
revoke all on function audit.newest() from public;
grant execute on function audit.newest() to curfew_api, curfew_admin, curfew_worker, curfew_reaper, curfew_auditor;

-- == Landing =================================================================================================
-- What was open in a grant's sessions when somebody looked last: counts and one instant, for the notice before the end.
create table curfew.open_work (
  request_id uuid primary key references curfew.request,
  sessions int not null check (sessions >= 0),
  transactions int not null check (transactions >= 0),
  oldest_since timestamptz,         -- null: none is open, or the target may not say since when
  counted_at timestamptz not null);
grant select, insert on curfew.open_work to curfew_worker;
grant update (sessions, transactions, oldest_since, counted_at) on curfew.open_work to curfew_worker;
grant select on curfew.open_work to curfew_admin, curfew_auditor;

-- == Cleaning ================================================================================================
-- Logins whose time in the graveyard is over. Written before the target is asked, so that what it did is recorded although
-- a process may die in between.
create table curfew.cleaning (
  grant_id uuid primary key,
  target text not null,             -- the request's; the cluster's name where the store knows no such request
  state text not null check (state in ('due', 'kept', 'dropped')),
  cause text check (cause in ('shared', 'prepared', 'failed')),   -- kept: why
  detail text,                      -- an SQLSTATE, or databases
  begun_at timestamptz not null default clock_timestamp(),
  changed_at timestamptz not null default clock_timestamp(),
  check ((state = 'kept') = (cause is not null)));
create index cleaning_open on curfew.cleaning (target, changed_at) where state <> 'dropped';

-- What a grantee had made and owned in one database; it belongs to curfew_quarantine now. The names are the grantee's own
-- words: as JSON in curfew.personal, kind 'left-behind', under this id.
create table curfew.left_behind (
  id uuid primary key,
  grant_id uuid not null,
  target text not null,
  database text not null,
  kinds jsonb not null,             -- how many of each kind of object: {"table": 2}
  total int not null check (total >= 0),
  names_hash text,                  -- SHA-256 of salt and names; null: nothing, or nobody is known whose words they are
  found_at timestamptz not null default clock_timestamp(),
  handed_at timestamptz,            -- null: not yet the quarantine's
  unique (grant_id, database));
create index left_behind_found on curfew.left_behind (found_at desc) where total > 0;
grant select on curfew.cleaning, curfew.left_behind to curfew_worker, curfew_admin, curfew_auditor;
grant insert on curfew.cleaning, curfew.left_behind to curfew_worker;
grant update (state, cause, detail, changed_at) on curfew.cleaning to curfew_worker;
grant update (handed_at) on curfew.left_behind to curfew_worker;

alter table curfew.personal drop constraint personal_kind_check;
alter table curfew.personal add constraint personal_kind_check check (kind in
  ('person', 'link', 'reason', 'denial', 'review', 'claim', 'extension', 'extension-denial', 'scim', 'left-behind', 'word'));
-- The worker's only way to write there: these words, of the person whose grant it was.
create function curfew.keep_left_behind(p_id uuid, p_person uuid, p_body text, p_salt bytea) returns void
language sql security definer set search_path = pg_catalog, pg_temp
as $$ insert into curfew.personal (kind, id, person, body, salt) values ('left-behind', p_id::text, p_person, p_body, p_salt)
      on conflict (kind, id) do nothing $$;
revoke all on function curfew.keep_left_behind(uuid, uuid, text, bytea) from public;
grant execute on function curfew.keep_left_behind(uuid, uuid, text, bytea) to curfew_worker;

-- == A store that came back ==================================================================================
-- Noticed by the reaper (alarm `store-behind`), ended by an operator's `curfew recover`, which may be interrupted and run
-- again: one row a recovery, open until every target has accepted the store as it is now.
create table curfew.recovery (
  id uuid primary key,
  begun_by name not null default session_user,
  begun_at timestamptz not null default clock_timestamp(),
  found jsonb not null,             -- of each cluster: how far it had seen the store, and how far the store was
  people text not null,             -- from where they were read again, or why they were not
  completed_at timestamptz);
create unique index recovery_open on curfew.recovery ((true)) where completed_at is null;
grant select on curfew.recovery to curfew_api, curfew_worker, curfew_reaper, curfew_admin, curfew_auditor;
grant insert (id, found, people) on curfew.recovery to curfew_admin;
grant update (people, completed_at) on curfew.recovery to curfew_admin;

-- All that is open, asked to end: an operator's way to take away, and to nothing else. The reaper ends what is on a target
-- because of the intent; the message has the Workflow close, where there still is one. Asked again, it asks nothing new.
create function curfew.ask_all_to_end(p_recovery uuid, p_limit int) returns table (request_id uuid, target text)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if not exists (select from curfew.recovery r where r.id = p_recovery and r.completed_at is null) then
    raise exception 'no such recovery is open' using errcode = 'CFA03';
  end if;
  return query
    with asked as (
      insert into curfew.revoke_intent (id, request_id, target, actor, cause)
      select md5(p_recovery::text || r.id::text)::uuid, r.id, r.target, 'curfew_admin', 'revoked'
        from curfew.request r left join curfew.projection p on p.request_id = r.id
       where (p.state is distinct from 'closed'
              or exists (select from curfew.access_grant g where g.request_id = r.id and g.ended_at is null))
         and not exists (select from curfew.revoke_intent i where i.id = md5(p_recovery::text || r.id::text)::uuid)
       order by r.opened_at limit p_limit
      on conflict (id) do nothing returning request_id, target),
    told as (
      insert into curfew.outbox (kind, key, payload)
      select 'revoke', 'revoke:' || a.request_id,
        jsonb_build_object('requestId', a.request_id, 'input', jsonb_build_object('actor', 'curfew_admin', 'cause', 'revoked'))
        from asked a
      on conflict (kind, key) do update set done_at = null, next_at = clock_timestamp(), attempts = 0, payload = excluded.payload)
    select a.request_id, a.target from asked a;
end $$;
-- The alarm that an operator, and nobody else, may call over: what it says is true until then.
create function curfew.end_store_alarms(p_recovery uuid) returns setof text
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from curfew.recovery r where r.id = p_recovery and r.completed_at is null) then
    raise exception 'no such recovery is open' using errcode = 'CFA03';
  end if;
  return query update curfew.alarm a set resolved_at = clock_timestamp()
    where a.code = 'store-behind' and a.resolved_at is null returning a.subject;
end $$;
revoke all on function curfew.ask_all_to_end(uuid, int), curfew.end_store_alarms(uuid) from public;
grant execute on function curfew.ask_all_to_end(uuid, int), curfew.end_store_alarms(uuid) to curfew_admin;
-- What an entry was, in a few bytes: another one under its index is another store's.
create function audit.stamp_of(p_id bigint) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
return (select md5(format('%s %s %s %s', extract(epoch from e.at), e.kind, e.subject, encode(e.body, 'hex')))
          from audit.entry e where e.id = p_id);
revoke all on function audit.stamp_of(bigint) from public;
grant execute on function audit.stamp_of(bigint) to curfew_reaper;
