import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { counted } from '../cli/counted.ts';
import { harmless, type Terminal } from '../cli/terminal.ts';
import { curfew } from './support/terminal.ts';

const hostile = 'Ada\u001B[2J\u009B31m\r\u202Eevorppa\u202C\nApproved.';
const id = '0b9c6a52-6a3f-4f0e-9a55-1d2f3c4b5a69';
const code = 'abcd-efgh-ijkl-mnop';
// oxlint-disable-next-line no-control-regex -- finding control characters is what this is for
const live = /[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069]/;

const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

/** Stands in for an API whose answers are made of what people wrote. */
async function answering(status: number, body: object): Promise<string> {
  const server = createServer((_request, response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const status = {
  requestId: id,
  requester: 'p',
  target: 'orders-prod',
  role: 'read',
  durationMs: 60_000,
  openedAt: 0,
  view: { state: { kind: 'closed', outcome: 'denied', cause: hostile } },
  endAt: null,
  names: { p: hostile },
};

test('what others wrote cannot rewrite the terminal, nor pass for a line of its own', async () => {
  const env = { CURFEW_API: await answering(200, status), CURFEW_CODE: code };
  const told = await curfew(['status', id], { env });
  expect(told.code).toBe(0);
  expect(told.out).not.toMatch(live);
  expect(told.out.split('\n')).toHaveLength(3);
  const refused = await curfew(['status', id], {
    env: { ...env, CURFEW_API: await answering(403, { detail: hostile }) },
  });
  expect(refused).toMatchObject({ code: 1, out: '' });
  expect(refused.err).not.toMatch(live);
  expect(refused.err.trimEnd()).not.toContain('\n');
});

test('JSON stays the same value, and is as harmless', async () => {
  const env = { CURFEW_API: await answering(200, status), CURFEW_CODE: code };
  const { out } = await curfew(['status', id, '--json'], { env });
  expect(out).not.toMatch(live);
  expect(JSON.parse(out)).toEqual(status);
});

test('lines and tables keep their shape, and files with either kind of line ending', () => {
  let printed = '';
  harmless({ out: (text: string) => void (printed += text) } as unknown as Terminal).out('a\tb\r\nc\rd\n');
  expect(printed).toBe('a\tb\r\nc\\u000dd\n');
});

test('an empty CURFEW_CODE is no code', async () => {
  const { code: ended, err } = await curfew(['mine'], { env: { CURFEW_API: 'http://127.0.0.1:1', CURFEW_CODE: ' ' } });
  expect(ended).toBe(2);
  expect(err).toContain('/curfew code');
});

test.skipIf(!existsSync('/dev/full'))('what could not be printed is said to be missing', async () => {
  const full = await open('/dev/full', 'w');
  const child = spawn(process.execPath, ['cli/main.ts', '--help'], { stdio: ['ignore', full.fd, 'pipe'] });
  let told = '';
  child.stderr?.on('data', (chunk: Buffer) => (told += chunk.toString()));
  const [ended] = (await once(child, 'close')) as [number];
  await full.close();
  expect({ ended, told }).toEqual({
    ended: 1,
    told: 'What was printed is not all of it: no space is left there (ENOSPC).\n',
  });
});

test.each([
  [1, 'entries', '1 entry'],
  [2, 'entries', '2 entries'],
  [0, 'partitions are', '0 partitions are'],
  [1, 'partitions are', '1 partition is'],
  [1, 'policies taken into force', '1 policy taken into force'],
  [1, 'scripts without a wall of the system', '1 script without a wall of the system'],
])('%i %s: %s', (many, name, said) => {
  expect(counted(many, name)).toBe(said);
});

test.each([
  ['/nowhere/at/all', 'there is no such file or folder (ENOENT)'],
  ['/', 'it is a folder (EISDIR)'],
])('of %s it is said in words why it cannot be read', async (path, why) => {
  const ran = await curfew(['verify', 'x.zip', '--key', path]);
  expect(ran).toMatchObject({ code: 2, err: `${path} cannot be read: ${why}.\n` });
});
