import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createGuesses } from '../api/guesses.ts';
import { minuteMs } from '../domain/time.ts';
import { makeCode } from '../service/codes.ts';
import { approved, claimed, minted, startCompany, verifier, workerGrants, type Company } from './support/company.ts';
import { rawReader, serve, type TestApi } from './support/http.ts';

let company: Company;
let api: TestApi;
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());
beforeEach(async () => {
  await company.restore();
  api = await serve(company, []);
});
afterEach(() => api.end());

const problem = async (response: Response) => {
  expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  expect(response.headers.get('cache-control')).toBe('no-store');
  const body = (await response.json()) as {
    status: number;
    code: string;
    type: string;
    requestId: string;
    detail: string;
  };
  expect(body.status).toBe(response.status);
  expect(body.type).toBe(`urn:curfew:problem:${body.code}`);
  expect(body.requestId).toBe(response.headers.get('x-request-id'));
  return body;
};

test('GET and HEAD of the claim page answer everybody the same, with exactly these headers, and read no code', async () => {
  const requestId = await approved(company);
  const { code } = await minted(company, requestId);
  for (const method of ['GET', 'HEAD']) {
    for (const path of ['/claim', `/claim?code=${code}`]) {
      const response = await fetch(`${api.origin}${path}`, { method });
      expect(response.status).toBe(200);
      const {
        date: _date,
        connection: _connection,
        'keep-alive': _alive,
        'x-request-id': id,
        'content-length': length,
        ...rest
      } = Object.fromEntries(response.headers);
      expect(rest).toEqual({
        'content-security-policy':
          "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
        'x-robots-tag': 'noindex, nofollow',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'permissions-policy': 'camera=(), geolocation=(), microphone=()',
        'content-type': 'text/html; charset=utf-8',
      });
      expect(id).toMatch(/^[0-9a-f-]{36}$/);
      expect(Number(length)).toBeGreaterThan(500);
      expect((await response.text()).length > 0).toBe(method === 'GET');
    }
  }
  expect((await api.post('/claim/peek', { code })).status).toBe(200);
});

test('everything that the page loads is there, from here, and nothing is inline', async () => {
  const page = await (await fetch(`${api.origin}/claim`)).text();
  const loads = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path ?? '');
  expect(loads.toSorted()).toEqual(['/claim/page.css', '/claim/page.js']);
  expect(page).not.toMatch(/<script(?![^>]*src=)|style="|<style|\son[a-z]+="/i);
  for (const path of [...loads, '/claim/ready.js', '/claim/scram.js']) {
    const response = await fetch(`${api.origin}${path}`);
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(response.headers.get('content-type')).toMatch(path.endsWith('.css') ? /^text\/css/ : /^text\/javascript/);
  }
});

test('peek reads, claim consumes, status follows, and the answers hold no secret', async () => {
  const requestId = await approved(company);
  const { code } = await minted(company, requestId);
  const peeked = await api.post('/claim/peek', { code });
  expect([peeked.status, peeked.headers.get('cache-control')]).toEqual([200, 'no-store']);
  expect(await peeked.json()).toMatchObject({ target: 'orders-prod', role: 'read', databases: ['orders'] });
  const made = verifier();
  const answer = await api.post('/claim', { code, verifier: made });
  expect(answer.status).toBe(200);
  const first = (await answer.json()) as { state: string; endAt: number };
  expect(first).toMatchObject({ state: 'granting', host: '127.0.0.1', port: 5432 });
  expect(await (await api.post('/claim', { code, verifier: made })).json(), 'a lost reply').toEqual(first);
  await workerGrants(company, requestId, first.endAt);
  expect(await (await api.post('/claim/status', { code })).json()).toMatchObject({ state: 'active' });
  expect(JSON.stringify(first)).not.toMatch(/SCRAM|verifier|ticket/);
  for (const secret of [code, made]) expect(api.logged.join('\n')).not.toContain(secret);
});

