/** Signed checkpoints of the log, who keeps copies of them, and what happens where the log no longer fits one (I11, I18). */
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { openCheckpoint, type SignedCheckpoint } from '../audit/checkpoint.ts';
import { originOf, signOpening } from '../audit/epoch.ts';
import type { Keyring } from '../audit/keyring.ts';
import { rootOf } from '../audit/merkle.ts';
import { newKey } from '../audit/signed-note.ts';
import { directoryWitness } from '../audit/witness/directory.ts';
import { httpWitness } from '../audit/witness/http.ts';
import type { Witness } from '../audit/witness/witness.ts';
import { minuteMs, secondMs } from '../domain/time.ts';
import * as alarms from '../store/alarms.ts';
import * as log from '../store/log.ts';
import { beginEpoch } from '../store/log-epochs.ts';
import { storeIndex } from '../store/recovery.ts';
import { createCheckpoints } from '../workers/worker/checkpoints.ts';
import { createWitnessing } from '../workers/worker/witnessing.ts';
import { appendEntries, keyringIn, siteOf } from './support/growing-log.ts';
import { backUp, restore } from './support/restored-store.ts';
import { startStore, type TestStore } from './support/store.ts';
import { startWitnessServer, type WitnessServer } from './support/witness-server.ts';

const name = 'curfew.test';
const token = 'a-token-of-the-test';
const key = newKey(name);
let store: TestStore;
let folder: string;
let server: WitnessServer;
let now: number;

beforeAll(async () => {
  store = await startStore({ config: { max_connections: '60' } });
  await entries(3);
  await backUp(siteOf(store));
});
afterAll(() => store.end());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'curfew-witness-'));
  server = await startWitnessServer(token);
  now = Date.now() - 60 * minuteMs;
  await restore(siteOf(store));
});
afterEach(async () => {
  await server.end();
  await rm(folder, { recursive: true });
});

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

const entries = (count: number): Promise<void> => appendEntries(store, count);
const keyring = (text = key.signer): Keyring => keyringIn(text);

const clock = (): number => now;

/** One worker's memory. */
function worker(
  text = key.signer,
  witnesses: readonly Witness[] = [directoryWitness(folder), httpWitness(server.address, token)],
) {
  const witnessing = createWitnessing({ store: store.as.curfew_worker, clock, witnesses });
  const options = { store: store.as.curfew_worker, log: quiet, clock, name, witnessing };
  return createCheckpoints({ ...options, keyring: () => Promise.resolve(keyring(text)) });
}

const checkpointOf = (note: string | undefined, verifier = key.verifier): SignedCheckpoint => {
  const opened = openCheckpoint(note ?? '', keyring(`${newKey('other').signer}\n${verifier}`).verifiers);
  if ('kind' in opened) throw new Error(opened.says);
  return opened;
};
const stored = async () => (await log.checkpoints(store.admin, 0, 100)).map(({ note }) => note);
const inFolder = async (): Promise<readonly string[]> => (await readdir(folder)).toSorted();
const open = async (): Promise<readonly string[]> =>
  (await alarms.open(store.admin)).map(({ code }) => code).toSorted();
const behind = async (): Promise<boolean> => (await storeIndex(store.as.curfew_worker)).behind;

/** As whoever has the database may: no trigger, no privilege stands in the way of its superuser. */
async function asSuperuser(text: string): Promise<void> {
  await store.admin.transaction(async (tx) => {
    await tx.query('alter table audit.leaf disable trigger all');
    await tx.query('alter table audit.node disable trigger all');
    await tx.query('alter table audit.checkpoint disable trigger all');
    await tx.query(text);
  });
}

test('what is signed is the root over all entries, and the same note is in the store and with each witness', async () => {
  const look = worker();
  await look();
  const [note] = await stored();
  const checkpoint = checkpointOf(note);
  expect(checkpoint).toMatchObject({ origin: `${name}/1`, size: 3, at: now });
  const root = await rootOf(3, (nodes) => log.readNodes(store.admin, nodes));
  expect(checkpoint.root.equals(root)).toBe(true);
  expect(await inFolder()).toEqual(['000001-0000000000000003.note']);
  expect(await readFile(join(folder, '000001-0000000000000003.note'), 'utf8')).toBe(note);
  expect([...server.notes]).toEqual([['000001-0000000000000003.note', note]]);
  expect(await open()).toEqual([]);
});

