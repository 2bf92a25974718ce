import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createLog } from '../config/log.ts';
import type { ReaperConfig } from '../config/reaper.ts';
import type { Cluster } from '../config/targets.ts';
import type { PersonId, RequestId, TargetName } from '../domain/ids.ts';
import { open as openAlarms } from '../store/alarms.ts';
import { entriesOf } from '../store/audit.ts';
import { of as heartbeatOf } from '../store/heartbeats.ts';
import { insert as insertIntent, ofRequest, type IntentScope, type StoredIntent } from '../store/intents.ts';
import type { Target } from '../targets/postgres/accessor.ts';
import { startReaper, type Reaper } from '../workers/reaper.ts';
import { createReports } from '../workers/reaper/reports.ts';
import { eventually, until } from './support/eventually.ts';
import { plantGrant, plantPerson, plantRequest } from './support/planted.ts';
import { startPostgres, type Postgres } from './support/postgres.ts';
import { startStore, type TestStore } from './support/store.ts';
import {
  asHolder,
  granted,
  installSample,
  makeSample,
  openWorker,
  reaperPassword,
  type Prepared,
} from './support/target.ts';

let postgres: Postgres;
let store: TestStore;
let worker: Target;
let closed: Closed;
const running: Reaper[] = [];

beforeAll(async () => {
  [postgres, store, closed] = await Promise.all([startPostgres(), startStore(), startBlackHole()]);
  await makeSample(postgres);
  await (await installSample(postgres)).close();
  worker = openWorker(postgres);
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((reaper) => reaper.stop()));
});
afterAll(async () => {
  await worker?.close();
  await closed?.close();
  await Promise.all([postgres?.stop(), store?.end()]);
});

type Closed = { readonly port: number; close(): Promise<void> };

/** Takes connections and never says a word: what a firewall or a frozen server looks like. */
async function startBlackHole(): Promise<Closed> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

const orders = 'orders-prod' as TargetName;
const names = [orders, 'models-prod' as TargetName];
const clusterAt = (port: number, name = 'main'): Cluster => ({
  name,
  zone: 'default',
  targets: name === 'main' ? names : [`${name}-target` as TargetName],
  database: 'control',
  user: 'curfew_reaper',
  password: reaperPassword,
  nodes: [{ name: 'primary', host: '127.0.0.1', port }],
});

const deadStore = (): string => `postgres://curfew_reaper:nobody-is-there@127.0.0.1:${closed.port}/curfew`;
const liveStore = (): string => store.url('curfew_reaper');

function start(fields: Partial<ReaperConfig> = {}): Reaper {
  const reaper = startReaper(
    {
      storeUrl: liveStore(),
      clusters: [clusterAt(postgres.port)],
      everyMs: 1_000,
      host: '127.0.0.1',
      healthPort: 0,
      logLevel: 'fatal',
      drainMs: 5_000,
      ...fields,
    },
    createLog('reaper', 'fatal'),
  );
  running.push(reaper);
  return reaper;
}

/** As a superuser of the target sees it. */
const sessionsOf = async (role: string): Promise<number> => {
  const [row] = await postgres.query<{ n: number }>(
    'postgres',
    'select count(*)::int as n from pg_stat_activity where usename = $1',
    [role],
  );
  return row?.n ?? 0;
};
const mayLogin = async (role: string): Promise<boolean> => {
  const [row] = await postgres.query<{ rolcanlogin: boolean }>(
    'postgres',
    'select rolcanlogin from pg_roles where rolname = $1',
    [role],
  );
  return row?.rolcanlogin ?? false;
};
const ended = async (role: string): Promise<boolean> => !(await mayLogin(role)) && (await sessionsOf(role)) === 0;

/** A session that does not end by itself: an open transaction. Resolves when the server ended it. */
async function holdOpen(holder: Prepared): Promise<{ readonly gone: Promise<void> }> {
  const { promise: held, resolve: onHeld, reject } = Promise.withResolvers<void>();
  const gone = asHolder(postgres, holder, async (client) => {
    const closedByServer = once(client, 'end');
    await client.query('begin; select count(*) from sales.orders');
    onHeld();
    await closedByServer;
  }).catch(reject);
  await held;
  return { gone };
}

