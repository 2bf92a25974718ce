import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCurfew } from '../cli/program.ts';
import { rowOf } from '../doctor/reconcile/found.ts';
import * as findings from '../store/findings.ts';
import { beat } from '../store/heartbeats.ts';
import { pending } from '../store/intents.ts';
import { current } from '../store/policies.ts';
import { plantClaim, plantDecision, plantEnd, plantGrant, plantPerson, plantRequest } from './support/planted.ts';
import { startStore, type TestStore } from './support/store.ts';
import { curfew } from './support/terminal.ts';

let store: TestStore;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store?.end());

const env = (): Record<string, string> => ({
  CURFEW_ADMIN_STORE_URL: store.url('curfew_admin'),
  CURFEW_DIRECTORY_STORE_URL: store.url('curfew_directory'),
  CURFEW_MIGRATE_URL: store.adminUrl,
});

const policy = `version: 1
targets:
  orders-prod:
    kind: postgres
    labels: { env: prod }
    owners: [group:data-owners]
    databases: [orders]
    roles:
      read: { template: orders_read, max: 8h, note: look }
rules:
  - name: orders are read with a data owner's word
    match: { target: orders-prod, role: read }
    approvals:
      - { name: data owners, from: [group:data-owners], need: 1 }
`;
const people = `people:
  - { handle: ada, name: Ada Example, email: ada@example.com, groups: [data-owners] }
  - { handle: bob, name: Bob Example, email: bob@example.com, manager: ada }
`;

const commands = [
  [],
  ['connect'],
  ['requests'],
  ['status'],
  ['sessions'],
  ['breakglass'],
  ['breakglass', 'list'],
  ['breakglass', 'record'],
  ['people', 'import'],
  ['people', 'list'],
  ['people', 'show'],
  ['people', 'leave'],
  ['policy', 'lint'],
  ['policy', 'test'],
  ['policy', 'explain'],
  ['policy', 'plan'],
  ['policy', 'schema'],
  ['policy', 'apply'],
  ['policy', 'show'],
  ['target', 'install'],
  ['target', 'check'],
  ['target', 'uninstall'],
  ['migrate'],
  ['doctor'],
  ['findings'],
];

test('every command has a help with an example', async () => {
  for (const words of commands) {
    const ran = await curfew([...words, '--help']);
    expect({ words, code: ran.code }).toEqual({ words, code: 0 });
    if (words.length > 0) expect(ran.out).toMatch(/Examples:\n {2}.*curfew/);
  }
});

test('an unknown command, a missing argument and a missing setting are calls gone wrong, each with its mend', async () => {
  expect(await curfew(['statsu'])).toMatchObject({ code: 2, err: expect.stringContaining('Did you mean status') });
  expect((await curfew(['status'])).code).toBe(2);
  const unset = await curfew(['requests']);
  expect(unset).toMatchObject({
    code: 2,
    err: expect.stringMatching(/CURFEW_AUDITOR_STORE_URL is not set\. Set it to/),
  });
});

test('a store that is out of reach is told without its address or password', async () => {
  const ran = await curfew(['requests'], {
    env: { CURFEW_ADMIN_STORE_URL: 'postgres://curfew_admin:a-secret-word@127.0.0.1:1/curfew' },
  });
  expect(ran.code).toBe(1);
  expect(ran.err).toMatch(/store/i);
  expect(ran.err).not.toMatch(/a-secret-word|127\.0\.0\.1/);
});

test('migrate may be run again, and says so', async () => {
  expect(await curfew(['migrate'], { env: env() })).toMatchObject({ code: 0, out: 'The store is up to date.\n' });
  expect(JSON.parse((await curfew(['migrate', '--json'], { env: env() })).out)).toEqual({ applied: [] });
});

test('a policy with mistakes is told whole, with line and column, and is not applied', async () => {
  const broken = policy.replace('max: 8h', 'max: never').replace('need: 1', 'needs: 1');
  const files = { 'policy.yaml': broken };
  const linted = await curfew(['policy', 'lint', 'policy.yaml'], { files });
  expect(linted.code).toBe(1);
  expect(linted.err).toMatch(/policy\.yaml:9:\d+: error: /);
  expect(linted.err).toMatch(/policy\.yaml:14:\d+: error: .*need/);
  expect(JSON.parse((await curfew(['policy', 'lint', 'policy.yaml', '--json'], { files })).out)).toMatchObject({
    ok: false,
  });
  expect((await curfew(['policy', 'apply', 'policy.yaml'], { env: env(), files })).code).toBe(1);
  expect(await current(store.admin)).toBeUndefined();
});

