-- Curfew's own store. Run by `curfew migrate` as the operator's login, in one transaction, under an advisory lock.
--
-- Everything belongs to curfew_store, which cannot log in. Each process has a login of its own (0002-privileges.sql),
-- and none of them may change or delete what is written here as history: a request, a decision, a claim, a receipt,
-- a revoke intent. What changes with time (a projection, an outbox row) says so in its name or its comment.
create schema curfew authorization curfew_store;
create schema audit authorization curfew_store;
set local role curfew_store;

-- == The one erasable table ==================================================================================
-- Names, e-mail, Slack ids and free text stand here and nowhere else. The rest of the store, the audit log and every
-- Workflow history carry ids and, of a text, the SHA-256 of salt and text: erasing a row breaks no proof.
create table curfew.personal (
  kind text not null check (kind in ('person', 'link', 'reason', 'denial', 'review', 'claim')),
  id text not null,                 -- the person's, link's, request's or decision's id
  person uuid not null,             -- whose it is
  name text, email text,            -- kind person
  slack_team text, slack_user text, -- kind link
  body text,                        -- kinds reason, denial, review; claim: the address it came from
  salt bytea not null,
  primary key (kind, id));
create unique index personal_link on curfew.personal (slack_team, slack_user) where kind = 'link';
create index personal_person on curfew.personal (person);

-- == People ==================================================================================================
create table curfew.person (
  id uuid primary key,
  handle text not null unique,      -- the source's key, e.g. in people.yaml
  state text not null check (state in ('active', 'suspended', 'left')),
  kind text not null check (kind in ('employee', 'contractor', 'service')),
  manager uuid references curfew.person deferrable initially deferred,   -- a file names managers in any order
  version bigint not null,          -- of the change taken last, whatever its source: to be shown, not to judge by
  changed_at timestamptz not null);
-- What each source said last. Versions of two sources are never compared. A person's state is the one that takes away
-- most of all that their sources say, so that no source undoes what another one said (I9). Also of somebody who is not
-- known yet: hence the handle's hash for a key, for a handle may be an e-mail address.
create table curfew.person_word (
  handle_hash text not null check (handle_hash ~ '^[0-9a-f]{64}$'),
  source text not null,
  version bigint not null,
  state text check (state in ('active', 'suspended', 'left')),   -- null: it never said one
  primary key (handle_hash, source));
create table curfew.person_group (
  person uuid not null references curfew.person,
  name text not null,
  added_by uuid references curfew.person deferrable initially deferred,   -- null: the source does not say who
  primary key (person, name));
create index person_group_name on curfew.person_group (name);
create table curfew.person_alias (
  person uuid not null references curfew.person,
  alias uuid not null references curfew.person deferrable initially deferred,
  primary key (person, alias), check (person <> alias));

-- == Policy and targets ======================================================================================
create table curfew.policy_version (
  number int generated always as identity primary key,   -- the highest is the current one
  hash text not null check (hash ~ '^[0-9a-f]{64}$'),
  text text not null check (hash = encode(sha256(convert_to(text, 'UTF8')), 'hex')),
  applied_by name not null default session_user,
  applied_at timestamptz not null default clock_timestamp());
create table curfew.target_check (
  number bigint generated always as identity primary key,   -- the highest of a target counts
  target text not null,
  ok boolean not null,
  result jsonb not null,
  checked_by name not null default session_user,
  checked_at timestamptz not null default clock_timestamp());
create index target_check_target on curfew.target_check (target, number desc);

-- == Requests ================================================================================================
create table curfew.request (
  id uuid primary key,
  kind text not null check (kind in ('access', 'break-glass')),
  person uuid not null references curfew.person,
  target text not null,
  databases text[] not null,
  role text not null,
  template text not null,
  duration_ms bigint not null check (duration_ms between 1000 and 604800000),
  ticket text,
  reason_hash text not null check (reason_hash ~ '^[0-9a-f]{64}$'),
  plan jsonb not null,
  policy_hash text not null,
  digest text not null check (digest ~ '^[0-9a-f]{64}$'),
  opened_at timestamptz not null,
  decide_by timestamptz not null,
  unique (id, person), unique (id, digest));
