import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { PersonId } from '../domain/ids.ts';
import { hearIntents, type Hearing } from '../store/heard.ts';
import { insertAll, type Intent } from '../store/intents.ts';
import { createBell, pace } from '../workers/reaper/pace.ts';
import { eventually } from './support/eventually.ts';
import { plantPerson } from './support/planted.ts';
import { startStore, type TestStore } from './support/store.ts';

let store: TestStore;
const open: Hearing[] = [];
beforeAll(async () => {
  store = await startStore();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((hearing) => hearing.close()));
});
afterAll(() => store?.end());

const listeners = (): Promise<readonly { pid: number }[]> =>
  store.admin.query(
    `select pid from pg_stat_activity where application_name = 'curfew-ear' and usename = 'curfew_reaper'`,
  );

/** Listens, and counts what it hears from then on. */
async function hear(): Promise<{ readonly count: () => number }> {
  let heard = 0;
  open.push(
    hearIntents({
      url: store.url('curfew_reaper'),
      applicationName: 'curfew-ear',
      onAsked: () => (heard += 1),
      againMs: 10,
    }),
  );
  await eventually('it listens', () => Promise.resolve(heard === 1));
  return { count: () => heard };
}

const askedBy = (person: PersonId): Intent => ({
  id: randomUUID(),
  scope: { kind: 'person', person },
  actor: 'curfew_directory',
  cause: 'left',
});

test('an end that is asked for is heard once it is committed, once for all of a transaction, and not before', async () => {
  const person = (await plantPerson(store)).id;
  const { count } = await hear();
  await store.as.curfew_directory.transaction(async (tx) => {
    await insertAll(tx, [askedBy(person), askedBy(person)]);
    await insertAll(tx, [askedBy(person)]);
    await store.admin.query('select');
    expect(count()).toBe(1);
  });
  await eventually('it is heard', () => Promise.resolve(count() > 1));
  await insertAll(store.as.curfew_directory, [askedBy(person)]);
  await eventually('the next one is heard', () => Promise.resolve(count() > 2));
  expect(count()).toBe(3);
});

test('a connection that is lost is made again, and then there may be something that nobody heard', async () => {
  const { count } = await hear();
  const [first] = await listeners();
  await store.admin.query('select pg_terminate_backend($1)', [first?.pid]);
  await eventually('it listens again', () => Promise.resolve(count() === 2));
  // A server says that it ends before it is gone.
  await eventually('it is another one, alone', async () => {
    const now = await listeners();
    return now.length === 1 && now[0]?.pid !== first?.pid;
  });
});

test('told to stop, it leaves no connection behind', async () => {
  await hear();
  await open.pop()?.close();
  await eventually('nobody listens', async () => (await listeners()).length === 0);
});

test('a loop that is rung does its next round at once, also where it was at work, and else by the clock', async () => {
  const stop = new AbortController();
  const bell = createBell();
  const rounds: number[] = [];
  const loop = pace(
    60_000,
    stop.signal,
    () => {
      rounds.push(performance.now());
      if (rounds.length === 2) bell.ring();
      return Promise.resolve();
    },
    () => undefined,
    bell,
  );
  await eventually('the first round', () => Promise.resolve(rounds.length === 1));
  bell.ring();
  bell.ring();
  await eventually('one for the rings, and one for the ring while it worked', () =>
    Promise.resolve(rounds.length === 3),
  );
  stop.abort();
  await loop;
  expect(rounds).toHaveLength(3);
});
