import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PolicyHash, TargetName } from '../domain/ids.ts';
import { entriesOf } from '../store/audit.ts';
import * as policies from '../store/policies.ts';
import type { Store } from '../store/pool.ts';
import * as messages from '../store/slack-messages.ts';
import * as checks from '../store/target-checks.ts';
import { addPerson, openRequest, sha256 } from './support/store-sample.ts';
import { startStore, type TestStore } from './support/store.ts';

let store: TestStore;
let admin: Store;
beforeAll(async () => {
  store = await startStore();
  admin = store.as.curfew_admin;
}, 60_000);
afterAll(() => store.end());

const apply = (text: string, hash = sha256(text) as PolicyHash): ReturnType<typeof policies.apply> =>
  admin.transaction((tx) => policies.apply(tx, { hash, text }, 'curfew_admin'));

test('before the first policy there is none', async () => {
  expect(await policies.current(store.as.curfew_worker)).toBeUndefined();
  expect(await policies.currentHash(store.as.curfew_worker)).toBeUndefined();
});

test('the newest policy holds, also one that held before, and older ones stay to be read', async () => {
  const [first, second] = ['targets: {}\n', 'targets: {ö: 1}\n'];
  expect(await apply(first)).toEqual({ number: 1, kind: 'applied' });
  expect(await apply(first)).toEqual({ number: 1, kind: 'same' });
  expect(await apply(second)).toEqual({ number: 2, kind: 'applied' });
  expect(await policies.current(store.as.curfew_api)).toMatchObject({
    number: 2,
    text: second,
    appliedBy: 'curfew_admin',
  });
  expect((await policies.byHash(store.as.curfew_auditor, sha256(first) as PolicyHash))?.text).toBe(first);
  expect(await apply(first)).toEqual({ number: 3, kind: 'applied' });
  expect(await policies.currentHash(store.as.curfew_worker)).toBe(sha256(first));
  const entries = await entriesOf(store.as.curfew_auditor, sha256(first));
  expect(entries.map((entry) => entry.body)).toEqual([
    { number: 1, hash: sha256(first), before: null },
    { number: 3, hash: sha256(first), before: sha256(second) },
  ]);
});

test('ten who apply one policy at once make one version', async () => {
  const answers = await Promise.all(Array.from({ length: 10 }, () => apply('rules: []\n')));
  expect(answers.filter((answer) => answer.kind === 'applied')).toHaveLength(1);
});

test('a hash that is not the text’s is refused by the table itself', async () => {
  await expect(apply('rules: [1]\n', sha256('rules: [2]\n') as PolicyHash)).rejects.toMatchObject({
    sqlstate: '23514',
  });
});

test('the newest check of a target counts', async () => {
  const target = 'orders-prod' as TargetName;
  const insert = (ok: boolean, result: unknown): Promise<void> =>
    admin.transaction((tx) => checks.insert(tx, { target, ok, result }, 'curfew_admin'));
  expect(await checks.latest(store.as.curfew_worker, target)).toBeUndefined();
  await insert(true, { findings: [] });
  await insert(false, { findings: ['hba'] });
  expect(await checks.latest(store.as.curfew_worker, target)).toMatchObject({
    target,
    ok: false,
    result: { findings: ['hba'] },
    checkedBy: 'curfew_admin',
  });
  const entries = await entriesOf(store.as.curfew_auditor, target);
  expect(entries.map((entry) => entry.body)).toEqual([{ ok: true }, { ok: false }]);
});

test('a slot’s newest message stands, and is found by channel and timestamp', async () => {
  const person = await addPerson(store.as.curfew_directory, 'painter');
  const { id: requestId } = await openRequest(store.as.curfew_api, person);
  const worker = store.as.curfew_worker;
  const card = { requestId, slot: 'card', channel: 'C1', ts: '1.1', painted: 'a' };
  await messages.put(worker, card);
  await messages.put(worker, { ...card, slot: 'dm:claim', channel: 'D1' });
  await messages.put(worker, { ...card, painted: 'b' });
  expect(await messages.of(store.as.curfew_api, requestId)).toEqual([
    { ...card, painted: 'b' },
    { ...card, slot: 'dm:claim', channel: 'D1' },
  ]);
  expect(await messages.at(store.as.curfew_api, 'C1', '1.1')).toMatchObject({ slot: 'card', requestId });
  expect(await messages.at(store.as.curfew_api, 'C1', '1.2')).toBeUndefined();
});
