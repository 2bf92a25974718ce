-- The log as proof: every entry has one place in an append-only tree (RFC 6962), and signed checkpoints say how far it is.
-- A grant waits for none of this: entries are inserted as before, and the worker gives them their places in batches.
set local role curfew_store;

-- == Entries by partition ====================================================================================
-- So that what is older than a company keeps can go by dropping a table, without anybody who may delete. Ids have gaps
-- (a rollback leaves one, and so does each new month); the place in the tree has none.
alter table curfew.break_glass drop constraint break_glass_entry_fkey;   -- it would hold every partition for ever
alter table audit.entry alter column id drop identity;
drop trigger entry_kept on audit.entry;
drop trigger entry_not_truncated on audit.entry;
revoke all on audit.entry from curfew_admin, curfew_auditor;
alter table audit.entry rename to entry_p0;
alter table audit.entry_p0 rename constraint entry_pkey to entry_p0_pkey;
alter index audit.entry_subject rename to entry_p0_subject;

create sequence audit.entry_id;
create table audit.entry (
  id bigint default nextval('audit.entry_id') primary key,
  at timestamptz not null,
  login name not null,
  kind text not null,
  actor text not null,
  subject text not null,
  body bytea not null) partition by range (id);
alter sequence audit.entry_id owned by audit.entry.id;
create index entry_subject on audit.entry (subject, id);
create trigger entry_kept before update or delete on audit.entry for each row execute function audit.refuse();
create trigger entry_not_truncated before truncate on audit.entry for each statement execute function audit.refuse();
alter table audit.entry enable always trigger entry_kept;
alter table audit.entry enable always trigger entry_not_truncated;

-- How far entries have their places, and how far there is room. One row.
create table audit.sequencer (
  one boolean primary key default true check (one),
  horizon bigint not null,          -- every entry up to here has its place, and none can come any more
  seen_id bigint not null,          -- the newest entry that somebody saw when `seen_xid` was the newest transaction
  seen_xid xid8,                    -- null: nothing is waited for
  looked_id bigint not null default 0,   -- up to here all has its place that was committed when somebody looked last
  partitions int not null,          -- entry_p0 to entry_p<n - 1> are there
  month date not null);             -- of the entries that are written now: a new month begins a new partition

-- NB. Each partition has the triggers itself: TRUNCATE of a partition asks no trigger of its parent.
create function audit.add_partition(p_number int, p_room bigint) returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare v_name text := format('entry_p%s', p_number);
begin
  if to_regclass('audit.' || v_name) is null then
    execute format('create table audit.%I (like audit.entry including defaults)', v_name);
  end if;
  execute format('alter table audit.entry attach partition audit.%I for values from (%s) to (%s)', v_name,
    case when p_number = 0 then 'minvalue' else (p_number * p_room)::text end, (p_number + 1) * p_room);
  execute format('create trigger entry_not_truncated before truncate on audit.%I for each statement execute function audit.refuse()', v_name);
  execute format('alter table audit.%I enable always trigger entry_kept', v_name);
  execute format('alter table audit.%I enable always trigger entry_not_truncated', v_name);
end $$;
revoke all on function audit.add_partition(int, bigint) from public;

-- Ids of one partition. Far more than a month has, so that appends find room although no worker ran for long.
create function audit.room() returns bigint language sql immutable set search_path = pg_catalog, pg_temp
return 10000000;
revoke all on function audit.room() from public;

-- What is there already becomes the first partition, however much it is.
do $$
declare v_newest bigint := coalesce((select max(id) from audit.entry_p0), 0);
  v_upper bigint := (v_newest / audit.room() + 1) * audit.room();
begin
  if v_upper > audit.room() then
    execute format('alter table audit.entry attach partition audit.entry_p0 for values from (minvalue) to (%s)', v_upper);
    create trigger entry_not_truncated before truncate on audit.entry_p0 for each statement execute function audit.refuse();
    alter table audit.entry_p0 enable always trigger entry_kept;
    alter table audit.entry_p0 enable always trigger entry_not_truncated;
  else
    perform audit.add_partition(0, audit.room());
  end if;
  for v_number in v_upper / audit.room() .. v_upper / audit.room() + 2 loop
    perform audit.add_partition(v_number::int, audit.room());
  end loop;
  perform setval('audit.entry_id', greatest(v_newest, 1), v_newest > 0);
  insert into audit.sequencer (horizon, seen_id, partitions, month)
    values (0, 0, v_upper / audit.room() + 3, date_trunc('month', now() at time zone 'UTC'));
