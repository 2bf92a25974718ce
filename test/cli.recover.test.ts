/** A store that came back from a backup grants nothing until an operator has recovered it, and revokes all the same. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { readKeyring } from '../audit/keyring.ts';
import { directoryWitness } from '../audit/witness/directory.ts';
import { createLog } from '../config/log.ts';
import type { RequestId } from '../domain/ids.ts';
import { minuteMs } from '../domain/time.ts';
import * as alarms from '../store/alarms.ts';
import { newestIndex } from '../store/audit.ts';
import { newestCheckpoint, reachOf, sequence, waiting } from '../store/log.ts';
import { newestEpoch } from '../store/log-epochs.ts';
import { migrate } from '../store/migrate.ts';
import { behindCode, latestRecovery, openCount, storeIndex } from '../store/recovery.ts';
import { startReaper, type Reaper } from '../workers/reaper.ts';
import { createCheckpoints } from '../workers/worker/checkpoints.ts';
import { createWitnessing } from '../workers/worker/witnessing.ts';
import { eventually } from './support/eventually.ts';
import { startGranting, type Claimed, type Granting } from './support/granting.ts';
import { backUp, backup, restore, type StoreServer } from './support/restored-store.ts';
import { reaperPassword } from './support/target.ts';
import { curfew, type Ran } from './support/terminal.ts';

let world: Granting;
let reaper: Reaper | undefined;
beforeAll(async () => {
  world = await startGranting();
});
afterEach(async () => {
  await reaper?.stop();
  reaper = undefined;
});
afterAll(() => world?.end());

const node = () => ({ name: 'primary', host: world.postgres.host, port: world.postgres.port });
const cluster = () => ({ name: 'main', targets: ['orders-prod', 'models-prod'], database: 'control', nodes: [node()] });

function startReaping(): Reaper {
  reaper = startReaper(
    {
      storeUrl: world.company.store.url('curfew_reaper'),
      clusters: [
        { ...cluster(), zone: 'default', user: 'curfew_reaper', password: reaperPassword, nodes: [node()] } as never,
      ],
      everyMs: 100,
      host: '127.0.0.1',
      healthPort: 0,
      logLevel: 'fatal',
      drainMs: 5_000,
    },
    createLog('reaper', 'fatal'),
  );
  return reaper;
}

/** With what says where the log's keys and witnesses are; none where absent. */
let auditEnv: Record<string, string> = {};

const recover = (...words: readonly string[]): Promise<Ran> =>
  curfew(['recover', ...words], {
    env: {
      ...auditEnv,
      CURFEW_ADMIN_STORE_URL: world.company.store.url('curfew_admin'),
      CURFEW_DIRECTORY_STORE_URL: world.company.store.url('curfew_directory'),
      CURFEW_TARGETS: JSON.stringify([
        { ...cluster(), user: world.postgres.admin.user, password: world.postgres.admin.password },
      ]),
    },
    files: {
      'people.yaml': 'people:\n  - { handle: ada, name: Ada, email: ada@example.com, groups: [engineers] }\n',
      'broken.yaml': 'people:\n  - { handle: ada, state: gone }\n',
    },
  });

const clustersAsAdmin = (): string =>
  JSON.stringify([{ ...cluster(), user: world.postgres.admin.user, password: world.postgres.admin.password }]);

const grant = (it: Claimed): Promise<{ endAt: number }> => world.run(world.activities().grant, it);
const failing = async (work: Promise<unknown>): Promise<string> => {
  const thrown: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  return thrown instanceof Error ? thrown.message : 'it was done';
};
const mark = async (): Promise<number> =>
  (await world.postgres.query<{ mark: number }>('control', 'select store_index::int as mark from curfew.mark'))[0]
    ?.mark ?? Number.NaN;
const store = () => world.company.store;
const server = (): StoreServer => ({
  run: (text) => store().postgres.query('postgres', text),
  migrate: () => migrate({ adminUrl: store().adminUrl }),
});
const marked = (): Promise<unknown> =>
  eventually('the target has seen all of the store', async () => (await mark()) >= (await newestIndex(store().admin)));
const isBehind = (): Promise<unknown> =>
  eventually('the store is known to be behind', async () =>
    (await alarms.open(store().admin)).some(({ code }) => code === behindCode),
  );
const mayLogin = (id: RequestId): Promise<boolean | undefined> => world.canLogin(id);

