-- What the reconciler found.
set local role curfew_store;

-- Where store, Temporal and targets do not agree, or something is not as it should be. One open row a key; a finding
-- that comes again after it was gone is a new row. Who looks writes that it saw it, and that it is gone; nothing else
-- of a row changes but the words about how it stands.
create table curfew.finding (
  id bigint generated always as identity primary key,
  key text not null,                -- kind/subject
  kind text not null,
  severity text not null check (severity in ('high', 'low')),
  look text not null,               -- which look met it, and alone may call it gone: requests | cluster/<name>
  subject text not null,            -- the id of the request, or the role, target, cluster or node
  target text,
  detail text not null,             -- sentences without names: what it is, and what Curfew did about it
  did text not null,
  facts jsonb not null,             -- what the sentences are made of: ids, codes, counts
  first_seen_at timestamptz not null default clock_timestamp(),
  last_seen_at timestamptz not null default clock_timestamp(),
  gone_at timestamptz);
create unique index finding_open on curfew.finding (key) where gone_at is null;
create index finding_kind on curfew.finding (kind, target) where gone_at is null;
create index finding_gone on curfew.finding (gone_at desc, id desc) where gone_at is not null;

grant select on curfew.finding to curfew_worker, curfew_admin, curfew_auditor;
grant insert (key, kind, severity, look, subject, target, detail, did, facts) on curfew.finding to curfew_worker;
grant update (detail, did, facts, last_seen_at, gone_at) on curfew.finding to curfew_worker;