const ask = async (scope: IntentScope, cause: StoredIntent['cause'] = 'revoked'): Promise<void> => {
  await insertIntent(store.as.curfew_api, { id: randomUUID(), scope, actor: 'curfew_api', cause });
};

/** A grant on the target that the store knows as the product would have recorded it. */
async function recorded(
  endAt = Date.now() + 600_000,
): Promise<Prepared & { readonly id: RequestId; readonly person: PersonId }> {
  const { id: person } = await plantPerson(store);
  const request = await plantRequest(store, person);
  const holder = await granted(worker, { grantId: request.id, personId: person, endAt });
  await plantGrant(store, request, endAt);
  return { ...holder, id: request.id, person };
}

test('with no store and no worker, what is due ends on time: no login from the end on, no session two seconds later', async () => {
  const endAt = Date.now() + 2_500;
  const holder = await granted(worker, { endAt });
  start({ storeUrl: deadStore() });
  const { gone } = await holdOpen(holder);
  expect(await sessionsOf(holder.role)).toBe(1);

  await until(endAt);
  await expect(asHolder(postgres, holder, (client) => client.query('select 1'))).rejects.toMatchObject({
    code: '28P01',
  });
  await until(endAt + 2_000);
  expect(await sessionsOf(holder.role)).toBe(0);
  expect(await mayLogin(holder.role)).toBe(false);
  await gone;
});

test('twenty grants that end in the same second are all over two seconds later', async () => {
  const endAt = Date.now() + 3_000;
  const holders = await Promise.all(Array.from({ length: 20 }, () => granted(worker, { endAt })));
  start({ storeUrl: deadStore() });
  const held = await Promise.all(holders.map(holdOpen));
  await until(endAt + 2_000);
  expect(await Promise.all(holders.map((holder) => sessionsOf(holder.role)))).toEqual(holders.map(() => 0));
  await Promise.all(held.map(({ gone }) => gone));
});

test('a revoke intent is carried out within two seconds, with its evidence in the store', async () => {
  const holder = await recorded();
  start();
  const { gone } = await holdOpen(holder);
  const askedAt = performance.now();
  await ask({ kind: 'grant', requestId: holder.id, target: orders });
  await gone;
  await eventually('the login is ended', () => ended(holder.role));
  expect(performance.now() - askedAt).toBeLessThan(2_000);

  const [intent] = await eventually('the outcome', async () => {
    const intents = await ofRequest(store.admin, holder.id);
    return intents[0]?.outcomes.length === 1 && intents;
  });
  expect(intent?.outcomes[0]).toMatchObject({
    target: 'orders-prod',
    evidence: {
      by: 'reaper',
      grants: [{ grantId: holder.id, sessionsClosed: 1, nodes: [{ node: 'primary', ended: true }] }],
    },
  });
});

test('and so is one of which nobody tells the reaper, for it looks all the same (I9)', async () => {
  await store.admin.query('alter table curfew.revoke_intent disable trigger revoke_intent_told');
  try {
    const holder = await recorded();
    start();
    const { gone } = await holdOpen(holder);
    const askedAt = performance.now();
    await ask({ kind: 'grant', requestId: holder.id, target: orders });
    await gone;
    await eventually('the login is ended', () => ended(holder.role));
    expect(performance.now() - askedAt).toBeLessThan(2_000);
  } finally {
    await store.admin.query('alter table curfew.revoke_intent enable trigger revoke_intent_told');
  }
});

