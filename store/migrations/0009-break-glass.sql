-- Announcements of break-glass, and reviews that are owed.
set local role curfew_store;

-- What was known of the incident when somebody broke glass. `entry` is the announcement in the audit log: without it
-- there is no row here, without the row no announcement, and without both announcements no grant (I13).
create table curfew.break_glass (
  request_id uuid primary key references curfew.request,
  entry bigint not null unique references audit.entry (id),
  incident text not null check (incident in ('holds', 'unknown')));

-- Committed with the request, long before there is a credential; delivered by the worker, which may be late.
create table curfew.announcement (
  request_id uuid not null references curfew.break_glass,
  channel text not null check (channel in ('slack', 'webhook')),   -- two kinds, so that one of them may be down
  committed_at timestamptz not null default clock_timestamp(),
  delivered_at timestamptz,
  primary key (request_id, channel));
create index announcement_waits on curfew.announcement (committed_at) where delivered_at is null;
create trigger announcement_delivered before update on curfew.announcement for each row
  when (old.delivered_at is not null) execute function curfew.refuse_change('it was delivered');

-- What was done about a review that nobody gave: each step once. `owed`: it is review debt; `owed-2` is a day later.
create table curfew.review_step (
  request_id uuid not null references curfew.request,
  step text not null check (step ~ '^(reminded|escalated|owed(-[1-9][0-9]{0,3})?)$'),
  at timestamptz not null default clock_timestamp(),
  primary key (request_id, step));

-- Whoever judges a person asks for their debt.
create index request_break_glass on curfew.request (person) where kind = 'break-glass';
create index request_break_glass_at on curfew.request (opened_at) where kind = 'break-glass';

grant select on curfew.break_glass, curfew.announcement, curfew.review_step
  to curfew_api, curfew_admin, curfew_worker, curfew_auditor;
grant insert (request_id, entry, incident) on curfew.break_glass to curfew_api;
grant insert (request_id, channel) on curfew.announcement to curfew_api;
grant update (delivered_at) on curfew.announcement to curfew_worker;
grant insert (request_id, step) on curfew.review_step to curfew_worker;
grant select (request_id) on curfew.review to curfew_directory;   -- review debt is one of a person's facts
