-- Where word on people comes from, and word that takes effect later.
set local role curfew_store;

-- Why an operator says that somebody is gone: kind word.
alter table curfew.personal drop constraint personal_kind_check;
alter table curfew.personal add constraint personal_kind_check check (kind in
  ('person', 'link', 'reason', 'denial', 'review', 'claim', 'extension', 'extension-denial', 'scim', 'word'));

-- == Later ===================================================================================================
-- What a source says of a person and of a day that has not come. Under the handle's hash, like the words of people who
-- are not known yet. One of a state waits for each person and source: an absence may wait with its end. Settled once, and
-- never changed after that.
create table curfew.person_due (
  source text not null,
  event text not null,              -- the delivery's or command's id there
  handle_hash text not null check (handle_hash ~ '^[0-9a-f]{64}$'),
  state text not null check (state in ('active', 'suspended', 'left')),
  version bigint not null,
  effective_at timestamptz not null,
  learned_at timestamptz not null default clock_timestamp(),
  settled_at timestamptz,
  outcome text check (outcome in ('applied', 'replaced', 'overtaken', 'unknown')),
  primary key (source, event), check ((settled_at is null) = (outcome is null)));
create unique index person_due_waiting on curfew.person_due (source, handle_hash, state) where settled_at is null;
create index person_due_effective on curfew.person_due (effective_at) where settled_at is null;
create trigger person_due_settled before update on curfew.person_due for each row
  when (old.settled_at is not null) execute function curfew.refuse_change('it is settled');

-- Which version said the state last: a list that says everything else anew, and nothing of that, cancels no day to come.
-- Null where it was said before this was kept: then it is the word's own.
alter table curfew.person_word add state_version bigint;
grant update (state_version) on curfew.person_word to curfew_directory;

-- == Asked ===================================================================================================
-- Whom a source has listed, so that somebody whom it lists no more is noticed.
create table curfew.source_listing (
  source text not null,
  person uuid not null references curfew.person,
  listed_at timestamptz not null,
  missing_at timestamptz,           -- since when it does not list them any more
  primary key (source, person));
-- How the asking goes, for whoever watches it.
create table curfew.source_pull (
  source text primary key,
  every_ms bigint not null check (every_ms > 0),
  since timestamptz not null default clock_timestamp(),
  tried_at timestamptz,
  succeeded_at timestamptz,
  trouble text);                    -- why the last try did not succeed: a code

-- == Who may do what =========================================================================================
grant select on curfew.person_due, curfew.source_listing, curfew.source_pull
  to curfew_directory, curfew_admin, curfew_worker, curfew_auditor;
grant insert (source, event, handle_hash, state, version, effective_at) on curfew.person_due to curfew_directory;
grant update (settled_at, outcome) on curfew.person_due to curfew_directory;
grant insert on curfew.source_listing to curfew_directory;
grant update (listed_at, missing_at) on curfew.source_listing to curfew_directory;
grant insert (source, every_ms, tried_at) on curfew.source_pull to curfew_directory;
grant update (every_ms, tried_at, succeeded_at, trouble) on curfew.source_pull to curfew_directory;
grant delete on curfew.source_pull to curfew_directory;
