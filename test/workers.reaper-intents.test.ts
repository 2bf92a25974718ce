/** A leaver with hundreds of grants costs the target a few calls, and the store a few statements (I9). */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eachChangeHasItsEntry } from '../doctor/checks/i11-each-change-has-its-entry.ts';
import type { PersonId, RequestId, TargetName } from '../domain/ids.ts';
import * as intents from '../store/intents.ts';
import { append, entriesAfter } from '../store/audit.ts';
import type { Db, Store } from '../store/pool.ts';
import { openTarget, type Target } from '../targets/postgres/accessor.ts';
import { createEnding } from '../workers/reaper/ending.ts';
import { followIntents } from '../workers/reaper/intents.ts';
import { oddEntry } from './support/entries.ts';
import { eventually } from './support/eventually.ts';
import { plantPerson, plantRequest } from './support/planted.ts';
import { startPostgres, type Postgres } from './support/postgres.ts';
import { startStore, type TestStore } from './support/store.ts';
import { installSample, makeSample, openWorker, prepareGrant, reaperPassword } from './support/target.ts';

const many = 300;
const orders = 'orders-prod' as TargetName;
let postgres: Postgres;
let store: TestStore;
let reaper: Target;
const calls = new Map<string, number>();
let storeStatements = 0;
/** The reaper's store, counting. */
const counting = (db: Db): Db => ({
  query: (text, values) => {
    storeStatements += 1;
    return db.query(text, values);
  },
});
const counted = (db: Store): Store => ({
  ...db,
  ...counting(db),
  transaction: (work) => db.transaction((tx) => work(counting(tx))),
});

beforeAll(async () => {
  [postgres, store] = await Promise.all([startPostgres(), startStore()]);
  await makeSample(postgres);
  await (await installSample(postgres)).close();
  reaper = openTarget({
    name: 'main',
    controlDatabase: 'control',
    nodes: [{ name: 'primary', host: postgres.host, port: postgres.port }],
    user: 'curfew_reaper',
    password: reaperPassword,
    applicationName: 'curfew-reaper',
    onStatement: ({ call }) => calls.set(call, (calls.get(call) ?? 0) + 1),
  });
});
afterAll(async () => {
  await reaper?.close();
  await Promise.all([postgres?.stop(), store?.end()]);
});

async function grantMany(person: PersonId): Promise<readonly RequestId[]> {
  const worker = openWorker(postgres);
  try {
    const ids: RequestId[] = [];
    for (let made = 0; made < many; made += 1) {
      const request = await plantRequest(store, person);
      await worker.grant(prepareGrant({ grantId: request.id, personId: person }).call);
      ids.push(request.id);
    }
    return ids;
  } finally {
    await worker.close();
  }
}
async function grantTo(person: PersonId): Promise<RequestId> {
  const worker = openWorker(postgres);
  try {
    const { id } = await plantRequest(store, person);
    await worker.grant(prepareGrant({ grantId: id, personId: person }).call);
    return id;
  } finally {
    await worker.close();
  }
}
const mayLogin = async (): Promise<number> => {
  const [row] = await postgres.query<{ n: number }>(
    'postgres',
    `select count(*)::int as n from pg_roles where rolname like 'cfw!_%' escape '!' and rolcanlogin`,
  );
  return row?.n ?? -1;
};

/** Entries by which the reaper says that it ended something. */
const endsInLog = async () =>
  (await entriesAfter(store.admin, 0, 100_000)).flatMap((entry) => (entry.kind === 'reaper.ended' ? [entry] : []));
/** What the checker misses, of ends by the reaper alone: their requests and intents were planted without theirs. */
const notSaid = async () =>
  (await eachChangeHasItsEntry({ store: store.admin, targets: [], records: new Map(), sinceAt: 0, now: Date.now() }))
    .filter(({ detail }) => detail.includes('end by the reaper'))
    .map(({ code, subject }) => `${code} ${subject}`);