end $$;
grant select on audit.entry to curfew_admin, curfew_auditor;

-- These were bound to the table that is a partition now.
create or replace function audit.newest() returns bigint
language sql stable security definer set search_path = pg_catalog, pg_temp
return coalesce((select max(e.id) from audit.entry e), 0);
create or replace function audit.stamp_of(p_id bigint) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
return (select md5(format('%s %s %s %s', extract(epoch from e.at), e.kind, e.subject, encode(e.body, 'hex')))
          from audit.entry e where e.id = p_id);

-- No announcement without its entry (I13): what the foreign key said, and also whose entry it is.
create function curfew.announced_in_the_log() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from audit.entry e where e.id = new.entry and e.kind = 'breakglass.announced'
                   and e.subject = new.request_id::text) then
    raise exception 'break-glass without its entry in the log' using errcode = 'foreign_key_violation';
  end if;
  return new;
end $$;
revoke all on function curfew.announced_in_the_log() from public;
create trigger break_glass_announced before insert or update on curfew.break_glass for each row
  execute function curfew.announced_in_the_log();

-- == Appending ===============================================================================================
-- NB. The transaction's id comes before the entry's: whoever drew an entry's id is older than a transaction that begins
-- once that id is seen, and the horizon rests on that.
create or replace function audit.append(p_kind text, p_actor text, p_subject text, p_body bytea) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id bigint;
  v_body text := convert_from(p_body, 'UTF8');
begin
  if not exists (select from audit.kind k where k.kind = p_kind
       and (k.login = session_user
         or k.login in ('curfew_admin', 'curfew_directory') and audit.is_operator(session_user, k.login))) then
    raise exception 'login % may not append audit entries of kind %', session_user, p_kind using errcode = 'CFA01';
  end if;
  -- Whoever reads the log takes a body for an object, and reads it as jsonb, which has no \u0000.
  if jsonb_typeof(v_body::jsonb) <> 'object' then
    raise exception 'a body of an audit entry is no object' using errcode = 'CFA04';
  end if;
  -- A body stands in its line as it is, and canonical JSON has no such byte.
  if v_body ~ '[\x01-\x1f]' then
    raise exception 'a body of an audit entry holds a control character' using errcode = 'CFA04';
  end if;
  perform pg_current_xact_id();
  insert into audit.entry (at, login, kind, actor, subject, body)
    values (clock_timestamp(), session_user, p_kind, p_actor, p_subject, p_body) returning id into v_id;
  return v_id;
end $$;

-- == The tree ================================================================================================
create table audit.leaf (
  index bigint primary key check (index >= 0),
  entry bigint not null unique,     -- no foreign key: a leaf outlives its entry's partition
  hash bytea not null check (length(hash) = 32));
-- Roots of complete subtrees of 2^level leaves; those between are computed from these.
create table audit.node (
  level smallint check (level in (8, 16, 24)),
  index bigint check (index >= 0),
  hash bytea not null check (length(hash) = 32),
  primary key (level, index));
-- Epoch 1 is the log as it began. Each recovery of a store that came back from a backup begins the next one, from what is
-- left: its checkpoints bear another origin, so that nobody takes the two for one log.
create table audit.epoch (
  number int primary key check (number > 0),
  began_at_size bigint not null check (began_at_size >= 0),
  lost_size bigint,                 -- of the newest checkpoint that somebody else had of the log before; null: none is known
  lost_root bytea,
  recovery uuid,                    -- null: the first
  note text,                        -- signed: whoever has the database alone cannot begin one
  begun_at timestamptz not null default clock_timestamp());
create table audit.checkpoint (
  size bigint primary key check (size > 0),
  epoch int not null references audit.epoch,
  note text not null,               -- a C2SP signed note, as it was given out
  at timestamptz not null,
  stored_at timestamptz not null default clock_timestamp());