test('a policy is applied once, as one version, and shown as it was written', async () => {
  const files = { 'policy.yaml': policy };
  expect((await curfew(['policy', 'apply', 'policy.yaml'], { env: env(), files })).out).toMatch(
    /^Version 1 holds now/m,
  );
  expect((await curfew(['policy', 'apply', 'policy.yaml'], { env: env(), files })).out).toMatch(
    /^Version 1 holds already/,
  );
  expect((await curfew(['policy', 'show'], { env: env() })).out).toBe(policy);
  expect(await curfew(['policy', 'lint', 'no-such-file.yaml'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('ENOENT'),
  });
});

test('people are imported whole or not at all, listed and shown', async () => {
  const broken = people.replace('manager: ada', 'manager: nobody');
  const refused = await curfew(['people', 'import', 'people.yaml'], { env: env(), files: { 'people.yaml': broken } });
  expect(refused).toMatchObject({ code: 1, err: expect.stringMatching(/people\.yaml:3:\d+: error: /) });
  expect(JSON.parse((await curfew(['people', 'list', '--json'], { env: env() })).out)).toEqual([]);

  const files = { 'people.yaml': people };
  const imported = await curfew(['people', 'import', 'people.yaml', '--json'], { env: env(), files });
  expect(JSON.parse(imported.out)).toEqual({ people: 2, created: 2, changed: 0, gone: 0 });
  const listed = await curfew(['people', 'list', '--state', 'active'], { env: env() });
  expect(listed.out).toMatch(/^handle +name +state.*\nada +Ada Example +active +employee +data-owners\nbob /);
  expect((await curfew(['people', 'show', 'ada'], { env: env() })).out).toContain('Ada Example <ada@example.com>');
  expect(await curfew(['people', 'show', 'eve'], { env: env() })).toMatchObject({
    code: 1,
    err: expect.stringContaining('Nobody'),
  });
  expect((await curfew(['people', 'list', '--state', 'asleep'], { env: env() })).code).toBe(2);
});

test('leaving asks at once for the end of everything, and an import that says the same does too', async () => {
  const { id } = JSON.parse((await curfew(['people', 'show', 'bob', '--json'], { env: env() })).out) as { id: never };
  const request = await plantRequest(store, id);
  const left = await curfew(['people', 'leave', 'bob', '--yes', '--wait', '0'], { env: env() });
  expect(left).toMatchObject({ code: 0, out: expect.stringContaining('1 open requests end') });
  const owed = await pending(store.as.curfew_reaper, [request.target]);
  expect(owed.map((intent) => intent.scope.kind).toSorted()).toEqual(['grant', 'person']);
  expect(owed.find((intent) => intent.scope.kind === 'grant')?.scope).toMatchObject({ requestId: request.id });
  expect((await curfew(['people', 'list', '--state', 'left'], { env: env() })).out).toContain('bob');

  const gone = people.replace('groups: [data-owners]', 'state: suspended');
  const imported = await curfew(['people', 'import', 'people.yaml', '--json'], {
    env: env(),
    files: { 'people.yaml': gone },
  });
  expect(JSON.parse(imported.out)).toMatchObject({ gone: 1 });
  expect((await pending(store.as.curfew_reaper, [request.target])).map((intent) => intent.cause)).toContain(
    'suspended',
  );
  expect(await curfew(['people', 'leave', 'eve', '--yes'], { env: env() })).toMatchObject({ code: 1 });
});

test('a request is told from its opening to its receipt', async () => {
  const [requester, approver] = [
    await plantPerson(store, { handle: 'cyd' }),
    await plantPerson(store, { handle: 'dee' }),
  ];
  const request = await plantRequest(store, requester.id);
  await plantDecision(store, request, approver);
  await plantClaim(store, request, Date.now() + 60_000);
  await plantGrant(store, request, Date.now() + 60_000);
  const open = await curfew(['requests', '--open', '--person', 'cyd'], { env: env() });
  expect(open.out).toContain(request.id);
  await plantEnd(store, request);

  const told = await curfew(['status', request.id], { env: env() });
  expect(told.out).toMatch(/cyd asked for read on orders-prod for 10 min/);
  expect(told.out).toMatch(/State: closed, expired/);
  expect(told.out).toMatch(/dee: approve, step 1/);
  expect(told.out).toMatch(/1 sessions closed/);
  expect(JSON.parse((await curfew(['status', request.id, '--json'], { env: env() })).out)).toMatchObject({
    id: request.id,
    who: 'cyd',
  });
  expect((await curfew(['requests', '--open', '--person', 'cyd'], { env: env() })).out).not.toContain(request.id);

  expect((await curfew(['status', 'not-an-id'], { env: env() })).code).toBe(2);
  expect((await curfew(['status', '00000000-0000-4000-8000-000000000000'], { env: env() })).code).toBe(1);
  expect((await curfew(['requests', '--limit', 'many'], { env: env() })).code).toBe(2);
});

test('break-glass access is listed, and what waits for its review (I13)', async () => {
  expect((await curfew(['breakglass', 'list'], { env: env() })).out).toBe('Nobody broke glass.\n');
  expect((await curfew(['breakglass', 'list', '--owed'], { env: env() })).out).toBe('Nothing waits for a review.\n');
  const { id } = await plantPerson(store, { handle: 'fay' });
  const request = await plantRequest(store, id, { kind: 'break-glass', ticket: 'INC-12' });
  const listed = await curfew(['breakglass', 'list', '--json'], { env: env() });
  expect(JSON.parse(listed.out)).toMatchObject([
    { request: request.id, who: 'fay', incident: 'INC-12', grantedAt: null, review: null, debt: false },
  ]);
  expect((await curfew(['breakglass', 'list', '--owed'], { env: env() })).out, 'nothing was granted').toBe(
    'Nothing waits for a review.\n',
  );
  expect((await curfew(['breakglass', 'list', '--to', '2020-01-01'], { env: env() })).out).toBe(
    'Nobody broke glass.\n',
  );
  expect((await curfew(['breakglass', 'list', '--from', 'never'], { env: env() })).code).toBe(2);
});

test('what the sealed login did while Curfew was down is put into the log, by two at least', async () => {
  for (const handle of ['gus', 'hal']) await plantPerson(store, { handle });
  const record = ['breakglass', 'record', 'orders-prod', 'write', 'INC-12', '--from', '2026-12-24T01:10Z'];
  const both = ['--to', '2026-12-24T01:52Z', '--by', 'gus', '--by', 'hal'];
  expect((await curfew([...record, '--to', '2026-12-24T01:52Z', '--by', 'gus'], { env: env() })).err).toContain('two');
  expect((await curfew([...record, '--to', '2026-12-24T01:00Z', '--by', 'gus'], { env: env() })).code).toBe(2);
  const done = await curfew([...record, ...both], { env: env() });
  expect([done.code, done.err]).toEqual([0, '']);
  const [entry] = await store.admin.query<{ login: string; body: string }>(
    `select login::text, convert_from(body, 'UTF8') as body from audit.entry where kind = 'breakglass.recorded'`,
  );
  expect(entry?.login).toBe('curfew_admin');
  expect(entry?.body).not.toMatch(/gus|hal/);
  expect(JSON.parse(entry?.body ?? '')).toMatchObject({ incident: 'INC-12', log: null });
});

test('control characters of somebody else do not reach the terminal', async () => {
  await store.admin.query(
    `update curfew.personal set name = E'Ada\\x1b[2JExample\\n' where kind = 'person' and name like 'Ada%'`,
  );
  const listed = await curfew(['people', 'list'], { env: env() });
  expect(listed.out).toContain('Ada [2JExample');
  // oxlint-disable-next-line no-control-regex
  expect(listed.out).not.toMatch(/\u001b/);
});

test('what is thrown without warning is told without what looks like a secret', async () => {
  let err = '';
  const code = await runCurfew(['requests'], {
    env: env(),
    out: () => {
      throw new Error('broken at postgres://u:a-secret-word@h/d');
    },
    err: (text) => void (err += text),
    clock: Date.now,
    readText: () => '',
    run: async () => 0,
  });
  expect(code).toBe(1);
  expect(err).not.toContain('a-secret-word');
});

test('the installed command is the same program, with its exit codes', () => {
  const bin = fileURLToPath(new URL('../cli/curfew.mjs', import.meta.url));
  const run = (...words: string[]) => spawnSync(process.execPath, [bin, ...words], { encoding: 'utf8', env: {} });
  expect(run('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('connect') });
  expect(run('requests')).toMatchObject({
    status: 2,
    stdout: '',
    stderr: expect.stringContaining('CURFEW_AUDITOR_STORE_URL'),
  });
});

test('findings lists what the reconciler met and what was done, the open ones first, and says when it looked', async () => {
  const worker = store.as.curfew_worker;
  const nothing = await curfew(['findings'], { env: env() });
  expect(nothing).toMatchObject({ code: 0, out: 'Nothing is open.\n', err: expect.stringContaining('never') });
  const found = rowOf({ kind: 'stranger', role: 'cfw_x', target: 'main' });
  await worker.transaction((tx) => findings.keep(tx, { look: 'cluster/main', found: [found], whole: true }));
  await beat(worker, { name: 'reconcile/cluster/main', at: Date.now(), body: {} });
  const ran = await curfew(['findings'], { env: env() });
  expect(ran).toMatchObject({ code: 1, err: expect.stringMatching(/looked last \d+ s ago/) });
  expect(ran.out).toMatch(
    /high +stranger +cfw_x +main .*The reaper disables it where the target lets it\. It is not adopted\./,
  );

  await worker.transaction((tx) => findings.keep(tx, { look: 'cluster/main', found: [], whole: true }));
  expect(await curfew(['findings', '--json'], { env: env() })).toMatchObject({ code: 0, out: '[]\n' });
  const all = JSON.parse((await curfew(['findings', '--all', '--json'], { env: env() })).out) as unknown;
  expect(all).toMatchObject([{ key: 'stranger/cfw_x', look: 'cluster/main', goneAt: expect.any(Number) }]);
});
