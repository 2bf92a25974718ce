/** What docs/people.md tells is tried here: its files are read, its vendors' deliveries believed, its script run. */
import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import express, { type Request } from 'express';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { readEvents } from '../api/hook-events.ts';
import { provenBy } from '../api/hook-signature.ts';
import { hrHooks } from '../api/routes/hooks-hr.ts';
import { httpSource } from '../directory/http.ts';
import { parseSources } from '../directory/parse.ts';
import type { SourceSpec } from '../directory/spec.ts';
import type { HrAnswer, HrUseCases } from '../service/deliver.ts';
import { parsePeople } from '../service/people-file.ts';

const root = join(import.meta.dirname, '..');
const text = readFileSync(join(root, 'docs/people.md'), 'utf8');
const block = (language: string, start: string): string => {
  const found = [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].find(([, body]) =>
    body?.startsWith(start),
  );
  if (found?.[1] === undefined) throw new Error(`docs/people.md has no block that starts with ${start}`);
  return found[1];
};

test('the file of people is one', () => {
  const parsed = parsePeople(block('yaml', '# people.yaml'), 'people.yaml');
  expect(parsed.ok ? [] : parsed.issues).toEqual([]);
  expect(parsed.ok && parsed.people.map(({ handle, state }) => [handle, state])).toEqual([
    ['ada', null],
    ['ada-admin', null],
    ['ben', 'active'],
  ]);
});

const sources = parseSources(block('yaml', '# sources.yaml'), 'sources.yaml');
function source(name: string): SourceSpec {
  const found = sources.ok ? sources.sources.find((one) => one.name === name) : undefined;
  if (!found) throw new Error(`${name} is no source: ${JSON.stringify(sources)}`);
  return found;
}

const now = Date.parse('2026-12-01T12:00:00Z');
const request = (headers: Readonly<Record<string, string>>): Request =>
  ({ get: (name: string) => headers[name.toLowerCase()] }) as Request;
const hmac = (algorithm: string, secret: string, content: string, encoding: 'hex' | 'base64'): string =>
  createHmac(algorithm, secret).update(content).digest(encoding);

/** What a source is believed to say by a delivery that is signed so. */
function said(name: string, body: string, headers: Readonly<Record<string, string>>) {
  const { hook, ...spec } = source(name);
  if (!hook) throw new Error(`${name} has no hook`);
  const proven = provenBy(hook.signature, () => now)(request(headers), Buffer.from(body));
  return proven && readEvents(JSON.parse(body), hook.event, spec, proven);
}

test('the file of sources is one, without a mistake', () => {
  expect(sources.ok ? [] : sources.issues).toEqual([]);
  expect(sources.ok && sources.sources.map(({ name }) => name)).toEqual([
    'acme',
    'bamboohr',
    'hibob',
    'workday',
    'okta',
  ]);
});