insert into audit.epoch (number, began_at_size) values (1, 0);

do $$
declare v_table text;
begin
  foreach v_table in array array['leaf', 'node', 'epoch', 'checkpoint'] loop
    execute format('create trigger %I before update or delete on audit.%I for each row execute function audit.refuse()', v_table || '_kept', v_table);
    execute format('create trigger %I before truncate on audit.%I for each statement execute function audit.refuse()', v_table || '_not_truncated', v_table);
    execute format('alter table audit.%I enable always trigger %I', v_table, v_table || '_kept');
    execute format('alter table audit.%I enable always trigger %I', v_table, v_table || '_not_truncated');
  end loop;
end $$;

-- The bytes of a leaf: one line of JSON, its keys in RFC 8785 order, the body verbatim. PostgreSQL escapes strings as
-- RFC 8785 wants it (8.2.2.2: \b \t \n \f \r, others below 0x20 as \u00xx in small letters, nothing else).
create function audit.line(e audit.entry) returns bytea
language sql stable
as $$ select convert_to('{"actor":' || to_json(e.actor)::text || ',"at":"'
    || to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '","body":', 'UTF8')
  || e.body
  || convert_to(',"id":' || e.id || ',"kind":' || to_json(e.kind)::text || ',"login":' || to_json(e.login::text)::text
    || ',"subject":' || to_json(e.subject)::text || '}', 'UTF8') $$;

-- The root over 2^n hashes that stand one after another (RFC 6962, 2.1: 0x01 before a node).
create function audit.fold(p_hashes bytea) returns bytea
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
  while length(p_hashes) > 32 loop
    p_hashes := (select string_agg(sha256('\x01'::bytea || substr(p_hashes, i * 64 + 1, 64)), ''::bytea order by i)
                   from generate_series(0, length(p_hashes) / 64 - 1) as i);
  end loop;
  return p_hashes;
end $$;

-- The roots of complete subtrees of 2^level leaves, in their order; null where one is not complete.
create function audit.nodes(p_levels int[], p_indexes bigint[]) returns table (place bigint, hash bytea)
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select n.place, case
    when n.base = 0 then (select case when count(*) = n.width then audit.fold(string_agg(l.hash, ''::bytea order by l.index)) end
      from audit.leaf l where l.index >= n.index * n.width and l.index < (n.index + 1) * n.width)
    else (select case when count(*) = n.width then audit.fold(string_agg(d.hash, ''::bytea order by d.index)) end
      from audit.node d where d.level = n.base and d.index >= n.index * n.width and d.index < (n.index + 1) * n.width)
    end
  from (select w.place, w.index, least(w.level / 8, 3) * 8 as base, 1::bigint << (w.level - least(w.level / 8, 3) * 8) as width
          from unnest(p_levels, p_indexes) with ordinality as w (level, index, place)) n
  order by n.place
$$;

