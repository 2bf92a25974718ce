import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GrantReceipt, RevokeReceipt } from '../domain/grant.ts';
import { roleOf, type PersonId, type TargetName } from '../domain/ids.ts';
import { entriesOf } from '../store/audit.ts';
import * as grants from '../store/grants.ts';
import * as intents from '../store/intents.ts';
import type { Store } from '../store/pool.ts';
import type { RequestRow } from '../store/requests.ts';
import { grantEntry } from './support/entries.ts';
import { addPerson, openRequest } from './support/store-sample.ts';
import { startStore, type TestStore } from './support/store.ts';

const orders = 'orders-prod' as TargetName;
const models = 'models-prod' as TargetName;
let store: TestStore;
let api: Store;
let worker: Store;
let reaper: Store;
let person: PersonId;
beforeAll(async () => {
  store = await startStore();
  api = store.as.curfew_api;
  worker = store.as.curfew_worker;
  reaper = store.as.curfew_reaper;
  person = await addPerson(store.as.curfew_directory, 'holder');
});
afterAll(() => store.end());

const grantReceipt = (request: RequestRow): GrantReceipt => ({
  kind: 'grant',
  requestId: request.id,
  target: request.target,
  role: roleOf(request.id),
  template: request.template,
  endAt: 9_000,
  grantedAt: 1_000,
  readAt: 1_100,
  canLogin: true,
  memberships: 1,
  attestations: [],
});
const revokeReceipt = (request: RequestRow): RevokeReceipt => ({
  kind: 'revoke',
  requestId: request.id,
  target: request.target,
  role: roleOf(request.id),
  startedAt: 9_000,
  verifiedAt: 9_100,
  rounds: 1,
  nodes: [],
  attestations: [],
});
const make = (request: RequestRow): ReturnType<typeof grants.insert> => {
  const { requestId, role, grantedAt, endAt } = grantReceipt(request);
  const { target, template } = request;
  const row = { requestId, target, person: request.person, template, role, grantedAt, endAt };
  return worker.transaction((tx) => grants.insert(tx, row, grantReceipt(request), grantEntry(request.id)));
};

test('a grant is recorded once with its receipt and its entry, and ends once with another receipt (I11)', async () => {
  const request = await openRequest(api, person);
  expect(await make(request)).toBe('recorded');
  expect(await make(request)).toBe('repeated');
  expect((await entriesOf(store.as.curfew_auditor, request.id)).map(({ kind }) => kind)).toEqual(['grant.made']);
  expect((await grants.live(reaper, { person })).map((row) => row.requestId)).toEqual([request.id]);
  expect(await grants.live(reaper, { person, target: models })).toEqual([]);
  expect(await grants.receipts(api, request.id)).toEqual({ grant: grantReceipt(request) });

  const end = (verifiedAt: number): ReturnType<typeof grants.end> =>
    worker.transaction((tx) => grants.end(tx, request.id, { ...revokeReceipt(request), verifiedAt }));
  expect(await end(9_100)).toBe('recorded');
  expect(await end(9_999)).toBe('repeated');
  expect(await grants.live(reaper)).toEqual([]);
  expect((await grants.byId(api, request.id))?.endedAt).toBe(9_100);
  expect((await grants.receipts(store.as.curfew_auditor, request.id)).revoke?.verifiedAt).toBe(9_100);
});

test('an end without a recorded grant leaves its receipt all the same', async () => {
  const request = await openRequest(api, person);
  expect(await worker.transaction((tx) => grants.end(tx, request.id, revokeReceipt(request)))).toBe('recorded');
  expect(await grants.receipts(api, request.id)).toEqual({ revoke: revokeReceipt(request) });
});

const ask = (scope: intents.IntentScope, id = randomUUID(), login = api): Promise<boolean> =>
  login.transaction((tx) => intents.insert(tx, { id, scope, actor: person, cause: 'revoked' }));
const pendingOn = async (...targets: TargetName[]): Promise<readonly string[]> =>
  (await intents.pending(reaper, targets)).map((row) => `${row.scope.kind} ${row.id} ${row.target}`);

test('a grant that is recorded after its end is over, and nothing of it counts as live (F3, I19)', async () => {
  const request = await openRequest(api, person);
  expect(await worker.transaction((tx) => grants.end(tx, request.id, revokeReceipt(request)))).toBe('recorded');
  expect(await make(request)).toBe('over');
  expect(await entriesOf(store.as.curfew_auditor, request.id)).toEqual([]);
  expect((await grants.live(worker)).filter((one) => one.requestId === request.id)).toEqual([]);
  expect(await grants.receipts(worker, request.id)).toEqual({ revoke: revokeReceipt(request) });
});