test('a checkpoint is signed each minute and each 1,000 entries, and none where nothing is new', async () => {
  const look = worker();
  await look();
  await entries(2);
  now += minuteMs - 1;
  await look();
  expect(await stored()).toHaveLength(1);
  now += 1;
  await look();
  expect((await stored()).map((note) => checkpointOf(note).size)).toEqual([3, 5]);
  now += 10 * minuteMs;
  await look();
  expect(await stored()).toHaveLength(2);
  await entries(1_000);
  now += 1;
  await look();
  expect((await stored()).map((note) => checkpointOf(note).size)).toEqual([3, 5, 1_005]);
  expect(await inFolder()).toHaveLength(3);
});

test('of two workers that sign at once one is kept, and witnesses have what is kept', async () => {
  await Promise.all([worker()(), worker()()]);
  const notes = await stored();
  expect(notes).toHaveLength(1);
  expect([...server.notes.values()]).toEqual(notes);
  expect(await open()).toEqual([]);
});

test('a witness that gets more from another worker while it is asked is not taken for one of a longer log', async () => {
  await worker()();
  await entries(1);
  const other = worker();
  const meanwhile: Witness = {
    ...directoryWitness(folder),
    async newest() {
      await entries(2);
      now += minuteMs;
      await other();
      return await directoryWitness(folder).newest();
    },
  };
  await worker(key.signer, [meanwhile])();
  expect(checkpointOf((await stored()).at(-1)).size).toBe(6);
  expect(await open()).toEqual([]);
});

test('a store that came back from a backup is shorter than its witnesses: nothing is signed or granted (I18)', async () => {
  await entries(5);
  await worker()();
  await restore(siteOf(store));
  await worker()();
  expect(await open()).toEqual(['store-behind']);
  expect(await behind()).toBe(true);
  expect(await stored()).toEqual([]);
  const [alarm] = await alarms.open(store.admin);
  expect(alarm?.detail).toContain('it has 3 entries, and 8 were witnessed');
});

test('a store that came back and has grown past its witnesses is forked, and is found all the same', async () => {
  await entries(2);
  await worker()();
  await restore(siteOf(store));
  await entries(9);
  now += minuteMs;
  await worker()();
  const [alarm] = await alarms.open(store.admin);
  expect(alarm).toMatchObject({ code: 'store-behind' });
  expect(alarm?.detail).toContain('its first 5 entries are others than were witnessed');
  expect(await stored()).toEqual([]);
});

test('where no witness answers, the worker knows by what it has signed itself', async () => {
  await entries(5);
  const look = worker();
  await look();
  await restore(siteOf(store));
  server.broken = 503;
  await rm(folder, { recursive: true });
  now += 10 * secondMs;
  await look();
  expect(await open()).toEqual(['store-behind']);
  folder = await mkdtemp(join(tmpdir(), 'curfew-witness-'));
});

test.each([
  ['a leaf that was changed', `update audit.leaf set hash = sha256('other') where index = 1`],
  ['a leaf that is gone', `delete from audit.leaf where index = 1`],
  [
    'two leaves that were exchanged',
    `update audit.leaf l set hash = (select o.hash from audit.leaf o where o.index = 3 - l.index) where index in (1, 2)`,
  ],
])('%s is found by the next look, without a witness', async (_, text) => {
  await worker()();
  await asSuperuser(text);
  await entries(1);
  now += minuteMs;
  server.broken = 503;
  await rm(folder, { recursive: true });
  await worker()();
  await mkdir(folder);
  expect(await open()).toContain('store-behind');
  expect(await stored()).toHaveLength(1);
});

test('a log that was rewritten with its checkpoints is found by its witness', async () => {
  await worker()();
  await asSuperuser(`update audit.leaf set hash = sha256('other') where index = 1; delete from audit.checkpoint`);
  await entries(1);
  now += minuteMs;
  await worker()();
  expect(await open()).toEqual(['store-behind']);
});