test('each spent or unknown code has its own status and sentence', async () => {
  const requestId = await approved(company);
  const { code: old } = await minted(company, requestId);
  const { code: young } = await minted(company, requestId);
  expect(await problem(await api.post('/claim/peek', { code: old }))).toMatchObject({ status: 410, code: 'CodeSpent' });
  company.now += 16 * minuteMs;
  const expired = await problem(await api.post('/claim', { code: young, verifier: verifier() }));
  expect(expired).toMatchObject({ status: 410, detail: expect.stringContaining('expired') as string });
  const unknown = await problem(await api.post('/claim/peek', { code: makeCode().shown }));
  expect(unknown).toMatchObject({ status: 404, code: 'UnknownCode' });
  const { requestId: _id, ...garbage } = await problem(await api.post('/claim/peek', { code: 'x' }));
  expect(garbage).toEqual({ ...unknown, requestId: undefined });
  const used = await claimed(company, await approved(company));
  expect(await problem(await api.post('/claim', { code: used.code, verifier: verifier() }))).toMatchObject({
    status: 410,
  });
});

test.each([
  ['no JSON', '{"code":', 400, 'InvalidInput'],
  ['a list', [], 400, 'InvalidInput'],
  ['a bare text', '"code"', 400, 'InvalidInput'],
  ['no fields', {}, 400, 'InvalidInput'],
  ['another field', { code: 'x', more: 1 }, 400, 'InvalidInput'],
  ['a code that is a list', { code: ['x'] }, 400, 'InvalidInput'],
  ['a prototype key', '{"__proto__":{"code":"x"}}', 400, 'InvalidInput'],
  ['a giant', { code: 'x'.repeat(1_000_000) }, 413, 'TooLarge'],
  ['depth', `${'['.repeat(2_000)}${']'.repeat(2_000)}`, 400, 'InvalidInput'],
] as const)('a body with %s is refused as such', async (_what, body, status, expected) => {
  for (const path of ['/claim', '/claim/peek', '/claim/status']) {
    const told = await problem(await api.post(path, body));
    expect(told).toMatchObject({ status, code: expected });
  }
});

test('other content types, other sites, and other methods are turned away', async () => {
  const { code } = makeCode() as unknown as { code: string };
  const form = await api.post('/claim/peek', 'code=x', { 'content-type': 'application/x-www-form-urlencoded' });
  expect(await problem(form)).toMatchObject({ status: 415 });
  expect(await problem(await api.post('/claim', { code }, { 'sec-fetch-site': 'cross-site' }))).toMatchObject({
    status: 403,
  });
  expect(await problem(await api.post('/claim/peek', { code: 'x' }, { 'content-encoding': 'gzip' }))).toMatchObject({
    status: 415,
  });
  expect((await fetch(`${api.origin}/claim/peek`)).status).toBe(404);
  expect((await fetch(`${api.origin}/claim/`)).status).toBe(404);
  expect((await fetch(`${api.origin}/claim`, { method: 'DELETE' })).status).toBe(404);
  const preflight = await fetch(`${api.origin}/claim`, {
    method: 'OPTIONS',
    headers: { origin: 'http://evil.example' },
  });
  expect(preflight.headers.get('access-control-allow-origin')).toBeNull();
});

const from = (address: string) => ({ 'x-forwarded-for': address });

test('an address that guesses is turned away for a while, right code or wrong; others are not', async () => {
  await api.end();
  const guesses = createGuesses(() => company.now, { most: 3, withinMs: 10 * minuteMs, addresses: 100 });
  api = await serve(company, [], { guesses, trustedProxies: 1 });
  const { code } = await minted(company, await approved(company));
  for (let times = 0; times < 3; times += 1) {
    expect((await api.post('/claim/peek', { code: makeCode().shown }, from('192.0.2.1'))).status).toBe(404);
  }
  const turned = await api.post('/claim/peek', { code }, from('192.0.2.1'));
  expect(turned.headers.get('retry-after')).toBe('600');
  expect(await problem(turned)).toMatchObject({ status: 429, code: 'TooManyAttempts' });
  expect((await api.post('/claim/peek', { code }, from('192.0.2.2'))).status).toBe(200);
  company.now += 10 * minuteMs;
  expect((await api.post('/claim/peek', { code: makeCode().shown }, from('192.0.2.1'))).status).toBe(404);
});

