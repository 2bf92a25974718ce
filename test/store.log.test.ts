import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { entryLine } from '../audit/entry-line.ts';
import { leafHash, nodeHash, rootOf } from '../audit/merkle.ts';
import { frontierOf } from '../audit/frontier.ts';
import { append } from '../store/audit.ts';
import * as log from '../store/log.ts';
import type { Db } from '../store/pool.ts';
import { startStore, type TestStore } from './support/store.ts';
import { until } from './support/postgres.ts';

let store: TestStore;
beforeAll(async () => {
  store = await startStore({ config: { autovacuum: 'on', max_connections: '200' } });
});
afterAll(() => store.end());

const opened = (db: Db, subject: string, body: Record<string, string> = {}): Promise<number> =>
  append(db, { kind: 'request.opened', actor: subject, subject, body } as never);

/** Until nothing waits: an entry whose transaction is still open is not waited for. */
async function drain(): Promise<void> {
  await until(
    async () => {
      await log.sequence(store.as.curfew_worker, 500);
      return (await log.waiting(store.as.curfew_worker)).entries === 0;
    },
    'every entry has its place',
    60_000,
  );
}

type Leaf = { readonly index: number; readonly entry: number };
const leaves = (): Promise<readonly Leaf[]> =>
  store.admin.query<Leaf>('select index, entry from audit.leaf order by index');

/** No place is missing, no entry has two, and each entry has one. */
async function expectWhole(): Promise<void> {
  const placed = await leaves();
  expect(placed.map(({ index }) => index)).toEqual(placed.map((_, index) => index));
  const entries = await store.admin.query<{ id: number }>('select id from audit.entry order by id');
  expect(placed.map(({ entry }) => entry).toSorted((one, other) => one - other)).toEqual(entries.map(({ id }) => id));
}

