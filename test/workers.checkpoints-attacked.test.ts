/** Who signs the log where clocks differ, rows are junk, witnesses are in trouble and workers die (I11, I18, F1, F33, F48). */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { SignedCheckpoint } from '../audit/checkpoint.ts';
import { originOf, signOpening } from '../audit/epoch.ts';
import type { Keyring } from '../audit/keyring.ts';
import { newKey } from '../audit/signed-note.ts';
import { directoryWitness } from '../audit/witness/directory.ts';
import { patiently } from '../audit/witness/patient.ts';
import type { Witness } from '../audit/witness/witness.ts';
import { newestSigned, signedIn } from '../doctor/log/signed.ts';
import { minuteMs, secondMs } from '../domain/time.ts';
import * as alarms from '../store/alarms.ts';
import * as log from '../store/log.ts';
import { beginEpoch } from '../store/log-epochs.ts';
import { storeIndex } from '../store/recovery.ts';
import { createCheckpoints } from '../workers/worker/checkpoints.ts';
import { createWitnessing } from '../workers/worker/witnessing.ts';
import { appendEntries, keyringIn, placed, siteOf } from './support/growing-log.ts';
import { until } from './support/postgres.ts';
import { backUp, restore } from './support/restored-store.ts';
import { startStore, type TestStore } from './support/store.ts';

const name = 'curfew.test';
const key = newKey(name);
let store: TestStore;
let folder: string;
let now: number;

beforeAll(async () => {
  store = await startStore({ config: { max_connections: '60' } });
  await entries(3);
  await backUp(siteOf(store));
});
afterAll(() => store.end());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'curfew-witness-'));
  now = Date.now() - 60 * minuteMs;
  await restore(siteOf(store));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

const entries = (count: number): Promise<void> => appendEntries(store, count);
const keyring = (): Keyring => keyringIn(key.signer);

/** One worker's memory, with a clock that goes wrong by so much. */
function worker(witnesses: readonly Witness[] = [directoryWitness(folder)], wrongBy: () => number = () => 0) {
  const clock = (): number => now + wrongBy();
  const witnessing = createWitnessing({ store: store.as.curfew_worker, clock, witnesses });
  const options = { store: store.as.curfew_worker, log: quiet, clock, name, witnessing };
  return createCheckpoints({ ...options, keyring: () => Promise.resolve(keyring()) });
}

async function stored(): Promise<readonly SignedCheckpoint[]> {
  const rows = await log.checkpoints(store.admin, 0, 100);
  return rows.map((row) => signedIn(row, name, keyring().verifiers)).filter((one) => typeof one !== 'string');
}
const inFolder = async (): Promise<readonly string[]> => (await readdir(folder)).toSorted();
const open = async (): Promise<readonly string[]> => (await alarms.open(store.admin)).map((one) => one.key).toSorted();
const mayGrant = async (): Promise<boolean> => !(await storeIndex(store.as.curfew_worker)).behind;

test('of two workers whose clocks are ten minutes apart none signs what is older than what stands, and both sign (F33)', async () => {
  const [fast, slow] = [worker(undefined, () => 10 * minuteMs), worker()];
  await fast();
  for (const look of [slow, fast, slow, slow]) {
    await entries(1);
    now += minuteMs;
    await look();
  }
  const checkpoints = await stored();
  expect(checkpoints.map(({ size }) => size)).toEqual([3, 4, 5, 6, 7]);
  expect(checkpoints.map(({ at }) => at)).toEqual(checkpoints.map(({ at }) => at).toSorted((a, b) => a - b));
  expect(await open()).toEqual([]);
});

test('a worker whose clock was set back an hour goes on signing each minute, and not at each look (F33)', async () => {
  let wrongBy = 0;
  const look = worker(undefined, () => wrongBy);
  await look();
  wrongBy = -60 * minuteMs;
  for (let turn = 0; turn < 8; turn += 1) {
    await entries(1);
    now += 15 * secondMs;
    await look();
  }
  expect((await stored()).map(({ size }) => size)).toEqual([3, 4, 8]);
  expect(await open()).toEqual([]);
});

