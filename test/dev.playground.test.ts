/** The playground's server: who is let in, and what its page is made of. And its reading of what Slack would show. */
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../dev/ports.ts';
import { sampleCompany } from '../dev/playground/company.ts';
import { asSent } from '../dev/playground/deeds.ts';
import { dated } from '../dev/playground/page/dates.ts';
import { piecesOf } from '../dev/playground/page/mrkdwn.ts';
import { startPlayground, type Playground } from '../dev/playground/server.ts';
import { startDriver, type Driver } from '../dev/slack/driver.ts';
import { startWorkspace, type Workspace } from '../dev/slack/workspace.ts';
import { sampleSeed } from '../dev/company/workspace.ts';
import { validateCall } from '../slack/blocks.ts';

let workspace: Workspace;
let driver: Driver;
let playground: Playground;
let port: number;
beforeAll(async () => {
  workspace = await startWorkspace({
    seed: sampleSeed({ botToken: 'xoxb-test', signingSecret: 'test' }, ['chat:write', 'users:read', 'im:write']),
    validate: ({ method, args }) => validateCall(method, args),
  });
  driver = await startDriver({ workspace, endpoints: 'http://127.0.0.1:9/slack/events' });
  port = await freePort();
  playground = await startPlayground({ workspace, driver, port, company: sampleCompany(workspace) });
});
afterAll(async () => {
  await playground?.stop();
  await driver?.stop();
  await workspace?.stop();
});

type Answer = { readonly status: number; readonly headers: NodeJS.Dict<string | string[]>; readonly text: string };

/** With headers that `fetch` would not let one send. */
const ask = (method: string, path: string, headers: Record<string, string> = {}, body = ''): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method, path, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString('utf8'),
        }),
      );
    });
    sent.once('error', reject);
    sent.end(body);
  });
const json = { 'content-type': 'application/json' };
const deed = JSON.stringify({ as: 'amara', deed: { kind: 'close' } });

describe('the server', () => {
  test('serves its page with a policy that lets in nothing from elsewhere and nothing inline', async () => {
    const { status, headers, text } = await ask('GET', '/');
    expect(status).toBe(200);
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    expect(headers['cross-origin-resource-policy']).toBe('same-origin');
    expect(text).not.toMatch(/<script(?![^>]*\bsrc=)|\bstyle=|\son\w+=|https?:/);
  });

  test('serves every module that its page imports, with no types and no package names left', async () => {
    const seen = new Set<string>();
    const follow = async (path: string): Promise<void> => {
      if (seen.has(path)) return;
      seen.add(path);
      const { status, headers, text } = await ask('GET', path);
      expect({ path, status, type: headers['content-type'] }).toEqual({
        path,
        status: 200,
        type: 'text/javascript; charset=utf-8',
      });
      const imports = [...text.matchAll(/(?:\bfrom|\bimport)\s*["']([^"']+)["']/g)].map(([, from = '']) => from);
      for (const from of imports) {
        expect(from).toMatch(/^[./]/);
        await follow(new URL(from, `http://x${path}`).pathname);
      }
    };
    await follow('/page/main.ts');
    expect(seen.size).toBeGreaterThan(10);
  });

  test('a name that was rebound to this machine is refused, for reading too', async () => {
    for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1', `127.0.0.1.evil.example:${port}`]) {
      expect((await ask('GET', '/see?as=amara', { host })).status, host).toBe(421);
    }
    expect((await ask('GET', '/see?as=amara', { host: `localhost:${port}` })).status).toBe(200);
  });

  test('a page of another origin cannot act, by script or by form', async () => {
    const own = { origin: `http://127.0.0.1:${port}` };
    expect((await ask('POST', '/do', { ...json, origin: 'https://evil.example' }, deed)).status).toBe(403);
    expect((await ask('POST', '/do', { ...json, origin: 'null' }, deed)).status).toBe(403);
    expect((await ask('POST', '/do', json, deed)).status).toBe(403);
    expect((await ask('POST', '/do', { ...own, 'content-type': 'text/plain' }, deed)).status).toBe(415);
    expect((await ask('POST', '/do', { ...own, ...json }, deed)).status).toBe(200);
  });

  test('no path leads out of its folder, and what is no deed of somebody known is refused', async () => {
    const own = { ...json, origin: `http://127.0.0.1:${port}` };
    for (const path of [
      '/page/../server.ts',
      '/page/%2e%2e/server.ts',
      '/page/..%2fserver.ts',
      '/page/tsconfig.json',
      '/x',
    ])
      expect((await ask('GET', path)).status, path).toBe(404);
    expect((await ask('GET', '/see?as=nobody')).status).toBe(404);
    expect((await ask('PUT', '/do')).status).toBe(405);
    for (const body of ['', '{', '{}', JSON.stringify({ as: 'amara', deed: { kind: 'rule' } })])
      expect((await ask('POST', '/do', own, body)).status, body).toBe(400);
    expect((await ask('POST', '/do', own, 'x'.repeat(100_000))).status).toBe(413);
  });

  test('what the app does not take is told, not thrown', async () => {
    const own = { ...json, origin: `http://127.0.0.1:${port}` };
    const slash = JSON.stringify({ as: 'amara', deed: { kind: 'slash', place: 'curfew', text: 'help' } });
    const { status, text } = await ask('POST', '/do', own, slash);
    expect(status).toBe(200);
    expect(JSON.parse(text)).toEqual({ trouble: expect.any(String) });
  });
});

