/** Entries by partition: what was there before there were any, a new month, and what is dropped on purpose (I11). */
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newKey, readSigner, signNote } from '../audit/signed-note.ts';
import { checkpointText } from '../audit/checkpoint.ts';
import { proveInclusion, checkInclusion, rootOf } from '../audit/merkle.ts';
import { append, entriesOf } from '../store/audit.ts';
import * as log from '../store/log.ts';
import { ownFolder } from '../store/migrations.ts';
import { migrate } from '../store/migrate.ts';
import { openStore, type Db, type Store } from '../store/pool.ts';
import { oddEntry } from './support/entries.ts';
import { until } from './support/postgres.ts';
import { startStore, type TestStore } from './support/store.ts';
import { curfew } from './support/terminal.ts';

let store: TestStore;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.end());

const opened = (db: Db, subject: string): Promise<number> =>
  append(db, oddEntry({ kind: 'request.opened', actor: 'x', subject, body: {} }));

async function drain(worker: Db): Promise<void> {
  await until(async () => {
    await log.sequence(worker, 1_000);
    return (await log.waiting(worker)).entries === 0;
  }, 'every entry has its place');
}

const partitions = async (db: Db): Promise<readonly string[]> =>
  (
    await db.query<{ name: string }>(
      `select inhrelid::regclass::text as name from pg_inherits where inhparent = 'audit.entry'::regclass order by 1`,
    )
  ).map(({ name }) => name);

/** A database on this cluster as it was before entries had partitions, with these ids in it. */
async function older(
  database: string,
  ids: readonly number[],
): Promise<{ readonly admin: Store; readonly url: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'curfew-older-'));
  try {
    for (const name of await readdir(ownFolder)) if (name < '0013') await cp(join(ownFolder, name), join(folder, name));
    await store.postgres.query('postgres', `create database ${database}`);
    const url = new URL(store.adminUrl);
    url.pathname = `/${database}`;
    await migrate({ adminUrl: url.href, folder });
    const admin = openStore({ url: url.href, applicationName: 'curfew-test', max: 2, statementTimeoutMs: 10_000 });
    for (const id of ids)
      await admin.query(
        `insert into audit.entry (id, at, login, kind, actor, subject, body) overriding system value
         values ($1, now(), 'curfew_api', 'request.opened', 'x', 'older', '{}')`,
        [id],
      );
    // As of this code: older code's had fewer.
    await admin.query('delete from audit.kind');
    await migrate({ adminUrl: url.href });
    return { admin, url: url.href };
  } finally {
    await rm(folder, { recursive: true });
  }
}

test.each([
  ['few', [1, 2, 7], ['p0', 'p1', 'p2', 'p3'], 8],
  ['none', [], ['p0', 'p1', 'p2', 'p3'], 1],
  ['more than one partition holds', [5, 25_000_000], ['p0', 'p3', 'p4', 'p5'], 25_000_001],
])('entries from before there were partitions are kept, and get their places: %s', async (_, ids, names, next) => {
  const { admin, url } = await older(`older_${String(next)}`, ids);
  try {
    expect((await entriesOf(admin, 'older')).map(({ id }) => id)).toEqual(ids);
    expect((await partitions(admin)).map((name) => name.replace('audit.entry_', ''))).toEqual(names);
    const [{ id } = { id: 0 }] = await admin.query<{ id: number }>(
      `insert into audit.entry (at, login, kind, actor, subject, body)
       values (now(), 'curfew_api', 'request.opened', 'x', 'younger', '{}') returning id`,
    );
    expect(id).toBe(next);
    const worker = openStore({
      url: url.replace(/\/\/[^@]*@/, `//curfew_worker:${store.passwords.curfew_worker}@`),
      applicationName: 'curfew-test',
      max: 1,
    });
    try {
      await drain(worker);
    } finally {
      await worker.close();
    }
    expect(await log.sizeOf(admin)).toBe(ids.length + 1);
  } finally {
    await admin.close();
  }
});

test('no partition lets anybody change, delete or truncate what is in it, whoever skips ordinary triggers', async () => {
  await opened(store.as.curfew_api, 'kept');
  for (const table of [
    ...(await partitions(store.admin)),
    'audit.leaf',
    'audit.node',
    'audit.epoch',
    'audit.checkpoint',
  ]) {
    for (const text of [
      `truncate ${table} cascade`,
      `delete from ${table}`,
      `update ${table} set ${table === 'audit.node' || table === 'audit.leaf' ? 'index = index' : table === 'audit.epoch' ? 'number = number' : table === 'audit.checkpoint' ? 'size = size' : 'id = id'}`,
    ]) {
      const done = store.admin.transaction(async (tx) => {
        await tx.query(`set local session_replication_role = 'replica'`);
        const rows = await tx.query(`select from ${table} limit 1`);
        if (rows.length === 0 && !text.startsWith('truncate')) return 'nothing to change';
        await tx.query(text);
        return 'changed';
      });
      await expect(
        done.catch((error: { sqlstate?: string }) => error.sqlstate),
        text,
      ).resolves.not.toBe('changed');
    }
  }
});

