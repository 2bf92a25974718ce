-- Alarms: to whom they went, and how far they escalated.
set local role curfew_store;

-- What each channel is told of each alarm: that it is there, that it goes on, that it is over. The worker tells; a
-- channel that is dead keeps no other from hearing, and its rows wait for it.
create table curfew.alarm_delivery (
  alarm uuid not null references curfew.alarm,
  channel text not null,            -- log | slack | webhook
  step text not null check (step ~ '^(raised|escalated:[1-9][0-9]{0,5}|resolved)$'),
  attempts int not null default 0,
  next_at timestamptz not null default clock_timestamp(),
  last_error text,
  delivered_at timestamptz,
  passed_at timestamptz,            -- it was over, or something newer was to be told, before the channel took it
  primary key (alarm, channel, step));
create index alarm_delivery_due on curfew.alarm_delivery (next_at) where delivered_at is null and passed_at is null;
create index alarm_raised_at on curfew.alarm (raised_at);
create index alarm_resolved_at on curfew.alarm (resolved_at) where resolved_at is not null;

grant select on curfew.alarm_delivery to curfew_worker, curfew_api, curfew_admin, curfew_auditor;
grant insert (alarm, channel, step) on curfew.alarm_delivery to curfew_worker;
grant update (attempts, next_at, last_error, delivered_at, passed_at) on curfew.alarm_delivery to curfew_worker;
-- An operator may try whether alarms are heard.
grant insert (key, code, subject, detail) on curfew.alarm to curfew_admin;

-- Alarms went through the outbox before: what was said is not said again, and what was not is the new table's.
insert into curfew.alarm_delivery (alarm, channel, step, delivered_at)
  select a.id, c.name, 'raised', o.done_at from curfew.outbox o join curfew.alarm a on a.id::text = o.key
    cross join (values ('log'), ('slack')) as c (name)
   where o.kind = 'alarm' and o.done_at is not null and a.resolved_at is null;
update curfew.outbox set done_at = clock_timestamp(), last_error = null where kind = 'alarm' and done_at is null;
