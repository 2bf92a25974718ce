/** The collector against a real target and store: what holders did is under their requests, once, whoever dies. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { CollectorConfig } from '../config/collector.ts';
import { createLog } from '../config/log.ts';
import type { Cluster } from '../config/targets.ts';
import type { PersonId, RequestId, TargetName } from '../domain/ids.ts';
import { entriesOf } from '../store/audit.ts';
import { sessionChanges } from '../store/session-check.ts';
import { coverage, sessionsOf, statementsOf, usesOf } from '../store/sessions.ts';
import { startCollector, type Collector } from '../workers/collector.ts';
import { canary, startPostgres, until, type Postgres } from './support/postgres.ts';
import { collectorPassword, loggingConfig, logStatements } from './support/session-log.ts';
import { addPerson, openRequest } from './support/store-sample.ts';
import { startStore, type TestStore } from './support/store.ts';
import { asHolder, granted, installSample, makeSample, type Prepared, type Sample } from './support/target.ts';

let target: Postgres;
let store: TestStore;
let sample: Sample;
const running: Collector[] = [];
beforeAll(async () => {
  [target, store] = await Promise.all([startPostgres({ config: loggingConfig }), startStore()]);
  await makeSample(target);
  await logStatements(target, 'orders');
  sample = await installSample(target, { collectorPassword });
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((collector) => collector.stop()));
});
afterAll(async () => {
  await sample?.close();
  await Promise.all([target?.stop(), store?.end()]);
});

const cluster = (name: string): Cluster => ({
  name,
  zone: 'default',
  targets: ['orders-prod' as TargetName],
  database: 'control',
  user: 'curfew_collector',
  password: collectorPassword,
  nodes: [{ name: 'primary', host: target.host, port: target.port }],
});

async function start(more: Partial<CollectorConfig> = {}): Promise<Collector> {
  const collector = await startCollector(
    {
      storeUrl: store.url('curfew_collector'),
      clusters: [cluster('main')],
      statements: 'redacted',
      everyMs: 100,
      host: '127.0.0.1',
      healthPort: 0,
      logLevel: 'fatal',
      drainMs: 5_000,
      ...more,
    },
    createLog('collector', 'fatal'),
  );
  running.push(collector);
  return collector;
}

type Held = Prepared & { readonly requestId: RequestId; readonly person: PersonId };

/** Somebody with a grant, in the store and on the target. */
async function holder(): Promise<Held> {
  const person = await addPerson(store.as.curfew_directory, `holder-${Math.random().toString(36).slice(2)}`);
  const { id: requestId } = await openRequest(store.as.curfew_api, person);
  const prepared = await granted(sample.worker, { grantId: requestId, personId: person });
  await store.admin.query(
    `insert into curfew.access_grant (request_id, target, person, template, role, granted_at, end_at)
     values ($1, 'orders-prod', $2, 'orders_read', $3, clock_timestamp(), clock_timestamp() + interval '1 hour')`,
    [requestId, person, prepared.role],
  );
  return { ...prepared, requestId, person };
}

const sessions = (id: RequestId) => sessionsOf(store.as.curfew_auditor, [id]);
const texts = async (id: RequestId) =>
  (await statementsOf(store.as.curfew_auditor, id, 10_000)).map(({ text }) => text);
const changes = ({ requestId: id, person }: Held) => sessionChanges(store.as.curfew_auditor, { id, person });
const closedSession = (id: RequestId, count = 1) =>
  until(
    async () => {
      const found = (await sessions(id)).filter(({ closedAt }) => closedAt !== null);
      return found.length >= count && found;
    },
    'the session is kept to its end',
    30_000,
  );