test(`${many} grants of a leaver end in a few calls to the target and a few statements of the store`, async () => {
  const { id: person } = await plantPerson(store);
  const ids = await grantMany(person);
  const rows = [
    { id: randomUUID(), scope: { kind: 'person', person } as const },
    ...ids.map((requestId) => ({ id: randomUUID(), scope: { kind: 'grant', requestId, target: orders } as const })),
  ];
  await intents.insertAll(
    store.as.curfew_directory,
    rows.map((one) => ({ ...one, actor: 'curfew_directory', cause: 'left' })),
  );
  const stopping = new AbortController();
  const failures: unknown[] = [];
  const following = followIntents({
    store: counted(store.as.curfew_reaper),
    target: reaper,
    names: [orders],
    ending: createEnding(reaper, { signal: stopping.signal, clock: Date.now }),
    onFailure: (error) => failures.push(error),
  });
  await following.round();
  await eventually('nobody can log in', async () => (await mayLogin()) === 0, { withinMs: 20_000 });
  await eventually(
    'every intent is closed',
    async () => (await intents.pending(store.as.curfew_reaper, [orders])).length === 0,
  );
  stopping.abort();

  const total = [...calls.values()].reduce((sum, one) => sum + one, 0);
  expect(failures).toEqual([]);
  expect(total).toBeLessThanOrEqual(20);
  expect(storeStatements).toBeLessThanOrEqual(12);
  const [first] = ids;
  expect(
    (await intents.ofRequest(store.admin, first ?? expect.fail('none'))).map(({ outcomes }) => outcomes.length),
  ).toContain(1);
  const said = await endsInLog();
  expect(said.map(({ subject }) => subject).toSorted()).toEqual([...ids].toSorted());
  expect(said.every(({ login, body }) => login === 'curfew_reaper' && body.cause === 'asked')).toBe(true);
  expect(await notSaid()).toEqual([]);
});

test('the checker names an end by the reaper that the log does not tell of, and one that it alone tells of (I11)', async () => {
  const [unsaid, undone] = [randomUUID(), randomUUID()];
  const { id: person } = await plantPerson(store);
  const { id: requestId } = await plantRequest(store, person);
  const intent = { id: randomUUID(), scope: { kind: 'grant', requestId, target: orders } as const };
  await intents.insertAll(store.as.curfew_api, [{ ...intent, actor: person, cause: 'released' }]);
  const evidence = { by: 'reaper', grants: [{ grantId: unsaid, verifiedAt: 1 }], told: [unsaid] };
  await intents.outcomes(store.as.curfew_reaper, [{ intentId: intent.id, target: orders, evidence }]);
  const odd = { kind: 'reaper.ended' as const, actor: 'curfew_reaper', subject: undone };
  await append(store.as.curfew_reaper, oddEntry({ ...odd, body: { cause: 'asked', verifiedAt: 1 } }));
  await append(store.as.curfew_reaper, oddEntry({ ...odd, body: { cause: 'due', verifiedAt: 2 } }));
  expect((await notSaid()).toSorted()).toEqual([`no-change ${undone}`, `no-entry ${unsaid}`]);
});

test('a store that is away makes no end that somebody asked for any later, and loses none of a leaver (I9, I17, I18)', async () => {
  const [leaver, holder] = [await plantPerson(store), await plantPerson(store)];
  const [left, released] = [await grantTo(leaver.id), await grantTo(holder.id)];
  const rows = [
    { id: randomUUID(), scope: { kind: 'person', person: leaver.id } as const, cause: 'left' as const },
    {
      id: randomUUID(),
      scope: { kind: 'grant', requestId: released, target: orders } as const,
      cause: 'released' as const,
    },
  ];
  await intents.insertAll(
    store.as.curfew_directory,
    rows.map((one) => ({ ...one, actor: 'curfew_directory' })),
  );
  const real = store.as.curfew_reaper;
  let away = true;
  const stopping = new AbortController();
  const failed: string[] = [];
  const following = followIntents({
    store: {
      ...real,
      transaction: (work) => (away ? Promise.reject(new Error('the store is away')) : real.transaction(work)),
    },
    target: reaper,
    names: [orders],
    ending: createEnding(reaper, { signal: stopping.signal, clock: Date.now }),
    onFailure: (_, intent) => failed.push(intent),
  });
  const mine = new Set<string>(rows.map(({ id }) => id));
  await following.round();
  await eventually('neither is written', () => [...mine].every((id) => failed.includes(id)));
  away = false;
  const backAt = Date.now();
  await following.round();
  await eventually(
    'both are closed',
    async () => !(await intents.pending(store.as.curfew_reaper, [orders])).some(({ id }) => mine.has(id)),
  );
  stopping.abort();
  const said = (await endsInLog()).filter(({ subject }) => [left, released].some((id) => id === subject));
  expect(said.map(({ subject }) => subject).toSorted()).toEqual([left, released].toSorted());
  for (const { body } of said) expect(body.verifiedAt).toBeLessThan(backAt);
});
