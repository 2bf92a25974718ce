-- The sample database `orders`: a small shop with some 10,000 invented rows, the same each time it is made (setseed, and
-- no clock). Run once, in the new database, by its superuser; all or nothing.
begin;
set local client_min_messages = warning;
do $$
declare role text;
begin
  -- The templates own nothing and cannot log in: a grant hands out one of them for a while.
  foreach role in array array['orders_owner', 'orders_read', 'orders_write', 'orders_maintain'] loop
    if not exists (select from pg_roles where rolname = role) then execute format('create role %I nologin', role); end if;
  end loop;
  execute format('revoke all on database %I from public', current_database());
end $$;
revoke all on schema public from public;
create schema shop authorization orders_owner;
set local role orders_owner;

create table shop.country (code text primary key, name text not null, vat_percent numeric(4, 1) not null);
create table shop.product (
  id int generated always as identity primary key,
  sku text not null unique, name text not null, category text not null, price_cents int not null check (price_cents > 0));
create table shop.customer (
  id int generated always as identity primary key,
  name text not null, email text not null unique, country text not null references shop.country,
  since date not null, newsletter boolean not null);
create table shop.orders (
  id int generated always as identity primary key,
  customer_id int not null references shop.customer,
  status text not null check (status in ('placed', 'paid', 'shipped', 'delivered', 'returned', 'cancelled')),
  placed_at timestamptz not null);
create table shop.order_item (
  order_id int not null references shop.orders, line int not null,
  product_id int not null references shop.product,
  quantity int not null check (quantity > 0), price_cents int not null,
  primary key (order_id, line));
create table shop.payment (
  id int generated always as identity primary key,
  order_id int not null references shop.orders,
  method text not null check (method in ('card', 'transfer', 'wallet', 'invoice')),
  card_last4 text check (card_last4 ~ '^[0-9]{4}$'),
  amount_cents int not null, state text not null check (state in ('authorised', 'captured', 'refunded', 'failed')),
  made_at timestamptz not null);
create index orders_customer on shop.orders (customer_id, placed_at desc);
create index payment_order on shop.payment (order_id);

select setseed(0.2718);

insert into shop.country values
  ('AT', 'Austria', 20), ('BE', 'Belgium', 21), ('CZ', 'Czechia', 21), ('DE', 'Germany', 19), ('DK', 'Denmark', 25),
  ('ES', 'Spain', 21), ('FI', 'Finland', 25.5), ('FR', 'France', 20), ('GR', 'Greece', 24), ('IE', 'Ireland', 23),
  ('IT', 'Italy', 22), ('NL', 'Netherlands', 21), ('PL', 'Poland', 23), ('PT', 'Portugal', 23), ('SE', 'Sweden', 25);

insert into shop.product (sku, name, category, price_cents)
select format('%s-%s', upper(left(c.category, 3)), lpad((row_number() over (order by c.category, s.style, i.item))::text, 3, '0')),
  s.style || ' ' || i.item, c.category, 500 + 100 * floor(random() * 140)::int - 1
from (values ('kitchen'), ('garden'), ('office')) c (category)
join (values ('kitchen', 'teapot'), ('kitchen', 'bread knife'), ('kitchen', 'mixing bowl'), ('garden', 'trowel'),
  ('garden', 'watering can'), ('garden', 'bird house'), ('office', 'desk lamp'), ('office', 'notebook'),
  ('office', 'pen tray')) i (category, item) using (category)
cross join (values ('Oak'), ('Slate'), ('Copper'), ('Linen'), ('Enamel')) s (style)
order by 1;

insert into shop.customer (name, email, country, since, newsletter)
select g.given || ' ' || f.family, lower(g.given) || '.' || n || '@example.com',
  (array['DE', 'FR', 'NL', 'ES', 'IT', 'PL', 'SE', 'AT', 'BE', 'CZ', 'DK', 'FI', 'GR', 'IE', 'PT'])[1 + floor(15 * random() * random())::int],
  date '2021-03-01' + floor(random() * 1700)::int, random() < 0.4