create index request_person on curfew.request (person, opened_at desc);

-- What the Workflow last said of itself. Written by whoever holds a newer view, so writers may race and repeat.
create table curfew.projection (
  request_id uuid primary key references curfew.request,
  version int not null,
  state text not null,
  outcome text,
  view jsonb not null,
  end_at timestamptz,
  changed_at timestamptz not null);
create index projection_open on curfew.projection (state) where state <> 'closed';

-- No self-approval and no second seat, whatever the code above does: the requester stands in the row by foreign key
-- and cannot be its person; one person has one decision a request until that one is void (I6).
create table curfew.decision (
  id text primary key check (id ~ '^[0-9a-f]{64}$'),
  request_id uuid not null,
  requester uuid not null,
  digest text not null,
  stage int not null check (stage >= 0),
  person uuid not null references curfew.person check (person <> requester),
  verdict text not null check (verdict in ('approve', 'deny')),
  facts jsonb not null,
  voids_before int not null check (voids_before >= 0),
  made_at timestamptz not null,
  foreign key (request_id, requester) references curfew.request (id, person),
  foreign key (request_id, digest) references curfew.request (id, digest),
  unique (request_id, person, voids_before));
create index decision_person on curfew.decision (person);
create table curfew.decision_void (
  decision_id text primary key references curfew.decision,
  cause text not null,
  actor text not null,
  voided_at timestamptz not null default clock_timestamp());

-- == Claim and grant =========================================================================================
create table curfew.claim_code (
  hash bytea primary key check (length(hash) = 32),
  request_id uuid not null references curfew.request,
  person uuid not null,
  minted_at timestamptz not null,
  expires_at timestamptz not null,
  replaced_at timestamptz,
  used_at timestamptz,
  foreign key (request_id, person) references curfew.request (id, person));   -- only ever the requester's
create index claim_code_request on curfew.claim_code (request_id);

-- One accepted claim a request, for ever: one grant a request. verifier and ticket are secrets; no auditor reads them.
create table curfew.claim (
  request_id uuid primary key references curfew.request,
  credential_id uuid not null unique,
  verifier text not null,
  ticket bytea not null,
  ticket_key text not null,
  end_at timestamptz not null,
  accepted_at timestamptz not null);

create table curfew.access_grant (
  request_id uuid primary key references curfew.request,
  target text not null,
  person uuid not null,
  template text not null,
  role text not null unique,
  granted_at timestamptz not null,
  end_at timestamptz not null,
  ended_at timestamptz);            -- changes once: when every node said that nothing is left
create index access_grant_live on curfew.access_grant (person) where ended_at is null;
create table curfew.receipt (
  request_id uuid not null references curfew.request,
  kind text not null check (kind in ('grant', 'revoke')),
  body jsonb not null,
  made_at timestamptz not null,
  primary key (request_id, kind));

-- == Ending ==================================================================================================
-- "This must end now": of one grant, or of everything that a person has. Written first by whoever learns it; the
-- reaper reads it every second and needs nobody else. Rows are only added; an outcome closes one for a target.
create table curfew.revoke_intent (
  id uuid primary key,
  request_id uuid references curfew.request,
  target text,                      -- with request_id: where its grant is, or would be
  person uuid references curfew.person,
  actor text not null,
  cause text not null check (cause in ('released', 'withdrawn', 'revoked', 'left', 'suspended', 'disowned')),
  asked_at timestamptz not null default clock_timestamp(),
  check ((request_id is null) = (target is null)), check ((request_id is null) <> (person is null)));
create index revoke_intent_request on curfew.revoke_intent (request_id);
create index revoke_intent_person on curfew.revoke_intent (person);
create table curfew.revoke_outcome (
  intent_id uuid not null references curfew.revoke_intent,
  target text not null,
  evidence jsonb not null,
  written_by name not null default session_user,
  ended_at timestamptz not null default clock_timestamp(),
  primary key (intent_id, target));

