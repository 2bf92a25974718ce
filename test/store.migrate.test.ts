import { readdirSync } from 'node:fs';
import { cp, mkdtemp, rm, appendFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { auditKinds, logins } from '../domain/events.ts';
import { migrate } from '../store/migrate.ts';
import { ownFolder, requireMigrated } from '../store/migrations.ts';
import { openStore, type Store } from '../store/pool.ts';
import { scramVerifier } from '../store/scram.ts';
import { startStore, type TestStore } from './support/store.ts';

let store: TestStore;
beforeAll(async () => {
  store = await startStore({ config: { log_statement: 'all' } });
});
afterAll(() => store.end());

/** In the order in which they run. */
const files = readdirSync(ownFolder).toSorted();
const last = files.at(-1) ?? '';

let count = 0;
let adminUrl: string;
let admin: Store;
let folder: string;
beforeEach(async () => {
  const database = `fresh_${(count += 1)}`;
  await store.postgres.query('postgres', `create database ${database}`);
  adminUrl = store.adminUrl.replace(/[^/]+$/, database);
  admin = openStore({ url: adminUrl, applicationName: 'curfew-test', statementTimeoutMs: 30_000 });
  folder = join(await mkdtemp(join(tmpdir(), 'curfew-migrations-')), 'migrations');
  await cp(ownFolder, folder, { recursive: true });
});
afterEach(async () => {
  await admin.close();
  await rm(join(folder, '..'), { recursive: true, force: true });
});

test('every file runs once, and a second run changes nothing', async () => {
  expect((await migrate({ adminUrl })).applied).toEqual(files);
  const before = await admin.query('select * from migration.applied order by name');
  expect((await migrate({ adminUrl })).applied).toEqual([]);
  expect(await admin.query('select * from migration.applied order by name')).toEqual(before);
});

test('of five that migrate at once, on two databases, each file runs once a database', async () => {
  await store.postgres.query('postgres', `create database fresh_twin_${count}`);
  const twinUrl = adminUrl.replace(/[^/]+$/, `fresh_twin_${count}`);
  const runs = await Promise.all(
    [adminUrl, adminUrl, adminUrl, twinUrl, twinUrl].map((url) => migrate({ adminUrl: url })),
  );
  expect(runs.flatMap((run) => run.applied)).toHaveLength(2 * files.length);
});

test('a file that was changed after it ran is refused, and nothing else runs', async () => {
  await migrate({ adminUrl, folder });
  await appendFile(join(folder, '0002-privileges.sql'), '-- edited\n');
  await appendFile(join(folder, '9999-later.sql'), 'create table curfew.later ();');
  await expect(migrate({ adminUrl, folder })).rejects.toThrow('0002-privileges.sql was changed after it ran');
  expect(await admin.query(`select to_regclass('curfew.later') as made`)).toEqual([{ made: null }]);
});

test('a store that is newer than the code is refused, by migrate and by every process', async () => {
  await appendFile(join(folder, '9999-later.sql'), 'create table curfew.later ();');
  await migrate({ adminUrl, folder });
  await expect(migrate({ adminUrl })).rejects.toThrow('the store is newer');
  await expect(requireMigrated(admin)).rejects.toThrow('the store is newer');
});

test('a store that is older than the code is refused by every process, with the mend', async () => {
  await expect(requireMigrated(admin)).rejects.toThrow('Run: curfew migrate');
  await rm(join(folder, last));
  await migrate({ adminUrl, folder });
  await expect(requireMigrated(admin)).rejects.toThrow(`has not run ${last}. Run: curfew migrate`);
  for (const login of logins) await requireMigrated(store.as[login]);
});

test('a file that fails half-way leaves nothing behind, and runs whole once it is mended', async () => {
  const broken = join(folder, '9999-broken.sql');
  await appendFile(broken, 'create table curfew.half (); select 1 / 0;');
  await expect(migrate({ adminUrl, folder })).rejects.toThrow();
  expect(await admin.query(`select to_regclass('curfew.half') as made`)).toEqual([{ made: null }]);
  await rm(broken);
  await appendFile(broken, 'create table curfew.half ();');
  expect((await migrate({ adminUrl, folder })).applied).toEqual(['9999-broken.sql']);
});

test('the table of audit kinds is what domain/events.ts says, also after somebody changed it', async () => {
  await migrate({ adminUrl });
  await admin.query(`insert into audit.kind values ('grant.made', 'curfew_reaper')`);
  await admin.query(`delete from audit.kind where kind = 'request.opened'`);
  await migrate({ adminUrl });
  const pairs = Object.entries(auditKinds).flatMap(([kind, writers]) => writers.map((login) => `${kind} ${login}`));
  const rows = await admin.query<{ pair: string }>(`select kind || ' ' || login as pair from audit.kind`);
  expect(rows.map((row) => row.pair).sort()).toEqual(pairs.sort());
});

test('an owner of the database who is no superuser can migrate', async () => {
  await store.postgres.query('postgres', `create role owner_${count} login createrole password 'owner-of-a-database'`);
  // Roles that another login made are not its own to change: it needs the word of whoever made them.
  for (const role of ['curfew_store', ...logins]) {
    await store.postgres.query('postgres', `grant ${role} to owner_${count} with admin true, inherit false, set false`);
  }
  await store.postgres.query('postgres', `create database owned_${count} owner owner_${count}`);
  const url = new URL(adminUrl);
  url.username = `owner_${count}`;
  url.password = 'owner-of-a-database';
  url.pathname = `/owned_${count}`;
  expect((await migrate({ adminUrl: url.href })).applied).toEqual(files);
  expect((await migrate({ adminUrl: url.href })).applied).toHaveLength(0);
});

test('passwords reach the server and its log as verifiers only, and only Curfew may connect', async () => {
  for (const login of logins) expect(store.postgres.log()).not.toContain(store.passwords[login]);
  expect(store.postgres.log()).toContain('alter role curfew_api password');
  await store.postgres.query('postgres', `create role stranger_${count} login password 'somebody-else-entirely'`);
  const stranger = store.postgres.as(
    { user: `stranger_${count}`, password: 'somebody-else-entirely', database: 'curfew' },
    () => Promise.resolve(),
  );
  await expect(stranger).rejects.toMatchObject({ code: '42501' });
});

test('a migration against a store that is not there says so without the password', async () => {
  const failure = await migrate({ adminUrl: 'postgres://postgres:hidden-word@127.0.0.1:1/none' }).catch(
    (error: unknown) => error,
  );
  expect(failure).toMatchObject({ code: 'NotRecorded' });
  expect(String((failure as Error).stack)).not.toContain('hidden-word');
});

test('a verifier has the form that PostgreSQL knows, and is made of passwords that SASLprep leaves alone', () => {
  for (const bad of ['pencil', 'a password with spaces', 'päßword-of-some-length', 'x'.repeat(201)]) {
    expect(() => scramVerifier(bad)).toThrow('16 to 200');
  }
  const verifier = scramVerifier('a-password-of-some-length', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'));
  expect(verifier).toMatch(/^SCRAM-SHA-256\$4096:W22ZaJ0SNY7soEsUEjb6gQ==\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$/);
});