/** By a clock that is wrong by so much; once signed, it is never taken back. */
async function signedBy(wrongBy: number): Promise<void> {
  await store.admin.transaction(async (tx) => {
    await tx.query('alter table audit.checkpoint disable trigger all');
    const witnessing = createWitnessing({ store: tx, clock: () => now, witnesses: [directoryWitness(folder)] });
    const options = { store: tx, log: quiet, clock: () => now + wrongBy, name, witnessing };
    await createCheckpoints({ ...options, keyring: () => Promise.resolve(keyring()) })();
    await tx.query('alter table audit.checkpoint enable always trigger checkpoint_fits');
    for (const trigger of ['kept', 'not_truncated'])
      await tx.query(`alter table audit.checkpoint enable always trigger checkpoint_${trigger}`);
  });
}

test('a checkpoint that is a year ahead keeps nobody from signing, with the time that it is (F33)', async () => {
  await signedBy(365 * 24 * 60 * minuteMs);
  const look = worker();
  for (let turn = 0; turn < 2; turn += 1) {
    await entries(1);
    now += minuteMs;
    await look();
  }
  const checkpoints = await stored();
  expect(checkpoints.map(({ size }) => size)).toEqual([3, 4, 5]);
  expect(checkpoints.slice(1).map(({ at }) => at)).toEqual([now - minuteMs, now]);
  expect(await inFolder()).toHaveLength(3);
  expect(await open()).toEqual([]);
});

test('a worker whose clock is too far ahead of the store’s signs nothing, and the alarm says that it is the clock (F33)', async () => {
  const look = worker(undefined, () => 120 * minuteMs);
  for (let turn = 0; turn < 2; turn += 1) {
    await expect(look()).rejects.toMatchObject({ sqlstate: 'CFA07' });
    now += 5 * minuteMs;
  }
  await expect(look()).rejects.toMatchObject({ sqlstate: 'CFA07' });
  expect(await stored()).toEqual([]);
  const [alarm] = await alarms.open(store.admin);
  expect(alarm).toMatchObject({ key: 'log-unsigned/late', detail: expect.stringContaining('clock') });
});

/** As somebody who has the database, whatever guards it. */
const asSuperuser = (text: string): Promise<void> =>
  store.admin.transaction(async (tx) => {
    for (const table of ['checkpoint', 'leaf']) await tx.query(`alter table audit.${table} disable trigger all`);
    await tx.query(text);
    for (const table of ['checkpoint', 'leaf']) await tx.query(`alter table audit.${table} enable trigger all`);
  });
const junk = (size: string): Promise<void> =>
  asSuperuser(`insert into audit.checkpoint (size, epoch, note, at) values (${size}, 1, 'junk', now())`);

test('a row that nobody signed, of more entries than any log has, is told of and stops nobody who signs (F48)', async () => {
  await junk('1152921504606846976');
  const look = worker();
  await look();
  expect(await open()).toEqual(['log-unsigned/note']);
  await placed(store);
  now += minuteMs;
  await look();
  expect(await inFolder()).toEqual(['000001-0000000000000003.note', '000001-0000000000000004.note']);
  const { signed, odd } = await newestSigned(store.as.curfew_worker, name, keyring().verifiers);
  expect(signed).toMatchObject({ size: 4 });
  expect(odd).toContain('counts for nothing');
  expect(await open()).toEqual(['log-unsigned/note']);
  expect(await mayGrant()).toBe(true);
});

test('a row that nobody signed where the next checkpoint belongs is told of, and signed over once there is more (F48)', async () => {
  await junk('3');
  const look = worker();
  await look();
  expect(await open()).toEqual(['log-unsigned/note']);
  expect(await inFolder()).toEqual([]);
  await placed(store);
  now += 10 * secondMs;
  await look();
  expect(await inFolder()).toEqual(['000001-0000000000000004.note']);
  now += minuteMs;
  await look();
  expect(await open()).toEqual([]);
});

test('a checkpoint of the store that is another one’s note is none (F48)', async () => {
  const look = worker();
  await look();
  await asSuperuser('insert into audit.checkpoint select size + 1, epoch, note, at from audit.checkpoint');
  now += minuteMs;
  await look();
  expect(await open()).toEqual(['log-unsigned/note']);
});

test('where every look fails somebody is told after five minutes, and told that it is over', async () => {
  await asSuperuser('delete from audit.leaf where index = 1');
  const look = worker();
  await expect(look()).rejects.toThrow('is not whole');
  now += 5 * minuteMs - 1;
  await expect(look()).rejects.toThrow('is not whole');
  expect(await open()).toEqual([]);
  now += 5 * secondMs;
  await expect(look()).rejects.toThrow('is not whole');
  expect(await open()).toEqual(['log-unsigned/late']);
  await restore(siteOf(store));
  await alarms.raise(store.as.curfew_worker, {
    key: 'log-unsigned/late',
    code: 'log-unsigned',
    subject: 'log',
    detail: '',
  });
  now += 5 * secondMs;
  await look();
  expect(await open()).toEqual([]);
});