test('a thousand concurrent appends, of which some roll back, get gapless places from three sequencers, one of them killed in its batch (I11)', async () => {
  // A thousand wait for forty connections: however long that takes here, none is given up.
  const api = store.open('curfew_api', { max: 40, statementTimeoutMs: 60_000 });
  const worker = store.open('curfew_worker', { max: 4 });
  const writing = new AbortController();
  const isOver = (): boolean => writing.signal.aborted;
  const sequencing = Array.from({ length: 3 }, async () => {
    while (!isOver()) await log.sequence(worker, 37).catch(() => undefined);
  });
  let killed = 0;
  const killing = (async () => {
    while (!isOver()) {
      const ended = await store.admin.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where query like '%audit.sequence%' and usename = 'curfew_worker' and state = 'active' limit 1`,
      );
      killed += ended.length;
    }
  })();
  const wanted = Array.from({ length: 1_000 }, async (_, n) => {
    const write = api.transaction(async (tx) => {
      await opened(tx, randomUUID());
      if (n % 10 === 0) throw new Error('rolled back');
      return 1;
    });
    return await write.catch(() => 0);
  });
  const written = (await Promise.all(wanted)).reduce<number>((sum, one) => sum + one, 0);
  await until(() => killed > 0, 'a sequencer was killed');
  writing.abort();
  await Promise.all([...sequencing, killing]);
  expect(written).toBe(900);
  await drain();
  await expectWhole();
});

test('an entry that drew a low id and commits late has its place later, once, and the horizon waits for it', async () => {
  await drain();
  const before = await log.sizeOf(store.admin);
  let committed!: () => void;
  const held = new Promise<void>((resolve) => (committed = resolve));
  let drawn!: (id: number) => void;
  const low = new Promise<number>((resolve) => (drawn = resolve));
  const late = store.as.curfew_api.transaction(async (tx) => {
    drawn(await opened(tx, 'late'));
    await held;
  });
  const lowId = await low;
  const highId = await opened(store.as.curfew_api, 'early');
  for (let round = 0; round < 5; round += 1) await log.sequence(store.as.curfew_worker, 500);
  expect(highId).toBeGreaterThan(lowId);
  expect((await leaves()).slice(before).map(({ entry }) => entry)).toEqual([highId]);
  const [state] = await store.admin.query<{ horizon: number }>('select horizon from audit.sequencer');
  expect(state?.horizon).toBeLessThan(lowId);
  committed();
  await late;
  for (let round = 0; round < 5; round += 1) await log.sequence(store.as.curfew_worker, 500);
  expect((await leaves()).slice(before).map(({ entry }) => entry)).toEqual([highId, lowId]);
  await until(async () => {
    await log.sequence(store.as.curfew_worker, 500);
    const [now] = await store.admin.query<{ horizon: number }>('select horizon from audit.sequencer');
    return (now?.horizon ?? 0) >= highId;
  }, 'the horizon has passed both');
  await expectWhole();
});

/** A point that one side waits for and the other one reaches. */
const step = (): { readonly reached: Promise<void>; readonly reach: () => void } => {
  let reach!: () => void;
  const reached = new Promise<void>((resolve) => (reach = resolve));
  return { reached, reach };
};

test('a transaction that is younger than the newest that is over, and drew a lower id, is waited for', async () => {
  await drain();
  const [elderBegan, youngerDrew, youngerGo] = [step(), step(), step()];
  const elder = store.as.curfew_api.transaction(async (tx) => {
    await opened(tx, 'elder, first');
    elderBegan.reach();
    await youngerDrew.reached;
    return await opened(tx, 'elder, second');
  });
  await elderBegan.reached;
  const younger = store.as.curfew_api.transaction(async (tx) => {
    const id = await opened(tx, 'younger');
    youngerDrew.reach();
    await youngerGo.reached;
    return id;
  });
  const newest = await elder;
  for (let round = 0; round < 5; round += 1) await log.sequence(store.as.curfew_worker, 500);
  youngerGo.reach();
  expect(await younger).toBeLessThan(newest);
  await drain();
  await expectWhole();
});

test('what was committed before an entry was written stands before it, however long another transaction stays open', async () => {
  await drain();
  const [open, go] = [step(), step()];
  const forgotten = store.admin.transaction(async (tx) => {
    await tx.query('set local idle_in_transaction_session_timeout = 0');
    await tx.query('select pg_current_xact_id()');
    open.reach();
    await go.reached;
  });
  await open.reached;
  await store.admin.query(
    `insert into audit.entry (at, login, kind, actor, subject, body)
     select now(), 'curfew_api', 'request.opened', 'x', 'many', '{}' from generate_series(1, 21000)`,
  );
  await drain();
  const order: string[] = [];
  for (let round = 0; round < 8; round += 1) {
    const [drew, commit] = [step(), step()];
    const before = await log.sizeOf(store.admin);
    const cause = store.as.curfew_api.transaction(async (tx) => {
      await opened(tx, 'cause');
      drew.reach();
      await commit.reached;
    });
    await drew.reached;
    await opened(store.as.curfew_api, 'meanwhile');
    await log.sequence(store.as.curfew_worker, 500);
    commit.reach();
    await cause;
    await opened(store.as.curfew_api, 'what followed from it');
    await log.sequence(store.as.curfew_worker, 500);
    const placed = await log.linesBetween(store.as.curfew_auditor, before, before + 9, 9);
    order.push(placed.map(({ line }) => (JSON.parse(line?.toString() ?? '{}') as { subject: string }).subject).join());
  }
  go.reach();
  await forgotten;
  expect([...new Set(order)]).toEqual(['meanwhile,cause,what followed from it']);
  await drain();
  await expectWhole();
});

test('a horizon that somebody moved ahead keeps nothing from its place', async () => {
  await drain();
  await store.admin.query('update audit.sequencer set horizon = 9000000000000000');
  await opened(store.as.curfew_api, 'behind a horizon');
  expect(await log.waiting(store.as.curfew_worker)).toMatchObject({ entries: 1 });
  await drain();
  const ids = await store.admin.query<{ id: number }>('select max(id) as id from audit.entry');
  expect((await leaves()).at(-1)).toMatchObject({ entry: ids[0]?.id });
  await expectWhole();
});

test('a transaction that this server never had, as after a dump was restored, keeps the horizon nowhere', async () => {
  await drain();
  await store.admin.query(`update audit.sequencer set seen_id = 1, seen_xid = '9000000000000000'`);
  const id = await opened(store.as.curfew_api, 'in another server');
  await drain();
  await until(async () => {
    await log.sequence(store.as.curfew_worker, 500);
    const [now] = await store.admin.query<{ horizon: number }>('select horizon from audit.sequencer');
    return (now?.horizon ?? 0) >= id;
  }, 'the horizon has gone on');
  await expectWhole();
});

test('what waits is counted no further than anybody wants to know, however much that is', async () => {
  await drain();
  const counted = store.admin.transaction(async (tx) => {
    for (let n = 0; n < 3; n += 1)
      await tx.query(
        `insert into audit.entry (at, login, kind, actor, subject, body)
         select now(), 'curfew_api', 'request.opened', 'x', 'many', '{}' from generate_series(1, 40000)`,
      );
    throw new Error(JSON.stringify((await log.waiting(tx)).entries));
  });
  await expect(counted).rejects.toThrow(/^100000$/);
});

/** What somebody with a login may hold: every lock on the tables of the log that they are given, and any advisory one. */
async function lockAll(tx: Db): Promise<void> {
  await tx.query('select pg_advisory_xact_lock(7261843902)');
  for (const table of ['sequencer', 'entry', 'leaf', 'node', 'checkpoint'])
    for (const mode of ['access share', 'row share', 'share', 'exclusive', 'access exclusive']) {
      await tx.query('savepoint before');
      await tx
        .query(`lock table audit.${table} in ${mode} mode nowait`)
        .catch(() => tx.query('rollback to savepoint before'));
    }
}

test.each(['curfew_auditor', 'curfew_collector', 'curfew_api', 'curfew_reaper', 'curfew_admin'] as const)(
  'no lock that %s may hold keeps an entry from its place',
  async (login) => {
    await drain();
    await store.as[login].transaction(async (tx) => {
      await lockAll(tx);
      const size = await log.sizeOf(store.admin);
      await opened(store.as.curfew_api, `behind locks of ${login}`);
      expect(await log.sequence(store.as.curfew_worker, 500)).toEqual({ from: size, to: size + 1 });
    });
  },
);

const nasty = [
  'plain',
  '"quotes" \\ back\\\\slash / slash',
  'tab\t newline\n return\r back\b feed\f one\u0001 unit\u001f del\u007f',
  'ünïcödé \u2028\u2029 \u{1F512} \ufeff é e\u0301',
  '',
];

test('the line that the store makes is byte for byte the line that the auditor’s code makes, and its leaf is its hash', async () => {
  for (const actor of nasty) {
    for (const subject of nasty)
      await append(store.as.curfew_api, {
        kind: 'request.opened',
        actor,
        subject,
        body: { n: actor, at: subject },
      } as never);
  }
  await drain();
  const placed = await log.linesBetween(store.as.curfew_auditor, 0, 1e6, 1e6);
  const rows = new Map(
    (
      await store.admin.query<{
        id: number;
        at: string;
        login: string;
        kind: string;
        actor: string;
        subject: string;
        body: Buffer;
      }>(
        `select id, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at, login, kind, actor, subject, body from audit.entry`,
      )
    ).map((row) => [row.id, row]),
  );
  expect(placed.length).toBeGreaterThan(nasty.length ** 2);
  for (const { entry, line, hash } of placed) {
    const row = rows.get(entry);
    if (!row || !line) throw new Error('a leaf without its entry');
    expect(line.toString('utf8')).toBe(entryLine(row as never).toString('utf8'));
    expect(hash.equals(leafHash(line))).toBe(true);
  }
});

test('every complete subtree that the store names is the tree’s, at every size on the way', async () => {
  await drain();
  const placed = await log.linesBetween(store.as.curfew_auditor, 0, 1e6, 1e6);
  const tree = frontierOf(0);
  for (const { index, hash } of placed) {
    tree.push(hash);
    if (index % 101 !== 0 && index !== placed.length - 1) continue;
    const root = await rootOf(index + 1, (nodes) => log.readNodes(store.as.curfew_worker, nodes));
    expect(root.equals(tree.root()), `at size ${index + 1}`).toBe(true);
  }
  const [left, right] = await log.readNodes(store.as.curfew_worker, [
    { level: 8, index: 0 },
    { level: 8, index: 1 },
  ]);
  const [both] = await log.readNodes(store.as.curfew_worker, [{ level: 9, index: 0 }]);
  if (!left || !right || !both) throw new Error('too few entries for two tiles');
  expect(both.equals(nodeHash(left, right))).toBe(true);
  await expect(log.readNodes(store.as.curfew_worker, [{ level: 20, index: 0 }])).rejects.toThrow(log.TreeIncomplete);
});

test.each([
  ['with a control character, which would break its line', '{"a":\n1}', 'CFA04'],
  ['that is no object', '["a"]', 'CFA04'],
  ['that no jsonb can hold, which whoever reads it would meet', '{"a":"\\u0000"}', '22P05'],
])('a body %s is refused', async (_, body, sqlstate) => {
  const call = store.as.curfew_api.query(`select audit.append('request.opened', 'a', 'b', $1)`, [Buffer.from(body)]);
  await expect(call).rejects.toMatchObject({ sqlstate });
});