test('a grant and its end recorded at the same moment leave nothing live, whichever is first (I19)', async () => {
  const requests = await Promise.all(Array.from({ length: 20 }, () => openRequest(api, person)));
  await Promise.all(
    requests.flatMap((request) => [
      make(request),
      worker.transaction((tx) => grants.end(tx, request.id, revokeReceipt(request))),
    ]),
  );
  const ids = new Set(requests.map((request) => request.id));
  expect((await grants.live(worker)).filter((one) => ids.has(one.requestId))).toEqual([]);
});

test('an intent about a grant is owed by its target alone, until whoever asks has said how it ended there (I4)', async () => {
  const request = await openRequest(api, person);
  const id = randomUUID();
  const scope = { kind: 'grant', requestId: request.id, target: orders } as const;
  expect(await ask(scope, id)).toBe(true);
  expect(await ask(scope, id)).toBe(false);
  expect(await pendingOn(models)).toEqual([]);
  expect(await pendingOn(models, orders)).toEqual([`grant ${id} ${orders}`]);
  // The worker's word counts for the worker; the reaper looks for itself.
  await intents.outcomes(worker, [{ intentId: id, target: orders, evidence: { by: 'worker' } }]);
  expect(await intents.pending(worker, [orders])).not.toContainEqual(expect.objectContaining({ id }));
  expect(await pendingOn(models, orders)).toEqual([`grant ${id} ${orders}`]);
  await intents.outcomes(reaper, [{ intentId: id, target: orders, evidence: { by: 'reaper' } }]);
  await intents.outcomes(reaper, [{ intentId: id, target: orders, evidence: { by: 'reaper, again' } }]);
  expect(await pendingOn(models, orders)).toEqual([]);
  const [stored] = await intents.ofRequest(worker, request.id);
  expect(stored).toMatchObject({
    id,
    scope,
    cause: 'revoked',
    outcomes: ['worker', 'reaper'].map((by) => ({ target: orders, evidence: { by } })),
  });
  expect(stored?.outcomes[0]?.endedAt).toBeGreaterThanOrEqual(stored?.askedAt ?? Infinity);
});

test('an intent about a person is owed by each target, one by one', async () => {
  const leaver = await addPerson(store.as.curfew_directory, 'leaver');
  const id = randomUUID();
  await ask({ kind: 'person', person: leaver }, id, store.as.curfew_directory);
  expect(await pendingOn(models, orders)).toEqual([`person ${id} ${models}`, `person ${id} ${orders}`].sort());
  await intents.outcomes(reaper, [{ intentId: id, target: models, evidence: null }]);
  expect(await pendingOn(models, orders)).toEqual([`person ${id} ${orders}`]);
  await intents.outcomes(reaper, [{ intentId: id, target: orders, evidence: [1] }]);
  expect(await pendingOn(models, orders)).toEqual([]);
  await intents.outcomes(reaper, []);
});

test('a request is met by intents about its person that are not older than it; a rehire starts clean', async () => {
  const rehired = await addPerson(store.as.curfew_directory, 'rehired');
  const earlier = await openRequest(api, rehired);
  const id = randomUUID();
  await ask({ kind: 'person', person: rehired }, id);
  const later = await openRequest(api, rehired, { openedAt: Date.now() + 1_000 });
  expect((await intents.ofRequest(api, earlier.id)).map((intent) => intent.id)).toEqual([id]);
  expect(await intents.ofRequest(api, later.id)).toEqual([]);
});

test('an intent is about one thing: the table refuses neither and both', async () => {
  const request = await openRequest(api, person);
  for (const [requestId, target, whom] of [
    [null, null, null],
    [request.id, orders, person],
    [request.id, null, null],
  ]) {
    const insert = api.query(
      `insert into curfew.revoke_intent (id, request_id, target, person, actor, cause)
       values (gen_random_uuid(), $1, $2, $3, 'x', 'revoked')`,
      [requestId, target, whom],
    );
    await expect(insert).rejects.toMatchObject({ sqlstate: '23514' });
  }
});

test('a thousand outcomes are one statement', async () => {
  const ids: readonly string[] = Array.from({ length: 1_000 }, () => randomUUID());
  await api.query(
    `insert into curfew.revoke_intent (id, person, actor, cause) select unnest($1::uuid[]), $2, 'x', 'left'`,
    [ids, person],
  );
  const owed = async (): Promise<number> =>
    (await intents.pending(reaper, [orders])).filter((row) => ids.includes(row.id)).length;
  expect(await owed()).toBe(1_000);
  await intents.outcomes(
    reaper,
    ids.map((intentId) => ({ intentId, target: orders, evidence: { ended: true, quote: `it's "so", {1}` } })),
  );
  expect(await owed()).toBe(0);
});