test('an IPv6 network counts as one address, and memory is bounded', () => {
  let now = 0;
  const guesses = createGuesses(() => now, { most: 2, withinMs: 1_000, addresses: 2 });
  guesses.wrong('2001:db8:1:2::1');
  guesses.wrong('2001:0db8:0001:0002:ffff::1');
  expect(guesses.blockedForMs('2001:db8:1:2:3:4:5:6')).toBe(1_000);
  expect(guesses.blockedForMs('2001:db8:1:3::1')).toBe(0);
  guesses.wrong('::ffff:192.0.2.1');
  guesses.wrong('192.0.2.1');
  expect(guesses.blockedForMs('192.0.2.1')).toBe(1_000);
  guesses.wrong('192.0.2.9');
  expect(guesses.blockedForMs('2001:db8:1:2::1'), 'the longest unseen was forgotten').toBe(0);
  now = 1_000;
  expect(guesses.blockedForMs('192.0.2.1')).toBe(0);
});

test('a forwarded address is believed from as many proxies as were named, and not before', async () => {
  const requestId = await approved(company);
  const { code } = await minted(company, requestId);
  await api.post('/claim', { code, verifier: verifier() }, { 'x-forwarded-for': '203.0.113.5' });
  const rows = await company.store.admin.query<{ body: string }>(
    `select body from curfew.personal where kind = 'claim' and id = $1`,
    [requestId],
  );
  expect(rows[0]?.body).toBe('127.0.0.1');
});

const never = () => new Promise(() => undefined);

test('health is of the process, readiness of what it needs', async () => {
  expect(await (await fetch(`${api.origin}/healthz`)).json()).toEqual({ ok: true });
  expect(await (await fetch(`${api.origin}/readyz`)).json()).toEqual({ ok: true, needs: { store: true } });
  await api.end();
  api = await serve(company, [], { needs: { store: () => Promise.reject(new Error('canary')), policy: never } });
  const ready = await fetch(`${api.origin}/readyz`);
  expect([ready.status, await ready.json()]).toEqual([503, { ok: false, needs: { store: false, policy: false } }]);
  expect((await fetch(`${api.origin}/healthz`)).status).toBe(200);
});

test("Slack's router gets its bodies raw", async () => {
  await api.end();
  api = await serve(company, [], { slack: rawReader('/slack/events') });
  expect(await (await api.post('/slack/events', '{"a": 1 }')).text()).toBe('{"a": 1 }');
});

test('what nobody expected is a problem with an id, and its words stay in the log', async () => {
  await api.end();
  const useCases = { ...company.use, peek: () => Promise.reject(new Error('canary-internal')) };
  api = await serve(company, [], { useCases });
  const told = await problem(await api.post('/claim/peek', { code: 'x' }));
  expect(told).toMatchObject({ status: 500, code: 'Internal' });
  expect(JSON.stringify(told)).not.toContain('canary-internal');
  expect(api.logged.some((line) => line.includes(told.requestId) && line.includes('unexpected'))).toBe(true);
});

test('the log names the route that matched, never what was asked for', async () => {
  await fetch(`${api.origin}/claim/ABCDE-canary-code`);
  await fetch(`${api.origin}/claim?code=canary-code`);
  expect(api.logged.join('\n')).not.toContain('canary-code');
  expect(api.logged.map((line) => (JSON.parse(line) as { route: string }).route)).toEqual(['none', '/claim']);
});
