import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { logins, type Login } from '../domain/events.ts';
import { openStore, type Db } from '../store/pool.ts';
import { keyedTurns, singleTurns, takeTurn, takeTurns } from '../store/turns.ts';
import { eventually } from './support/eventually.ts';
import { startStore, storeDatabase, type TestStore } from './support/store.ts';
import { waitForTurns } from './support/turns.ts';

let store: TestStore;
beforeAll(async () => {
  store = await startStore();
}, 60_000);
afterAll(() => store.end());

const kinds = [...keyedTurns, ...singleTurns];
type Kind = (typeof kinds)[number];
const take = (tx: Db, kind: Kind, key: string = randomUUID()): Promise<unknown> =>
  isKeyed(kind) ? takeTurns(tx, kind, [key]) : takeTurn(tx, kind);
const isKeyed = (kind: Kind): kind is (typeof keyedTurns)[number] => (keyedTurns as readonly Kind[]).includes(kind);

const mayTake: Readonly<Record<Kind, readonly Login[]>> = {
  request: ['curfew_api', 'curfew_worker'],
  grant: ['curfew_worker'],
  human: ['curfew_api'],
  due: ['curfew_directory'],
  'slack-line': ['curfew_worker'],
  newcomer: ['curfew_directory'],
  'on-call': ['curfew_directory'],
  finding: ['curfew_worker'],
  policy: ['curfew_api', 'curfew_admin'],
  'link-code': ['curfew_api'],
};

test('the store has exactly the kinds of turns that the code has, each with all its places', async () => {
  const found = await store.admin.query<{ kind: string }>('select kind from curfew.turn_kind');
  expect(found.map(({ kind }) => kind).toSorted()).toEqual(kinds.toSorted());
  const odd = await store.admin.query(
    `select k.kind from curfew.turn_kind k left join curfew.turn t using (kind)
     group by k.kind, k.places having count(t.*) <> k.places or min(t.place) <> 0 or max(t.place) <> k.places - 1`,
  );
  expect(odd).toEqual([]);
});

test.each(kinds)('turns of kind %s are taken by the logins that need them, and by no other', async (kind) => {
  for (const login of logins) {
    const taken = store.as[login].transaction((tx) => take(tx, kind));
    if (mayTake[kind].includes(login)) await taken;
    else await expect(taken, login).rejects.toMatchObject({ sqlstate: '42501' });
  }
});

test('an operator’s own login takes the turns of what it is a member of', async () => {
  const { host, port } = store.postgres;
  await store.admin.query(`create role ada_ops login password 'of ada' in role curfew_admin`);
  await store.admin.query('grant connect on database curfew to ada_ops');
  const ops = openStore({
    url: `postgres://ada_ops:of%20ada@${host}:${port}/${storeDatabase}`,
    applicationName: 'curfew-test',
    statementTimeoutMs: 30_000,
  });
  try {
    await ops.transaction((tx) => take(tx, 'policy'));
    await expect(ops.transaction((tx) => take(tx, 'newcomer'))).rejects.toMatchObject({ sqlstate: '42501' });
  } finally {
    await ops.close();
  }
});

test.each(kinds)('turns of kind %s are one after the other for one key, until a transaction is over', async (kind) => {
  const { admin } = store;
  const key = randomUUID();
  let isOver = false;
  let second: Promise<unknown> = Promise.resolve();
  await admin.transaction(async (tx) => {
    await take(tx, kind, key);
    second = admin.transaction((other) => take(other, kind, key)).then(() => (isOver = true));
    await eventually('the second one waits', async () => isOver || (await waitForTurns(admin)) > 0);
    expect(isOver).toBe(false);
  });
  await second;
});

test('a transaction has its turn again as often as it asks', async () => {
  for (const kind of kinds)
    await store.admin.transaction(async (tx) => {
      await take(tx, kind, 'the same');
      await take(tx, kind, 'the same');
    });
});

test('whoever has all turns of a kind holds up no other kind', async () => {
  for (const kind of kinds)
    await store.admin.transaction(async (tx) => {
      await tx.query('select from curfew.turn where kind = $1 for update', [kind]);
      for (const other of kinds)
        if (other !== kind)
          await store.admin.transaction(async (beside) => {
            await beside.query(`set local lock_timeout = '100ms'`);
            await take(beside, other);
          });
    });
});

test('batches in opposite order wait for each other, and never in a circle, whichever keys share a place', async () => {
  const { admin } = store;
  const keys = Array.from({ length: 400 }, (_, n) => `key ${n}`);
  let tries = 0;
  const batch = (some: readonly string[]): Promise<void> =>
    admin.transaction(async (tx) => {
      tries += 1;
      await takeTurns(tx, 'human', some);
    });
  for (let round = 0; round < 10; round += 1)
    await Promise.all([keys, keys.toReversed(), keys.slice(100), keys.slice(0, 300).toReversed()].map(batch));
  // A circle would have been run again.
  expect(tries).toBe(40);
});

test('nothing is written where turns are taken, so that the rows never grow', async () => {
  const before = await size();
  const keys = Array.from({ length: 2_000 }, (_, n) => `key ${n}`);
  for (let round = 0; round < 3; round += 1) await store.admin.transaction((tx) => takeTurns(tx, 'grant', keys));
  expect(await size()).toBe(before);
});

const size = async (): Promise<number | undefined> =>
  (await store.admin.query<{ bytes: number }>(`select pg_relation_size('curfew.turn') as bytes`))[0]?.bytes;