test('a store that was restored grants nothing, even once it has grown past what the target saw, until it is recovered; then it grants again', async () => {
  startReaping();
  const before = await world.claimed();
  await grant(before);
  await backUp(server());
  const forgotten = await world.claimed();
  await grant(forgotten);
  await marked();

  // The target alone refuses, before any reaper has looked.
  await reaper?.stop();
  const seen = await mark();
  await restore(server());
  expect(await newestIndex(store().admin)).toBeLessThan(seen);
  const early = await world.claimed();
  expect(await failing(grant(early))).toContain('curfew recover');
  expect(await mayLogin(early.requestId)).toBeUndefined();

  startReaping();
  await isBehind();
  const courtesy = await world.company.use.open({
    kind: 'access',
    person: world.company.id('ada'),
    target: 'orders-prod',
    role: 'read',
    durationMs: 3_600_000,
    reason: 'to look at an order',
    key: 'while behind',
  } as never);
  expect(courtesy).toMatchObject({ kind: 'refusal', code: 'TargetNotReady' });

  // A store that is written to grows past the mark; that makes it no better.
  const more = seen - (await newestIndex(store().admin)) + 5;
  await store().admin.query(
    `insert into audit.entry (at, login, kind, actor, subject, body)
     select now(), 'curfew_api', 'request.refused', 'x', 'x', '{}'::bytea from generate_series(1, $1)`,
    [more],
  );
  expect(await storeIndex(store().admin)).toMatchObject({ behind: true });
  expect(await failing(grant(early))).toContain('curfew recover');
  expect(await mark()).toBe(seen);

  // What is live is known to one side, or to both.
  expect([await mayLogin(before.requestId), await mayLogin(forgotten.requestId)]).toEqual([true, true]);
  const looked = await recover('--dry-run', '--json');
  expect(looked.code).toBe(1);
  expect(JSON.parse(looked.out)).toMatchObject({
    needed: true,
    clusters: [{ cluster: 'main', mark: seen, live: 2, unknown: 1 }],
  });
  expect((await recover()).code).toBe(2);

  const ran = await recover('--people', 'people.yaml');
  expect({ code: ran.code, err: ran.err }).toMatchObject({ code: 0 });
  expect([await mayLogin(before.requestId), await mayLogin(forgotten.requestId)]).toEqual([false, false]);
  expect(await storeIndex(store().admin)).toMatchObject({ behind: false });
  const kinds = await store().admin.query<{ kind: string; n: number }>(
    `select kind, count(*)::int as n from audit.entry where kind in ('store.recovered', 'end.asked') group by kind order by kind`,
  );
  expect(kinds).toEqual([
    { kind: 'end.asked', n: 2 },
    { kind: 'store.recovered', n: 1 },
  ]);
  expect(await failing(grant(early))).not.toContain('curfew recover');

  const after = await world.claimed();
  await grant(after);
  expect(await mayLogin(after.requestId)).toBe(true);
  await marked();
  expect((await recover('--dry-run')).code).toBe(0);
}, 600_000);

test('a recovery that was interrupted grants nothing, and is gone on with', async () => {
  startReaping();
  await marked();
  await backUp(server());
  const live = await world.claimed();
  await grant(live);
  await marked();
  await restore(server());
  await isBehind();
  await reaper?.stop();
  // Nobody verifies the ends that it asked: it stops half-way.
  const first = recover('--no-people', '--because', 'a test');
  await eventually('it has begun', async () => (await latestRecovery(store().admin))?.completedAt === null);
  await eventually('what is live is ended', async () => (await mayLogin(live.requestId)) === false);
  expect(await storeIndex(store().admin)).toMatchObject({ behind: true });
  // The first one is still waiting for a reaper when a second operator comes.
  startReaping();
  const [one, other] = await Promise.all([first, recover('--no-people', '--because', 'a test')]);
  expect([one.code, other.code]).toContain(0);
  expect(await storeIndex(store().admin)).toMatchObject({ behind: false });
  const after = await world.claimed();
  await grant(after);
  expect(await mayLogin(after.requestId)).toBe(true);
}, 600_000);

test('a store that came back and grew past the mark between two looks is known by its entries', async () => {
  startReaping();
  await marked();
  await backUp(server());
  const live = await world.claimed();
  await grant(live);
  await marked();
  const seen = await mark();
  // It is written to before anybody looks: by its number alone it is as far as ever.
  await store().postgres.query(
    backup,
    `insert into audit.entry (at, login, kind, actor, subject, body)
     select now(), 'curfew_api', 'request.refused', 'x', 'x', '{}'::bytea from generate_series(1, $1)`,
    [seen],
  );
  await restore(server());
  expect(await newestIndex(store().admin)).toBeGreaterThan(seen);
  await isBehind();
  expect(await mark()).toBe(seen);
  expect((await recover('--no-people', '--because', 'a test')).code).toBe(0);
}, 600_000);

