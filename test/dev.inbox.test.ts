/** The embedded stack's own receiver of webhooks, told by what tells a company's pager. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createWebhook } from '../activities/webhook-channel.ts';
import { startInbox } from '../dev/inbox.ts';
import { freePort, portIsFree } from '../dev/ports.ts';

const secretOf = (byte: number): string => `whsec_${Buffer.alloc(32, byte).toString('base64')}`;
const [secret, another] = [secretOf(1), secretOf(2)];

test('what is signed with its secret is kept and logged, with the instant; anything else is refused and kept out', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'curfew-inbox-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const [port, logFile] = [await freePort(), join(folder, 'logs', 'inbox.log')];
  const url = `http://127.0.0.1:${port}/`;
  const inbox = await startInbox({ port, secret, logFile });
  onTestFinished(inbox.stop);
  await expect(startInbox({ port, secret, logFile })).rejects.toThrow(/inbox.* is taken/);
  const before = Date.now();
  const alarm = { id: 'a1-raised', type: 'alarm.raised', data: { code: 'stranger', subject: 'cfw_x' } };
  await createWebhook({ url, secrets: [another, secret] }).post(alarm);
  await expect(createWebhook({ url, secrets: [another] }).post(alarm)).rejects.toThrow('answered 401');
  const bare = await fetch(url, { method: 'POST', body: JSON.stringify(alarm) });
  expect(bare.status).toBe(401);
  expect(inbox.received()).toEqual([{ ...alarm, receivedAt: expect.any(Number) }]);
  expect(inbox.received()[0]?.receivedAt).toBeGreaterThanOrEqual(before);
  const lines = (await readFile(logFile, 'utf8')).trim().split('\n');
  expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
    inbox.received()[0],
    { refused: expect.any(String) },
    { refused: expect.any(String) },
  ]);
  await inbox.stop();
  expect(await portIsFree(port)).toBe(true);
});
