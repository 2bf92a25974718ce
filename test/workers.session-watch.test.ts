/** A collector that is dead or far behind is an alarm, though nobody waits for it; one that nobody set up is none. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as alarms from '../store/alarms.ts';
import { record } from '../store/session-log.ts';
import { forgetOthers, placeOf } from '../store/session-places.ts';
import { watchSessions } from '../workers/worker/session-watch.ts';
import { startStore, type TestStore } from './support/store.ts';

let store: TestStore;
let now = Date.now();
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store?.end());

const node = (name: string, cluster = 'main') => ({ cluster, node: name, targets: ['orders-prod'] });
const read = async (name: string, more = false) => {
  const from = await placeOf(store.as.curfew_collector, node(name));
  await record(store.as.curfew_collector, node(name), from, {
    place: { file: 'a.json', head: Buffer.alloc(32), next: from.next + 1 },
    askedAt: now,
    more,
    lost: false,
    connections: true,
    copiedUntil: null,
    lines: [],
  });
};
const look = () => watchSessions({ store: store.as.curfew_worker, clusters: ['main'], clock: () => now })();
const open = async () => (await alarms.open(store.as.curfew_worker)).map(({ key, detail }) => `${key}: ${detail}`);
const later = (minutes: number): void => void (now += minutes * 60_000);

test('each node whose log is not read alarms, until it is read again or is no more', async () => {
  later(60);
  await look();
  expect(await open()).toEqual([]);

  now = Date.now();
  await read('a');
  await placeOf(store.as.curfew_collector, node('b'));
  await placeOf(store.as.curfew_collector, node('a', 'somebody else’s'));
  later(4);
  await look();
  expect(await open()).toEqual([]);

  later(2);
  await read('a', true);
  await look();
  await look();
  expect(await open()).toEqual([
    expect.stringMatching(/^sessions-unread\/main\/a: The log of the node a was last read to its end at 20/),
    expect.stringMatching(/^sessions-unread\/main\/b: The log of the node b was never read to its end/),
  ]);

  await read('a');
  await look();
  expect(await open()).toEqual([expect.stringMatching(/^sessions-unread\/main\/b/)]);
  await forgetOthers(store.as.curfew_collector, 'main', ['a']);
  await look();
  expect(await open()).toEqual([]);
});

test('where nobody is to read the logs any more the alarm says where that is said, and what is written there ends it', async () => {
  now = Date.now();
  await read('a');
  later(60);
  await look();
  expect(await open()).toEqual([expect.stringContaining('operations.md')]);
  const operations = await readFile(new URL('../docs/operations.md', import.meta.url), 'utf8');
  const statement = /^update curfew\.session_cursor .+;$/m.exec(operations)?.[0] ?? '';
  await store.as.curfew_collector.query(statement.replace("'CLUSTER'", "'main'"));
  await look();
  expect(await open()).toEqual([]);
});