-- == Break-glass =============================================================================================
create table curfew.review (
  request_id uuid primary key,
  requester uuid not null,
  person uuid not null references curfew.person check (person <> requester),
  verdict text not null check (verdict in ('justified', 'not-justified', 'follow-up')),
  reviewed_at timestamptz not null,
  foreign key (request_id, requester) references curfew.request (id, person));

-- == Messages in and out =====================================================================================
-- What Slack or HR delivered, once. A row without an answer that is older than a few seconds belongs to a process that
-- died: its delivery may be done again, because every effect is keyed by something older than the delivery (I10).
create table curfew.delivery (
  source text not null,
  key text not null,
  received_at timestamptz not null default clock_timestamp(),
  answer jsonb,
  primary key (source, key));

-- What must reach Temporal or Slack although a process may die in between. The relay sends what is not done.
create table curfew.outbox (
  id bigint generated always as identity primary key,
  kind text not null,
  key text not null,                -- the Workflow's, Update's or message's id: sending twice is harmless
  payload jsonb not null,
  created_at timestamptz not null default clock_timestamp(),
  next_at timestamptz not null default clock_timestamp(),
  attempts int not null default 0,
  last_error text,
  done_at timestamptz,
  unique (kind, key));
create index outbox_due on curfew.outbox (next_at) where done_at is null;

-- Where each message of a request stands in Slack, so that a click's origin can be checked and any worker can edit it.
create table curfew.slack_message (
  request_id uuid not null references curfew.request,
  slot text not null,               -- card | thread:<state> | dm:<what>[:<person>]
  channel text not null,
  ts text not null,
  painted text not null,            -- hash of what it shows: an equal paint is not sent again
  posted_at timestamptz not null default clock_timestamp(),
  primary key (request_id, slot));
create index slack_message_place on curfew.slack_message (channel, ts);

-- == Operations ==============================================================================================
create table curfew.heartbeat (
  name text primary key,
  at timestamptz not null,
  body jsonb not null);
create table curfew.alarm (
  id uuid primary key default gen_random_uuid(),
  key text not null,                -- what it is about: one open alarm a key
  code text not null,
  subject text not null,
  detail text not null,             -- no names, no secrets
  raised_by name not null default session_user,
  raised_at timestamptz not null default clock_timestamp(),
  resolved_at timestamptz);
create unique index alarm_open on curfew.alarm (key) where resolved_at is null;

-- == Audit ===================================================================================================
create table audit.kind (kind text, login name, primary key (kind, login));
create table audit.entry (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  login name not null,
  kind text not null,
  actor text not null,
  subject text not null,
  body bytea not null);             -- canonical JSON (RFC 8785) as bytes; never written again from a parsed form
create index entry_subject on audit.entry (subject, id);

-- The only way in. Called in the transaction of the change that it records; stamps who is really connected, and lets
-- each login write its own kinds only, so that a worker cannot say "decided" nor a reaper "granted".
create function audit.append(p_kind text, p_actor text, p_subject text, p_body bytea) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare v_id bigint;
begin
  if not exists (select from audit.kind k where k.kind = p_kind and k.login = session_user) then
    raise exception 'login % may not append audit entries of kind %', session_user, p_kind using errcode = 'CFA01';
  end if;
  perform convert_from(p_body, 'UTF8')::json;
  insert into audit.entry (at, login, kind, actor, subject, body)
    values (clock_timestamp(), session_user, p_kind, p_actor, p_subject, p_body) returning id into v_id;
  return v_id;
end $$;

create function audit.refuse() returns trigger language plpgsql set search_path = pg_catalog, pg_temp
as $$ begin raise exception 'audit entries are never changed' using errcode = 'CFA02'; end $$;
create trigger entry_kept before update or delete on audit.entry for each row execute function audit.refuse();
create trigger entry_not_truncated before truncate on audit.entry for each statement execute function audit.refuse();
alter table audit.entry enable always trigger entry_kept;
alter table audit.entry enable always trigger entry_not_truncated;
revoke all on all functions in schema audit from public;
