/** The sealed envelope of docs/operations.md: every statement of it is run here, in the order in which it is told. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeVerifier } from '../targets/postgres/verifier.ts';
import { checkTarget } from '../targets/postgres/check.ts';
import { startPostgres, until, type Postgres } from './support/postgres.ts';
import { databases, installSample, makeSample, templates } from './support/target.ts';

const text = readFileSync(join(import.meta.dirname, '../docs/operations.md'), 'utf8');
const blocks = new Map(
  [...text.matchAll(/^```sql\n-- sealed: ([a-z ]+)\n([\s\S]*?)^```$/gm)].map(([, name, sql]) => [
    name ?? '',
    sql ?? '',
  ]),
);
const role = 'sealed_orders_write';
/** The password has no time left, and the role no login; which of the two is said first is the server's. */
const shut = /not permitted to log in|authentication failed/;
const password = 'half-of-the-one-half-of-the-other';

let postgres: Postgres;
beforeAll(async () => {
  postgres = await startPostgres();
  await makeSample(postgres);
  await (await installSample(postgres)).close();
});
afterAll(() => postgres?.stop());

/** A block as somebody pastes it: each statement by itself, as psql sends it. */
async function run(name: string): Promise<readonly Record<string, unknown>[]> {
  const block = blocks.get(name);
  if (block === undefined) throw new Error(`docs/operations.md has no block "${name}"`);
  let rows: readonly Record<string, unknown>[] = [];
  const statements = block.split(/;\n(?!end \$\$)/).filter((one) => one.trim() !== '');
  for (const statement of statements) rows = await postgres.query('orders', statement.replace(/;\s*$/, ''));
  return rows;
}
const open = async (): Promise<Client> => {
  const client = new Client({ host: postgres.host, port: postgres.port, user: role, password, database: 'orders' });
  client.on('error', () => undefined);
  await client.connect();
  return client;
};

test('nothing of it lets anybody in before it is opened', async () => {
  expect([...blocks.keys()]).toEqual([
    'prepare',
    'check',
    'open',
    'wait',
    'close',
    'end sessions',
    'verify',
    'left behind',
  ]);
  await run('prepare');
  // What psql's \password sends.
  await postgres.query('orders', `alter role ${role} password '${makeVerifier(password)}'`);
  expect(await run('check')).toEqual([{ sealed: true }]);
  await expect(open()).rejects.toThrow(shut);
  const options = { controlDatabase: 'control', databases: [...databases], templates: [...templates] };
  expect((await checkTarget(postgres.admin, options)).ok, 'Curfew takes no offence at it').toBe(true);
});

test('opened it does what its template may, and nothing else; its statements are logged, whatever it says', async () => {
  expect(await run('open')).toMatchObject([{ rolname: role, rolcanlogin: true }]);
  expect(await run('check')).toEqual([{ sealed: false }]);
  const client = await open();
  await client.query('update sales.orders set id = id where false');
  await expect(client.query('create role another')).rejects.toThrow(/permission denied/);
  await expect(client.query('set role orders_write')).rejects.toThrow(/permission denied/);
  await expect(client.query(`set log_statement = 'none'`)).rejects.toThrow(/permission denied/);
  expect((await client.query<{ log_statement: string }>('show log_statement')).rows).toEqual([
    { log_statement: 'all' },
  ]);
  expect(await run('verify')).toEqual([{ over: false }]);
  await client.end();
});

test('the waiting terminal comes back at the end, and closing leaves no way in and nobody inside', async () => {
  const inside = await open();
  let closed = false;
  inside.once('end', () => (closed = true));
  await postgres.query(
    'orders',
    `do $$ begin execute format('alter role ${role} valid until %L', clock_timestamp() + interval '1 second'); end $$`,
  );
  await run('wait');
  await run('close');
  await run('end sessions');
  await until(() => closed, 'the session is closed');
  expect(await run('verify')).toEqual([{ over: true }]);
  expect(await run('check')).toEqual([{ sealed: true }]);
  await expect(open()).rejects.toThrow(shut);
  expect(await run('left behind')).toEqual([]);
  await postgres.query('orders', `create table public.kept (); alter table public.kept owner to ${role}`);
  expect(await run('left behind')).toEqual([{ object: 'table kept' }]);
  await postgres.query('orders', 'drop table public.kept');
});
