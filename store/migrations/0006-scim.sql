-- SCIM: tokens, what each source made, and which source put whom into a group.
set local role curfew_store;

-- What somebody is to a SCIM source: their userName and externalId there, as JSON in `body`. Either may be a name.
alter table curfew.personal drop constraint personal_kind_check;
alter table curfew.personal add constraint personal_kind_check
  check (kind in ('person', 'link', 'reason', 'denial', 'review', 'claim', 'extension', 'extension-denial', 'scim'));

-- == Tokens ==================================================================================================
-- 256 random bits each, of which only the SHA-256 stands here. Several of one source hold at once, for rotation.
create table curfew.scim_token (
  id uuid primary key,
  source text not null check (source ~ '^scim-[a-z0-9][a-z0-9-]{0,40}$'),
  hash bytea not null unique check (length(hash) = 32),
  scopes text[] not null check (cardinality(scopes) > 0
    and scopes <@ array['users:read', 'users:write', 'groups:read', 'groups:write']),
  inactive text not null check (inactive in ('suspended', 'left')),   -- what its "active": false means
  made_by name not null default session_user,
  made_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null check (expires_at <= made_at + interval '400 days'),
  revoked_at timestamptz,
  last_used_at timestamptz);          -- to the minute
create trigger scim_token_revoked before update of revoked_at on curfew.scim_token for each row
  when (old.revoked_at is not null) execute function curfew.refuse_change('it was revoked');

-- Draws the order of what SCIM sources say: the protocol has no versions. A counter, because clocks of two processes
-- differ; in steps, so that one call may say several things, and a change of groups has a place between two calls.
create sequence curfew.scim_turn increment by 1000 start with 1000;

-- == What each source made ===================================================================================
create table curfew.scim_user (
  source text not null,
  person uuid not null references curfew.person,
  made_at timestamptz not null default clock_timestamp(),
  changed_at timestamptz not null default clock_timestamp(),
  primary key (source, person));
-- Members are the rows of person_group with its source and name.
create table curfew.scim_group (
  id uuid primary key,
  source text not null,
  name text not null,                 -- as policies name it
  display text not null,              -- as the source does
  external_id text,
  made_at timestamptz not null default clock_timestamp(),
  changed_at timestamptz not null default clock_timestamp(),
  unique (source, name));

-- == Groups by source ========================================================================================
-- Each source replaces only what it said itself; somebody is in a group where any source says so.
alter table curfew.person_group add source text not null default 'operator';
alter table curfew.person_group drop constraint person_group_pkey;
alter table curfew.person_group add primary key (person, name, source);
create index person_group_source on curfew.person_group (source, name);

-- == Who may what ============================================================================================
grant select (id, source, scopes, inactive, made_by, made_at, expires_at, revoked_at, last_used_at) on curfew.scim_token
  to curfew_admin, curfew_auditor;
-- Says in time which of them run out.
grant select (id, source, expires_at, revoked_at, last_used_at) on curfew.scim_token to curfew_worker;
grant insert (id, source, hash, scopes, inactive, expires_at), update (revoked_at) on curfew.scim_token to curfew_admin;
grant select, update (last_used_at) on curfew.scim_token to curfew_directory;
grant usage on sequence curfew.scim_turn to curfew_directory;
grant select, delete, insert (source, person), update (changed_at) on curfew.scim_user to curfew_directory;
grant select, delete, insert (id, source, name, display, external_id), update (name, display, external_id, changed_at)
  on curfew.scim_group to curfew_directory;
grant select on curfew.scim_user, curfew.scim_group to curfew_admin, curfew_auditor;
