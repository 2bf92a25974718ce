-- Absences and delegations, on-call shifts, extensions, proposed policies, codes that prove a person, and where other
-- things than requests stand in Slack.
set local role curfew_store;

alter table curfew.personal drop constraint personal_kind_check;
alter table curfew.personal add check
  (kind in ('person', 'link', 'reason', 'denial', 'review', 'claim', 'extension', 'extension-denial'));
-- Kind link: before this instant the account approves nothing. Null: at once. The store's own to say, see "Links".
alter table curfew.personal add approves_from timestamptz;
alter table curfew.person add linked boolean not null default false;   -- had a Slack account, now or before
update curfew.person p set linked = true
  where exists (select from curfew.personal t where t.kind = 'link' and t.person = p.id);

alter table curfew.request add start_at timestamptz;
create index decision_requester on curfew.decision (requester);

alter table curfew.revoke_intent drop constraint revoke_intent_cause_check;
alter table curfew.revoke_intent add check
  (cause in ('released', 'withdrawn', 'revoked', 'left', 'suspended', 'disowned', 'condition', 'policy'));

-- == Out of office ===========================================================================================
-- With a delegate: who decides in their place, for this time. Only ended, never changed.
create table curfew.absence (
  id uuid primary key,
  person uuid not null references curfew.person,
  delegate uuid references curfew.person check (delegate <> person),
  from_at timestamptz not null,
  until_at timestamptz not null check (until_at > from_at),
  made_by uuid not null references curfew.person,
  made_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz);
create index absence_person on curfew.absence (person) where ended_at is null;
create index absence_delegate on curfew.absence (delegate) where ended_at is null;

create table curfew.on_call_shift (
  source text not null,             -- whose import it is: a new one replaces what the same source said before
  schedule text not null,
  person uuid not null references curfew.person,
  from_at timestamptz not null,
  until_at timestamptz not null check (until_at > from_at),
  primary key (source, schedule, person, from_at));
create index on_call_shift_schedule on curfew.on_call_shift (schedule, until_at);
create index on_call_shift_person on curfew.on_call_shift (person, until_at);

-- == Extensions ==============================================================================================
create table curfew.extension (
  id uuid primary key,
  request_id uuid not null references curfew.request,
  requester uuid not null,
  number int not null check (number > 0),
  kind text not null check (kind in ('automatic', 'asked')),
  from_at timestamptz not null,     -- the end when it was asked
  end_at timestamptz not null check (end_at > from_at),
  plan jsonb not null,
  reason_hash text check (reason_hash ~ '^[0-9a-f]{64}$'),
  digest text not null check (digest ~ '^[0-9a-f]{64}$'),
  asked_at timestamptz not null,
  foreign key (request_id, requester) references curfew.request (id, person),
  unique (request_id, number), unique (id, digest), unique (id, requester));
create table curfew.extension_decision (
  id text primary key check (id ~ '^[0-9a-f]{64}$'),
  extension_id uuid not null,
  requester uuid not null,
  digest text not null,
  stage int not null check (stage >= 0),
  person uuid not null references curfew.person check (person <> requester),
  verdict text not null check (verdict in ('approve', 'deny')),
  facts jsonb not null,
  made_at timestamptz not null,
  foreign key (extension_id, requester) references curfew.extension (id, requester),
  foreign key (extension_id, digest) references curfew.extension (id, digest),
  unique (extension_id, person));
-- Signed by the API once it is approved; a secret like the claim's.
create table curfew.extension_ticket (
  extension_id uuid primary key references curfew.extension,
  ticket bytea not null,
  ticket_key text not null,
  made_at timestamptz not null);
create table curfew.extension_outcome (
  extension_id uuid primary key references curfew.extension,
  kind text not null check (kind in ('extended', 'denied', 'failed')),
  cause text,
  evidence jsonb,                   -- extended: what a later transaction read from the target
  written_by name not null default session_user,
  at timestamptz not null default clock_timestamp(),
  check (kind <> 'extended' or written_by = 'curfew_worker'));   -- whoever made it longer says so, nobody else