/** The folder's, of which any call may fail. */
function shaky(): { readonly witness: Witness; failing: { newest?: string; put?: string } } {
  const whole = directoryWitness(folder);
  const it: ReturnType<typeof shaky> = {
    failing: {},
    witness: {
      name: folder,
      newest: async () => (it.failing.newest === undefined ? await whole.newest() : fail(it.failing.newest)),
      put: async (note, checkpoint) =>
        it.failing.put === undefined ? await whole.put(note, checkpoint) : fail(it.failing.put),
    },
  };
  return it;
}
const fail = (why: string): never => {
  throw new Error(why);
};

test('a worker that never read a witness signs nothing over it: the store may have come back from a backup (I18, F25)', async () => {
  await entries(5);
  await worker()();
  await restore(siteOf(store));
  await entries(1);
  const one = shaky();
  one.failing.newest = 'EHOSTDOWN';
  const look = worker([one.witness]);
  await look();
  expect(await stored()).toEqual([]);
  expect(await open()).toEqual([`witness-behind/${folder}`]);
  one.failing = {};
  now += 20 * secondMs;
  await look();
  expect(await open()).toEqual(['store-behind/log']);
  expect(await mayGrant()).toBe(false);
  expect(await inFolder()).toEqual(['000001-0000000000000008.note']);
});

test('a witness that can be read and takes nothing is told of after three minutes, whatever it answers meanwhile', async () => {
  const one = shaky();
  const look = worker([one.witness]);
  await look();
  one.failing.put = 'EROFS';
  for (let turn = 0; turn < 4; turn += 1) {
    expect(await open()).toEqual([]);
    await entries(1);
    now += minuteMs;
    await look();
  }
  expect(await stored()).toHaveLength(5);
  expect(await open()).toEqual([`witness-behind/${folder}`]);
  one.failing = {};
  now += minuteMs;
  await look();
  expect(await inFolder()).toHaveLength(2);
  expect(await open()).toEqual([]);
});

test('a witness that comes back after days gets the newest, and that says all that those between said', async () => {
  const one = shaky();
  const look = worker([one.witness]);
  now -= 3 * 24 * 60 * minuteMs;
  await look();
  one.failing = { newest: 'ENOTCONN', put: 'ENOTCONN' };
  for (let day = 0; day < 3; day += 1) {
    await entries(1);
    now += 24 * 60 * minuteMs;
    await look();
  }
  expect(await open()).toEqual([`witness-behind/${folder}`]);
  one.failing = {};
  now += minuteMs;
  await look();
  expect(await open()).toEqual([]);
  expect(await inFolder()).toHaveLength(2);
  expect(await directoryWitness(folder).newest()).toBe((await stored()).at(-1)?.note);
});

test('a witness that one worker reaches and another does not is told of once, and not again by turns', async () => {
  const one = shaky();
  one.failing.newest = 'ENOENT';
  const [blind, seeing] = [worker([one.witness]), worker()];
  await seeing();
  for (let turn = 0; turn < 4; turn += 1) {
    await entries(1);
    now += minuteMs;
    await blind();
    await seeing();
  }
  expect(await open()).toEqual([`witness-behind/${folder}`]);
  const raised = await store.admin.query(`select from audit.entry where kind like 'alarm.%'`);
  expect(raised).toHaveLength(1);
  // Where it is gone for good, whoever begins next takes it over.
  await worker()();
  expect(await open()).toEqual([]);
});

test('what a worker that is gone for good said of a witness is over once another one has reached it for an hour', async () => {
  const one = shaky();
  const [gone, other] = [worker([one.witness]), worker([one.witness])];
  await other();
  one.failing.newest = 'ENOENT';
  await gone();
  one.failing = {};
  const alarm = `witness-behind/${folder}`;
  for (let turn = 0; turn < 50; turn += 1) {
    now += minuteMs;
    if (turn % 20 === 0) await entries(1);
    await other();
    expect(await open()).toEqual([alarm]);
  }
  // It has to reach it itself all the time.
  one.failing.put = 'EROFS';
  await entries(1);
  now += minuteMs;
  await other();
  expect(await open()).toEqual([alarm]);
  one.failing = {};
  for (let turn = 0; turn <= 60; turn += 1) {
    expect(await open()).toEqual([alarm]);
    now += minuteMs;
    await other();
  }
  now += minuteMs;
  await other();
  expect(await open()).toEqual([]);
});