const text = (said: string) => ({ kind: 'text', text: said });
const afternoonOf = (day: number) => new Date(2026, 10, day, 14, 2, 7).getTime();

test('a person who is named behind the command reaches the app as a mention, and markup as text', () => {
  const people = [{ id: 'U1', handle: 'kwame' }];
  expect(asSent('away until monday delegate @kwame', people)).toBe('away until monday delegate <@U1|kwame>');
  expect(asSent('because <@U1> & @nobody a@kwame', people)).toBe('because &lt;@U1&gt; &amp; @nobody a@kwame');
});

describe('markup', () => {
  test('what a person wrote arrives escaped and stays text', () => {
    expect(piecesOf('&lt;!channel&gt; &lt;http://a.example|b&gt; &amp;lt;')).toEqual([
      text('<!channel> <http://a.example|b> &lt;'),
    ]);
  });

  test('only http and https become links', () => {
    expect(piecesOf('<https://a.example/x|there>')).toEqual([
      { kind: 'link', href: 'https://a.example/x', of: [text('there')] },
    ]);
    for (const address of ['javascript:alert(1)', 'data:text/html,x', 'mailto:a@b.example', '//a.example', 'x']) {
      expect(piecesOf(`<${address}|there>`)).toEqual([{ kind: 'unknown', text: `<${address}|there>` }]);
    }
  });

  test('mentions, dates, signs, code and emphasis are told apart', () => {
    expect(piecesOf('*<@U1>* in <#C1> `*x*` _at <!date^60^{date_short}|then>_ :key: <!channel>')).toEqual([
      { kind: 'bold', of: [{ kind: 'user', id: 'U1' }] },
      text(' in '),
      { kind: 'channel', id: 'C1' },
      text(' '),
      { kind: 'code', text: '*x*' },
      text(' '),
      { kind: 'italic', of: [text('at '), { kind: 'date', at: 60_000, form: '{date_short}' }] },
      text(' '),
      { kind: 'sign', sign: '🔑', name: 'key' },
      text(' '),
      { kind: 'everybody', text: '@channel' },
    ]);
    expect(piecesOf('snake_case_name 2*3*4 :unknown: a < b')).toEqual([text('snake_case_name 2*3*4 :unknown: a < b')]);
  });

  test('it reads what is long and hostile in time', () => {
    const began = performance.now();
    for (const part of ['*', '_', '`', '<', '<@', '*a ', '&gt; ', ':a', '*<a', '*<>'])
      piecesOf(part.repeat(Math.ceil(3_000 / part.length)));
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  test('dates are said in the viewer’s zone, of days near by by their word', () => {
    const now = new Date(2026, 10, 21, 12).getTime();
    expect(dated(afternoonOf(21), '{date_short_pretty} at {time}', now)).toBe('today at 14:02');
    expect(dated(afternoonOf(22), '{date_short_pretty} at {time}', now)).toBe('tomorrow at 14:02');
    expect(dated(afternoonOf(25), '{date_short_pretty} {time_secs} {other}', now)).toBe('25 Nov 2026 14:02:07 {other}');
  });
});