-- == Kept by the store =======================================================================================
-- Rules between an old and a new row, which no check can hold. They bind every login, whatever it was granted.
create function curfew.refuse_change() returns trigger language plpgsql set search_path = pg_catalog, pg_temp
as $$ begin raise exception '% is not changed any more: %', tg_table_name, tg_argv[0] using errcode = 'CFS01'; end $$;
revoke all on function curfew.refuse_change() from public;
create trigger projection_closed before update on curfew.projection for each row
  when (old.state = 'closed' and new.state <> 'closed') execute function curfew.refuse_change('it is closed');
create trigger absence_ended before update on curfew.absence for each row
  when (old.ended_at is not null) execute function curfew.refuse_change('it has ended');

-- A grant's end moves only while it lives, only later, and no later than an extension for which the API made a ticket.
create function curfew.end_moves() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if old.ended_at is null and new.end_at > old.end_at and exists (
       select from curfew.extension e join curfew.extension_ticket t on t.extension_id = e.id
       where e.request_id = old.request_id and e.end_at >= new.end_at) then
    return new;
  end if;
  raise exception 'no extension moves this end' using errcode = 'CFS02';
end $$;
revoke all on function curfew.end_moves() from public;
create trigger access_grant_end before update on curfew.access_grant for each row
  when (new.end_at is distinct from old.end_at) execute function curfew.end_moves();

-- == Proposed policies =======================================================================================
-- A new policy takes two people. Whoever may propose cannot make it hold: that is `curfew.adopt_policy`, which looks
-- at the decisions that the API recorded; and the API cannot propose.
-- What was applied before there were proposals was one person's to change, and its text could not say otherwise.
alter table curfew.policy_version add one_person boolean not null default true, add proposal uuid;
alter table curfew.policy_version alter one_person set default false;
create table curfew.operator_login (  -- which person stands behind an operator's own login
  login name primary key,
  person uuid not null references curfew.person,
  linked_by name not null default session_user,
  linked_at timestamptz not null default clock_timestamp());
create table curfew.policy_proposal (
  id uuid primary key,
  hash text not null check (hash ~ '^[0-9a-f]{64}$'),
  text text not null check (hash = encode(sha256(convert_to(text, 'UTF8')), 'hex')),
  base int references curfew.policy_version,   -- what held when it was proposed; null: nothing did
  one_person boolean not null,      -- says the proposed text that one person may change it
  changes jsonb not null,           -- what would change for whom, one line each
  proposed_by name not null default session_user,
  proposed_at timestamptz not null default clock_timestamp());
create table curfew.policy_decision (
  proposal uuid not null references curfew.policy_proposal,
  person uuid not null references curfew.person,
  hash text not null,
  verdict text not null check (verdict in ('approve', 'deny')),
  facts jsonb not null,
  made_at timestamptz not null,
  primary key (proposal, person));

/* The only way to a new policy. Returns its number, or null where it does not hold yet: it lacks people, was denied, or
   another version has come in between. The first version of all, and one after a version that says so, needs nobody
   else; it must be the proposer's own session then. Whether an approver may change the policy is the API's to judge;
   that there are enough, that none of them proposed it and that all are still here is judged again here. */
create function curfew.adopt_policy(p_proposal uuid) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare p curfew.policy_proposal; v_base int; v_alone boolean; v_proposer uuid; v_need int; v_have int; v_number int;
begin
  perform pg_advisory_xact_lock(hashtextextended('curfew.policy_version', 0));
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
revoke all on function curfew.adopt_policy(uuid) from public;

-- == Codes ===================================================================================================
-- Proves to the command line who somebody is. Hashed; a new one replaces the one before.
create table curfew.personal_code (
  hash bytea primary key check (length(hash) = 32),
  person uuid not null references curfew.person,
  account jsonb not null,           -- what Slack said of the account that asked for it
  minted_at timestamptz not null,
  expires_at timestamptz not null,
  replaced_at timestamptz);
