import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { minted, approved, startCompany, ticketKey, type Company } from './support/company.ts';
import { eventually } from './support/eventually.ts';
import { plantToken } from './support/scim.ts';
import { signedAs, sourcesText } from './support/sources.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
let company: Company;
const children: ChildProcess[] = [];
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});

/** `node api/main.ts` with this environment and no other. */
function run(
  env: Readonly<Record<string, string>>,
  words: readonly string[] = [],
): { readonly child: ChildProcess; readonly said: string[] } {
  const child = spawn(process.execPath, ['api/main.ts', ...words], {
    cwd: root,
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  children.push(child);
  const said: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => said.push(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => said.push(text));
  return { child, said };
}

const environment = () => ({
  CURFEW_STORE_URL: company.store.url('curfew_api'),
  CURFEW_DIRECTORY_STORE_URL: company.store.url('curfew_directory'),
  // Nobody listens there: the API comes up without Temporal, and says what it can.
  CURFEW_TEMPORAL_ADDRESS: '127.0.0.1:1',
  CURFEW_CODEC_KEYS: `k1:${Buffer.alloc(32, 1).toString('base64')}`,
  CURFEW_TARGETS: JSON.stringify([
    { name: 'orders-prod', cluster: 'main', zone: 'default', host: '127.0.0.1', port: 5432 },
  ]),
  CURFEW_TICKET_KEYS: JSON.stringify({ main: `k1:${ticketKey.toString('base64')}` }),
  CURFEW_HR_SECRETS: `whsec_${Buffer.alloc(24, 1).toString('base64')}`,
  CURFEW_PUBLIC_URL: 'http://localhost:8080',
  CURFEW_PORT: '0',
});

const portOf = (said: readonly string[]): number | undefined => {
  const port = /"port":(\d+)/.exec(said.join(''))?.[1];
  return port === undefined ? undefined : Number(port);
};

test('the process serves, without Temporal too, and ends in order when it is told to', async () => {
  const { child, said } = run(environment());
  const port = await eventually('it listens', () => portOf(said), { withinMs: 20_000 });
  const origin = `http://127.0.0.1:${port}`;
  expect(await (await fetch(`${origin}/readyz`)).json()).toEqual({
    ok: true,
    needs: { store: true, policy: true, directory: true },
  });
  expect((await fetch(`${origin}/claim`)).status).toBe(200);
  expect((await fetch(`${origin}/scim/v2/Users`)).status).toBe(401);
  const { code } = await minted(company, await approved(company));
  const body = JSON.stringify({ code });
  const peeked = await fetch(`${origin}/claim/peek`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json' },
  });
  expect(peeked.status).toBe(200);
  expect(
    (
      await fetch(`${origin}/hooks/hr/default`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json' },
      })
    ).status,
  ).toBe(401);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(said.join(''), 'no secret in its log').not.toMatch(
    new RegExp(`${code}|whsec_|SCRAM|${ticketKey.toString('base64').slice(0, 12)}`),
  );
});

/** What hooks as a process of their own are given: the directory's login, and nothing else of Curfew's. */
const hooksEnvironment = (sources: string) => ({
  CURFEW_DIRECTORY_STORE_URL: company.store.url('curfew_directory'),
  CURFEW_HR_SECRETS: `whsec_${Buffer.alloc(24, 1).toString('base64')}`,
  CURFEW_HR_SOURCES: sources,
  CURFEW_PORT: '0',
});