test('a log that is shorter than its witness has it is recovered into a new epoch, which says what was lost, signed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'curfew-recover-'));
  try {
    const key = join(folder, 'key');
    const [witness, other] = [join(folder, 'witness'), join(folder, 'other')];
    await Promise.all([mkdir(witness), mkdir(other)]);
    auditEnv = { CURFEW_AUDIT_KEY_FILE: key, CURFEW_AUDIT_NAME: 'recovered', CURFEW_WITNESSES: `${witness},${other}` };
    expect((await curfew(['audit', 'key', 'new', '-o', key], { env: auditEnv })).code).toBe(0);
    const worker = store().as.curfew_worker;
    const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
    const look = (laterMs = 0): Promise<void> =>
      createCheckpoints({
        store: worker,
        log: quiet,
        clock: () => Date.now() + laterMs,
        name: 'recovered',
        keyring: () => readKeyring({ kind: 'file', path: key }),
        witnessing: createWitnessing({ store: worker, clock: Date.now, witnesses: [directoryWitness(witness)] }),
      })();
    const drained = (): Promise<unknown> =>
      eventually('every entry has its place', async () => {
        await sequence(worker, 1_000);
        return (await waiting(worker)).entries === 0;
      });
    const { epoch } = await reachOf(store().admin);
    startReaping();
    await marked();
    await drained();
    await look();
    const kept = await newestCheckpoint(store().admin);
    await backUp(server());
    const live = await world.claimed();
    await grant(live);
    await drained();
    // A minute later: what is due is a matter of the store's clock.
    await look(minuteMs);
    const lost = await newestCheckpoint(store().admin);
    await reaper?.stop();
    reaper = undefined;
    await restore(server());

    // Nothing but the witness knows it: a target's mark is an operator's to move.
    await world.postgres.query('control', 'update curfew.mark set store_index = 0');
    await look();
    expect(await storeIndex(store().admin)).toMatchObject({ behind: true });
    await rm(other, { recursive: true });
    const blind = await recover('--no-people', '--because', 'a test');
    expect(blind).toMatchObject({ code: 2, err: expect.stringContaining(other) });
    await mkdir(other);
    const keyless = await curfew(['recover', '--no-people', '--because', 'a test'], {
      env: { CURFEW_ADMIN_STORE_URL: store().url('curfew_admin'), CURFEW_TARGETS: clustersAsAdmin() },
    });
    expect(keyless).toMatchObject({ code: 2, err: expect.stringContaining('CURFEW_AUDIT_KEY_FILE') });

    startReaping();
    const looked = await recover('--dry-run', '--json');
    expect(JSON.parse(looked.out)).toMatchObject({
      needed: true,
      log: { epoch, lost: expect.stringContaining(`${lost?.size} were witnessed`) },
    });
    const ran = await recover('--no-people', '--because', 'a test');
    expect({ code: ran.code, err: ran.err }).toMatchObject({ code: 0 });
    await drained();
    await look(2 * minuteMs);
    expect(await storeIndex(store().admin)).toMatchObject({ behind: false });
    expect(await newestCheckpoint(store().admin)).toMatchObject({ epoch: epoch + 1 });
    // It has grown meanwhile, and goes on from what was signed and is left.
    expect((await newestEpoch(store().admin)).beganAtSize).toBe(kept?.size);
    const epochs = (await readdir(witness)).map((name) => Number(name.slice(0, 6)));
    expect(epochs).toEqual([epoch, epoch, epoch + 1]);
    const [entry] = await store().admin.query<{ body: Buffer }>(
      `select body from audit.entry where kind = 'store.recovered' order by id desc limit 1`,
    );
    expect(JSON.parse(String(entry?.body))).toMatchObject({ epoch: epoch + 1, lostSize: lost?.size });
    const status = await curfew(['audit', 'status', '--json'], {
      env: { ...auditEnv, CURFEW_ADMIN_STORE_URL: store().url('curfew_admin') },
    });
    expect(status.code, status.err).toBe(0);
    expect(JSON.parse(status.out)).toMatchObject({
      epoch: epoch + 1,
      lost: null,
      witnesses: [{ name: witness }, { name: other }],
    });
    // Who has a note from before, of what is left or of what was lost, finds both in what is signed since.
    const shown = await curfew(['audit', 'key', 'show', '--json'], { env: auditEnv });
    await writeFile(join(folder, 'pub'), `${(JSON.parse(shown.out) as { key: string }[])[0]?.key ?? ''}\n`);
    for (const note of (await readdir(witness)).toSorted()) {
      const file = join(folder, `${note}.zip`);
      const wrote = await curfew(
        ['audit', 'evidence', '--from', '2020-01-01', '-o', file, '--checkpoint', join(witness, note)],
        { env: { CURFEW_AUDITOR_STORE_URL: store().url('curfew_auditor') } },
      );
      expect(wrote.code, wrote.err).toBe(0);
      const said = await curfew(
        ['verify', file, '--key', join(folder, 'pub'), '--checkpoint', join(witness, note), '--json'],
        {},
      );
      const [first] = (JSON.parse(said.out) as { checks: { holds: boolean; first: unknown[] }[] }).checks;
      expect(first, note).toMatchObject({ holds: true, first: [] });
    }
  } finally {
    auditEnv = {};
    await rm(folder, { recursive: true });
  }
}, 600_000);

