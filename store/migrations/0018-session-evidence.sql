-- Session evidence that says no more than was seen.
set local role curfew_store;

-- Each node that the collector is told of has its row before its log is read, so that one that never answers is missed.
-- What was read of one that it is told of no more still counts for whatever was granted before.
alter table curfew.session_cursor
  add column named_at timestamptz not null default clock_timestamp(),
  add column gone_at timestamptz;
grant update (own_since, gone_at) on curfew.session_cursor to curfew_collector;

-- A grant that nobody used is told from one of which nobody can tell: of each node of its cluster, by what the collector
-- is told and by what its revoke asked, the log must have been read without a gap from its beginning to its end.
create or replace view curfew.grant_use as
  select g.request_id, s.sessions, s.statements, s.first_at, s.last_at,
    case when s.sessions > 0 then 'used'
         when c.whole and not exists (
           select from curfew.receipt r
             cross join lateral jsonb_array_elements(case jsonb_typeof(r.body -> 'nodes') when 'array' then r.body -> 'nodes' else '[]' end) n
           where r.request_id = g.request_id and r.kind = 'revoke' and coalesce(n ->> 'node', '') <> all (c.nodes))
         then 'unused' else 'not known' end as usage
  from curfew.access_grant g cross join lateral (
    select count(*)::int as sessions, coalesce(sum(x.statements), 0)::int as statements,
      min(x.opened_at) as first_at, max(coalesce(x.closed_at, x.opened_at)) as last_at
    from curfew.session x where x.request_id = g.request_id) s
  cross join lateral (
    select array_agg(x.node) as nodes, bool_and(coalesce(x.whole_since <= g.granted_at
        and x.read_to >= coalesce(g.ended_at, clock_timestamp() - interval '1 minute'), false)) as whole
    from curfew.session_cursor x where g.target = any (x.targets) and (x.gone_at is null or x.gone_at > g.granted_at)) c;

-- Whose texts may be kept: of a login that a request knows, whose holder was not erased. NB. Whoever asks and writes in one
-- transaction makes an erasure wait for it, by the rows of the requests. Not by the person's: an off-boarding changes that
-- one, and waits for nothing that is being written down of whoever leaves. And what was there before the lock is not known
-- after it.
create function curfew.holders(p_requests uuid[]) returns table (request_id uuid, known boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform from curfew.request r where r.id = any (p_requests) order by r.id for share;
  return query select r.id, p.handle <> 'erased-' || p.id from curfew.request r join curfew.person p on p.id = r.person
    where r.id = any (p_requests);
end $$;
revoke all on function curfew.holders(uuid[]) from public;
grant execute on function curfew.holders(uuid[]) to curfew_collector;

-- And so an erasure finds what was being written down while it waited.
create function curfew.drop_texts() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  delete from curfew.session_text where person = new.id;
  return null;
end $$;
revoke all on function curfew.drop_texts() from public;
create trigger person_erased after update of handle on curfew.person
  for each row when (new.handle = 'erased-' || new.id) execute function curfew.drop_texts();
