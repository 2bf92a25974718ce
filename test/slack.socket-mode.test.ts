/** The other way in: no inbound port, the same gate and the same listeners. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assembleSlackApp, type SlackApp } from '../slack/app.ts';
import { fakeRecords, fakeService, keptLog, people } from './support/slack-desk.ts';
import { startSocketSlack, type SocketSlack } from './support/socket-mode.ts';

let slack: SocketSlack;
let app: SlackApp;
const service = fakeService();
const records = fakeRecords();
const opened = {
  requestId: randomUUID(),
  plan: { verdict: 'automatic', rule: 'r', limits: { maxMs: 1, useWithinMs: 1 } },
  repeated: false,
  confirmed: true,
};

beforeAll(async () => {
  slack = await startSocketSlack();
  records.link({ team: 'T1', user: 'U1' }, people['ana']!);
  service.answers('open', async () => opened as never);
  app = assembleSlackApp({
    config: {
      botToken: 'xoxb-none',
      appId: 'A1',
      teamId: 'T1',
      apiUrl: slack.apiUrl,
      receiver: { kind: 'socket', appToken: 'xapp-none' },
    },
    service,
    records,
    clock: Date.now,
    log: keptLog(),
  });
  await app.start();
  await slack.connected;
});
afterAll(async () => {
  await app.stop();
  await slack.end();
});

const envelope = (trigger: string, more: object = {}) => ({
  envelope_id: randomUUID(),
  type: 'slash_commands',
  accepts_response_payload: true,
  payload: {
    command: '/curfew',
    text: 'orders-prod read 2h because x',
    api_app_id: 'A1',
    team_id: 'T1',
    user_id: 'U1',
    trigger_id: trigger,
    ...more,
  },
});

test('there is nothing to mount', () => {
  expect(app.router).toBeUndefined();
});

test('a command is carried out, and the same one again, in another envelope, is answered alike', async () => {
  const trigger = randomUUID();
  const first = await slack.send(envelope(trigger));
  expect(first.payload).toMatchObject({ response_type: 'ephemeral', text: expect.stringContaining('Sent') });
  const again = await slack.send(envelope(trigger));
  expect(again.payload).toEqual(first.payload);
  expect(service.count('open')).toBe(1);
});

test('a delivery of another workspace is refused here too', async () => {
  const before = service.count('open');
  const { payload } = await slack.send(envelope(randomUUID(), { team_id: 'T2' }));
  expect(payload).toMatchObject({ text: expect.stringContaining('another workspace') });
  expect(service.count('open')).toBe(before);
});

test('an unknown command is answered here too', async () => {
  const { payload } = await slack.send(envelope(randomUUID(), { command: '/other' }));
  expect(payload).toMatchObject({ text: expect.stringContaining('knows no such') });
});