create index personal_code_person on curfew.personal_code (person);
create trigger personal_code_replaced before update on curfew.personal_code for each row
  when (old.replaced_at is not null) execute function curfew.refuse_change('it was replaced');
-- An administrator makes it for a person; whoever types it in Slack is that person from then on.
create table curfew.link_code (
  hash bytea primary key check (length(hash) = 32),
  person uuid not null references curfew.person,
  made_by name not null default session_user,
  minted_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  used_at timestamptz);

-- == Links ===================================================================================================
-- All accounts of one human, this one included.
create function curfew.accounts_of(p_person uuid) returns setof uuid
language sql stable set search_path = pg_catalog, pg_temp
as $$
  with recursive human (id) as (
      select p_person
    union
      select case when a.person = h.id then a.alias else a.person end
      from human h join curfew.person_alias a on h.id in (a.person, a.alias))
  select id from human
$$;

-- Another Slack account of somebody who has, or had, one approves nothing for a day: whoever wrote the link, and
-- whatever they said of it.
create function curfew.link_waits() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  new.approves_from := case when exists (
      select from curfew.person p where p.linked and p.id in (select curfew.accounts_of(new.person)))
    then clock_timestamp() + interval '24 hours' end;
  update curfew.person set linked = true where id = new.person and not linked;
  return new;
end $$;
create trigger personal_link_waits before insert on curfew.personal for each row
  when (new.kind = 'link') execute function curfew.link_waits();

-- What the person's own word does. `taken`: the account is somebody's already, and the code is not used up.
create function curfew.link_by_code(p_hash bytea, p_team text, p_user text)
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
    where c.hash = p_hash and c.used_at is null and c.expires_at > clock_timestamp();
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

-- The old account's word on a link that waits: it may approve at once, or is gone. Null where that is not its to say.
create function curfew.settle_link(p_link text, p_team text, p_user text, p_verdict text) returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare v_person uuid;
begin
  if p_verdict is null or p_verdict not in ('approve', 'deny') then
    raise exception 'no verdict' using errcode = 'CFS03';
  end if;
  select t.person into v_person from curfew.personal t
    where t.kind = 'link' and t.id = p_link and t.approves_from > clock_timestamp() for update;
  if v_person is null or not exists (
       select from curfew.personal o where o.kind = 'link' and o.id <> p_link
         and o.slack_team = p_team and o.slack_user = p_user
         and (o.approves_from is null or o.approves_from <= clock_timestamp())
         and o.person in (select curfew.accounts_of(v_person))) then
    return null;
  end if;
  if p_verdict = 'approve' then
    update curfew.personal t set approves_from = null where t.kind = 'link' and t.id = p_link;
  else
    delete from curfew.personal t where t.kind = 'link' and t.id = p_link;
  end if;
  return v_person;
end $$;
revoke all on function curfew.accounts_of(uuid), curfew.link_waits(), curfew.link_by_code(bytea, text, text),
  curfew.settle_link(text, text, text, text) from public;

-- == Operators ===============================================================================================
-- An operator's own login is a member of curfew_admin, or of curfew_directory for imports, and writes what is theirs to
-- write; its own name is stamped. Only who was made a member counts: a superuser is none by being one, and no service
-- login becomes one.
create function audit.is_operator(p_login name, p_of name) returns boolean
language sql stable set search_path = pg_catalog, pg_temp
as $$
  with recursive held (role) as (
      select r.oid from pg_roles r where r.rolname = p_login
        and not exists (select from audit.kind k where k.login = p_login)
    union
      select m.roleid from held h join pg_auth_members m on m.member = h.role)
  select exists (select from held h join pg_roles r on r.oid = h.role where r.rolname = p_of)