/** Time goes on: all that is there is of an earlier month, and of another year. */
const age = (by: string): Promise<unknown> =>
  store.admin.transaction(async (tx) => {
    await tx.query('alter table audit.entry disable trigger entry_kept');
    await tx.query(`update audit.entry set at = at - interval '${by}'`);
    await tx.query('alter table audit.entry enable always trigger entry_kept');
    await tx.query(`update audit.sequencer set month = month - interval '${by}'`);
  });

const minuteOf = (at: number): string => `${new Date(at).toISOString().slice(0, 16)}Z`;

async function sign(): Promise<void> {
  const signer = readSigner(newKey('a.log').signer);
  if ('code' in signer) throw new Error(signer.message);
  const size = await log.sizeOf(store.admin);
  const root = await rootOf(size, (nodes) => log.readNodes(store.admin, nodes));
  const note = signNote(checkpointText({ origin: 'a.log/1', size, root, at: Date.now() }), [signer]);
  await log.keepCheckpoint(store.as.curfew_worker, { size, epoch: 1, note, at: Date.now() });
}

test('a month that is long over is dropped as a whole: its lines are gone, and every proof still holds', async () => {
  const env = { CURFEW_MIGRATE_URL: store.adminUrl, CURFEW_ADMIN_STORE_URL: store.url('curfew_admin') };
  for (let n = 0; n < 40; n += 1) await opened(store.as.curfew_api, `old ${n}`);
  await age('2 years');
  await drain(store.as.curfew_worker);
  const old = await log.sizeOf(store.admin);
  const before = minuteOf(Date.now() - 365 * 86_400_000);

  const early = await curfew(['audit', 'retire', '--before', before, '--yes'], { env });
  expect(early).toMatchObject({ code: 0, out: expect.stringContaining('kept: it is still written to') });
  expect(await log.sizeOf(store.admin), 'nothing was dropped').toBe(old);
  const id = await opened(store.as.curfew_api, 'of this month');
  expect(id).toBe(10_000_000);
  await until(async () => {
    await log.sequence(store.as.curfew_worker, 1_000);
    const [row] = await store.admin.query<{ horizon: number }>('select horizon from audit.sequencer');
    return (row?.horizon ?? 0) >= id;
  }, 'nothing older can come any more');
  const unsigned = await curfew(['audit', 'retire', '--before', before, '--yes'], { env });
  expect(unsigned.out).toContain('kept: no checkpoint is signed over all of it');
  await sign();

  expect((await curfew(['audit', 'retire', '--before', '2020-01-01', '--dry-run'], { env })).out).toBe(
    'Nothing is that old.\n',
  );
  const young = await curfew(['audit', 'retire', '--before', minuteOf(Date.now())], { env });
  expect(young).toMatchObject({ code: 2, err: expect.stringContaining('92 days') });
  expect(await curfew(['audit', 'retire', '--before', before], { env })).toMatchObject({ code: 2 });
  const dry = await curfew(['audit', 'retire', '--before', before, '--dry-run', '--json'], { env });
  expect(JSON.parse(dry.out)).toMatchObject({ dryRun: true, retired: [{ name: 'entry_p0', from: 0, to: old }] });
  expect(await entriesOf(store.admin, 'old 7')).toHaveLength(1);

  const size = await log.sizeOf(store.admin);
  const root = await rootOf(size, (nodes) => log.readNodes(store.admin, nodes));
  const done = await curfew(['audit', 'retire', '--before', before], { env, answer: 'yes' });
  expect({ code: done.code, err: done.err }).toMatchObject({ code: 0, err: expect.stringContaining(`${old} entries`) });
  expect(await entriesOf(store.admin, 'old 7')).toEqual([]);
  expect(await partitions(store.admin)).not.toContain('audit.entry_p0');
  const [entry] = await entriesOf(store.admin, 'log');
  expect(entry).toMatchObject({ kind: 'log.retired', body: { from: 0, to: old, entries: old } });

  const read = (nodes: readonly { level: number; index: number }[]) => log.readNodes(store.admin, nodes);
  expect((await rootOf(size, read)).equals(root)).toBe(true);
  const [gone] = await log.linesBetween(store.admin, 7, 8, 1);
  const [kept] = await log.linesBetween(store.admin, old, old + 1, 1);
  if (!gone || !kept) throw new Error('leaves are gone');
  expect(gone.line).toBeNull();
  const proof = await proveInclusion(old, size, read);
  expect(checkInclusion({ index: old, size, leaf: kept.hash, root }, proof)).toBe(true);
  expect(await curfew(['audit', 'retire', '--before', before, '--yes'], { env })).toMatchObject({
    out: expect.stringContaining('Nothing is that old'),
  });
});

test('neither an operator nor any process can drop a partition', async () => {
  for (const login of ['curfew_admin', 'curfew_worker', 'curfew_auditor'] as const) {
    await expect(store.as[login].query('drop table audit.entry_p1')).rejects.toMatchObject({ sqlstate: '42501' });
    await expect(
      store.as[login].query('alter table audit.entry detach partition audit.entry_p1'),
    ).rejects.toMatchObject({ sqlstate: '42501' });
  }
  const env = { CURFEW_MIGRATE_URL: store.url('curfew_admin'), CURFEW_ADMIN_STORE_URL: store.url('curfew_admin') };
  const ran = await curfew(['audit', 'retire', '--before', '2020-01-01T00:00Z', '--yes'], { env });
  expect(ran.code).not.toBe(0);
});
