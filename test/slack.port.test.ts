import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Fault } from '../dev/slack/faults.ts';
import { startWorkspace, type Workspace } from '../dev/slack/workspace.ts';
import { CurfewError } from '../domain/errors.ts';
import { validateCall } from '../slack/blocks.ts';
import { createSlackPort } from '../slack/port.ts';
import { mrkdwn } from '../slack/text.ts';
import { content, section } from '../slack/views/kit.ts';
import { SlackBusy, type SlackPort } from '../slack/views/message.ts';
import { manifest } from './support/slack-desk.ts';

let workspace: Workspace;
let port: SlackPort;
const waits: number[] = [];
const tokens: string[] = [];
beforeAll(async () => {
  workspace = await startWorkspace({
    seed: {
      team: { name: 'Test', domain: 'test' },
      users: [{ name: 'ana', realName: 'Ana', email: 'ana@test.example' }],
      channels: [{ name: 'approvals' }],
      scopes: manifest.oauth_config.scopes.bot,
      botToken: 'xoxb-port-test',
      signingSecret: 'a-signing-secret-of-a-test',
    },
    validate: ({ method, args }) => validateCall(method, args),
  });
  port = createSlackPort({
    token: () => {
      tokens.push('asked');
      return workspace.botToken;
    },
    apiUrl: workspace.apiUrl,
    // What this machine may take over a call that is answered at once.
    timeoutMs: 3_000,
    maxWaitMs: 5_000,
    wait: async (ms) => void waits.push(ms),
  });
});
afterAll(() => workspace.stop());

const shows = content(mrkdwn`Hello`, section(mrkdwn`Hello`));
const post = () => port.post({ channel: workspace.channelId('approvals'), ...shows });
const calls = (method: string) => workspace.recorder.calls(method).length;
async function during<T>(fault: Fault, work: () => Promise<T>): Promise<T> {
  const mend = workspace.recorder.fault(fault);
  try {
    return await work();
  } finally {
    mend();
  }
}

test('a message is posted, answered in its thread and edited, and no link in it unfolds', async () => {
  const sent = await post();
  const reply = await port.post({ channel: sent.channel, threadTs: sent.ts, ...shows });
  expect(reply.ts).not.toBe(sent.ts);
  expect(await port.update({ ...sent, ...content(mrkdwn`Bye`, section(mrkdwn`Bye`)) })).toBe('ok');
  await port.ephemeral({ channel: sent.channel, user: workspace.userId('ana'), ...shows });
  for (const { args } of workspace.recorder.calls('chat.postMessage')) {
    expect([String(args['unfurl_links']), String(args['unfurl_media'])]).toEqual(['false', 'false']);
  }
  expect(workspace.recorder.calls().flatMap((call) => call.problems)).toEqual([]);
});

test('direct messages go to the channel that Slack opens for the person', async () => {
  const channel = await port.openDm(workspace.userId('ana'));
  expect((await port.post({ channel, ...shows })).channel).toBe(channel);
});

test('a message that is gone is said to be gone, not thrown', async () => {
  const { channel } = await post();
  expect(await port.update({ channel, ts: '1.000001', ...shows })).toBe('gone');
});

test('a short wait that Slack asks for is waited, once', async () => {
  waits.length = 0;
  await during({ kind: 'rate-limited', retryAfterSeconds: 3, times: 1 }, post);
  expect(waits).toEqual([3_000]);
  const before = calls('chat.postMessage');
  const refused = during({ kind: 'rate-limited', retryAfterSeconds: 2 }, post);
  await expect(refused).rejects.toMatchObject({ name: 'SlackBusy', retryAfterMs: 2_000 });
  expect(calls('chat.postMessage')).toBe(before + 2);
});

test('a long wait is the caller’s, with how long', async () => {
  waits.length = 0;
  const refused = during({ kind: 'rate-limited', retryAfterSeconds: 600 }, post);
  await expect(refused).rejects.toMatchObject({ name: 'SlackBusy', retryAfterMs: 600_000 });
  expect(waits).toEqual([]);
});

test('what may succeed later is busy, and is tried once only: a message may have been taken', async () => {
  const faults: readonly Fault[] = [
    { kind: 'status', status: 500 },
    { kind: 'status', status: 503 },
    { kind: 'refused', error: 'internal_error' },
    { kind: 'hang', forMs: 10_000 },
    { kind: 'reply-lost' },
  ];
  for (const fault of faults) {
    const before = calls('chat.postMessage');
    await expect(during(fault, post)).rejects.toBeInstanceOf(SlackBusy);
    expect(calls('chat.postMessage')).toBe(before + 1);
  }
});

test('what can never succeed is gone for good', async () => {
  for (const error of [
    'channel_not_found',
    'is_archived',
    'not_in_channel',
    'invalid_auth',
    'account_inactive',
    'invalid_blocks',
  ]) {
    const refused = during({ kind: 'refused', error }, post);
    await expect(refused).rejects.toMatchObject({ name: 'SlackGone', code: 'SlackGone' });
    await expect(refused).rejects.toBeInstanceOf(CurfewError);
  }
  await expect(during({ kind: 'status', status: 403 }, post)).rejects.toMatchObject({ code: 'SlackGone' });
  await expect(port.post({ channel: 'C0NOWHERE', ...shows })).rejects.toMatchObject({ code: 'SlackGone' });
});

test('Slack out of reach is busy', async () => {
  const nowhere = createSlackPort({
    token: () => 'xoxb-secret-canary',
    apiUrl: 'http://127.0.0.1:1/api/',
    timeoutMs: 500,
  });
  const refused = nowhere.post({ channel: 'C1', ...shows });
  await expect(refused).rejects.toBeInstanceOf(SlackBusy);
  await expect(refused.catch((error: unknown) => JSON.stringify(error) + String(error))).resolves.not.toContain(
    'canary',
  );
});

test('the token is asked for at each call, and no error holds what was sent', async () => {
  tokens.length = 0;
  await post();
  await post();
  expect(tokens).toHaveLength(2);
  const failed = during({ kind: 'refused', error: 'fatal_error' }, () =>
    port.post({ channel: 'C1', ...content(mrkdwn`canary`, []) }),
  );
  await expect(failed.catch((error: unknown) => JSON.stringify(error) + String(error))).resolves.not.toContain(
    'canary',
  );
});
