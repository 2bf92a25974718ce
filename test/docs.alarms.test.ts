/** The receiver of docs/operations.md hears what the worker's webhook says, and nobody else. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { webhookAlarms } from '../activities/alarm-channels.ts';
import { createWebhook } from '../activities/webhook-channel.ts';
import { freePort } from '../dev/ports.ts';

const root = join(import.meta.dirname, '..');
const text = readFileSync(join(root, 'docs/operations.md'), 'utf8');
const script = /^```js\n(\/\/ receive\.mjs[\s\S]*?)^```$/m.exec(text)?.[1] ?? '';
const secretOf = (byte: number): string => `whsec_${Buffer.alloc(24, byte).toString('base64')}`;

test('the receiver that is shown hears an alarm, and takes nothing from a stranger', async () => {
  const port = await freePort();
  const receiver = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: root,
    env: { PORT: String(port), CURFEW_ALARM_WEBHOOK_SECRET: secretOf(7) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const heard = createInterface({ input: receiver.stdout })[Symbol.asyncIterator]();
    expect((await heard.next()).value).toBe('listening');
    const alarm = {
      id: 'a-1',
      key: 'reaper/main/blind',
      code: 'reaper-blind',
      severity: 'page',
      subject: 'main',
      detail: 'It cannot be reached.',
      raisedBy: 'curfew_reaper',
      raisedAt: Date.now(),
      resolvedAt: null,
    } as const;
    const channel = (byte: number) =>
      webhookAlarms(createWebhook({ url: `http://127.0.0.1:${port}/`, secrets: [secretOf(byte)] }));
    await expect(channel(8).raised(alarm)).rejects.toThrow('answered 401');
    await channel(7).raised(alarm);
    expect((await heard.next()).value).toBe('alarm.raised page reaper-blind main It cannot be reached.');
  } finally {
    const ended = once(receiver, 'exit');
    receiver.kill();
    await ended;
  }
});
