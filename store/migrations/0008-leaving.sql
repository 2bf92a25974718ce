-- What rests on the approval of somebody who left, and what a mover may keep.
set local role curfew_store;

alter table curfew.revoke_intent drop constraint revoke_intent_cause_check;
alter table curfew.revoke_intent add check
  (cause in ('released', 'withdrawn', 'revoked', 'left', 'suspended', 'disowned', 'condition', 'policy', 'moved',
    'tainted'));
-- The reaper asks every moment for what is new.
create index revoke_intent_asked on curfew.revoke_intent (asked_at);

-- == Movers ==================================================================================================
-- Somebody's team, manager, kind or accounts have changed while they hold or ask for something: what they hold is
-- judged again, until everything that was under way then has come out. Kept by the store itself, so that no way of
-- changing a person goes round it.
create table curfew.moved (
  id bigint generated always as identity primary key,
  person uuid not null references curfew.person,
  requests uuid[] not null,         -- all of theirs that were open then: later ones are judged by what holds since
  moved_at timestamptz not null default transaction_timestamp(),
  seen_at timestamptz,
  settled_at timestamptz,
  unique (person, moved_at));
create index moved_open on curfew.moved (id) where settled_at is null;
create trigger moved_settled before update on curfew.moved for each row
  when (old.settled_at is not null) execute function curfew.refuse_change('it is settled');

create function curfew.note_move(p_person uuid) returns void
language sql security definer set search_path = pg_catalog, pg_temp
as $$
  insert into curfew.moved (person, requests)
    select p_person, array_agg(r.id) from curfew.request r left join curfew.projection p on p.request_id = r.id
    where r.person in (select curfew.accounts_of(p_person)) and p.state is distinct from 'closed'
    having count(*) > 0
    on conflict do nothing;
$$;
create function curfew.person_moved() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$ begin perform curfew.note_move(new.id); return null; end $$;
create function curfew.group_moved() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$ begin perform curfew.note_move(case when tg_op = 'DELETE' then old.person else new.person end); return null; end $$;
create function curfew.alias_moved() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform curfew.note_move(case when tg_op = 'DELETE' then old.person else new.person end);
  perform curfew.note_move(case when tg_op = 'DELETE' then old.alias else new.alias end);
  return null;
end $$;
create trigger person_moved after update on curfew.person for each row
  when (new.manager is distinct from old.manager or new.kind <> old.kind) execute function curfew.person_moved();
create trigger group_moved after insert or delete on curfew.person_group for each row
  execute function curfew.group_moved();
create trigger alias_moved after insert or delete on curfew.person_alias for each row
  execute function curfew.alias_moved();
revoke all on function curfew.note_move(uuid), curfew.person_moved(), curfew.group_moved(), curfew.alias_moved()
  from public;
grant select on curfew.moved to curfew_api, curfew_directory, curfew_admin, curfew_worker, curfew_auditor;
grant update (seen_at, settled_at) on curfew.moved to curfew_worker;

-- == Approvals of somebody who is gone =======================================================================
-- What was granted on the word of somebody who has left, or is suspended, by the time it lives. Which rule the policy
-- has for it, by when somebody must have answered and what came of it is the worker's to say, once.
create table curfew.taint (
  id uuid primary key default gen_random_uuid(),
  request_id uuid not null references curfew.request,
  extension_id uuid references curfew.extension,      -- null: the approval was of the request itself
  decision_id text not null,
  stage int not null,
  person uuid not null references curfew.person,      -- who approved, or in whose place it was approved
  cause text not null check (cause in ('left', 'suspended')),
  event text not null,
  found_at timestamptz not null default clock_timestamp(),
  rule text check (rule in ('keep', 'ask', 'revoke')),
  answer_by timestamptz,
  outcome text check (outcome in ('kept', 'ended', 'unanswered', 'lifted', 'over')),
  settled_at timestamptz,
  unique (decision_id, event, person));
create index taint_open on curfew.taint (found_at) where outcome is null;
create index taint_person on curfew.taint (person);
create trigger taint_settled before update on curfew.taint for each row
  when (old.outcome is not null) execute function curfew.refuse_change('it is settled');
-- One person's word on it: the first that counts.
create table curfew.taint_answer (
  taint_id uuid primary key references curfew.taint,
  person uuid not null references curfew.person,
  verdict text not null check (verdict in ('keep', 'end')),
  facts jsonb not null,
  made_at timestamptz not null);

-- Is this somebody (as the facts of a decision have them) among those whom these selectors name?
create function curfew.is_named(p_who jsonb, p_from jsonb) returns boolean
language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select exists (select from jsonb_array_elements(p_from) s where case s ->> 'kind'
    when 'person' then s -> 'person' = p_who -> 'id'
    when 'on-call' then p_who -> 'onCall' ? (s ->> 'schedule')
    when 'group' then p_who -> 'groups' ? (s ->> 'group') end);