test('a witness whose disk hangs is asked once and no more, holds up nothing, and is told of', async () => {
  const [one, other] = [shaky(), await mkdtemp(join(tmpdir(), 'curfew-witness-'))];
  let [hangs, calls] = [false, 0];
  const release: (() => void)[] = [];
  const hung: Witness = {
    ...one.witness,
    newest: async () => {
      calls += 1;
      if (hangs) await new Promise<void>((resolve) => release.push(resolve));
      return await one.witness.newest();
    },
  };
  const look = worker([patiently(hung, 1_500), directoryWitness(other)]);
  await look();
  [hangs, calls] = [true, 0];
  for (let turn = 0; turn < 5; turn += 1) {
    await entries(1);
    now += minuteMs;
    await look();
  }
  expect(calls).toBe(1);
  expect(await readdir(other)).toHaveLength(6);
  expect(await open()).toEqual([`witness-behind/${folder}`]);
  hangs = false;
  for (const answer of release) answer();
  await until(async () => {
    now += minuteMs;
    await look();
    return (await open()).length === 0;
  }, 'it has answered, and takes what it lacks');
  expect(await directoryWitness(folder).newest()).toBe((await stored()).at(-1)?.note);
  await rm(other, { recursive: true });
});

test('what a worker has signed and stored when it dies, the next one gives to the witnesses (F1, I23)', async () => {
  let given = 0;
  const dying: Witness = {
    ...directoryWitness(folder),
    put: () => {
      given += 1;
      return new Promise(() => undefined);
    },
  };
  void worker([dying])();
  await until(async () => given > 0 && (await stored()).length === 1, 'it is stored, and on its way');
  expect(await inFolder()).toEqual([]);
  await worker()();
  expect(await directoryWitness(folder).newest()).toBe((await stored())[0]?.note);
  expect(await stored()).toHaveLength(1);
});

test('a store that a target knows to be behind is signed by nobody until it is recovered, though no witness says so (F25)', async () => {
  const look = worker([]);
  await alarms.raise(store.as.curfew_reaper, {
    key: 'store-behind/main',
    code: 'store-behind',
    subject: 'main',
    detail: '',
  });
  for (let turn = 0; turn < 7; turn += 1) {
    await look();
    now += minuteMs;
    await entries(1);
  }
  expect(await stored()).toEqual([]);
  expect(await open()).toEqual(['store-behind/main']);
});

/** As a recovery does. @param epoch that begins */
async function begin(epoch: number, began: number, lost: SignedCheckpoint | undefined): Promise<void> {
  const recovery = randomUUID();
  const opening = { origin: originOf(name, epoch), began, ...(lost && { lost }), recovery };
  const row = {
    number: epoch,
    beganAtSize: began,
    lostSize: lost?.size ?? null,
    lostRoot: lost?.root ?? null,
    recovery,
  };
  const note = signOpening(opening, keyring().signers);
  await store.as.curfew_admin.transaction((tx) => beginEpoch(tx, { ...row, note }));
}

test('what a later epoch went on from has to be what was witnessed, and what it lost has not (F48)', async () => {
  await worker()();
  await entries(5);
  now += minuteMs;
  const other = await mkdtemp(join(tmpdir(), 'curfew-witness-'));
  await worker([directoryWitness(other)])();
  const lost = (await stored()).at(-1);
  await restore(siteOf(store));
  await asSuperuser(`update audit.leaf set hash = sha256('other') where index = 1`);
  await begin(2, 3, lost);
  await worker()();
  expect(await open()).toEqual(['store-behind/log']);

  await restore(siteOf(store));
  // It grows past what was lost before it is recovered.
  await entries(12);
  await begin(2, 3, lost);
  const late = worker([directoryWitness(folder), directoryWitness(other)]);
  await late();
  expect(await open()).toEqual([]);
  expect((await stored()).at(-1)).toMatchObject({ origin: `${name}/2`, size: 15 });
  await rm(other, { recursive: true });
});
