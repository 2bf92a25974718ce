-- What the targets' own logs say of holders' sessions. The collector alone writes here, and only adds: what it may change
-- is how far it has read, how the last statement of a session ended, and that a session is over.
set local role curfew_store;
grant usage on schema curfew, audit to curfew_collector;
grant execute on function audit.append(text, text, text, bytea) to curfew_collector;

-- How far each node's log was read: moved in the transaction that writes down what was read there, so that a collector
-- that dies loses nothing and says nothing twice.
create table curfew.session_cursor (
  cluster text not null,
  node text not null,
  targets text[] not null,          -- those of the cluster
  file text,                        -- null: its server writes no JSON log
  head bytea,                       -- SHA-256 of the file's beginning
  next bigint not null check (next >= 0),
  read_to timestamptz,              -- every line that is older was read; the target's clock
  own_since timestamptz,            -- what is older came with a copy of another node's folder
  whole_since timestamptz,          -- from then on nothing is missing; null: something is
  primary key (cluster, node));

create table curfew.session (
  id bigint generated always as identity primary key,
  cluster text not null,
  node text not null,
  session text not null,            -- the backend's
  request_id uuid not null,         -- the login's grant; of a login that no request knows too
  person uuid,
  database text not null,
  opened_at timestamptz not null,
  application_hash text,
  closed_at timestamptz,
  ended text check (ended in ('seen', 'unseen')),
  read_line int not null default 0, -- of its log: what stands before was read
  statements int not null default 0,
  batched int not null default 0,   -- how many of them stand in an entry of the log
  batched_line int not null default 0,
  unique (cluster, node, session), check ((closed_at is null) = (ended is null)));
create index session_request on curfew.session (request_id);
create index session_open on curfew.session (cluster, node) where closed_at is null;

create table curfew.session_statement (
  session bigint not null references curfew.session,
  line int not null check (line > 0),   -- in the session's log
  at timestamptz not null,
  via text not null check (via in ('statement', 'execute', 'audit', 'error')),
  what text,                        -- pgaudit's class and command
  duration_us bigint check (duration_us >= 0),
  error text check (error ~ '^[0-9A-Z]{5}$'),
  text_hash text check (text_hash ~ '^[0-9a-f]{64}$'),         -- null: no text is kept
  parameters_hash text check (parameters_hash ~ '^[0-9a-f]{64}$'),
  primary key (session, line));

-- Texts can hold personal data, redacted or not: they can be erased, and the hashes above stay. Line 0 is what the client
-- called itself.
create table curfew.session_text (
  session bigint not null references curfew.session,
  line int not null check (line >= 0),
  person uuid,
  text text not null,
  parameters text,
  salt bytea not null check (length(salt) = 16),
  primary key (session, line));
create index session_text_person on curfew.session_text (person);

-- Everything by which a person who has left can be known, and what they typed; what stays are ids and salted hashes. Only
-- who has left and holds nothing: whoever still has access must be known. Again, for what was read since.
create function curfew.erase_person(p_person uuid) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare v_rows bigint; v_texts bigint;
begin
  if not exists (select from curfew.person p where p.id = p_person and p.state = 'left') then
    raise exception 'only a person who has left is erased' using errcode = 'CFA06';
  end if;
  if exists (select from curfew.request r join curfew.access_grant g on g.request_id = r.id
              where r.person = p_person and g.ended_at is null) then
    raise exception 'a grant of this person has not ended' using errcode = 'CFA06';
  end if;
  delete from curfew.personal where person = p_person;
  get diagnostics v_rows = row_count;
  delete from curfew.session_text where person = p_person;
  get diagnostics v_texts = row_count;
  update curfew.person set handle = 'erased-' || p_person where id = p_person and handle <> 'erased-' || p_person;
  return v_rows + v_texts;
end $$;
revoke all on function curfew.erase_person(uuid) from public;
grant execute on function curfew.erase_person(uuid) to curfew_directory;

-- For reports. `failed`: statements that ended with an error.
create view curfew.session_of as
  select s.request_id, s.cluster, s.node, s.session, s.database, s.opened_at, s.closed_at, s.ended, s.statements,
    t.failed, coalesce(t.last_at, s.closed_at, s.opened_at) as last_at
  from curfew.session s cross join lateral (
    select (count(*) filter (where x.error is not null))::int as failed, max(x.at) as last_at
    from curfew.session_statement x where x.session = s.id) t;

-- A grant that nobody used is told from one of which nobody can tell: the log of each node of its cluster must have been
-- read without a gap from its beginning to its end.
create view curfew.grant_use as
  select g.request_id, s.sessions, s.statements, s.first_at, s.last_at,
    case when s.sessions > 0 then 'used'
         when exists (select from curfew.session_cursor c where g.target = any (c.targets))
          and not exists (select from curfew.session_cursor c where g.target = any (c.targets)
            and (c.whole_since is null or c.whole_since > g.granted_at or c.read_to < coalesce(g.ended_at, clock_timestamp() - interval '1 minute')))
         then 'unused' else 'not known' end as usage
  from curfew.access_grant g cross join lateral (
    select count(*)::int as sessions, coalesce(sum(x.statements), 0)::int as statements,
      min(x.opened_at) as first_at, max(coalesce(x.closed_at, x.opened_at)) as last_at
    from curfew.session x where x.request_id = g.request_id) s;

grant select (id, person) on curfew.request to curfew_collector;
grant select (request_id, target, ended_at) on curfew.access_grant to curfew_collector;
grant select on curfew.session_cursor, curfew.session, curfew.session_statement, curfew.session_text to curfew_collector;
grant insert on curfew.session_cursor to curfew_collector;
grant update (targets, file, head, next, read_to, whole_since) on curfew.session_cursor to curfew_collector;
grant insert (cluster, node, session, request_id, person, database, opened_at, application_hash) on curfew.session to curfew_collector;
grant update (closed_at, ended, read_line, statements, batched, batched_line) on curfew.session to curfew_collector;
grant insert on curfew.session_statement, curfew.session_text to curfew_collector;
grant update (what, duration_us, error) on curfew.session_statement to curfew_collector;
grant select on curfew.session_cursor, curfew.session, curfew.session_statement, curfew.session_text, curfew.session_of,
  curfew.grant_use to curfew_admin, curfew_auditor;
grant select on curfew.session_cursor to curfew_worker;