test('what a holder did stands under the request, redacted, and nobody else’s work does', async () => {
  const held = await holder();
  const [secret, other] = [canary(), canary()];
  await start();
  await asHolder(target, held, async (client) => {
    await client.query(`select id from sales.orders where note = '${secret}' -- ${secret}`);
    await client.query('select id from sales.orders where note = $1', [secret]);
    await client.query(`alter role current_user password '${secret}'`).catch(() => undefined);
    await client.query(`selec '${secret}'`).catch(() => undefined);
  });
  await target.query('orders', `select '${other}'`);
  const [session] = await closedSession(held.requestId);
  expect(session).toMatchObject({ node: 'primary', database: 'orders', ended: 'seen', statements: 4, failed: 1 });
  expect(await texts(held.requestId)).toEqual([
    'select id from sales.orders where note = ?',
    'select id from sales.orders where note = $1',
    'alter role current_user password ?',
    null,
  ]);
  const everything = JSON.stringify(
    await store.admin.query(
      `select (select json_agg(t) from curfew.session_text t) as texts, (select json_agg(s) from curfew.session s) as sessions,
         (select json_agg(x) from curfew.session_statement x) as statements,
         (select json_agg(convert_from(e.body, 'UTF8')) from audit.entry e) as entries`,
    ),
  );
  expect(everything).not.toContain(secret);
  expect(everything).not.toContain(other);
  expect(await changes(held)).toEqual([]);
});

test('two logins of one request are told apart, and both tie to it (I21)', async () => {
  const held = await holder();
  await start();
  await Promise.all([
    asHolder(target, held, (client) => client.query('select 1 as one')),
    asHolder(target, held, (client) => client.query('select 2 as two')),
  ]);
  await closedSession(held.requestId, 2);
  expect(new Set(await texts(held.requestId))).toEqual(new Set(['select ? as one', 'select ? as two']));
  expect((await entriesOf(store.as.curfew_admin, held.requestId)).map(({ kind }) => kind).toSorted()).toEqual([
    'session.closed',
    'session.closed',
    'session.opened',
    'session.opened',
  ]);
});

test.each([
  ['whole', ["select 'as it is' as note", '{"text":"select $1::text as value","parameters":"$1 = \'v\'"}']],
  ['none', [null, '{"text":null,"parameters":null}']],
] as const)('where statements are kept %s, they are', async (statements, [first, second]) => {
  const held = await holder();
  await start({ statements, clusters: [cluster(`keeps-${statements}`)] });
  await asHolder(target, held, async (client) => {
    await client.query("select 'as it is' as note");
    await client.query('select $1::text as value', ['v']);
  });
  await closedSession(held.requestId);
  const [one, two] = await statementsOf(store.as.curfew_auditor, held.requestId, 10);
  expect(one?.text).toBe(first);
  expect(JSON.stringify({ text: two?.text, parameters: two?.parameters })).toBe(second);
  expect(two).toMatchObject({ via: 'execute', durationUs: expect.any(Number) });
});

test('a grant that nobody used is shown as unused, once the log was read beyond its end', async () => {
  const held = await holder();
  await start({ clusters: [cluster('unused')] });
  await until(
    async () =>
      (await coverage(store.as.curfew_auditor)).some((node) => node.cluster === 'unused' && node.wholeSince !== null),
    'the log is read',
  );
  // Others of these tests do not read on.
  await store.admin.query(`delete from curfew.session_cursor where cluster <> 'unused'`);
  await store.admin.query(`update curfew.access_grant set granted_at = clock_timestamp() where request_id = $1`, [
    held.requestId,
  ]);
  const usage = async () => (await usesOf(store.as.curfew_auditor, [held.requestId]))[0]?.usage;
  await store.admin.query(`update curfew.access_grant set ended_at = clock_timestamp() where request_id = $1`, [
    held.requestId,
  ]);
  expect(await usage()).toBe('not known');
  await until(async () => (await usage()) === 'unused', 'it is known to be unused', 30_000);
});