$$;
revoke all on function audit.is_operator(name, name) from public;
create or replace function audit.append(p_kind text, p_actor text, p_subject text, p_body bytea) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare v_id bigint;
begin
  if not exists (select from audit.kind k where k.kind = p_kind
       and (k.login = session_user
         or k.login in ('curfew_admin', 'curfew_directory') and audit.is_operator(session_user, k.login))) then
    raise exception 'login % may not append audit entries of kind %', session_user, p_kind using errcode = 'CFA01';
  end if;
  perform convert_from(p_body, 'UTF8')::json;
  insert into audit.entry (at, login, kind, actor, subject, body)
    values (clock_timestamp(), session_user, p_kind, p_actor, p_subject, p_body) returning id into v_id;
  return v_id;
end $$;
comment on function audit.append(text, text, text, bytea) is
  'Appends one entry, in the transaction of the change that it records, and stamps session_user. Each login appends its '
  'own kinds (audit.kind). An operator''s own login is a member of curfew_admin, and of curfew_directory where it imports '
  'people, and appends the kinds of these: create role ada_ops login in role curfew_admin, curfew_directory.';

-- == Slack ===================================================================================================
-- Messages about other things than requests: proposals, links; and the App Homes that somebody has opened.
create table curfew.slack_notice (
  subject text not null,
  slot text not null,
  channel text not null,
  ts text not null,
  painted text not null,
  posted_at timestamptz not null default clock_timestamp(),
  primary key (subject, slot));
create index slack_notice_place on curfew.slack_notice (channel, ts);
create table curfew.slack_home (
  person uuid primary key references curfew.person,
  painted text not null,
  painted_at timestamptz not null default clock_timestamp());

-- == Who may do what =========================================================================================
grant select on curfew.absence, curfew.on_call_shift, curfew.extension, curfew.extension_decision,
  curfew.extension_outcome, curfew.policy_proposal, curfew.policy_decision, curfew.operator_login
  to curfew_api, curfew_directory, curfew_admin, curfew_worker, curfew_auditor;
grant select on curfew.personal_code, curfew.link_code, curfew.slack_notice, curfew.slack_home to curfew_api;
grant select on curfew.slack_notice, curfew.slack_home to curfew_worker;
grant select on curfew.extension_ticket to curfew_api, curfew_worker;
grant select (extension_id, ticket_key, made_at) on curfew.extension_ticket to curfew_admin, curfew_auditor;

grant insert (id, person, delegate, from_at, until_at, made_by) on curfew.absence to curfew_api, curfew_directory;
grant update (ended_at) on curfew.absence to curfew_api, curfew_directory;
grant insert, delete on curfew.on_call_shift to curfew_directory;  -- an import says all again

grant insert on curfew.extension, curfew.extension_decision, curfew.extension_ticket to curfew_api;
grant insert (extension_id, kind, cause, evidence) on curfew.extension_outcome to curfew_api, curfew_worker;
grant update (end_at) on curfew.access_grant to curfew_worker;

grant insert (id, hash, text, base, one_person, changes) on curfew.policy_proposal to curfew_admin;
grant insert (login, person) on curfew.operator_login to curfew_admin;
grant delete on curfew.operator_login to curfew_admin;
grant insert on curfew.policy_decision to curfew_api;
grant execute on function curfew.adopt_policy(uuid) to curfew_api, curfew_admin;
revoke insert on curfew.policy_version from curfew_admin;
revoke insert (hash, text) on curfew.policy_version from curfew_admin;

grant insert (hash, person, account, minted_at, expires_at) on curfew.personal_code to curfew_api;
grant update (replaced_at) on curfew.personal_code to curfew_api;
grant insert (hash, person, expires_at) on curfew.link_code to curfew_admin, curfew_directory;
grant execute on function curfew.link_by_code(bytea, text, text), curfew.settle_link(text, text, text, text)
  to curfew_api;
grant execute on function curfew.accounts_of(uuid) to curfew_api, curfew_worker;

grant insert (subject, slot, channel, ts, painted) on curfew.slack_notice to curfew_worker, curfew_api;
grant update (channel, ts, painted, posted_at) on curfew.slack_notice to curfew_worker, curfew_api;
grant insert (person, painted) on curfew.slack_home to curfew_worker, curfew_api;
grant update (painted, painted_at) on curfew.slack_home to curfew_worker, curfew_api;