-- == Sequencing ==============================================================================================
-- Gives entries that have none their places, at most `p_limit`: from `first` up to but without `next`; nulls where
-- somebody else is at it. One transaction: either all of a batch have their leaves, or none, and who dies lets go.
create function audit.sequence(p_limit int, out first bigint, out next bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  s audit.sequencer;
  v_newest bigint;
  v_last bigint;
  v_taken bigint;
  v_over boolean;
  v_from bigint;
  v_id bigint;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'sequencing needs to see what was committed before each statement' using errcode = 'CFA05';
  end if;
  if not pg_try_advisory_xact_lock(7261843902) then return; end if;
  select * into strict s from audit.sequencer;
  select coalesce(max(l.index) + 1, 0) into first from audit.leaf l;
  next := first;
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

  -- Behind a transaction that stays open for long, what was looked at is looked at again only now and then.
  v_from := case when v_over or s.looked_id - s.horizon < 20000 or random() < 0.1 then s.horizon
                 else greatest(s.looked_id, s.horizon) end;
  with fresh as (
    select e.id, sha256('\x00'::bytea || audit.line(e)) as hash from audit.entry e
     where e.id > v_from and not exists (select from audit.leaf l where l.entry = e.id and l.entry > v_from)
     order by e.id limit p_limit),
  placed as (
    insert into audit.leaf (index, entry, hash)
      select first - 1 + row_number() over (order by f.id), f.id, f.hash from fresh f returning entry)
  select count(*), max(p.entry) into v_taken, v_last from placed p;
  next := first + v_taken;
  perform audit.grow(8::smallint, first, next);
  v_id := case when v_taken < p_limit then v_newest else v_last end;
  if v_id > s.looked_id then update audit.sequencer set looked_id = v_id; end if;

  -- Whoever could still have committed a lower id is over, and what they wrote was looked at after that.
  if v_over then
    v_id := case when v_taken < p_limit then s.seen_id else least(s.seen_id, v_last) end;
    update audit.sequencer set horizon = greatest(horizon, v_id),
      seen_xid = case when v_id >= s.seen_id then null else seen_xid end;
  end if;
end $$;

-- The subtrees that the leaves from `p_first` up to but without `p_next` have completed.
create function audit.grow(p_level smallint, p_first bigint, p_next bigint) returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  v_from bigint := p_first >> p_level;
  v_to bigint := p_next >> p_level;
begin
  if v_to = v_from then return; end if;
  if p_level = 8 then
    insert into audit.node (level, index, hash)
      select 8, l.index >> 8, audit.fold(string_agg(l.hash, ''::bytea order by l.index)) from audit.leaf l
       where l.index >= v_from << 8 and l.index < v_to << 8 group by l.index >> 8;
  else
    insert into audit.node (level, index, hash)
      select p_level, d.index >> 8, audit.fold(string_agg(d.hash, ''::bytea order by d.index)) from audit.node d
       where d.level = p_level - 8 and d.index >= v_from << 8 and d.index < v_to << 8 group by d.index >> 8;
  end if;
  if p_level < 24 then perform audit.grow((p_level + 8)::smallint, p_first, p_next); end if;
end $$;

-- Three partitions ahead of what is written, and a new one for a new month.
create function audit.make_room(s audit.sequencer) returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  v_last bigint;
  v_now int;
  v_month date := date_trunc('month', clock_timestamp() at time zone 'UTC');
begin
  select q.last_value into v_last from audit.entry_id q;
  v_now := v_last / audit.room();
  -- NB. Only into one that was there before: a sequence moves at once, and a table with its transaction.
  if v_month > s.month and v_now + 1 < s.partitions then
    perform setval('audit.entry_id', (v_now + 1) * audit.room(), false);
    v_now := v_now + 1;
    update audit.sequencer set month = v_month;
  end if;
  if s.partitions >= v_now + 3 then return; end if;
  for v_number in s.partitions .. v_now + 2 loop
    perform audit.add_partition(v_number, audit.room());
  end loop;
  update audit.sequencer set partitions = v_now + 3;
end $$;

-- How long the oldest entry without a place has waited, and how many wait: what the worker and the checker look at.
create function audit.waiting(out entries bigint, out oldest_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select count(*), min(e.at) from audit.sequencer s join audit.entry e on e.id > s.horizon
   where not exists (select from audit.leaf l where l.entry = e.id and l.entry > s.horizon)
$$;

revoke all on function audit.line(audit.entry), audit.fold(bytea), audit.nodes(int[], bigint[]), audit.sequence(int),
  audit.grow(smallint, bigint, bigint), audit.make_room(audit.sequencer), audit.waiting() from public;
grant execute on function audit.sequence(int) to curfew_worker;
grant execute on function audit.waiting(), audit.nodes(int[], bigint[]), audit.fold(bytea)
  to curfew_worker, curfew_admin, curfew_auditor;
grant execute on function audit.line(audit.entry) to curfew_admin, curfew_auditor;
grant select on audit.leaf, audit.node, audit.checkpoint, audit.epoch to curfew_worker, curfew_admin, curfew_auditor;
grant insert (size, epoch, note, at) on audit.checkpoint to curfew_worker;
grant insert (number, began_at_size, lost_size, lost_root, recovery, note) on audit.epoch to curfew_admin;