test.each(['grant', 'person'] as const)(
  'an outcome that somebody wrote without ending anything silences no intent about a %s',
  async (kind) => {
    const holder = await recorded();
    const other = await recorded();
    await ask(
      kind === 'grant' ? { kind, requestId: holder.id, target: orders } : { kind: 'person', person: holder.person },
    );
    await store.as.curfew_reaper.query(
      `insert into curfew.revoke_outcome (intent_id, target, evidence)
       select i.id, t.name, '{}' from curfew.revoke_intent i cross join unnest($1::text[]) as t (name)
       where i.request_id = $2 or i.person = $3 on conflict do nothing`,
      [names, holder.id, holder.person],
    );
    start();
    await eventually('the login is ended', () => ended(holder.role));
    expect(await mayLogin(other.role)).toBe(true);
  },
);

test('an intent about a grant that was never made leaves a tombstone: a claim under way cannot be granted any more', async () => {
  const { id: person } = await plantPerson(store);
  const request = await plantRequest(store, person);
  start();
  await ask({ kind: 'grant', requestId: request.id, target: request.target }, 'withdrawn');
  await eventually('the outcome', async () => (await ofRequest(store.admin, request.id))[0]?.outcomes.length === 1);
  await expect(granted(worker, { grantId: request.id, personId: person })).rejects.toMatchObject({ sqlstate: 'CF001' });
});

test("an intent about a person ends all that the target's own ledger knows of them, known to the store or not", async () => {
  const holder = await recorded();
  const unknown = await granted(worker, { personId: holder.person });
  const other = await recorded();
  start();
  await ask({ kind: 'person', person: holder.person }, 'left');
  await eventually('both logins are ended', async () => (await ended(holder.role)) && (await ended(unknown.role)));
  const [intent] = await eventually('an outcome for each target of the cluster', async () => {
    const intents = await ofRequest(store.admin, holder.id);
    return intents[0]?.outcomes.length === 2 && intents;
  });
  expect(intent?.outcomes.map((outcome) => outcome.target).toSorted()).toEqual(['models-prod', 'orders-prod']);
  expect(await mayLogin(other.role)).toBe(true);
});

test('a cluster that does not answer holds up no other, and is named with 503', async () => {
  const endAt = Date.now() + 2_000;
  const holder = await granted(worker, { endAt });
  const reaper = start({
    storeUrl: deadStore(),
    clusters: [clusterAt(closed.port, 'silent'), clusterAt(postgres.port)],
  });
  await until(endAt + 2_000);
  expect(await ended(holder.role)).toBe(true);

  const port = await eventually('/healthz listens', () => reaper.healthPort());
  const answer = await fetch(`http://127.0.0.1:${port}/healthz`);
  expect(answer.status).toBe(503);
  const body = (await answer.json()) as { ok: boolean; targets: { name: string; ok: boolean }[] };
  expect(body.ok).toBe(false);
  expect(body.targets.map(({ name, ok }) => [name, ok])).toEqual([
    ['silent', false],
    ['main', true],
  ]);
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404);
});

test('it beats in the store for each cluster that it looked after, and says so with 200', async () => {
  const before = Date.now();
  const reaper = start();
  await eventually('a heartbeat', async () => {
    const beat = await heartbeatOf(store.admin, 'reaper/main');
    return beat !== undefined && beat.at >= before;
  });
  const port = await eventually('/healthz listens', () => reaper.healthPort());
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
});

test('a grant that was due is told to the store with its evidence, and is no alarm', async () => {
  const holder = await recorded(Date.now() + 1_500);
  start();
  const entry = await eventually('the entry', async () =>
    (await entriesOf(store.admin, holder.id)).find(({ kind }) => kind === 'reaper.ended'),
  );
  expect(entry).toMatchObject({ login: 'curfew_reaper', body: { cluster: 'main', cause: 'due', grantId: holder.id } });
  expect((await openAlarms(store.admin)).filter(({ subject }) => subject === holder.id)).toEqual([]);
});

