import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate } from '../store/migrate.ts';
import { eventually } from './support/eventually.ts';
import { backUp, restore } from './support/restored-store.ts';
import { startStore, type TestStore } from './support/store.ts';

/** What the tests do to a store is done to it whoever is connecting at that moment. */

let store: TestStore;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store?.end());

const server = () => ({
  run: (text: string) => store.postgres.query('postgres', text),
  migrate: () => migrate({ adminUrl: store.adminUrl }),
});

test.each([
  ['backed up', () => backUp(server())],
  ['restored', () => restore(server())],
])('a store is %s though somebody was in the middle of a login', async (_, work) => {
  const client = new Client({ connectionString: store.adminUrl, options: '-c post_auth_delay=2' });
  client.on('error', () => undefined);
  const coming = client.connect().catch(() => undefined);
  await eventually('it is past its check', async () => {
    const starting = `select from pg_locks l where classid = 'pg_database'::regclass and mode = 'RowExclusiveLock'
      and not exists (select from pg_stat_activity a where a.pid = l.pid and a.usesysid is not null)`;
    return (await store.postgres.query('postgres', starting)).length > 0;
  });
  await work();
  await coming;
  expect(await store.admin.query('select 1 as one')).toEqual([{ one: 1 }]);
  await client.end().catch(() => undefined);
});