test('a people file that cannot be taken is told before anything has ended', async () => {
  startReaping();
  await marked();
  const live = await world.claimed();
  await grant(live);
  const before = await latestRecovery(store().admin);
  for (const file of ['broken.yaml', 'nowhere.yaml']) {
    const ran = await recover('--force', '--people', file);
    expect(ran.err).not.toContain(' ended');
    expect(ran.code).not.toBe(0);
  }
  expect(await latestRecovery(store().admin)).toEqual(before);
  expect(await mayLogin(live.requestId)).toBe(true);
});

test('doctor names a store that is behind', async () => {
  startReaping();
  await marked();
  await store().admin.query(
    `insert into curfew.alarm (key, code, subject, detail) values ('store-behind/main', 'store-behind', 'main', 'it came back')`,
  );
  const ran = await curfew(['doctor', '--json'], {
    env: {
      CURFEW_ADMIN_STORE_URL: store().url('curfew_admin'),
      CURFEW_TARGETS: JSON.stringify([
        { ...cluster(), user: world.postgres.admin.user, password: world.postgres.admin.password },
      ]),
    },
  });
  expect(ran.code).toBe(1);
  expect(JSON.parse(ran.out)).toEqual(
    expect.arrayContaining([expect.objectContaining({ invariant: 'I18', code: 'store-behind', subject: 'main' })]),
  );
});

test('a backup whose log was changed is signed by no recovery, but where somebody says so and it is written down (F48)', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'curfew-recover-'));
  try {
    const key = join(folder, 'key');
    auditEnv = { CURFEW_AUDIT_KEY_FILE: key, CURFEW_AUDIT_NAME: 'changed' };
    expect((await curfew(['audit', 'key', 'new', '-o', key], { env: auditEnv })).code).toBe(0);
    startReaping();
    await marked();
    const worker = store().as.curfew_worker;
    await eventually('every entry has its place', async () => {
      await sequence(worker, 1_000);
      return (await waiting(worker)).entries === 0;
    });
    const [entry] = await store().admin.query<{ id: number }>(`select entry as id from audit.leaf where index = 2`);
    // As whoever has the database: the entry and its leaf.
    await store().admin.transaction(async (tx) => {
      for (const table of ['entry_p0', 'leaf']) await tx.query(`alter table audit.${table} disable trigger all`);
      await tx.query(`update audit.entry set body = '{"other":1}' where id = $1`, [entry?.id]);
    });
    const open = await openCount(store().admin);
    const refused = await recover('--force', '--no-people', '--because', 'a test');
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining(`Entry ${entry?.id}, at place 2,`) });
    expect(refused.err).toContain('--despite-faults');
    expect(await openCount(store().admin)).toBe(open);
    const ran = await recover('--force', '--despite-faults', '--no-people', '--because', 'a test');
    expect({ code: ran.code, err: ran.err }).toMatchObject({ code: 0 });
    const [written] = await store().admin.query<{ body: Buffer }>(
      `select body from audit.entry where kind = 'store.recovered' order by id desc limit 1`,
    );
    expect(JSON.parse(String(written?.body))).toMatchObject({
      faults: [`Entry ${entry?.id}, at place 2, is not what it was when it got its place.`],
    });
  } finally {
    auditEnv = {};
    await rm(folder, { recursive: true });
  }
}, 600_000);