test('hooks run apart with the directory’s login alone, and what takes effect later outlives a restart', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'curfew-hooks-'));
  const path = join(folder, 'sources.yaml');
  const list = join(folder, 'people.yaml');
  writeFileSync(list, 'people:\n  - { handle: nina, name: N, email: nina@acme.example, state: left }\n');
  writeFileSync(path, `${sourcesText}  listed: { ask: { file: '${list}' }, pull: { every: 1h } }\n`);
  try {
    const first = run(hooksEnvironment(path), ['--only', 'hooks']);
    const origin = `http://127.0.0.1:${await eventually('it listens', () => portOf(first.said), { withinMs: 20_000 })}`;
    expect(await (await fetch(`${origin}/readyz`)).json()).toEqual({ ok: true, needs: { store: true } });
    expect((await fetch(`${origin}/claim`)).status).toBe(404);
    expect((await fetch(`${origin}/scim/v2/Users`)).status).toBe(401);
    const authorization = `Bearer ${await plantToken(company)}`;
    const looked = await fetch(`${origin}/scim/v2/Users`, { headers: { authorization } });
    expect(await looked.json()).toMatchObject({ totalResults: 0 });
    const state = async (handle: 'nina' | 'omar' | 'otto') =>
      (
        await company.store.admin.query<{ state: string }>('select state from curfew.person where id = $1', [
          company.id(handle),
        ])
      )[0]?.state;
    const says = async (handle: string, more: object = {}) => {
      const [id, at] = [`main-${handle}`, Date.now()];
      const version = company.nextVersion();
      const data = { handle, version, ...more };
      const { body, headers } = signedAs('acme', JSON.stringify({ type: 'person.left', data }), { id, at });
      const response = await fetch(`${origin}/hooks/hr/acme`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', ...headers },
      });
      return ((await response.json()) as { change: string }).change;
    };
    expect(await says('otto')).toBe('applied');
    await eventually('who is listed was asked', async () => (await state('nina')) === 'left', { withinMs: 20_000 });
    // Further off than clocks may differ: the store's rows are moved nearer, so that nobody waits five minutes.
    expect(await says('omar', { effectiveAt: new Date(Date.now() + 10 * 60_000).toISOString() })).toBe('later');
    first.child.kill('SIGKILL');
    await once(first.child, 'exit');
    await company.store.admin.query('update curfew.person_due set effective_at = now() where settled_at is null');
    const second = run(hooksEnvironment(path), ['--only', 'hooks']);
    await eventually('its day has come', async () => (await state('omar')) === 'left', { withinMs: 20_000 });
    expect(await state('otto')).toBe('left');
    second.child.kill('SIGTERM');
    expect(await once(second.child, 'exit')).toEqual([0, null]);
    expect(first.said.join('') + second.said.join('')).not.toMatch(/whsec_|"otto"|a-secret-of/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('hooks that run apart demand what they need, name each mistake of their file, and start with none', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'curfew-hooks-'));
  const path = join(folder, 'sources.yaml');
  writeFileSync(path, 'sources:\n  one: { okta: { authorization: [canary] } }\n  two: { colour: red }\n');
  try {
    const bare = run({ CURFEW_PORT: '0' }, ['--only', 'hooks']);
    expect(await once(bare.child, 'exit')).toEqual([2, null]);
    expect(bare.said.join('')).toContain('CURFEW_DIRECTORY_STORE_URL is not set');
    const wrong = run(hooksEnvironment(path), ['--only', 'hooks']);
    expect(await once(wrong.child, 'exit')).toEqual([2, null]);
    expect(wrong.said.join('')).toMatch(/sources\.yaml:2:\d+: error: .*\n.*sources\.yaml:3:\d+: error: unknown field/);
    expect(wrong.said.join('')).not.toContain('canary');
    const strange = run(hooksEnvironment(path), ['--only', 'claims']);
    expect(await once(strange.child, 'exit')).toEqual([2, null]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('every problem of its configuration is told at once, without a value, and it does not start', async () => {
  const { child, said } = run({
    ...environment(),
    CURFEW_STORE_URL: 'canary-url',
    CURFEW_HR_SECRETS: 'canary-secret',
    CURFEW_PORT: 'x',
  });
  expect(await once(child, 'exit')).toEqual([2, null]);
  const text = said.join('');
  for (const variable of ['CURFEW_STORE_URL', 'CURFEW_HR_SECRETS', 'CURFEW_PORT']) expect(text).toContain(variable);
  expect(text).not.toContain('canary');
});
