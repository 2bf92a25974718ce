-- The sample database `models`: training data, labels, a model registry and output rules, some 6,000 invented rows, the
-- same each time it is made (setseed, and no clock). Run once, in the new database, by its superuser; all or nothing.
begin;
set local client_min_messages = warning;
do $$
declare role text;
begin
  foreach role in array array['models_owner', 'models_read', 'models_write', 'models_maintain'] loop
    if not exists (select from pg_roles where rolname = role) then execute format('create role %I nologin', role); end if;
  end loop;
  execute format('revoke all on database %I from public', current_database());
end $$;
revoke all on schema public from public;
create schema ml authorization models_owner;
set local role models_owner;

create table ml.dataset (
  id int generated always as identity primary key,
  name text not null unique, source text not null, collected_to date not null, contains_personal_data boolean not null);
create table ml.example (
  id int generated always as identity primary key,
  dataset_id int not null references ml.dataset,
  body text not null, language text not null, added_at timestamptz not null);
create table ml.label (
  example_id int not null references ml.example, labeller text not null, intent text not null,
  confidence numeric(3, 2) not null check (confidence between 0 and 1), labelled_at timestamptz not null,
  primary key (example_id, labeller));
create table ml.model (
  id int generated always as identity primary key,
  name text not null unique, task text not null, owner_team text not null);
create table ml.model_version (
  model_id int not null references ml.model, version int not null,
  dataset_id int not null references ml.dataset,
  stage text not null check (stage in ('candidate', 'staging', 'production', 'retired')),
  weights_sha256 text not null check (weights_sha256 ~ '^[0-9a-f]{64}$'),
  accuracy numeric(5, 4) not null, registered_at timestamptz not null,
  primary key (model_id, version));
create table ml.output_rule (
  id int generated always as identity primary key,
  model_id int not null references ml.model, name text not null, action text not null check (action in ('block', 'redact', 'warn')),
  pattern text not null, enabled boolean not null, note text not null,
  unique (model_id, name));
create index example_dataset on ml.example (dataset_id);

select setseed(0.3141);

insert into ml.dataset (name, source, collected_to, contains_personal_data) values
  ('support-2024', 'help desk', '2024-12-31', true), ('support-2025', 'help desk', '2025-12-31', true),
  ('reviews-2025', 'shop reviews', '2025-11-30', false), ('synthetic-refunds', 'generated', '2026-02-15', false);

insert into ml.example (dataset_id, body, language, added_at)
select 1 + floor(4 * random())::int,
  format(p.text, (array['teapot', 'desk lamp', 'watering can', 'bread knife', 'notebook'])[1 + floor(5 * random())::int]), p.language,
  timestamptz '2024-02-01 09:00+00' + make_interval(days => n / 5, mins => floor(480 * random())::int)
from generate_series(1, 3000) n
join lateral (select text, language from (values
    (0, 'Where is my %s? It was to come on Monday.', 'en'), (1, 'The %s arrived broken, I want my money back.', 'en'),
    (2, 'Can I change the address for the %s?', 'en'), (3, 'I love the %s, thank you!', 'en'),
    (4, 'Wo bleibt mein Paket mit dem Artikel "%s"?', 'de'), (5, 'Le produit %s est arrivé cassé.', 'fr'),
    (6, 'Please cancel my order of the %s.', 'en'), (7, 'Is the %s dishwasher-safe?', 'en')) as phrase (k, text, language)
  where k = (n * 7919 + n / 8) % 8) p on true
order by n;

-- Labels say what the text says; one in twelve is wrong, as labels are.
insert into ml.label (example_id, labeller, intent, confidence, labelled_at)
select e.id, l.labeller,
  case when random() < 0.08 then (array['delivery', 'refund', 'change', 'praise', 'cancel', 'question'])[1 + floor(6 * random())::int]
       when e.body ~ 'broken|cassé' then 'refund' when e.body ~ 'Where|Wo bleibt' then 'delivery' when e.body ~ 'address' then 'change'
       when e.body ~ 'love' then 'praise' when e.body ~ 'cancel' then 'cancel' else 'question' end,
  round((0.6 + 0.4 * random())::numeric, 2), e.added_at + make_interval(days => 1 + floor(9 * random())::int)
from ml.example e
join (values (0, 'rater-01'), (1, 'rater-02'), (2, 'rater-03'), (3, 'rater-04')) l (k, labeller) on l.k = e.id % 4 or (e.id % 10 = 0 and l.k = (e.id + 1) % 4)
order by e.id, l.labeller;

insert into ml.model (name, task, owner_team) values
  ('intent-router', 'text classification', 'ml-platform'), ('reply-drafter', 'text generation', 'ml-platform'),
  ('refund-risk', 'tabular classification', 'payments'), ('review-summary', 'text generation', 'ml-platform');
insert into ml.model_version (model_id, version, dataset_id, stage, weights_sha256, accuracy, registered_at)
select m.id, v, 1 + (m.id + v) % 4,
  case when v <= 3 then 'retired' when v = 4 then 'production' when v = 5 then 'staging' else 'candidate' end,
  encode(sha256(convert_to(m.name || '/' || v, 'UTF8')), 'hex'), round((0.78 + 0.02 * v + 0.03 * random())::numeric, 4),
  timestamptz '2025-01-15 10:00+00' + make_interval(days => 45 * v + 3 * m.id)
from ml.model m cross join generate_series(1, 6) v
order by m.id, v;
insert into ml.output_rule (model_id, name, action, pattern, enabled, note)
select m.id, r.name, r.action, r.pattern, m.id <> 3 or r.action = 'block', r.note
from ml.model m cross join (values
  ('card numbers', 'redact', '\m(\d[ -]?){13,19}\M', 'no card number leaves, whatever was asked'),
  ('e-mail addresses', 'redact', '[^\s@]+@[^\s@]+\.[a-z]{2,}', 'replies name nobody'),
  ('promises of money', 'warn', '\m(refund|voucher)\M.*\m(guarantee|promise)', 'a human decides about money'),
  ('internal names', 'block', '\m(orders|models)-prod\M', 'systems are not named to customers')) r (name, action, pattern, note)
order by m.id, r.name;

reset role;
do $$ begin
  execute format('grant connect on database %I to models_read, models_write, models_maintain', current_database());
end $$;
grant usage on schema ml to models_read, models_write, models_maintain;
grant select on all tables in schema ml to models_read, models_write, models_maintain;
grant insert, update on ml.example, ml.label, ml.model, ml.model_version to models_write;
-- Output rules change what customers are told: with maintenance, not with everyday writing.
grant insert, update on ml.dataset, ml.output_rule to models_maintain;
do $$ begin
  -- VACUUM, ANALYZE, REINDEX and CLUSTER without owning the tables; a privilege since PostgreSQL 17.
  if current_setting('server_version_num')::int >= 170000 then
    execute 'grant maintain on all tables in schema ml to models_maintain';
  end if;
end $$;
commit;
