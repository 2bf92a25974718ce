-- What each Workflow did, kept when it closes: Temporal forgets after its retention. Ids and instants stand in there and
-- no names, like everything that a Workflow is told, so these rows live for ever and are never changed.
set local role curfew_store;

-- The scripts that ran Workflows, whole: without the one that ran it a history can be read, but not run again.
create table curfew.bundle (
  hash text primary key check (hash ~ '^[0-9a-f]{64}$'),   -- SHA-256 of the script, by which its histories name it
  bytes bytea not null,             -- gzip
  kept_at timestamptz not null default clock_timestamp());

create table curfew.history (
  workflow_id text not null,
  run_id text not null,
  kind text not null,               -- the Workflow's type
  request_id uuid,                  -- null: it is about no single request
  events int not null check (events > 0),
  bytes bytea not null,             -- gzip of the history as canonical JSON (RFC 8785), its payloads in the clear
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),            -- of that JSON
  original_sha256 text not null check (original_sha256 ~ '^[0-9a-f]{64}$'),   -- the same of the history as Temporal had it
  bundle_hash text,                 -- of the script that ran it last; null: none ever did. Not always kept here: see bundle
  bundles text[] not null,          -- of every script that ran a part of it, in their order
  closed_at timestamptz not null,
  exported_at timestamptz not null default clock_timestamp(),
  primary key (workflow_id, run_id));
create index history_request on curfew.history (request_id) where request_id is not null;
create index history_closed on curfew.history (closed_at);
-- Whose history is still to come.
create index projection_closed on curfew.projection (changed_at) where state = 'closed';

-- How far Temporal's list was gone through: what closed before has been looked at. One row, which moves.
create table curfew.history_mark (
  one boolean primary key default true check (one),
  through timestamptz not null);

create trigger bundle_kept before update or delete on curfew.bundle
  for each row execute function curfew.refuse_change('histories need it');
create trigger bundle_not_truncated before truncate on curfew.bundle
  for each statement execute function curfew.refuse_change('histories need it');
create trigger history_kept before update or delete on curfew.history
  for each row execute function curfew.refuse_change('it is what happened');
create trigger history_not_truncated before truncate on curfew.history
  for each statement execute function curfew.refuse_change('it is what happened');
alter table curfew.bundle enable always trigger bundle_kept;
alter table curfew.bundle enable always trigger bundle_not_truncated;
alter table curfew.history enable always trigger history_kept;
alter table curfew.history enable always trigger history_not_truncated;

grant select, insert on curfew.bundle to curfew_worker;
grant select (workflow_id, run_id, request_id, closed_at) on curfew.history to curfew_worker;
grant insert (workflow_id, run_id, kind, request_id, events, bytes, sha256, original_sha256, bundle_hash, bundles, closed_at)
  on curfew.history to curfew_worker;
grant select, insert on curfew.history_mark to curfew_worker;
grant update (through) on curfew.history_mark to curfew_worker;
grant select on curfew.bundle, curfew.history, curfew.history_mark to curfew_admin, curfew_auditor;

insert into audit.kind (kind, login) values ('history.exported', 'curfew_worker');
