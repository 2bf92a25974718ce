/** `npm start` in a copy of the checkout: what it tells is true, Ctrl-C leaves nothing, and each trouble names its mend. */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { Connection } from '@temporalio/client';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { DevJson } from '../dev/stack/describe.ts';
import { eventually } from './support/eventually.ts';
import { isRunning } from './support/folder.ts';
import { processesOf, type Descendants } from './support/process-group.ts';

const checkout = join(import.meta.dirname, '..');
const leftOut = new Set(['node_modules', '.curfew', '.git', 'coverage']);

let home: string;
let project: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'curfew-start-'));
  project = join(home, 'curfew');
  // With its times: the launcher asks whether the packages are older than the lock file.
  cpSync(checkout, project, {
    recursive: true,
    preserveTimestamps: true,
    filter: (path) => !leftOut.has(relative(checkout, path)),
  });
  symlinkSync(join(checkout, 'node_modules'), join(project, 'node_modules'));
});
const running: Started[] = [];
afterEach(async () => {
  for (const { processes } of running.splice(0)) await processes.endAll();
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

type Started = {
  readonly child: ChildProcess;
  readonly processes: Descendants;
  readonly out: () => string;
  readonly err: () => string;
  readonly ended: Promise<number | null>;
};

/** In a group of its own, as a shell runs it. */
function start(env: NodeJS.ProcessEnv = process.env): Started {
  const child = spawn(process.execPath, [join(project, 'dev', 'launch.mjs'), 'dev/main.ts'], {
    cwd: project,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const texts = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (texts.out += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (texts.err += chunk.toString('utf8')));
  const started: Started = {
    child,
    processes: processesOf(child.pid as number),
    out: () => texts.out,
    err: () => texts.err,
    ended: once(child, 'close').then(([code]) => code as number | null),
  };
  running.push(started);
  return started;
}

async function untilUp(started: Started): Promise<DevJson> {
  const first = Promise.race([
    started.ended.then(() => 'ended'),
    eventually('it is up', () => started.out().includes('Curfew is up.'), { withinMs: 120_000 }).then(() => 'up'),
  ]);
  expect(await first, started.err()).toBe('up');
  return JSON.parse(readFileSync(join(project, '.curfew', 'dev.json'), 'utf8')) as DevJson;
}

/** Ctrl-C in a terminal reaches everybody in the group. */
async function ctrlC({ child, ended, processes }: Started): Promise<void> {
  process.kill(-(child.pid as number), 'SIGINT');
  expect(await ended).toBe(0);
  expect(await processes.leftOver()).toEqual([]);
}

/** One message with its mend, exit code 1, and no process left. */
async function expectTrouble(started: Started, what: RegExp, mend: RegExp): Promise<void> {
  expect(await started.ended).toBe(1);
  const message = started.err().trim();
  expect(message).toMatch(what);
  expect(message.match(/Mend: .*/g)).toEqual([expect.stringMatching(mend)]);
  expect(message).not.toMatch(/^\s+at /m);
  expect(await started.processes.leftOver()).toEqual([]);
}

const login = async (url: string, text = 'select current_user as me'): Promise<Record<string, unknown>> => {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows[0] ?? {};
  } finally {
    await client.end();
  }
};

/** What one of the sample people does in the emulated Slack. */
async function as(
  dev: DevJson,
  call: string,
  body: object,
): Promise<{ readonly messages: readonly { readonly text: string }[] }> {
  const response = await fetch(`${dev.slack.desk.url}${call}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${dev.slack.desk.secret}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as { messages: { text: string }[] };
}

const asked = async (dev: DevJson): Promise<readonly unknown[]> =>
  Object.values(await login(dev.store.url, 'select array_agg(id::text order by opened_at) as ids from curfew.request'));

let before: { readonly dev: DevJson; readonly asked: readonly unknown[] };

test('it comes up, and every word of dev.json is true', async () => {
  const started = start();
  const dev = await untilUp(started);
  expect(started.out()).toMatch(/ok {2}worker +\d+\.\d s/);
  // The one address is the first thing said, and it is there.
  const [first] = /http:\S+/.exec(started.out().split('Curfew is up.')[1] ?? '') ?? [];
  expect(first).toBe(dev.playground);
  expect(await (await fetch(dev.playground)).text()).toContain('<title>Curfew playground</title>');
  expect(statSync(join(project, '.curfew', 'dev.json')).mode & 0o777).toBe(0o600);
  const text = expect.any(String);
  const logins = Object.fromEntries(
    ['api', 'directory', 'admin', 'worker', 'reaper', 'collector', 'auditor'].map((name) => [`curfew_${name}`, text]),
  );
  expect(dev).toMatchObject({
    api: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    temporal: { address: text, namespace: text },
    store: { url: text, logins },
    slack: { apiUrl: text, signingSecret: text, botToken: text, team: text },
    hooks: { hr: { url: text, secret: expect.stringMatching(/^whsec_/) } },
    targets: ['orders-prod', 'models-prod'].map((name) => ({
      name,
      host: '127.0.0.1',
      port: expect.any(Number),
      databases: [text],
      templates: [text, text, text],
      adminUrl: text,
      logins: { curfew_worker: text, curfew_reaper: text, curfew_collector: text },
    })),
  });
  for (const person of dev.people) {
    expect(person).toMatchObject({ id: text, name: text, email: text, slackUserId: text, groups: expect.any(Array) });
  }
  expect(Object.keys(dev.pids)).toEqual(
    expect.arrayContaining(['store', 'target', 'temporal', 'slack', 'api', 'worker', 'reaper', 'collector']),
  );
  await expectTrue(dev);

  await as(dev, '/slash', { as: 'amara', text: 'orders-prod read 15m because INC-12 slow checkout' });
  before = { dev, asked: await asked(dev) };
  expect(before.asked.flat()).toHaveLength(1);

  // While it runs, another start is told so and changes nothing.
  await expectTrouble(start(), /another stack \(process \d+\) is using/, /Ctrl-C/);
  expect((await fetch(`${dev.api}/claim`)).status).toBe(200);

  await ctrlC(started);
  for (const pid of Object.values(dev.pids)) expect(isRunning(pid)).toBe(false);
}, 600_000);

async function expectTrue(dev: DevJson): Promise<void> {
  for (const [name, url] of Object.entries(dev.store.logins)) expect(await login(url)).toEqual({ me: name });
  expect(await login(dev.store.url, 'select count(*)::int as n from curfew.person')).toEqual({ n: dev.people.length });
  for (const target of dev.targets) {
    for (const [name, url] of Object.entries(target.logins)) expect(await login(url)).toEqual({ me: name });
    expect(await login(target.adminUrl, 'select rolsuper from pg_roles where rolname = current_user')).toEqual({
      rolsuper: true,
    });
    const templates = target.templates.map((name) => `'${name}'`).join();
    expect(
      await login(
        target.adminUrl,
        `select count(*)::int as n from pg_roles where not rolcanlogin and rolname in (${templates})`,
      ),
    ).toEqual({ n: target.templates.length });
  }
  for (const pid of Object.values(dev.pids)) expect(isRunning(pid)).toBe(true);
  const slack = await fetch(`${dev.slack.apiUrl}auth.test`, {
    method: 'POST',
    headers: { authorization: `Bearer ${dev.slack.botToken}` },
  });
  expect(await slack.json()).toMatchObject({ ok: true, team_id: dev.slack.team });
  // Nobody without the secret is heard.
  const unsigned = await fetch(dev.hooks.hr.url, {
    method: 'POST',
    body: '{}',
    headers: { 'content-type': 'application/json' },
  });
  expect(unsigned.status).toBe(401);
  const connection = await Connection.connect({ address: dev.temporal.address });
  try {
    const { namespaceInfo } = await connection.workflowService.describeNamespace({ namespace: dev.temporal.namespace });
    expect(namespaceInfo?.name).toBe(dev.temporal.namespace);
  } finally {
    await connection.close();
  }
}

test('a second start finds its state again, and a SIGINT to the launcher alone stops it too', async () => {
  const started = start();
  const { pids: _now, ...dev } = await untilUp(started);
  const { pids: _then, ...then } = before.dev;
  expect(dev).toEqual(then);
  expect(await asked(before.dev)).toEqual(before.asked);
  const connection = await Connection.connect({ address: dev.temporal.address });
  try {
    const [requestId] = before.asked.flat();
    const { workflowExecutionInfo } = await connection.workflowService.describeWorkflowExecution({
      namespace: dev.temporal.namespace,
      execution: { workflowId: `access-request/${String(requestId)}` },
    });
    // Running: WORKFLOW_EXECUTION_STATUS_RUNNING of temporal.api.enums.v1.
    expect(workflowExecutionInfo?.status).toBe(1);
  } finally {
    await connection.close();
  }
  started.child.kill('SIGINT');
  expect(await started.ended).toBe(0);
  expect(await started.processes.leftOver()).toEqual([]);
}, 600_000);

/** What somebody types who follows a section of the README, line by line. */
function linesOf(section: string): readonly string[] {
  const [, text = ''] = readFileSync(join(project, 'README.md'), 'utf8').split(`\n## ${section}\n`);
  return [...(text.split('\n## ')[0] ?? '').matchAll(/^npm run (?:as|curfew) -- (?:[^#"\n]|"[^"]*")*/gm)].map(
    ([line]) => line.trim(),
  );
}

/** In another terminal. */
function typed(line: string): { readonly out: string; readonly err: string } {
  const ran = spawnSync('sh', ['-c', line], { cwd: project, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  expect(ran.status, `${line}: ${ran.stdout}${ran.stderr}`).toBe(0);
  return { out: ran.stdout, err: ran.stderr };
}

test("the README's request and its proof, pasted line by line into another terminal", async () => {
  const started = start();
  const dev = await untilUp(started);
  const lines = linesOf('One request, in the playground');
  expect(lines).toHaveLength(5);
  let code = 'CODE';
  const said: string[] = [];
  for (const line of lines) {
    // A machine without psql is told what to install; what psql would do is asked here.
    const { out } = typed(
      line.replace('CODE', code).replace('--psql', "--query 'select count(*) > 0 as orders from shop.orders'"),
    );
    code = /claim#(\S+)/.exec(out)?.[1] ?? code;
    said.push(out);
  }
  const [card, approved, linked, connected, done] = said;
  expect(card).toMatch(
    /Amara Okafor asks for read on orders-prod\nFor: 15 min\n[^]*Waiting for approval[^]*\[Review\]/,
  );
  expect(approved).toMatch(/Approved - waiting to be claimed/);
  expect(linked).toContain(`[Open the claim page] http://`);
  expect(connected).toMatch(/orders\ntrue/);
  expect(done).toMatch(/Ended: the holder was done\.\nReceipt: ended \d\d:\d\d:\d\d, 0 sessions closed/);
  await proven(dev);
  started.child.kill('SIGINT');
  expect(await started.ended).toBe(0);
}, 600_000);

async function proven(dev: DevJson): Promise<void> {
  const requestId = String((await asked(dev)).flat().at(-1));
  const lines = linesOf('Proving it');
  expect(lines).toHaveLength(8);
  let key = 'KEY';
  const said: string[] = [];
  for (const line of lines) {
    const { out, err } = typed(
      line.replace('KEY', key).replace('REQUEST', requestId).replace('--follow', '--follow --for 1s'),
    );
    key = /^\S+\+[0-9a-f]{8}\+\S+$/m.exec(out)?.[0] ?? key;
    // They look, in nobody's name.
    expect(err).not.toContain('operator');
    said.push(out);
  }
  const [, written, verified, grants, history, sessions, entries] = said;
  expect(written).toMatch(/^evidence\.zip$/m);
  expect(verified).toMatch(/^holds +5\.[^]*^evidence\.zip holds\.$/m);
  expect(grants).toContain(requestId.slice(0, 8));
  expect(history).toContain('priya');
  expect(sessions).toContain('select count(*)');
  expect(entries).not.toBe('');
  expect(readFileSync(join(project, 'siem.jsonl'), 'utf8').trimEnd().split('\n').length).toBeGreaterThan(10);
}

test('a taken port is told with its mend, also when all else is up by then', async () => {
  const { ports } = JSON.parse(readFileSync(join(project, '.curfew', 'state.json'), 'utf8')) as {
    ports: Record<string, number>;
  };
  const squatter = createServer();
  squatter.listen(ports['api'], '127.0.0.1');
  await once(squatter, 'listening');
  try {
    await expectTrouble(start(), new RegExp(`port ${ports['api']} .*the api.* is taken`), /--fresh/);
  } finally {
    squatter.close();
  }
}, 600_000);

test('without any way to a Temporal server it names all of them', async () => {
  const empty = join(home, 'empty');
  mkdirSync(join(empty, 'bin'), { recursive: true });
  // Neither temporal nor go; what else a start may call is there.
  for (const name of ['id', 'ps', 'sh', 'env']) {
    const found = execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
    symlinkSync(found, join(empty, 'bin', name));
  }
  const nowhere = 'http://127.0.0.1:9';
  const started = start({
    PATH: join(empty, 'bin'),
    HOME: empty,
    XDG_CACHE_HOME: join(empty, 'cache'),
    HTTPS_PROXY: nowhere,
    https_proxy: nowhere,
    ALL_PROXY: nowhere,
  });
  await expectTrouble(
    started,
    /no Temporal server was found[^]*PATH[^]*cache folder[^]*download[^]*go is not installed/i,
    /TEMPORAL_CLI_PATH/,
  );
}, 600_000);

test('a broken state folder is told with its mend, and nothing in it is lost', async () => {
  const kept = join(project, '.curfew', 'state.json');
  const good = readFileSync(kept, 'utf8');
  for (const bad of ['{"version": 1, "ports"', '{"version": 99, "ports": {}, "secrets": {}}', '']) {
    writeFileSync(kept, bad);
    await expectTrouble(start(), /state folder .* is (broken|of version 99)/, /--fresh/);
    expect(readFileSync(kept, 'utf8')).toBe(bad);
  }
  writeFileSync(kept, good);
  expect(existsSync(join(project, '.curfew', 'store', 'PG_VERSION'))).toBe(true);
});