test('an epoch that the key did not open is none, and one that it opened goes on', async () => {
  await entries(5);
  await worker()();
  const lost = checkpointOf([...server.notes.values()].at(-1));
  await restore(siteOf(store));
  const epoch = { number: 2, beganAtSize: 3, lostSize: lost.size, lostRoot: lost.root, recovery: randomUUID() };
  const opening = { origin: originOf(name, 2), began: 3, lost, recovery: epoch.recovery };
  const forged = signOpening(opening, keyring(newKey(name).signer).signers);
  const begin = (note: string | null) => store.as.curfew_admin.transaction((tx) => beginEpoch(tx, { ...epoch, note }));

  await begin(forged);
  await worker()();
  expect(await open()).toEqual(['store-behind']);
  const [alarm] = await alarms.open(store.admin);
  expect(alarm?.detail).toContain('without the key');

  await restore(siteOf(store));
  await begin(signOpening(opening, keyring().signers));
  await worker()();
  expect(await open()).toEqual([]);
  expect(checkpointOf((await stored())[0])).toMatchObject({ origin: `${name}/2`, size: 3 });
  expect(await inFolder()).toEqual(['000001-0000000000000008.note', '000002-0000000000000003.note']);

  // A backup from before that recovery is behind it.
  await restore(siteOf(store));
  await worker()();
  expect(await open()).toEqual(['store-behind']);
});

test('a witness that does not answer any more holds up nothing, is told after three minutes, and gets what it lacks once it is back', async () => {
  const look = worker();
  await look();
  server.broken = 500;
  await entries(1);
  now += minuteMs;
  await look();
  expect(await stored()).toHaveLength(2);
  expect(await open()).toEqual([]);
  await entries(1);
  now += 3 * minuteMs;
  await look();
  expect(await stored()).toHaveLength(3);
  expect(await open()).toEqual(['witness-behind']);
  expect(await behind()).toBe(false);
  server.broken = undefined;
  now += minuteMs;
  await look();
  expect([...server.notes.keys()]).toEqual(['000001-0000000000000003.note', '000001-0000000000000005.note']);
  expect(await open()).toEqual([]);
});

test('a witness that has lost what it had is told of, and so is one that has another log', async () => {
  const look = worker();
  await look();
  server.notes.clear();
  await writeFile(join(folder, '000009-0000000000000001.note'), 'x\n\n\u2014 other AAAAAAA=\n');
  await entries(1);
  now += minuteMs;
  await look();
  const told = (await alarms.open(store.admin)).map(({ subject, detail }) => `${subject}: ${detail}`).toSorted();
  expect(told).toHaveLength(2);
  expect(told.join('\n')).toMatch(/has lost what it had/);
  expect(told.join('\n')).toMatch(/newest note of this witness is not one of this log/);
  expect(await behind()).toBe(false);
  // Each is given what is new all the same.
  expect([...server.notes.keys()]).toEqual(['000001-0000000000000004.note']);
  expect(await inFolder()).toContain('000001-0000000000000004.note');
});

test('a file that somebody wrote half is passed over, and its checkpoint is written beside it', async () => {
  await writeFile(join(folder, '000001-0000000000000003.note'), `${name}/1\n3\n`);
  await worker()();
  expect(await inFolder()).toEqual(['000001-0000000000000003.1.note', '000001-0000000000000003.note']);
  expect(await directoryWitness(folder).newest()).toBe((await stored())[0]);
  await entries(1);
  now += minuteMs;
  await worker()();
  expect(await open()).toEqual([]);
});

test('while a key is replaced both sign, and once the old one is gone what both have signed still holds the log', async () => {
  const next = newKey(name);
  await worker()();
  await entries(1);
  now += minuteMs;
  await worker(`${next.signer}\n${key.signer}`)();
  const [, both] = await stored();
  expect(checkpointOf(both).signedBy).toHaveLength(1);
  expect(checkpointOf(both, next.verifier).signedBy).toHaveLength(1);
  await entries(1);
  now += minuteMs;
  await worker(`${next.signer}\n# the old one, read only:\n${key.verifier}`)();
  const third = (await stored())[2];
  expect(checkpointOf(third, next.verifier).size).toBe(5);
  expect(() => checkpointOf(third)).toThrow('None of the given keys');
  expect(await open()).toEqual([]);
  await restore(siteOf(store));
  await worker(next.signer)();
  expect(await open()).toEqual(['store-behind']);
});

test('keys that cannot be read are told of, nothing is signed, and it is over once they can', async () => {
  let broken = true;
  const witnessing = createWitnessing({ store: store.as.curfew_worker, clock, witnesses: [] });
  const look = createCheckpoints({
    store: store.as.curfew_worker,
    log: quiet,
    clock,
    name,
    witnessing,
    keyring: () => (broken ? Promise.reject(new Error('the vault is sealed')) : Promise.resolve(keyring())),
  });
  await look();
  expect(await open()).toEqual(['log-unsigned']);
  broken = false;
  now += 10 * secondMs;
  await look();
  expect(await open()).toEqual([]);
  expect(await stored()).toHaveLength(1);
});