test('a login that was enabled again, one that was renamed and one that Curfew never made are ended and reported', async () => {
  const again = await recorded();
  await worker.revokeMany([again.id]);
  const renamed = await recorded();
  const newName = `cfw_${randomUUID().replaceAll('-', '')}`;
  const stranger = `cfw_${randomUUID().replaceAll('-', '')}`;
  start();
  await postgres.query('postgres', `alter role ${again.role} login valid until 'infinity'`);
  await postgres.query('postgres', `alter role ${renamed.role} rename to ${newName}`);
  // Only a role that its owner made can be disabled in createrole mode, so this one is handed over.
  await postgres.query('postgres', `create role ${stranger} login; grant ${stranger} to curfew_owner with admin true`);

  for (const role of [again.role, newName, stranger]) await eventually(`${role} is ended`, () => ended(role));
  const asUuid = stranger.slice(4).replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5');
  for (const subject of [again.id, renamed.id, asUuid]) {
    await eventually(`an alarm about ${subject}`, async () =>
      (await openAlarms(store.admin)).some((alarm) => alarm.subject === subject && alarm.code === 'reaper-repair'),
    );
    const entries = (await entriesOf(store.admin, subject)).filter(({ kind }) => kind === 'reaper.surprised');
    expect(entries).toHaveLength(1);
  }
});

test('a grant that the store calls ended and that is due again is told as one that came back', async () => {
  const holder = await recorded(Date.now() + 1_500);
  await store.admin.query(
    "update curfew.access_grant set ended_at = clock_timestamp() - interval '1 hour' where request_id = $1",
    [holder.id],
  );
  start();
  await eventually('the alarm', async () =>
    (await openAlarms(store.admin)).some(
      (alarm) => alarm.subject === holder.id && alarm.code === 'reaper-ended-before',
    ),
  );
});

test('what happened while the store was away is told when it is back', async () => {
  const holder = await recorded(Date.now() + 1_500);
  await store.postgres.query('postgres', 'alter role curfew_reaper nologin');
  await store.postgres.query(
    'postgres',
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'curfew_reaper'",
  );
  try {
    start();
    await eventually('the login is ended', () => ended(holder.role));
    expect((await entriesOf(store.admin, holder.id)).map(({ kind }) => kind)).not.toContain('reaper.ended');
  } finally {
    await store.postgres.query('postgres', 'alter role curfew_reaper login');
  }
  await eventually('the entry', async () =>
    (await entriesOf(store.admin, holder.id)).some(({ kind }) => kind === 'reaper.ended'),
  );
});

test('it goes on after the target was restarted under it', async () => {
  const endAt = Date.now() + 3_000;
  const holder = await granted(worker, { endAt });
  const reaper = start({ storeUrl: deadStore() });
  await eventually('the first round', () => reaper.health().ok);
  await postgres.crash();
  await until(endAt);
  await eventually('the login is ended', () => ended(holder.role));
});

test('it goes on after rounds that failed', async () => {
  const reaper = start({ storeUrl: deadStore() });
  await eventually('the first round', () => reaper.health().ok);
  const holder = await granted(worker, { endAt: Date.now() + 1_500 });
  await postgres.query('postgres', 'alter role curfew_reaper nologin');
  await postgres.query(
    'postgres',
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'curfew_reaper'",
  );
  try {
    const [target] = await eventually('a round fails', () => {
      const { targets } = reaper.health();
      return targets[0]?.lastError != null && targets;
    });
    expect(target?.lastError).toMatch(/main: reap on primary: 28000/);
  } finally {
    await postgres.query('postgres', 'alter role curfew_reaper login');
  }
  await eventually('the login is ended', () => ended(holder.role));
  await eventually('all is well again', () => reaper.health().ok && reaper.health().targets[0]?.lastError === null);
});

test('a session that outlived the revoke of somebody else is closed by the sweep', async () => {
  const holder = await granted(worker);
  const { gone } = await holdOpen(holder);
  await worker.revokeMany([holder.call.grantId]);
  expect(await sessionsOf(holder.role)).toBe(1);
  start({ storeUrl: deadStore() });
  await gone;
  expect(await ended(holder.role)).toBe(true);
});

