import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TargetName } from '../domain/ids.ts';
import { rowOf } from '../doctor/reconcile/found.ts';
import { entriesOf } from '../store/audit.ts';
import * as findings from '../store/findings.ts';
import { latest } from '../store/target-checks.ts';
import { openTarget } from '../targets/postgres/accessor.ts';
import { startPostgres, type Postgres } from './support/postgres.ts';
import { startStore, type TestStore } from './support/store.ts';
import { makeSample } from './support/target.ts';
import { curfew } from './support/terminal.ts';

let postgres: Postgres;
let store: TestStore;
const passwords = { worker: randomBytes(18).toString('hex'), reaper: randomBytes(18).toString('hex') };

const policy = `version: 1
targets:
  orders-prod:
    kind: postgres
    labels: { env: prod }
    owners: [group:data-owners]
    databases: [orders]
    roles:
      read: { template: orders_read, max: 8h, note: look }
      write: { template: orders_write, max: 1h, note: change }
rules:
  - name: with a data owner's word
    match: { target: orders-prod }
    approvals:
      - { name: data owners, from: [group:data-owners], need: 1 }
`;

beforeAll(async () => {
  [postgres, store] = await Promise.all([startPostgres(), startStore()]);
  await makeSample(postgres);
});
afterAll(async () => {
  await Promise.all([postgres?.stop(), store?.end()]);
});

const env = (): Record<string, string> => ({
  CURFEW_ADMIN_STORE_URL: store.url('curfew_admin'),
  CURFEW_TARGET_ADMIN_URL: `postgres://${postgres.admin.user}:${postgres.admin.password}@${postgres.host}:${postgres.port}/control`,
  CURFEW_TARGET_WORKER_PASSWORD: passwords.worker,
  CURFEW_TARGET_REAPER_PASSWORD: passwords.reaper,
  CURFEW_TICKET_KEYS: JSON.stringify({ main: `key-1:${randomBytes(32).toString('base64')}` }),
  CURFEW_TARGETS: JSON.stringify([
    {
      name: 'main',
      targets: ['orders-prod'],
      database: 'control',
      user: postgres.admin.user,
      password: postgres.admin.password,
      nodes: [{ name: 'primary', host: postgres.host, port: postgres.port }],
    },
  ]),
});
const run = (...words: string[]) => curfew(words, { env: env(), files: { 'policy.yaml': policy } });

test('before a policy holds nothing can be installed, and that is said', async () => {
  expect(await run('target', 'install', 'orders-prod', '--cluster', 'main')).toMatchObject({
    code: 1,
    err: expect.stringContaining('curfew policy apply'),
  });
  await run('policy', 'apply', 'policy.yaml');
});

test('install, with a target, a key or a mode that does not exist, does nothing', async () => {
  expect((await run('target', 'install', 'orders-prd', '--cluster', 'main')).err).toMatch(
    /no target "orders-prd"; it has orders-prod/,
  );
  expect((await run('target', 'install', 'orders-prod', '--cluster', 'other')).err).toMatch(
    /no key for the cluster other/,
  );
  expect((await run('target', 'install', 'orders-prod', '--cluster', 'main', '--mode', 'root')).code).toBe(2);
  expect((await run('target', 'install', 'orders-prod')).code).toBe(2);
  const unset = await curfew(['target', 'install', 'orders-prod', '--cluster', 'main'], {
    env: { CURFEW_ADMIN_STORE_URL: store.url('curfew_admin') },
  });
  for (const name of ['CURFEW_TICKET_KEYS', 'CURFEW_TARGET_WORKER_PASSWORD', 'CURFEW_TARGET_REAPER_PASSWORD'])
    expect(unset.err).toContain(name);
});

test("install makes the cluster fit, keeps the check and the worker's login works", async () => {
  const ran = await run('target', 'install', 'orders-prod', '--cluster', 'main');
  expect(ran).toMatchObject({ code: 0, out: expect.stringContaining('orders-prod: fit for grants') });
  expect(ran.out + ran.err).not.toContain(passwords.worker);
  const orders = 'orders-prod' as TargetName;
  expect(await latest(store.admin, orders)).toMatchObject({ ok: true, checkedBy: 'curfew_admin' });
  expect((await entriesOf(store.admin, orders)).map(({ kind }) => kind)).toEqual([
    'target.installed',
    'target.checked',
  ]);
  const worker = openTarget({
    name: 'main',
    controlDatabase: 'control',
    nodes: [{ name: 'primary', host: postgres.host, port: postgres.port }],
    user: 'curfew_worker',
    password: passwords.worker,
    applicationName: 'test',
  });
  await expect(worker.listLive()).resolves.toEqual([]);
  await worker.close();
});