from generate_series(1, 1200) n
cross join lateral (select (array['Ada', 'Bilal', 'Chiara', 'Dmitri', 'Esra', 'Femke', 'Goran', 'Hana', 'Ioana', 'Jules',
  'Kofi', 'Leila', 'Marek', 'Nadia', 'Olof', 'Paula', 'Quentin', 'Rosa', 'Stefan', 'Thu'])[1 + floor(random() * 20)::int] as given where n > 0) g
cross join lateral (select (array['Almeida', 'Bakker', 'Costa', 'Duval', 'Eriksen', 'Ferrari', 'Gruber', 'Horvat', 'Ilves',
  'Jansen', 'Kowalski', 'Laine', 'Meyer', 'Novak', 'Ortega', 'Papadakis', 'Quist', 'Rossi', 'Schmid', 'Toth'])[1 + floor(random() * 20)::int] as family where n > 0) f
order by n;

-- Orders at the hours at which people buy, and in the states that their age makes likely.
insert into shop.orders (customer_id, status, placed_at)
select 1 + floor(1200 * power(random(), 1.4))::int,
  case when d.days < 2 then (array['placed', 'paid'])[1 + floor(random() * 2)::int]
       when d.days < 6 then (array['paid', 'shipped', 'shipped', 'cancelled'])[1 + floor(random() * 4)::int]
       else (array['delivered', 'delivered', 'delivered', 'delivered', 'delivered', 'delivered', 'returned', 'cancelled'])[1 + floor(random() * 8)::int] end,
  timestamptz '2026-10-01 00:00+00' - make_interval(days => d.days, mins => 1440 - 60 * (8 + floor(14 * random())::int) + floor(random() * 60)::int)
from generate_series(1, 2600) n
cross join lateral (select floor(540 * power(random(), 1.6))::int as days where n > 0) d
order by n;

insert into shop.order_item (order_id, line, product_id, quantity, price_cents)
select o.id, row_number() over (partition by o.id order by p.id), p.id, 1 + floor(2.6 * random() * random())::int, p.price_cents
from (select id, 1 + floor(3 * random())::int as items, floor(random() * 45)::int as first from shop.orders order by id) o
cross join lateral (select p.id, p.price_cents from shop.product p
  where p.id in (select 1 + (o.first + 17 * k) % 45 from generate_series(0, o.items - 1) k)) p
order by o.id, p.id;

insert into shop.payment (order_id, method, card_last4, amount_cents, state, made_at)
select o.id, m.method, case when m.method = 'card' then lpad(floor(random() * 10000)::int::text, 4, '0') end, t.cents,
  case o.status when 'returned' then 'refunded' when 'cancelled' then 'failed' when 'paid' then 'authorised' else 'captured' end,
  o.placed_at + make_interval(secs => 20 + floor(random() * 600)::int)
from shop.orders o
cross join lateral (select (array['card', 'card', 'card', 'wallet', 'wallet', 'transfer', 'invoice'])[1 + floor(random() * 7)::int] as method where o.id > 0) m
cross join lateral (select sum(i.quantity * i.price_cents)::int as cents from shop.order_item i where i.order_id = o.id) t
where o.status <> 'placed'
order by o.id;

reset role;
do $$ begin
  execute format('grant connect on database %I to orders_read, orders_write, orders_maintain', current_database());
end $$;
grant usage on schema shop to orders_read, orders_write, orders_maintain;
grant select on all tables in schema shop to orders_read, orders_write, orders_maintain;
-- No DELETE: an order that should not be there is cancelled, not forgotten.
grant insert, update on shop.customer, shop.orders, shop.order_item, shop.payment to orders_write;
grant insert, update on shop.country, shop.product to orders_maintain;
do $$ begin
  -- VACUUM, ANALYZE, REINDEX and CLUSTER without owning the tables; a privilege since PostgreSQL 17.
  if current_setting('server_version_num')::int >= 170000 then
    execute 'grant maintain on all tables in schema shop to orders_maintain';
  end if;
end $$;
commit;