/** As an operator runs it, so that it can be killed. */
async function spawnCollector(port: number): Promise<ChildProcess> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('../workers/collector.ts', import.meta.url))], {
    env: {
      CURFEW_STORE_URL: store.url('curfew_collector'),
      CURFEW_TARGETS: JSON.stringify([cluster('killed')]),
      CURFEW_HEALTH_PORT: String(port),
      CURFEW_COLLECT_EVERY: '1s',
      CURFEW_LOG_LEVEL: 'fatal',
    },
    stdio: 'ignore',
  });
  await once(child, 'spawn');
  return child;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

test('a collector that is killed again and again loses nothing and doubles nothing (I23)', async () => {
  const held = await holder();
  const port = await freePort();
  const place = async () => {
    const [row] = await store.admin.query<{ next: number }>(
      `select next from curfew.session_cursor where cluster = 'killed'`,
    );
    return row?.next ?? -1;
  };
  let said = 0;
  const say = async (count: number) => {
    await asHolder(target, held, async (client) => {
      for (let n = 0; n < count; n += 1) await client.query(`select ${(said += 1)} as said_${said}`);
    });
  };
  for (let life = 0; life < 4; life += 1) {
    await say(300);
    const before = await place();
    const child = await spawnCollector(port);
    await until(async () => (await place()) > before, 'it keeps something', 30_000);
    await say(100);
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await start({ clusters: [cluster('killed')] });
  await closedSession(held.requestId, 8);
  const found = await statementsOf(store.as.curfew_auditor, held.requestId, 10_000);
  expect(found.map(({ text }) => text)).toEqual(Array.from({ length: said }, (_, n) => `select ? as said_${n + 1}`));
  const entries = (await entriesOf(store.as.curfew_admin, held.requestId)).map(({ kind }) => kind);
  expect(entries.filter((kind) => kind === 'session.opened')).toHaveLength(8);
  expect(entries.filter((kind) => kind === 'session.closed')).toHaveLength(8);
  expect(await changes(held)).toEqual([]);
}, 120_000);

test('a node of which the collector is told no more is missed no more', async () => {
  await store.admin.query(
    `insert into curfew.session_cursor (cluster, node, targets, next) values ('fewer', 'old', '{orders-prod}', 0), ('other', 'old', '{orders-prod}', 0)`,
  );
  await start({ clusters: [cluster('fewer')] });
  const named = async () =>
    (await coverage(store.as.curfew_auditor))
      .map((node) => `${node.cluster}/${node.node}`)
      .filter((name) => /^(fewer|other)/.test(name));
  await until(async () => (await named()).join() === 'fewer/primary,other/old', 'the old one is forgotten', 30_000);
});

test('a target that does not answer, or whose log it may not read, is told by /healthz and changes nothing', async () => {
  const [main] = [cluster('main')];
  const collector = await start({
    clusters: [
      main,
      { ...cluster('wrong'), targets: ['a' as TargetName], password: 'not the password' },
      { ...cluster('dead'), targets: ['b' as TargetName], nodes: [{ name: 'primary', host: '127.0.0.1', port: 1 }] },
    ],
  });
  const health = await until(
    () => {
      const now = collector.health();
      return now.targets[0]?.ok === true && now.targets.slice(1).every(({ lastError }) => lastError !== null) && now;
    },
    'all were tried',
    30_000,
  );
  expect(health.ok).toBe(false);
  expect(health.targets.map(({ name, ok }) => [name, ok])).toEqual([
    ['main/primary', true],
    ['wrong/primary', false],
    ['dead/primary', false],
  ]);
  expect(JSON.stringify(health)).not.toContain('not the password');
  const response = await fetch(`http://127.0.0.1:${collector.healthPort()}/healthz`);
  expect(response.status).toBe(503);
  // Without its row nothing would be missed.
  expect(await coverage(store.as.curfew_auditor)).toContainEqual(
    expect.objectContaining({ cluster: 'dead', node: 'primary', readTo: null, wholeSince: null }),
  );
});
