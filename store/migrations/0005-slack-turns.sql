-- Whoever writes to Slack, in whichever process: one after the other in a channel, and one at a request.
set local role curfew_store;

-- Slack takes about one message a second in a channel, from all workers together
-- (https://docs.slack.dev/apis/web-api/rate-limits). Each message has its own instant and keeps it however often it is
-- asked for, so that a crowd is served in order. Of whoever misses it, it is given up: or all who are late would come
-- at once.
create table curfew.slack_turn (
  line text not null,          -- a channel's id, or a method that the whole workspace shares
  key text not null,           -- what is to be sent; empty: until then Slack wants nothing here
  at timestamptz not null,
  taken boolean not null default false,
  primary key (line, key));
create index slack_turn_at on curfew.slack_turn (line, at);

-- Milliseconds until it may be sent. At most p_ahead: the turn is the caller's, once; more: to be asked for again by
-- then. p_burst: how far the line may run ahead of p_every.
create function curfew.slack_turn(p_line text, p_key text, p_every int, p_burst int, p_ahead int) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare v_now timestamptz; v_held timestamptz; v_last timestamptz; v_at timestamptz; v_wait int;
begin
  perform pg_advisory_xact_lock(hashtextextended('curfew.slack_turn ' || p_line, 0));
  v_now := clock_timestamp();
  select max(t.at) into v_last from curfew.slack_turn t where t.line = p_line;
  select coalesce(max(t.at), v_now) into v_held from curfew.slack_turn t where t.line = p_line and t.key = '';
  select t.at into v_at from curfew.slack_turn t
    where t.line = p_line and t.key = p_key and not t.taken and t.at >= greatest(v_now, v_held);
  if v_at is null then
    delete from curfew.slack_turn t where t.line = p_line and t.at < v_now - interval '1 minute';
    v_at := greatest(v_now, v_last + p_every * interval '1 millisecond');
    insert into curfew.slack_turn (line, key, at) values (p_line, p_key, v_at)
      on conflict (line, key) do update set at = excluded.at, taken = false;
  end if;
  v_wait := ceil(extract(epoch from greatest(v_now, v_held, v_at - p_burst * interval '1 millisecond') - v_now) * 1000);
  if v_wait <= p_ahead then
    update curfew.slack_turn t set taken = true where t.line = p_line and t.key = p_key;
  end if;
  return v_wait;
end $$;

-- Slack said how long it wants nothing on this line; whoever had a turn by then gets a later one.
create function curfew.slack_hold(p_line text, p_for int) returns void
language sql security definer set search_path = pg_catalog, pg_temp
as $$
  insert into curfew.slack_turn (line, key, at, taken)
    values (p_line, '', clock_timestamp() + p_for * interval '1 millisecond', true)
    on conflict (line, key) do update set at = greatest(slack_turn.at, excluded.at);
$$;

-- One painter at a request at a time: two would both find a slot empty and both post, or the one with the older state
-- would come last. A painter that died has it until then.
create table curfew.slack_painting (
  request_id uuid primary key references curfew.request,
  painter uuid not null,
  until timestamptz not null);

revoke all on function curfew.slack_turn(text, text, int, int, int), curfew.slack_hold(text, int) from public;
grant execute on function curfew.slack_turn(text, text, int, int, int), curfew.slack_hold(text, int) to curfew_worker;
grant select, insert, delete on curfew.slack_painting to curfew_worker;
grant update (painter, until) on curfew.slack_painting to curfew_worker;
