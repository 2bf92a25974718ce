-- Whoever writes to Slack, in whichever process: one after the other in a channel, and one at a request.
set local role curfew_store;

-- Slack takes about one message a second in a channel, from all workers together
-- (https://docs.slack.dev/apis/web-api/rate-limits). The row with the empty key says from when on the line is free; each
-- other row is a place: the instant at which its message is to be asked for again.
create table curfew.slack_turn (
  line text not null,          -- a channel's id, or a method that the whole workspace shares
  key text not null,           -- what is to be sent
  at timestamptz not null,
  primary key (line, key));
create index slack_turn_at on curfew.slack_turn (line, at);

-- Milliseconds until it may be sent. At most p_ahead: the turn is the caller's. More: the place is kept until then, so
-- that a crowd is served in order. Whoever comes late is served as soon as the line is free, and otherwise has a new
-- place behind all others: or those who are late would all come again at once.
-- p_burst: how far the line may run ahead of p_every.
create function curfew.slack_turn(p_line text, p_key text, p_every int, p_burst int, p_ahead int) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  c_every constant interval := p_every * interval '1 millisecond';
  c_burst constant interval := p_burst * interval '1 millisecond';
  v_now timestamptz; v_free timestamptz; v_at timestamptz; v_last timestamptz; v_wait int;
begin
  perform pg_advisory_xact_lock(hashtextextended('curfew.slack_turn ' || p_line, 0));
  v_now := clock_timestamp();
  select greatest(v_now, max(t.at)) into v_free from curfew.slack_turn t where t.line = p_line and t.key = '';
  select t.at into v_at from curfew.slack_turn t where t.line = p_line and t.key = p_key;
  select greatest(v_free, max(t.at) + c_every) into v_last
    from curfew.slack_turn t where t.line = p_line and t.key <> '' and t.key <> p_key;
  v_wait := ceil(extract(epoch from
    greatest(v_now, greatest(coalesce(v_at, v_last), v_free) - c_burst) - v_now) * 1000);
  if v_wait <= p_ahead then
    delete from curfew.slack_turn t where t.line = p_line and t.key <> ''
      and (t.key = p_key or t.at < v_now - interval '10 minutes');
    insert into curfew.slack_turn (line, key, at)
      values (p_line, '', greatest(coalesce(v_at, v_last), v_free) + c_every)
      on conflict (line, key) do update set at = excluded.at;
  elsif v_at is null or v_at < v_now then
    insert into curfew.slack_turn (line, key, at) values (p_line, p_key, v_last)
      on conflict (line, key) do update set at = excluded.at;
    v_wait := ceil(extract(epoch from greatest(v_now, v_last - c_burst) - v_now) * 1000);
  end if;
  return v_wait;
end $$;

-- Slack said how long it wants nothing on this line.
create function curfew.slack_hold(p_line text, p_for int) returns void
language sql security definer set search_path = pg_catalog, pg_temp
as $$
  insert into curfew.slack_turn (line, key, at) values (p_line, '', clock_timestamp() + p_for * interval '1 millisecond')
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
