-- Turns that only those can take who need them. An advisory lock is anybody's who may log in, the auditor's too.
set local role curfew_store;

-- Who waits for whom. Kinds share no row, so the order of two kinds is that of the code that takes both.
create table curfew.turn_kind (
  kind text primary key,
  places int not null check (places > 0 and places & (places - 1) = 0),   -- 1: everybody takes turns with everybody
  logins name[] not null);                                                -- and whoever is a member of one
insert into curfew.turn_kind (kind, places, logins) values
  ('request', 16384, '{curfew_api, curfew_worker}'),      -- a request: decisions, claims, ends
  ('grant', 16384, '{curfew_worker}'),                    -- a request: that it was granted, moved, over
  ('human', 1024, '{curfew_api}'),                        -- a person: what they say of themselves, breaking glass
  ('due', 1024, '{curfew_directory}'),                    -- a source and a person: what is to come
  ('slack-line', 1024, '{curfew_worker}'),                -- a channel, or a method
  ('newcomer', 1, '{curfew_directory}'),
  ('on-call', 1, '{curfew_directory}'),
  ('finding', 1, '{curfew_worker}'),
  ('policy', 1, '{curfew_api, curfew_admin}'),
  ('link-code', 1, '{curfew_api}');

-- These rows are locked and never written. Nobody but the owner has any privilege on them, so none of these locks can be
-- held, on a row or on the table, but by the function.
create table curfew.turn (
  kind text not null references curfew.turn_kind,
  place int not null,
  primary key (kind, place));
insert into curfew.turn (kind, place)
  select k.kind, n from curfew.turn_kind k cross join lateral generate_series(0, k.places - 1) n order by 1, 2;

/* Waits until these turns are the caller's, until its transaction ends. A key's place is its hash, so that two keys may
   share one: then they wait for each other. NB. Whoever needs several keys of a kind names all of them at once: they are
   taken once each and in one order, so that nobody waits in a circle, which two calls could. */
create function curfew.take_turns(p_kind text, p_keys text[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare v_last bigint; v_place int;
begin
  select k.places - 1 into v_last from curfew.turn_kind k
    where k.kind = p_kind and exists (select from unnest(k.logins) l where pg_has_role(session_user, l, 'member'));
  if v_last is null then
    raise exception 'login % takes no turns of kind %', session_user, p_kind using errcode = '42501';
  end if;
  for v_place in select distinct (hashtextextended(k, 0) & v_last)::int from unnest(p_keys) k order by 1 loop
    perform from curfew.turn t where t.kind = p_kind and t.place = v_place for update;
    if not found then raise exception 'a turn of kind % that is not there', p_kind; end if;
  end loop;
end $$;
revoke all on function curfew.take_turns(text, text[]) from public;
grant execute on function curfew.take_turns(text, text[]) to curfew_api, curfew_worker, curfew_directory, curfew_admin;

-- == As before, but for how they take turns ==================================================================
create or replace function curfew.adopt_policy(p_proposal uuid) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare p curfew.policy_proposal; v_base int; v_alone boolean; v_proposer uuid; v_need int; v_have int; v_number int;
begin
  perform curfew.take_turns('policy', array['']);
  select * into p from curfew.policy_proposal x where x.id = p_proposal;
  if p.id is null then raise exception 'no such proposal' using errcode = 'CFP01'; end if;
  select v.number, v.one_person into v_base, v_alone from curfew.policy_version v order by v.number desc limit 1;
  if v_base is distinct from p.base then return null; end if;
  if exists (select from curfew.policy_version v where v.proposal = p.id) then return null; end if;
  if exists (select from curfew.policy_decision d where d.proposal = p.id and d.verdict = 'deny') then return null; end if;
  if not (v_base is null or v_alone) or p.proposed_by <> session_user then
    -- Whether those who approved may change the policy is judged by the API; whoever cannot judge it adopts nothing.
    if session_user <> 'curfew_api' then return null; end if;
    -- A login that says itself who is behind it, or has been said to be somebody's since it proposed, is nobody's: else
    -- its owner could name somebody who has nothing to do with it, and be the other person.
    select o.person into v_proposer from curfew.operator_login o
      where o.login = p.proposed_by and o.linked_by <> o.login and o.linked_at < p.proposed_at;
    -- Somebody whom nobody can name counts for nobody: then it takes two others.
    v_need := case when v_proposer is null then 2 else 1 end;
    with recursive human (id) as (
        select v_proposer where v_proposer is not null
      union
        select case when a.person = h.id then a.alias else a.person end
        from human h join curfew.person_alias a on h.id in (a.person, a.alias)),
    said as (select d.person from curfew.policy_decision d join curfew.person x on x.id = d.person
             where d.proposal = p.id and d.verdict = 'approve' and d.hash = p.hash and x.state = 'active'
               and d.person not in (select h.id from human h))
    select count(*) into v_have from said s
      where not exists (select from said o where o.person < s.person
        and o.person in (select curfew.accounts_of(s.person)));
    if v_have < v_need then return null; end if;
  end if;
  insert into curfew.policy_version (hash, text, applied_by, one_person, proposal)
    values (p.hash, p.text, session_user, p.one_person, p.id) returning number into v_number;
  return v_number;
end $$;

create or replace function curfew.link_by_code(p_hash bytea, p_team text, p_user text)
  returns table (kind text, person uuid, link text, approves_from timestamptz)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare v_person uuid; v_link text; v_from timestamptz; v_taken uuid;
begin
  if coalesce(p_team, '') !~ '^[TE][A-Z0-9]{1,20}$' or coalesce(p_user, '') !~ '^[UW][A-Z0-9]{1,20}$' then
    raise exception 'no Slack account' using errcode = 'CFS03';
  end if;
  perform curfew.take_turns('link-code', array['']);
  select c.person into v_person from curfew.link_code c
    where c.hash = p_hash and c.used_at is null and c.expires_at > clock_timestamp()
      and not exists (select from curfew.revoke_intent i where i.cause in ('left', 'suspended')
                        and i.asked_at >= c.minted_at and i.person in (select curfew.accounts_of(c.person)));
  if v_person is null then return query select 'unknown', null::uuid, null, null::timestamptz; return; end if;
  select t.person into v_taken from curfew.personal t
    where t.kind = 'link' and t.slack_team = p_team and t.slack_user = p_user;
  if v_taken is not null then return query select 'taken', v_taken, null, null::timestamptz; return; end if;
  update curfew.link_code c set used_at = clock_timestamp() where c.hash = p_hash;
  insert into curfew.personal as t (kind, id, person, slack_team, slack_user, salt)
    values ('link', gen_random_uuid()::text, v_person, p_team, p_user, uuid_send(gen_random_uuid()))
    returning t.id, t.approves_from into v_link, v_from;
  return query select 'linked', v_person, v_link, v_from;
end $$;

create or replace function curfew.slack_turn(p_line text, p_key text, p_every int, p_burst int, p_ahead int) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  c_every constant interval := p_every * interval '1 millisecond';
  c_burst constant interval := p_burst * interval '1 millisecond';
  v_now timestamptz; v_free timestamptz; v_at timestamptz; v_last timestamptz; v_wait int;
begin
  perform curfew.take_turns('slack-line', array[p_line]);
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