test('check finds what has become of a template, says what to do, and is kept as not fit', async () => {
  await postgres.query('orders', 'grant trigger on sales.orders to orders_read');
  try {
    const ran = await run('target', 'check', 'orders-prod');
    expect(ran.code).toBe(1);
    expect(ran.out).toMatch(/NOT fit for grants/);
    expect(ran.out).toMatch(/error +orders +template-can-make/);
    expect(await latest(store.admin, 'orders-prod' as TargetName)).toMatchObject({ ok: false });
  } finally {
    await postgres.query('orders', 'revoke trigger on sales.orders from orders_read');
  }
  const json = await run('target', 'check', 'orders-prod', '--json');
  expect(json.code).toBe(0);
  expect(JSON.parse(json.out)).toMatchObject([{ target: 'orders-prod', result: { ok: true } }]);
});

test("an operator's word needs a name and one of the codes, and is kept with the check", async () => {
  expect((await run('target', 'check', 'orders-prod', '--attest', 'tls=yes')).code).toBe(2);
  expect((await run('target', 'check', 'orders-prod', '--operator', 'Ada', '--attest', 'all-is-well=yes')).code).toBe(
    2,
  );
  const ran = await run(
    'target',
    'check',
    'orders-prod',
    '--operator',
    'Ada',
    '--attest',
    'tls=the proxy wants it',
    '--json',
  );
  expect(JSON.parse(ran.out)).toMatchObject([
    { result: { attestations: [{ code: 'tls', by: 'Ada', says: 'the proxy wants it' }] } },
  ]);
});

test('doctor says that all is well, or names what is not', async () => {
  expect(await run('doctor')).toMatchObject({ code: 0, out: 'Every invariant holds.\n' });
  await postgres.query('control', 'grant orders_write to curfew_worker');
  try {
    const ran = await run('doctor');
    expect(ran.code).toBe(1);
    expect(ran.out).toMatch(/I14 +excess +main\/curfew_worker/);
    expect(JSON.parse((await run('doctor', '--json')).out)).toMatchObject([{ invariant: 'I14' }]);
  } finally {
    await postgres.query('control', 'revoke orders_write from curfew_worker');
  }
  const look = { look: 'requests', whole: true };
  const found = [rowOf({ kind: 'temporal-unknown', requests: 3 })];
  await store.as.curfew_worker.transaction((tx) => findings.keep(tx, { ...look, found }));
  const ran = await run('doctor');
  expect(ran).toMatchObject({ code: 1, err: expect.stringContaining('reconcile-silent') });
  expect(ran.out).toMatch(/- +temporal-unknown +temporal +Temporal does not say what became of 3 open requests\./);
  await store.as.curfew_worker.transaction((tx) => findings.keep(tx, { ...look, found: [] }));
});

test('uninstall wants a yes, and takes everything away', async () => {
  expect((await run('target', 'uninstall', 'orders-prod')).code).toBe(2);
  expect(await run('target', 'uninstall', 'orders-prod', '--yes')).toMatchObject({
    code: 0,
    out: expect.stringContaining('gone'),
  });
  const [row] = await postgres.query<{ n: number }>(
    'control',
    "select count(*)::int as n from pg_roles where rolname ~ '^curfew_'",
  );
  expect(row?.n).toBe(0);
  expect((await run('target', 'uninstall', 'orders-prod', '--yes')).code).toBe(1);
});

test('an address where nobody is, is told', async () => {
  const gone = { ...env(), CURFEW_TARGET_ADMIN_URL: 'postgres://admin:a-secret-word@127.0.0.1:1/control' };
  const ran = await curfew(['target', 'check', 'orders-prod'], { env: gone });
  expect(ran.code).toBe(1);
  expect(ran.err).toMatch(/ECONNREFUSED/);
  expect(ran.err).not.toContain('a-secret-word');
});
