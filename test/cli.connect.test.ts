import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Target } from '../targets/postgres/accessor.ts';
import { startPostgres, type Postgres } from './support/postgres.ts';
import { asHolder, installSample, makeSample, openWorker, prepareGrant } from './support/target.ts';
import { curfew } from './support/terminal.ts';

/** The API's side of a claim, with a real login behind it; what it was sent is kept. */
type FakeApi = { readonly url: string; readonly seen: string[]; readonly answers: Answer[]; close(): Promise<void> };
type Answer = { readonly status: number; readonly body: object } | 'no answer';

let postgres: Postgres;
let worker: Target;
let api: FakeApi;
const folder = mkdtempSync(join(tmpdir(), 'curfew-connect-'));

beforeAll(async () => {
  postgres = await startPostgres();
  await makeSample(postgres);
  await (await installSample(postgres)).close();
  worker = openWorker(postgres);
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await worker?.close();
  await postgres?.stop();
});
beforeEach(async () => {
  api = await startApi();
  return () => api.close();
});

const send = (response: ServerResponse, { status, body }: Exclude<Answer, string>): void =>
  void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

async function startApi(): Promise<FakeApi> {
  const seen: string[] = [];
  const answers: Answer[] = [];
  const server: Server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
    request.on('end', () => {
      seen.push(`${request.method} ${request.url} ${text}`);
      const planned = answers.shift();
      if (planned === 'no answer') return request.socket.destroy();
      if (planned) return send(response, planned);
      void claimed(text).then((body) => send(response, { status: 200, body }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    answers,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const claims = new Map<string, object>();
/** Milliseconds before the end. */
let graceMs = 0;

/** Makes the login once for a code, as the grant would; asked again it says the same. */
async function claimed(text: string): Promise<object> {
  const { code, verifier } = JSON.parse(text) as { code: string; verifier?: string };
  const before = claims.get(code);
  if (before || verifier === undefined) return before ?? {};
  const { call, role } = prepareGrant({ verifier });
  await worker.grant(call);
  const { host, port } = postgres;
  const body = {
    requestId: call.grantId,
    state: 'active',
    outcome: null,
    role,
    host,
    port,
    databases: ['orders', 'models'],
    endAt: call.endAt,
    loginsStopAt: call.endAt - graceMs,
  };
  claims.set(code, body);
  return body;
}

const granting = (): Answer => ({
  status: 200,
  body: {
    requestId: 'r',
    state: 'granting',
    outcome: null,
    role: `cfw_${'0'.repeat(32)}`,
    host: 'h',
    port: 1,
    databases: ['orders'],
    endAt: 1,
  },
});
const env = (): Record<string, string> => ({ CURFEW_API: api.url });
let codes = 0;
const newCode = (): string => `CODE-${(codes += 1)}`;

test('where logins stop before the end it says so, and JSON says it always', async () => {
  const plain = await curfew(['connect', newCode()], { env: env() });
  expect(plain.out).not.toContain('New logins');
  const read = async () =>
    JSON.parse((await curfew(['connect', newCode(), '--json'], { env: env() })).out) as Record<
      'endAt' | 'loginsStopAt',
      string
    >;
  const without = await read();
  expect(without.loginsStopAt).toBe(without.endAt);
  graceMs = 300_000;
  const withGrace = await read();
  expect(Date.parse(withGrace.endAt) - Date.parse(withGrace.loginsStopAt)).toBe(graceMs);
  expect((await curfew(['connect', newCode()], { env: env() })).out).toMatch(
    /^Until .* New logins until .*\. The password/m,
  );
  graceMs = 0;
});

test('by itself it shows the psql line and the password, once, and the password logs in', async () => {
  const ran = await curfew(['connect', newCode()], { env: env() });
  expect(ran).toMatchObject({ code: 0, err: '' });
  const [, user] = /user=(cfw_[0-9a-f]{32})/.exec(ran.out) ?? [];
  const [, password] = /^password: (.+)$/m.exec(ran.out) ?? [];
  expect(ran.out).toContain(`psql "host=127.0.0.1 port=${postgres.port} dbname=orders user=${user}"`);
  const { rows } = await postgres.as({ user: user ?? '', password: password ?? '', database: 'orders' }, (client) =>
    client.query('select count(*)::int as n from sales.orders'),
  );
  expect(rows).toEqual([{ n: 500 }]);
});

test('the password is sent nowhere: the API hears a verifier only', async () => {
  const ran = await curfew(['connect', newCode(), '--json'], { env: env() });
  const { password, url } = JSON.parse(ran.out) as { password: string; url: string };
  expect(url).toContain(password);
  expect(api.seen.join('\n')).toContain('SCRAM-SHA-256$4096:');
  expect(api.seen.join('\n')).not.toContain(password);
});

test('it waits until the login is there', async () => {
  api.answers.push(granting(), granting(), granting());
  const code = newCode();
  const waiting = curfew(['connect', code, '--url'], { env: env() });
  await claimed(JSON.stringify({ code, verifier: prepareGrant().call.verifier }));
  const ran = await waiting;
  expect(ran.code).toBe(0);
  expect(ran.err).toContain('waiting');
  expect(ran.out).toMatch(/^postgresql:\/\/cfw_[0-9a-f]{32}:.+@127\.0\.0\.1:\d+\/orders\n$/);
});

test('a whole link names the API and the code, and --database one of the databases', async () => {
  const ran = await curfew(['connect', `${api.url}/claim#${newCode()}`, '--env', '--database', 'models']);
  expect(ran.code).toBe(0);
  expect(ran.out).toMatch(
    /^export PGHOST='127\.0\.0\.1'\nexport PGPORT='\d+'\nexport PGDATABASE='models'\nexport PGUSER='cfw_\w+'\nexport PGPASSWORD='[\w-]{32}'\n$/,
  );
});

test('--query runs it and prints the rows, as a table or as JSON; what is forbidden says so with its SQLSTATE', async () => {
  const sql = 'select id, note from sales.orders order by id limit 2';
  const table = await curfew(['connect', newCode(), '--query', sql], { env: env() });
  expect(table).toMatchObject({ code: 0, out: 'id  note\n1   note 1\n2   note 2\n' });
  const json = await curfew(['connect', newCode(), '--query', sql, '--json'], { env: env() });
  expect(JSON.parse(json.out)).toEqual([
    { id: 1, note: 'note 1' },
    { id: 2, note: 'note 2' },
  ]);
  const denied = await curfew(['connect', newCode(), '--query', 'delete from sales.orders'], { env: env() });
  expect(denied.code).toBe(1);
  expect(denied.err).toContain('(42501)');
});

test("--psql starts the user's psql with the password in that process's environment alone", async () => {
  writeFileSync(join(folder, 'psql'), '#!/bin/sh\n', { mode: 0o755 });
  const ran = await curfew(['connect', newCode(), '--psql'], { env: { ...env(), PATH: folder }, programCode: 3 });
  expect(ran.code).toBe(3);
  const [started] = ran.programs;
  expect(started?.program).toBe(join(folder, 'psql'));
  const password = started?.env['PGPASSWORD'] ?? '';
  expect(Object.keys(started?.env ?? {})).toEqual(['PGPASSWORD']);
  expect(password).toMatch(/^[\w-]{32}$/);
  expect(`${started?.words.join(' ')} ${ran.out} ${ran.err}`).not.toContain(password);
  const role = /cfw_[0-9a-f]{32}/.exec(started?.words.join(' ') ?? '')?.[0] ?? '';
  await asHolder(postgres, { role, password, call: prepareGrant().call }, (client) => client.query('select 1'));
});

test('without a psql it says what to install, and the code is not spent', async () => {
  const ran = await curfew(['connect', newCode(), '--psql'], { env: { ...env(), PATH: join(folder, 'nothing') } });
  expect(ran.code).toBe(2);
  expect(ran.err).toMatch(/apt-get install postgresql-client/);
  expect(api.seen).toEqual([]);
});

test('a call that got no answer is repeated with the same verifier', async () => {
  api.answers.push('no answer');
  const ran = await curfew(['connect', newCode(), '--url'], { env: env() });
  expect(ran.code).toBe(0);
  expect(api.seen).toHaveLength(2);
  expect(api.seen[1]).toBe(api.seen[0]);
});

test('an API that is being restarted while the login is made is waited out: the password is nowhere else', async () => {
  const away = { status: 503, body: { title: 'Not now' } };
  api.answers.push(granting(), 'no answer', 'no answer', away, away, 'no answer', granting());
  const code = newCode();
  const waiting = curfew(['connect', code, '--url'], { env: env() });
  await claimed(JSON.stringify({ code, verifier: prepareGrant().call.verifier }));
  const ran = await waiting;
  expect(ran).toMatchObject({ code: 0, out: expect.stringMatching(/^postgresql:/) });
});

test("what the API refuses is told in the API's words", async () => {
  api.answers.push({
    status: 410,
    body: { title: 'This code is spent', detail: 'This code was used. Press Claim again.' },
  });
  const ran = await curfew(['connect', newCode()], { env: env() });
  expect(ran).toMatchObject({ code: 1, out: '', err: 'This code was used. Press Claim again.\n' });
});

test('an API that is not there, or is something else, is told with what to check', async () => {
  api.answers.push({ status: 200, body: { hello: 'world' } });
  const other = await curfew(['connect', newCode()], { env: env() });
  expect(other.err).toMatch(/not the API.*--api or CURFEW_API/);
  await api.close();
  const gone = await curfew(['connect', newCode(), '--api', api.url]);
  expect(gone.err).toMatch(/does not answer/);
  api = await startApi();
});

test('without an address, with a link without a code, or with two ways at once it is called wrongly', async () => {
  for (const words of [
    ['connect', 'CODE'],
    ['connect', `${api.url}/claim`],
    ['connect', 'CODE', '--psql', '--json'],
    ['connect'],
    ['connect', 'CODE', '--api', 'ftp://x'],
  ]) {
    const ran = await curfew(words);
    expect({ words, code: ran.code, out: ran.out }).toEqual({ words, code: 2, out: '' });
    expect(ran.err).not.toBe('');
  }
});
