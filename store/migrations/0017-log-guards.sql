-- What keeps the log going and its checkpoints to the point, whoever else is on this server.
set local role curfew_store;

-- == Sequencing ==============================================================================================
alter table audit.sequencer drop column looked_id;
grant select on audit.sequencer to curfew_admin, curfew_auditor;   -- for the checker

-- As before, but for three things. Who takes turns holds a lock that nobody else can get: an advisory one is anybody's
-- who may log in. It always begins at the horizon: what was there before an entry was written is seen with it, and
-- so stands before it, however long some transaction keeps the horizon where it is. And the horizon is never past the
-- newest place.
create or replace function audit.sequence(p_limit int, out first bigint, out next bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  s audit.sequencer;
  v_newest bigint;
  v_last bigint;
  v_taken bigint;
  v_over boolean;
  v_id bigint;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'sequencing needs to see what was committed before each statement' using errcode = 'CFA05';
  end if;
  -- NB. A table's lock and not a row's: that would take a transaction id with each look, and write it down.
  begin
    lock table audit.sequencer in exclusive mode nowait;
  exception when lock_not_available then return;
  end;
  select * into strict s from audit.sequencer;
  select coalesce(max(l.index) + 1, 0), least(s.horizon, coalesce(max(l.entry), 0)) into first, s.horizon from audit.leaf l;
  next := first;
  -- None of this server's: a dump of another one was restored here. Nothing that began before it is under way.
  if s.seen_xid >= pg_snapshot_xmax(pg_current_snapshot()) then s.seen_xid := null; end if;
  select coalesce(max(e.id), 0) into v_newest from audit.entry e;
  perform audit.make_room(s);
  if v_newest <= s.horizon then return; end if;

  -- NB. A transaction of its own has no id yet: those which drew an id up to `v_newest` are older than the one it gets now.
  if s.seen_xid is null and pg_current_xact_id_if_assigned() is null then
    s.seen_id := v_newest;
    s.seen_xid := pg_current_xact_id();
    update audit.sequencer set seen_id = s.seen_id, seen_xid = s.seen_xid;
    v_over := false;
  else
    v_over := s.seen_xid is not null and pg_snapshot_xmin(pg_current_snapshot()) >= s.seen_xid;
  end if;

  with fresh as (
    select e.id, sha256('\x00'::bytea || audit.line(e)) as hash from audit.entry e
     where e.id > s.horizon and not exists (select from audit.leaf l where l.entry = e.id and l.entry > s.horizon)
     order by e.id limit p_limit),
  placed as (
    insert into audit.leaf (index, entry, hash)
      select first - 1 + row_number() over (order by f.id), f.id, f.hash from fresh f returning entry)
  select count(*), max(p.entry) into v_taken, v_last from placed p;
  next := first + v_taken;
  perform audit.grow(8::smallint, first, next);

  -- Whoever could still have committed a lower id is over, and what they wrote was looked at after that.
  if v_over then
    v_id := case when v_taken < p_limit then s.seen_id else least(s.seen_id, v_last) end;
    update audit.sequencer set horizon = greatest(s.horizon, v_id),
      seen_xid = case when v_id >= s.seen_id then null else seen_xid end;
  end if;
end $$;

-- As before, but for a horizon that is ahead, and it counts no further than anybody wants to know.
create or replace function audit.waiting(out entries bigint, out oldest_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select count(*), min(w.at) from (select e.at
    from (select least(s.horizon, coalesce((select max(l.entry) from audit.leaf l), 0)) as horizon from audit.sequencer s) s
    join audit.entry e on e.id > s.horizon
   where not exists (select from audit.leaf l where l.entry = e.id and l.entry > s.horizon)
   order by e.id limit 100000) w
$$;

-- == Checkpoints =============================================================================================
-- Whoever has the worker's login and no key could else keep the log from being signed for ever, by one row that is ahead
-- of it: rows stay, and the newest is gone on from. Of a signature the store knows nothing.
create function audit.checkpoint_fits() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  -- Another worker's of the same size: whoever comes second takes that one.
  if exists (select from audit.checkpoint c where c.size = new.size) then return new; end if;
  if new.size > (select coalesce(max(l.index) + 1, 0) from audit.leaf l)
    or new.epoch <> (select max(e.number) from audit.epoch e)
    -- One that is larger than the log counts for nothing here either: it may be older than this.
    or new.size < (select max(c.size) from audit.checkpoint c where c.epoch = new.epoch
                     and c.size <= (select coalesce(max(l.index) + 1, 0) from audit.leaf l))
    -- Clocks of two machines differ.
    or new.at > clock_timestamp() + interval '15 minutes' then
    raise exception 'no checkpoint of the log as it is now' using errcode = 'CFA07';
  end if;
  return new;
end $$;
revoke all on function audit.checkpoint_fits() from public;
create trigger checkpoint_fits before insert on audit.checkpoint for each row execute function audit.checkpoint_fits();
alter table audit.checkpoint enable always trigger checkpoint_fits;

-- == Erasure =================================================================================================
-- As before, and what sources said of them too: it stands under the handle's hash, by which whoever guesses the handle
-- knows that they have.
create or replace function curfew.erase_person(p_person uuid) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare v_hash text; v_rows bigint;
begin
  select encode(sha256(convert_to(p.handle, 'UTF8')), 'hex') into v_hash from curfew.person p
   where p.id = p_person and p.state = 'left' for update;
  if not found then
    raise exception 'only a person who has left is erased' using errcode = 'CFA06';
  end if;
  if exists (select from curfew.request r join curfew.access_grant g on g.request_id = r.id
              where r.person = p_person and g.ended_at is null) then
    raise exception 'a grant of this person has not ended' using errcode = 'CFA06';
  end if;
  -- What is being kept of their sessions is there once these are had, and is taken too.
  perform from curfew.request r where r.person = p_person order by r.id for no key update;
  with own as (delete from curfew.personal where person = p_person returning 1),
    texts as (delete from curfew.session_text where person = p_person returning 1),
    dues as (delete from curfew.person_due where handle_hash = v_hash returning 1),
    words as (delete from curfew.person_word where handle_hash = v_hash returning 1)
  select count(*) into v_rows
    from (select from own union all select from texts union all select from dues union all select from words) x;
  update curfew.person set handle = 'erased-' || p_person where id = p_person and handle <> 'erased-' || p_person;
  return v_rows;
end $$;