$$;
-- Was a decision made in this person's place? The delegation held at the click, they are among those who decide the
-- stage, and whoever clicked is not. Where it cannot be told whose seat it was (it had escalated by then) it counts as
-- theirs: asking once too often is the safe mistake.
create function curfew.made_for(p_person uuid, p_facts jsonb, p_stage jsonb) returns boolean
language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select exists (select from jsonb_array_elements(p_facts -> 'person' -> 'standsInFor') a
                 where a ->> 'id' = p_person::text
                   and curfew.is_named(a, (p_stage -> 'from') || coalesce(p_stage -> 'escalate' -> 'to', '[]')))
    and not curfew.is_named(p_facts -> 'person', p_stage -> 'from');
$$;
-- Whom a person has ever named to decide in their place.
create index absence_delegated on curfew.absence (person) where delegate is not null;
revoke all on function curfew.is_named(jsonb, jsonb), curfew.made_for(uuid, jsonb, jsonb) from public;
grant execute on function curfew.is_named(jsonb, jsonb), curfew.made_for(uuid, jsonb, jsonb)
  to curfew_directory, curfew_worker;

-- Notes what lives, or is about to, on the approvals of this person, and on those that a delegate gave in their place.
-- Repeatable; called before these are voided, for of what was void before nothing hangs on them.
create function curfew.taint_all(p_person uuid, p_cause text, p_event text)
  returns table (id uuid, request_id uuid, decision_id text)
language sql security definer set search_path = pg_catalog, pg_temp
as $$
  with seated (id) as (
      select p_person union select a.delegate from curfew.absence a where a.person = p_person and a.delegate is not null),
  resting as (
      select d.request_id, null::uuid as extension_id, d.id as decision_id, d.stage
      from curfew.decision d join curfew.claim c on c.request_id = d.request_id
      join curfew.request r on r.id = d.request_id
      left join curfew.projection p on p.request_id = d.request_id
      where d.person in (select id from seated)
        and (d.person = p_person or curfew.made_for(p_person, d.facts, r.plan -> 'stages' -> d.stage))
        and d.verdict = 'approve' and p.state is distinct from 'closed'
        and not exists (select from curfew.decision_void v where v.decision_id = d.id)
    union all
      select e.request_id, e.id, d.id, d.stage
      from curfew.extension_decision d join curfew.extension e on e.id = d.extension_id
      join curfew.extension_ticket t on t.extension_id = e.id
      left join curfew.projection p on p.request_id = e.request_id
      where d.person in (select id from seated)
        and (d.person = p_person or curfew.made_for(p_person, d.facts, e.plan -> 'stages' -> d.stage))
        and d.verdict = 'approve' and p.state is distinct from 'closed'
        and not exists (select from curfew.extension_outcome o where o.extension_id = e.id and o.kind <> 'extended')
    union all   -- whoever has said that it stays is who it rests on since
      select k.request_id, k.extension_id, k.decision_id, k.stage from curfew.taint k
      join curfew.taint_answer a on a.taint_id = k.id
      left join curfew.projection p on p.request_id = k.request_id
      where a.person = p_person and a.verdict = 'keep' and p.state is distinct from 'closed')
  insert into curfew.taint as t (request_id, extension_id, decision_id, stage, person, cause, event)
    select r.request_id, r.extension_id, r.decision_id, r.stage, p_person, p_cause, p_event from resting r
    where not exists (select from curfew.taint k where k.decision_id = r.decision_id and k.person = p_person
                        and k.cause = p_cause and (k.outcome is null or k.cause = 'left'))
    on conflict do nothing
    returning t.id, t.request_id, t.decision_id;
$$;
revoke all on function curfew.taint_all(uuid, text, text) from public;
grant execute on function curfew.taint_all(uuid, text, text) to curfew_directory, curfew_worker;
grant select on curfew.taint, curfew.taint_answer
  to curfew_api, curfew_directory, curfew_admin, curfew_worker, curfew_auditor;
grant update (rule, answer_by, outcome, settled_at) on curfew.taint to curfew_worker;
grant insert on curfew.taint_answer to curfew_api;

-- == Rehires =================================================================================================
-- Whoever comes back starts clean: a code that was made for them before they left or were suspended links nothing.
create or replace function curfew.link_by_code(p_hash bytea, p_team text, p_user text)
  returns table (kind text, person uuid, link text, approves_from timestamptz)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare v_person uuid; v_link text; v_from timestamptz; v_taken uuid;
begin
  if coalesce(p_team, '') !~ '^[TE][A-Z0-9]{1,20}$' or coalesce(p_user, '') !~ '^[UW][A-Z0-9]{1,20}$' then
    raise exception 'no Slack account' using errcode = 'CFS03';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('curfew.link_code', 0));
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