test('a report that the store did not take is kept, and told once', async () => {
  const own = store.open('curfew_reaper');
  const reports = createReports(own, Date.now);
  const subject = randomUUID();
  reports.add({
    kind: 'surprise',
    cluster: 'main',
    subject,
    code: 'stranger',
    outcome: 'disabled',
    foundAt: Date.now(),
  });
  await store.postgres.query('postgres', 'alter role curfew_reaper nologin');
  try {
    await expect(reports.flush()).rejects.toMatchObject({ code: 'NotRecorded' });
    expect(reports.backlog()).toEqual({ waiting: 1, dropped: 0 });
  } finally {
    await store.postgres.query('postgres', 'alter role curfew_reaper login');
  }
  await reports.flush();
  await reports.flush();
  expect(reports.backlog()).toEqual({ waiting: 0, dropped: 0 });
  const told = (await entriesOf(store.admin, subject)).map(({ kind }) => kind);
  expect(told.toSorted()).toEqual(['alarm.raised', 'reaper.surprised']);
});

test('a grant that the store does not know is doubted for half a minute, and then told', async () => {
  let now = Date.now();
  const reports = createReports(store.open('curfew_reaper'), () => now);
  const grantId = randomUUID();
  const evidence = { grantId, outcome: 'disabled', startedAt: now, verifiedAt: now, sessionsClosed: 0, nodes: [] };
  reports.add({ kind: 'ended', cluster: 'main', evidence, foundAt: now });
  const alarmed = async (): Promise<boolean> =>
    (await openAlarms(store.admin)).some(({ subject }) => subject === grantId);
  await reports.flush();
  await reports.flush();
  expect(await alarmed()).toBe(false);
  now += 31_000;
  await reports.flush();
  expect(await alarmed()).toBe(true);
});

/** The process itself, as it is deployed. */
function spawnReaper(more: Readonly<Record<string, string>> = {}): {
  readonly child: ChildProcess;
  readonly output: () => string;
} {
  const child = spawn(process.execPath, [fileURLToPath(new URL('../workers/reaper.ts', import.meta.url))], {
    env: {
      PATH: process.env['PATH'] ?? '',
      CURFEW_STORE_URL: deadStore(),
      CURFEW_TARGETS: JSON.stringify([clusterAt(postgres.port)]),
      CURFEW_HEALTH_PORT: '0',
      CURFEW_DRAIN: '5s',
      ...more,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
  return { child, output: () => text };
}
const exitOf = async (child: ChildProcess): Promise<number | null> =>
  child.exitCode ?? (child.signalCode ? null : ((await once(child, 'exit')) as [number | null])[0]);

test('killed and started again, it ends what came due meanwhile; told to stop, it stops in order', async () => {
  const first = spawnReaper();
  await eventually('the first one is at work', () => first.output().includes('/healthz is there'));
  const endAt = Date.now() + 4_000;
  const holder = await granted(worker, { endAt });
  first.child.kill('SIGKILL');
  await exitOf(first.child);
  const { gone } = await holdOpen(holder);
  await until(endAt + 200);
  const second = spawnReaper();
  try {
    await eventually('the login is ended', () => ended(holder.role));
    await gone;
  } finally {
    second.child.kill('SIGTERM');
  }
  expect(await exitOf(second.child)).toBe(0);
  expect(second.output()).not.toContain(reaperPassword);
});

test('a broken configuration is told whole, without a value, and ends with 2', async () => {
  const { child, output } = spawnReaper({
    CURFEW_STORE_URL: 'mysql://u:a-secret-in-a-url@h/d',
    CURFEW_TARGETS: '[{"name": "main", "password": "another-secret"}]',
    CURFEW_DRAIN: 'for ever',
  });
  expect(await exitOf(child)).toBe(2);
  for (const name of ['CURFEW_STORE_URL', 'CURFEW_TARGETS', 'CURFEW_DRAIN']) expect(output()).toContain(name);
  expect(output()).not.toMatch(/a-secret-in-a-url|another-secret/);
});