test('each of its hooks believes what is signed as it is told there, and nothing else', () => {
  const acme = JSON.stringify({ type: 'person.left', data: { handle: 'ada' } });
  const { hook } = source('acme');
  const [secret = ''] = hook?.signature.kind === 'standard' ? hook.signature.secrets : [];
  const stamp = String(now / 1_000);
  // NB. Its own package reads the machine's clock.
  const today = new Date();
  const standard = {
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(Math.floor(today.getTime() / 1_000)),
    'webhook-signature': new Webhook(secret).sign('msg_1', today, acme),
  };
  expect(said('acme', acme, standard)).toMatchObject({ events: [{ state: 'left', who: { handle: 'ada' } }] });
  expect(said('acme', `${acme} `, standard)).toBeUndefined();

  const fields = { workEmail: 'Ada@acme.example', terminationDate: '2026-12-24', status: 'Inactive' };
  const bamboo = JSON.stringify({
    employees: [{ fields: Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, { value }])) }],
  });
  for (const key of ['new-secret-of-this-vendor', 'old-secret-of-this-vendor']) {
    const headers = {
      'x-bamboohr-timestamp': stamp,
      'x-bamboohr-signature': hmac('sha256', key, `${bamboo}${stamp}`, 'hex'),
    };
    expect(said('bamboohr', bamboo, headers)).toMatchObject({
      events: [{ state: 'left', who: { handle: 'ada' }, effectiveAt: Date.parse('2026-12-24T17:00+01:00') }],
    });
  }

  const bob = JSON.stringify({
    type: 'employee.left',
    triggeredAt: '2026-12-01T11:59:00Z',
    employee: { email: 'ada@acme.example' },
  });
  const bobs = { 'bob-signature': hmac('sha512', 'a-secret-of-this-vendor', bob, 'base64') };
  expect(said('hibob', bob, bobs)).toMatchObject({ events: [{ state: 'left', who: { handle: 'ada' } }] });

  const day = JSON.stringify({ event: 'LEAVE', sequence: 7, worker: { login: 'ada' } });
  const workday = {
    'x-delivery': 'd-1',
    'x-timestamp': String(now),
    'x-signature': `v1=${hmac('sha256', 'a-secret-of-that-vendor', `d-1.${now}.${day}`, 'hex')}`,
  };
  expect(said('workday', day, workday)).toMatchObject({
    events: [{ delivery: 'd-1', state: 'suspended', version: 7, who: { handle: 'ada' } }],
  });
  expect(said('workday', day, { ...workday, 'x-delivery': 'd-2' })).toBeUndefined();
  expect(source('okta').okta?.types.get('user.lifecycle.deactivate')).toBe('left');
});

async function served<T>(
  listener: Parameters<typeof createServer>[1],
  work: (origin: string) => Promise<T>,
): Promise<T> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

test('the source that can be asked is asked as it is told there', async () => {
  const { ask, ...spec } = source('hibob');
  if (ask?.kind !== 'http') throw new Error('hibob is not asked by HTTP');
  const employees = [
    { email: 'ada@acme.example', status: 'Active', managerEmail: 'ben@acme.example' },
    { email: 'ben@acme.example', status: 'Terminated', managerEmail: null },
  ];
  const listing = await served(
    ({ headers }, response) => {
      if (headers.authorization !== 'Bearer a-long-bearer-token') response.writeHead(401);
      response.end(JSON.stringify({ employees }));
    },
    (origin) => httpSource({ ...ask, url: `${origin}/people` }, spec).list(),
  );
  expect(listing.kind === 'listed' && [...listing.people.values()]).toEqual([
    { handle: 'ada', state: 'active', manager: 'ben' },
    { handle: 'ben', state: 'left', manager: null },
  ]);
  expect(source('hibob').pull).toEqual({ everyMs: 86_400_000, missingPercent: 10 });
});

const answer = (delivery: string) => ({ delivery, change: 'applied', state: 'left' }) as HrAnswer;

test("the script that says that somebody has left is understood by HR's hook, and so is its question", async () => {
  const secret = `whsec_${Buffer.alloc(24, 5).toString('base64')}`;
  const heard: unknown[] = [];
  const hr: HrUseCases = {
    deliver: (event) => {
      heard.push({ state: event.state, who: event.who });
      return Promise.resolve(answer(event.delivery));
    },
    report: ({ delivery }) => Promise.resolve({ ...answer(delivery), safe: true, safeAfterMs: 5, ends: [] }),
    refuseEvent: ({ refusal }) => Promise.resolve(refusal),
    refuseSignature: () => Promise.resolve(),
  };
  const words = ['--input-type=module', '--eval', block('js', '// leave.mjs')];
  const { stdout } = await served(express().use(hrHooks([secret], hr)), (origin) =>
    promisify(execFile)(process.execPath, words, {
      cwd: root,
      env: { CURFEW_API: origin, CURFEW_HR_SECRET: secret },
    }),
  );
  expect(heard).toEqual([{ state: 'left', who: { handle: 'ada' } }]);
  expect(stdout).toContain("change: 'applied'");
  expect(stdout).toContain('safe: true');
});
