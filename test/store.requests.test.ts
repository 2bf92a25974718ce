import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PersonId, RequestId } from '../domain/ids.ts';
import * as projections from '../store/projections.ts';
import * as requests from '../store/requests.ts';
import { addPerson, openRequest, sampleRequest, sampleView } from './support/store-sample.ts';
import { startStore, type TestStore } from './support/store.ts';

let store: TestStore;
let person: PersonId;
beforeAll(async () => {
  store = await startStore();
  person = await addPerson(store.as.curfew_directory, 'requester');
});
afterAll(() => store.end());

const ids = (rows: readonly requests.FollowedRequest[]): string[] => rows.map((row) => row.id).sort();
const insertOnce = (row: requests.RequestRow): Promise<'opened' | 'repeated'> =>
  store.as.curfew_api.transaction((tx) => requests.insert(tx, row, { text: 'a reason', salt: Buffer.alloc(16) }));

test('a request comes back as it was written', async () => {
  const row = sampleRequest(person, { ticket: 'INC-1', databases: ['a', 'b "c", {d}'] });
  expect(await insertOnce(row)).toBe('opened');
  expect(await requests.byId(store.as.curfew_worker, row.id)).toEqual(row);
  expect(await requests.reason(store.as.curfew_worker, row.id)).toEqual({
    text: 'a reason',
    salt: Buffer.alloc(16),
    hash: row.reasonHash,
  });
});

test('the same request inserted by ten at once is one request with one reason', async () => {
  const row = sampleRequest(person);
  const answers = await Promise.all(Array.from({ length: 10 }, () => insertOnce(row)));
  expect(answers.filter((answer) => answer === 'opened')).toHaveLength(1);
});

test('an erased reason is gone, and its hash stays', async () => {
  const row = await openRequest(store.as.curfew_api, person);
  await store.as.curfew_directory.query(`delete from curfew.personal where kind = 'reason' and id = $1`, [row.id]);
  expect(await requests.reason(store.as.curfew_api, row.id)).toEqual({ text: null, salt: null, hash: row.reasonHash });
});

test('an unknown request is undefined everywhere', async () => {
  const nobody = sampleRequest(person).id;
  expect(await requests.byId(store.as.curfew_api, nobody)).toBeUndefined();
  expect(await requests.reason(store.as.curfew_api, nobody)).toBeUndefined();
  expect(await projections.viewOf(store.as.curfew_api, nobody)).toBeUndefined();
});

test('durations outside the bound are refused by the table itself', async () => {
  for (const durationMs of [0, -1, 999, 604_800_001]) {
    await expect(insertOnce(sampleRequest(person, { durationMs }))).rejects.toMatchObject({ sqlstate: '23514' });
  }
});

test('a newer view wins, an older or equal one changes nothing', async () => {
  const { id } = await openRequest(store.as.curfew_api, person);
  const save = (version: number): Promise<boolean> =>
    projections.save(
      store.as.curfew_worker,
      id,
      sampleView(version, { kind: 'approved', needs: [], approvals: [] }),
      version,
    );
  expect(await save(3)).toBe(true);
  expect(await save(3)).toBe(false);
  expect(await save(2)).toBe(false);
  expect((await projections.viewOf(store.as.curfew_api, id))?.version).toBe(3);
  expect(await save(4)).toBe(true);
});

test('a hundred writers at once, through two logins: the newest view stays', async () => {
  const { id } = await openRequest(store.as.curfew_api, person);
  const versions = Array.from({ length: 100 }, (_, index) => ((index * 37) % 100) + 1);
  await Promise.all(
    versions.map((version) =>
      projections.save(
        version % 2 === 0 ? store.as.curfew_api : store.as.curfew_worker,
        id,
        sampleView(version, { kind: 'active', approvals: [], endAt: 1_700_000_000_000 + version }),
        version,
      ),
    ),
  );
  expect((await projections.viewOf(store.as.curfew_api, id))?.version).toBe(100);
  expect(await store.admin.query('select version, end_at from curfew.projection where request_id = $1', [id])).toEqual([
    { version: 100, end_at: 1_700_000_000_100 },
  ]);
});

test('lists follow the view: open until closed, held while granting, active or revoking', async () => {
  const someone = await addPerson(store.as.curfew_directory, 'lister');
  const made: RequestId[] = [];
  for (let index = 0; index < 4; index += 1) made.push((await openRequest(store.as.curfew_api, someone)).id);
  const [silent, awaiting, active, closed] = made as [RequestId, RequestId, RequestId, RequestId];
  const at = Date.now();
  const worker = store.as.curfew_worker;
  await projections.save(
    worker,
    awaiting,
    sampleView(1, { kind: 'awaiting', needs: [1], stage: 0, approvals: [] }),
    at,
  );
  await projections.save(worker, active, sampleView(1, { kind: 'active', approvals: [], endAt: at }), at);
  await projections.save(worker, closed, sampleView(1, { kind: 'closed', outcome: 'denied', cause: 'no' }), at);

  expect(ids(await requests.openOf(store.as.curfew_directory, someone))).toEqual([silent, awaiting, active].sort());
  expect(ids(await requests.heldBy(worker, someone))).toEqual([active]);
  expect((await requests.awaiting(worker)).filter((row) => row.person === someone)).toMatchObject([
    { id: awaiting, view: { state: { kind: 'awaiting' } } },
  ]);
  expect(ids(await requests.recent(store.as.curfew_admin, { person: someone, limit: 10 }))).toEqual([...made].sort());
  expect(await requests.recent(store.as.curfew_admin, { limit: 2 })).toHaveLength(2);
});
