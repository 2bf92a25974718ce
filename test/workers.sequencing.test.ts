/** Who gives entries their places, and who is told where nobody does. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as alarms from '../store/alarms.ts';
import type { Db } from '../store/pool.ts';
import { keepSequencing } from '../workers/worker/sequencing.ts';
import { eventually } from './support/eventually.ts';
import { startStore, type TestStore } from './support/store.ts';

let store: TestStore;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.end());

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const open = async (): Promise<readonly string[]> => (await alarms.open(store.admin)).map(({ key }) => key);
const places = async (): Promise<number> =>
  (await store.admin.query<{ n: number }>('select count(*)::int as n from audit.leaf'))[0]?.n ?? Number.NaN;

/** As one that was written some time ago. */
const entry = (ago: string): Promise<unknown> =>
  store.admin.query(
    `insert into audit.entry (at, login, kind, actor, subject, body)
     values (clock_timestamp() - $1::interval, 'curfew_api', 'request.refused', 'x', 'x', '{}')`,
    [ago],
  );

async function whileSequencing(work: () => Promise<void>): Promise<void> {
  const ending = new AbortController();
  const running = keepSequencing({ store: store.as.curfew_worker, log: quiet, signal: ending.signal });
  try {
    await work();
  } finally {
    ending.abort();
    await running;
  }
}

test('whoever only holds the lock of the sequencer stops it, and that is told after a minute and over with it', async () => {
  await entry('1 hour');
  await store.admin.transaction(async (holder) => {
    await holder.query('select pg_advisory_xact_lock(7261843902)');
    await holder.query('select from audit.sequencer for update');
    await whileSequencing(async () => {
      await eventually('it is told', async () => (await open()).includes('log-unsigned/places'));
      expect(await places()).toBe(0);
    });
  });
  // By another process than the one that raised it.
  await whileSequencing(() => eventually('it is over', async () => (await open()).length === 0).then(() => undefined));
  expect(await places()).toBeGreaterThan(0);
});

test('a look that takes long is rested after for longer, so that looking is never all that the store does', async () => {
  const worker = store.as.curfew_worker;
  const [tookMs, looks]: [number, { begunAt: number; endedAt: number }[]] = [100, []];
  const slow: Db = {
    ...worker,
    query: async (text, values) => {
      const begunAt = performance.now();
      if (text.includes('audit.sequence(')) await worker.query('select pg_sleep($1)', [tookMs / 1_000]);
      const rows = await worker.query(text, values);
      if (text.includes('audit.sequence(')) looks.push({ begunAt, endedAt: performance.now() });
      return rows as never;
    },
  };
  const ending = new AbortController();
  const running = keepSequencing({ store: slow, log: quiet, signal: ending.signal });
  await eventually('it has looked three times', () => Promise.resolve(looks.length >= 3));
  ending.abort();
  await running;
  const rests = looks.slice(1).map(({ begunAt }, at) => begunAt - (looks[at]?.endedAt ?? 0));
  expect(Math.min(...rests)).toBeGreaterThan(5 * tookMs);
});

test('an entry that a long transaction commits late is old, and no alarm', async () => {
  const before = await places();
  await whileSequencing(async () => {
    for (let n = 1; n <= 3; n += 1) {
      await entry('1 hour');
      await eventually('it has its place', async () => (await places()) >= before + n);
    }
  });
  const raised = await store.admin.query(
    `select from audit.entry where kind = 'alarm.raised' and at > clock_timestamp() - interval '1 hour'`,
  );
  expect(raised).toHaveLength(1);
});
